/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_INPLACE_H
#define JBI_SOURCE_POSTGRESQL_INPLACE_H

#include "source/postgresql_swap.h"

/*
 * A PostgreSQL database that can't be exchanged, for want of the right to create databases or to
 * rename this one: replaced where it is, which takes as long as a restore, with the service
 * stopped.
 *
 *      stage    all is asked that can be asked beforehand: the backup is read in full and compared
 *               with its digests; programs, roles, extensions; that this login owns what is there
 *               and may make what comes. What is missing is named, JB_EUNSUPPORTED. Nothing is made
 *      plan     sessions of others are ended as far as we may; then the database is dumped to
 *               before_<id>_<name>.dump in the folder, fsynced, and read again
 *      swap     one transaction of pg_restore: all that is there is dropped, also what the backup
 *               does not know, and the backup restored. So a failure, and a process or a server
 *               that dies, leaves what was there. Then it is compared with the backup as a proof is
 *      undo     the same with the dump of plan, unless what is there is the old state
 *      discard  removes that dump
 *
 * The swap refuses if somebody wrote since plan, as far as the server's statistics tell; and names
 * who holds what it would have to drop. What is of the database as a whole (owner, grants,
 * settings, comment) stays, and so do extensions that belong to other roles, with what they made.
 * A process that follows ends what pg_restore of a killed one still does.
 */
struct postgresql_inplace_what {
    struct postgresql_swap_what swap;
    int folder_fd;      /* where the dump is kept: an open folder, 0700; outlives the swap */
    const char *folder; /* its path, for people */
    const char *why, *hint;
};

#define POSTGRESQL_INPLACE_KIND "postgresql-inplace"

int jbi_postgresql_inplace_begin(struct swap **out, const struct postgresql_inplace_what *what,
                                 struct jb_error *err);
/* Of what only live, folder_fd and folder count. */
int jbi_postgresql_inplace_resume(struct swap **out, const struct json *state,
                                  const struct postgresql_inplace_what *what, struct jb_error *err);

/* Asks the server whether the database must be replaced so: *why, and what to do about it, texts of
 * the arena; NULL: it can be exchanged, or there is no such database. */
int jbi_postgresql_inplace_why(const struct postgresql_source *live, struct arena *arena,
                               const char **why, const char **hint, struct jb_error *err);

#endif
