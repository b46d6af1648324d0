/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_H
#define JBI_SOURCE_POSTGRESQL_H

#include "adapter/postgres.h"
#include "source/source.h"

struct postgresql_source {
    struct postgres_target target;
    const char *name;  /* printable, unique in the project, fit for a file name, not "globals" */
    bool with_sql;     /* also postgresql_<name>.sql */
    bool with_globals; /* also postgresql_globals.sql: one database of each server has it */
    const char *globals_name; /* then postgresql_globals@<globals_name>.sql; NULL: no suffix */
};

/*
 * PostgreSQL databases. A session of ours exports a snapshot and says what the database is; pg_dump
 * reads at that snapshot; archive/dump makes the .dump of its stream. The .sql is what pg_restore
 * makes of the same stream. Where pg_dump writes a version of the format that archive/dump does not
 * know, it compresses by itself, and the tables are digested from what pg_restore makes of the
 * file. Captures up to three artifacts: dump, sql, globals.
 */
extern const struct source_ops jbi_postgresql_source;

/* Fills an artifact with what is in the live database, by pg_dump at one snapshot of a read-only
 * transaction, whose output is only taken account of. is_recoded is false where nothing but its
 * tables could be told. JB_EDATABASE: it can't be reached or read. */
int jbi_postgresql_look_at_live(const struct postgresql_source *source,
                                const struct source_job *job, struct artifact *artifact,
                                struct jb_error *err);

#endif
