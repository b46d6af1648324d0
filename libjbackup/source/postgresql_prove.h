/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_PROVE_H
#define JBI_SOURCE_POSTGRESQL_PROVE_H

#include "source/postgresql.h"
#include "source/source.h"

struct postgresql_proof {
    const struct postgresql_source *source; /* whose server may be used; NULL: none */
    int category_fd;
    const struct artifact *dump;
    const struct artifact *globals; /* of the same server, for the names of the roles; NULL */
};

/*
 * Restores a dump to a scratch database, which is removed, and dumps that again into nothing:
 * tables, large objects and sequences are held against the backup, and so are the definitions in
 * the stored dump. Each of these must be there after the restore, and no other; a server may word
 * one in another way, which is an INFO finding. Where it can't be restored on the server, a cluster
 * of our own decides. Of a dump that pg_dump compressed itself the tables alone are compared.
 *
 * Differences, and a dump that can't be restored, are ERROR findings; so is what could not be
 * compared, which is counted: tables alone, or a definition that programs of other versions than
 * then may name otherwise. Sets what was compared, the bytes
 * of all tables and large objects that were restored, and where that was, for people (NULL:
 * nowhere). A negative code only if it could not be done; JB_EUNSUPPORTED: for want of a server.
 */
int jbi_postgresql_prove(const struct source_job *job, const struct postgresql_proof *what,
                         struct source_checked *checked, uint64_t *restored_bytes,
                         const char **where, struct jb_error *err);

#endif
