/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_SQLITE_FAILURE_H
#define JBI_ADAPTER_SQLITE_FAILURE_H

#include <jbackup.h>

struct sqlite3;

/* Says in err why the last call on db failed with the result rc; label is the file. Also takes a
 * NULL db. Returns the code. */
int jbi_sqlite_fail(struct jb_error *err, struct sqlite3 *db, int rc, const char *label);

/* Settings of every connection: little memory, nothing in the file is trusted. */
int jbi_sqlite_harden(struct sqlite3 *db);

#endif
