/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SQLITE_H
#define JBI_SOURCE_SQLITE_H

#include "source/source.h"

/* The copy of a backup, from which unchanged pieces are taken. */
struct sqlite_previous {
    int category_fd;
    const struct artifact *artifact;
};

struct sqlite_source {
    const char *path; /* of the database file, absolute */
    const char
        *name; /* printable, unique in the project, fit for a file name: sqlite_<name>.db.gz */
    const struct sqlite_previous *previous; /* NULL: all is compressed */
};

/*
 * SQLite databases, copied while the application writes to them.
 * The digest of a table: its rows in the order of the rowid or of the primary key, each value as
 *   N                     null
 *   I<decimal>            integer
 *   R<16 hex digits>      real: its IEEE 754 bits, most significant first
 *   T<bytes>:<UTF-8>      text
 *   B<bytes>:<bytes>      blob
 * followed by a comma each, a line feed after each row; SHA-256 of all that. All columns count,
 * generated ones too, save those made on reading by a function that only the application has.
 * Every table that stores rows has one, the hidden ones of a full-text index among them; a virtual
 * table has none.
 * The digest of the schema, in the same form: type, name, tbl_name, sql of sqlite_schema in the
 * order of these columns, then one row of user_version and application_id.
 *
 * The copy keeps the database's journal mode. Memory is bounded but for the largest single value.
 * Check of a capture: an integrity failure is JB_EDATABASE; foreign keys that lead nowhere, and
 * tables that only the application could check, are WARNING findings on the database's path.
 */
extern const struct source_ops jbi_sqlite_source;

/* Fills tables, definitions and the digest of the schema with what is in the live database, read
 * from a copy in the scratch folder that is made as a capture makes it. JB_ENOTFOUND: there is no
 * such file; JB_EDATABASE: it can't be read, or is damaged. */
int jbi_sqlite_look_at_live(const struct sqlite_source *source, const struct source_job *job,
                            struct artifact *artifact, struct jb_error *err);

/* Lays the database of an artifact out as the new file name in dir_fd (with its owner, as far as
 * rights go, and mode; fsynced), checked against the artifact. Nothing is left there on failure.
 * JB_ECORRUPT: it differs from what was stored. */
int jbi_sqlite_stage(const struct source_job *job, int category_fd, const struct artifact *artifact,
                     int dir_fd, const char *name, struct jb_error *err);

#endif
