/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SQLITE_HOLD_H
#define JBI_SOURCE_SQLITE_HOLD_H

#include <jbackup.h>

/*
 * Keeps everybody off the database file name in dir_fd, without opening it as a database: the lock
 * that SQLite's file format describes. Also who has the file open, but sleeps, is found, as far as
 * this user may look. Waits a second for those who are just leaving. *out is the descriptor; close
 * it to let go. path is for people. JB_EDATABASE: somebody has it, and his pid is named.
 */
int jbi_sqlite_hold(int dir_fd, const char *name, const char *path, int *out, struct jb_error *err);

#endif
