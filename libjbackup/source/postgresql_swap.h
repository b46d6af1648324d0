/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_SWAP_H
#define JBI_SOURCE_POSTGRESQL_SWAP_H

#include "source/postgresql.h"
#include "source/swap.h"

/*
 * A PostgreSQL database in place. Beside it means a database <name>_jbackup_<id> (a long name cut,
 * with its hash), made from template0 with encoding and collation as recorded, restored by
 * pg_restore -j with owners, grants, comments and extensions, given owner, ACL, settings and
 * comment of the database as recorded, and compared with the backup as a proof is. The swap:
 * connections to the living one are held off (ALLOW_CONNECTIONS false) and ended, then both
 * renames in one transaction; the old one is then <name>_jbackup_<id>. Known by their OIDs; until
 * those are in the journal, the new one by its connection limit, a random number that the journal
 * has from the beginning. Settings of single roles in the living one are carried over;
 * subscriptions of the backup are not restored, which is a warning.
 *
 * A database that does not exist is made. plan and stage refuse (JB_EUNSUPPORTED, before anything
 * is touched) what can't be renamed or would be left behind: no right to create databases or to
 * rename this one, logical replication slots, subscriptions and publications in it, each named.
 * Sessions of others that may not be ended are an error with who they are.
 */
struct postgresql_swap_what {
    const struct postgresql_source *live;
    int category_fd;
    const struct artifact *dump;
    const char *id;
};

int jbi_postgresql_swap_begin(struct swap **out, const struct postgresql_swap_what *what,
                              struct jb_error *err);
int jbi_postgresql_swap_resume(struct swap **out, const struct json *state,
                               const struct postgresql_source *live, struct jb_error *err);

#endif
