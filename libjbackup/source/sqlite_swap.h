/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SQLITE_SWAP_H
#define JBI_SOURCE_SQLITE_SWAP_H

#include "source/sqlite.h"
#include "source/swap.h"

/*
 * An SQLite database in place. Beside it means in its folder (behind a symbolic link: of the file
 * that it leads to): the new one as .jbackup-restore-<id>-<file>, the old one, when it has gone,
 * as .jbackup-restore-<id>.old-<file>, each with its own -wal, -shm and -journal: so the old state
 * is whole there, and comes back whole. source/sqlite_turn.h draws the order. It happens under the
 * lock that SQLite's file format describes (https://www.sqlite.org/lockingv3.html, the PENDING,
 * RESERVED and SHARED bytes), taken by us without opening the database, which would change what a
 * crashed application left; who has it open ends plan, swap and undo with JB_EDATABASE and his pid.
 * A database that does not exist is made, with its folder; undo removes it again, and the
 * folders, if nobody put anything in them.
 * discard after undo gives the folder the time that it had at begin.
 */
struct sqlite_swap_what {
    const struct sqlite_source *live;
    int category_fd;
    const struct artifact *artifact;
    const char *id;
};

int jbi_sqlite_swap_begin(struct swap **out, const struct sqlite_swap_what *what,
                          struct jb_error *err);
int jbi_sqlite_swap_resume(struct swap **out, const struct json *state,
                           const struct sqlite_source *live, struct jb_error *err);

#endif
