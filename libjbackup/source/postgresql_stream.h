/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_STREAM_H
#define JBI_SOURCE_POSTGRESQL_STREAM_H

#include "adapter/postgres.h"
#include "archive/dump.h"
#include "archive/dump_splice.h"
#include "source/source.h"

/* Running PostgreSQL's client programs and what flows between them. A call that fails leaves no
 * program behind. */
struct postgresql_dump {
    const struct source_job *job;
    const struct postgres_tools *tools;
    const struct postgres_login *login;
    const char *database; /* for error texts */
    const char *snapshot; /* that pg_dump reads at; NULL: the present */
};

/* pg_dump's stream, packed to dump_fd (-1: only taken account of); the same stream as SQL text to
 * sql_fd, unless that is -1.
 * JB_EUNSUPPORTED: the format is not known to us; both files are empty. */
int jbi_postgresql_stream(const struct postgresql_dump *dump, int dump_fd, int sql_fd,
                          const struct dump_options *options, struct dump_contents *contents,
                          struct jb_error *err);

/* The dump as pg_dump itself compresses it; and as SQL text from it. */
int jbi_postgresql_stream_as_is(const struct postgresql_dump *dump, int dump_fd,
                                struct jb_error *err);
int jbi_postgresql_to_sql(const struct postgresql_dump *dump, int dump_fd, int sql_fd,
                          struct jb_error *err);
/* The tables in such a dump, from what pg_restore makes of it; for the formats that archive/dump
 * does not know. */
int jbi_postgresql_digest_as_is(const struct postgresql_dump *dump, int dump_fd,
                                const struct dump_options *options, struct dump_contents *contents,
                                struct jb_error *err);

/* The tables in the database, from the text that pg_dump makes of its data; as above. */
int jbi_postgresql_digest_text(const struct postgresql_dump *dump,
                               const struct dump_options *options, struct dump_contents *contents,
                               struct jb_error *err);

struct postgresql_restore {
    unsigned jobs; /* at least 2: only then do the rows keep their order */
    bool with_subscriptions;
    bool with_rights; /* owners and grants, and tablespaces, too */
};
/* Restores the dump in dump_fd to the empty database of the login. The first failure ends it,
 * JB_EDATABASE in pg_restore's words. */
int jbi_postgresql_restore(const struct postgresql_dump *dump, int dump_fd,
                           const struct postgresql_restore *how, struct jb_error *err);

/*
 * The same into a database that has something in it, owners and grants too, as one transaction that
 * begins with how->first: pg_restore --single-transaction, which is fed what how makes of the dump
 * (how->write is ours). If this process dies before all was fed, nothing is changed; after
 * that pg_restore may still end its work.
 */
int jbi_postgresql_restore_at_once(const struct postgresql_dump *dump, int dump_fd,
                                   const struct dump_splice *how, struct jb_error *err);

/* Roles, memberships and tablespaces of the server, without passwords, to out_fd. */
int jbi_postgresql_globals(const struct postgresql_dump *dump, int out_fd, struct jb_error *err);

#endif
