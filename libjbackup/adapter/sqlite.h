/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_SQLITE_H
#define JBI_ADAPTER_SQLITE_H

#include <jbackup.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hooks.h"

/* What SQLite keeps beside a database, under its name with such an end. */
enum sqlite_companion { COMPANION_WAL, COMPANION_SHM, COMPANION_JOURNAL, COMPANIONS };
extern const char *const jbi_companion_suffixes[COMPANIONS];

/*
 * Copies the database at path, also while others write to it, into name, an existing empty file in
 * dir_fd that becomes one file without -wal or -journal beside it and keeps the journal mode of the
 * database. What a crashed application left in a -wal or -journal is in the copy. The database and
 * what lies beside it stay as they are; a missing file is not made. name: letters, digits, dot,
 * minus. JB_ENOTFOUND: there is no such file. JB_EDATABASE: it is locked (after 15 s),
 * unreadable, empty, damaged or no database. JB_EIO: the copy can't be written. JB_ECANCELED: by
 * the progress hook, while the database was locked; hooks NULL: nobody cancels.
 */
int jbi_sqlite_copy(const char *path, int dir_fd, const char *name, const struct hooks *hooks,
                    struct jb_error *err);

/* Opens the database at path, also while others write to it, and reads the list of its tables.
 * Codes as above. */
int jbi_sqlite_look(const char *path, const struct hooks *hooks, struct jb_error *err);

/*
 * One connection to a database file that nobody writes to, to read what may be hostile. Used by one
 * thread at a time. Codes of the functions below: JB_EDATABASE: damaged or no database;
 * JB_EUNSUPPORTED: the statement can't be run here (e.g. the schema needs a function or a collation
 * of the application); JB_ECANCELED: stopped.
 */
struct sqlite;

/* label is what error texts call the file. */
int jbi_sqlite_open(struct sqlite **out, int dir_fd, const char *name, const char *label,
                    struct jb_error *err);
void jbi_sqlite_close(struct sqlite *sqlite); /* NULL is fine */
/* Ends what runs on it and whatever begins later. From any thread. */
void jbi_sqlite_stop(struct sqlite *sqlite);
/* From now on unknown collations order by bytes: enough to read rows in their stored order. */
void jbi_sqlite_stand_in_collations(struct sqlite *sqlite);

enum sqlite_kind {
    SQLITE_IS_NULL,
    SQLITE_IS_INTEGER,
    SQLITE_IS_REAL,
    SQLITE_IS_TEXT,
    SQLITE_IS_BLOB
};

/* bytes (of a text: UTF-8, with a NUL after it) is valid until the next row. */
struct sqlite_value {
    enum sqlite_kind kind;
    int64_t integer;
    double real;
    const void *bytes;
    size_t len;
};

struct sqlite_query;

/* Prepares one statement; text, if not NULL, is its parameter ?1. */
int jbi_sqlite_query(struct sqlite_query **out, struct sqlite *sqlite, const char *sql,
                     const char *text, struct jb_error *err);
/* 1: there is a row; 0: no more. */
int jbi_sqlite_next(struct sqlite_query *query, struct jb_error *err);
unsigned jbi_sqlite_width(const struct sqlite_query *query); /* columns of a row */
int jbi_sqlite_value(struct sqlite_query *query, unsigned column, struct sqlite_value *value,
                     struct jb_error *err);
/* The column as a text, valid until the next row; "" if it is null. */
const char *jbi_sqlite_text(struct sqlite_query *query, unsigned column);
void jbi_sqlite_query_free(struct sqlite_query *query); /* NULL is fine */
void jbi_sqlite_scope_free(struct sqlite_query **query);
#define scope_query __attribute__((cleanup(jbi_sqlite_scope_free))) struct sqlite_query

/* The version of the library that runs, e.g. "3.40.1". Static storage. */
const char *jbi_sqlite_version(void);

#endif
