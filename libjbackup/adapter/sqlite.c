/* SPDX-License-Identifier: MIT */
/*
 * Connections to database files at rest, and what SQLite's result codes mean in words.
 * Invariant: a connection opened here never writes, creates or runs what the file brings along.
 */
#include "adapter/sqlite.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/sqlite_failure.h"
#include "base/error.h"

#define OPS_BETWEEN_LOOKS 2000 /* virtual machine steps until the next look at is_stopped */
#define URI_SIZE          1024 /* a name is at most 255 bytes */

struct sqlite {
    sqlite3 *db;
    char *label;
    atomic_bool is_stopped;
};

struct sqlite_query {
    struct sqlite *sqlite;
    sqlite3_stmt *statement;
};

static int fail_locked(struct jb_error *err, const char *label)
{
    jbi_fail(err, JB_EDATABASE, "database \"%s\" is locked by another program", label);
    jbi_hint(err, "end the long transaction or the program that holds it (fuser shows which), "
                  "then run again");
    return JB_EDATABASE;
}

static int fail_not_a_database(struct jb_error *err, const char *label)
{
    jbi_fail(err, JB_EDATABASE, "\"%s\" is not a SQLite database", label);
    jbi_hint(err, "check the path; an encrypted database can't be read either");
    return JB_EDATABASE;
}

static int fail_damaged(struct jb_error *err, sqlite3 *db, const char *label)
{
    jbi_fail(err, JB_EDATABASE, "database \"%s\" is damaged: %s", label,
             db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(SQLITE_CORRUPT));
    jbi_hint(err, "restore it from the last good backup, or rescue what can be read with the "
                  "command .recover of sqlite3");
    return JB_EDATABASE;
}

static int fail_open(struct jb_error *err, sqlite3 *db, const char *label)
{
    int number = db != NULL ? sqlite3_system_errno(db) : 0;
    jbi_fail(err, JB_EDATABASE, "cannot open database \"%s\" or its -wal or -shm file%s%s", label,
             number != 0 ? ": " : "", number != 0 ? strerrordesc_np(number) : "");
    if (err != NULL && err->code == JB_EDATABASE)
        err->sys_errno = number;
    jbi_hint(err, "run as the user of the application, or let this user read the file and the "
                  "files beside it");
    return JB_EDATABASE;
}

int jbi_sqlite_fail(struct jb_error *err, sqlite3 *db, int rc, const char *label)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return jbi_fail_memory(err);
    case SQLITE_INTERRUPT:
        return jbi_fail(err, JB_ECANCELED, "stopped reading \"%s\"", label);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return fail_locked(err, label);
    case SQLITE_NOTADB:
        return fail_not_a_database(err, label);
    case SQLITE_CORRUPT:
        return fail_damaged(err, db, label);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return fail_open(err, db, label);
    case SQLITE_IOERR:
    case SQLITE_FULL:
        return jbi_fail(err, JB_EIO, "cannot read or copy database \"%s\": %s", label,
                        sqlite3_errstr(rc));
    default:
        return jbi_fail(err, JB_EUNSUPPORTED, "cannot read database \"%s\": %s", label,
                        db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
    }
}

int jbi_sqlite_harden(sqlite3 *db)
{
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    return sqlite3_exec(db,
                        "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA cache_size=-4096;"
                        "PRAGMA temp_store=MEMORY; PRAGMA ignore_check_constraints=ON;",
                        NULL, NULL, NULL);
}

static int look_for_stop(void *user)
{
    const struct sqlite *sqlite = user;
    return atomic_load(&sqlite->is_stopped);
}

/* Immutable: no locks, and no -wal beside a copy that is in WAL mode. A name may hold any byte. */
static void uri_of(char to[URI_SIZE], int dir_fd, const char *name)
{
    size_t len = (size_t)snprintf(to, URI_SIZE, "file:/proc/self/fd/%d/", dir_fd);
    for (; *name != '\0' && len + sizeof "%00?immutable=1" < URI_SIZE; name++)
        len += (size_t)snprintf(to + len, URI_SIZE - len, "%%%02x", (unsigned char)*name);
    snprintf(to + len, URI_SIZE - len, "?immutable=1");
}

int jbi_sqlite_open(struct sqlite **out, int dir_fd, const char *name, const char *label,
                    struct jb_error *err)
{
    char uri[URI_SIZE];
    uri_of(uri, dir_fd, name);
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (sqlite == NULL || (sqlite->label = strdup(label)) == NULL) {
        jbi_sqlite_close(sqlite);
        return jbi_fail_memory(err);
    }
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(uri, &sqlite->db, flags, NULL);
    if (rc == SQLITE_OK)
        rc = jbi_sqlite_harden(sqlite->db);
    if (rc != SQLITE_OK) {
        int code = jbi_sqlite_fail(err, sqlite->db, rc, label);
        jbi_sqlite_close(sqlite);
        return code;
    }
    sqlite3_extended_result_codes(sqlite->db, 1);
    sqlite3_progress_handler(sqlite->db, OPS_BETWEEN_LOOKS, look_for_stop, sqlite);
    *out = sqlite;
    return JB_OK;
}

void jbi_sqlite_close(struct sqlite *sqlite)
{
    if (sqlite == NULL)
        return;
    sqlite3_close_v2(sqlite->db);
    free(sqlite->label);
    free(sqlite);
}

void jbi_sqlite_stop(struct sqlite *sqlite)
{
    atomic_store(&sqlite->is_stopped, true);
    sqlite3_interrupt(sqlite->db);
}

static int compare_bytes(void *unused, int a_len, const void *a, int b_len, const void *b)
{
    (void)unused;
    int order = memcmp(a, b, (size_t)(a_len < b_len ? a_len : b_len));
    return order != 0 ? order : a_len - b_len;
}

static void add_collation(void *unused, sqlite3 *db, int encoding, const char *name)
{
    (void)unused;
    sqlite3_create_collation_v2(db, name, encoding, NULL, compare_bytes, NULL);
}

void jbi_sqlite_stand_in_collations(struct sqlite *sqlite)
{
    sqlite3_collation_needed(sqlite->db, NULL, add_collation);
}

int jbi_sqlite_query(struct sqlite_query **out, struct sqlite *sqlite, const char *sql,
                     const char *text, struct jb_error *err)
{
    struct sqlite_query *query = calloc(1, sizeof *query);
    if (query == NULL)
        return jbi_fail_memory(err);
    query->sqlite = sqlite;
    int rc = sqlite3_prepare_v2(sqlite->db, sql, -1, &query->statement, NULL);
    if (rc == SQLITE_OK && text != NULL)
        rc = sqlite3_bind_text(query->statement, 1, text, -1, SQLITE_TRANSIENT);
    if (rc != SQLITE_OK) {
        int code = jbi_sqlite_fail(err, sqlite->db, rc, sqlite->label);
        jbi_sqlite_query_free(query);
        return code;
    }
    *out = query;
    return JB_OK;
}

int jbi_sqlite_next(struct sqlite_query *query, struct jb_error *err)
{
    bool is_stopped = atomic_load_explicit(&query->sqlite->is_stopped, memory_order_relaxed);
    int rc = is_stopped ? SQLITE_INTERRUPT : sqlite3_step(query->statement);
    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return jbi_sqlite_fail(err, query->sqlite->db, rc, query->sqlite->label);
}

unsigned jbi_sqlite_width(const struct sqlite_query *query)
{
    return (unsigned)sqlite3_column_count(query->statement);
}

int jbi_sqlite_value(struct sqlite_query *query, unsigned column, struct sqlite_value *value,
                     struct jb_error *err)
{
    sqlite3_stmt *statement = query->statement;
    int at = (int)column;
    *value = (struct sqlite_value){SQLITE_IS_NULL};
    switch (sqlite3_column_type(statement, at)) {
    case SQLITE_INTEGER:
        value->kind = SQLITE_IS_INTEGER;
        value->integer = sqlite3_column_int64(statement, at);
        return JB_OK;
    case SQLITE_FLOAT:
        value->kind = SQLITE_IS_REAL;
        value->real = sqlite3_column_double(statement, at);
        return JB_OK;
    case SQLITE_TEXT:
        value->kind = SQLITE_IS_TEXT;
        value->bytes = sqlite3_column_text(statement, at);
        break;
    case SQLITE_BLOB:
        value->kind = SQLITE_IS_BLOB;
        value->bytes = sqlite3_column_blob(statement, at);
        break;
    default:
        return JB_OK;
    }
    value->len = (size_t)sqlite3_column_bytes(statement, at);
    if (value->bytes == NULL && (value->kind == SQLITE_IS_TEXT || value->len > 0))
        return jbi_fail_memory(err);
    return JB_OK;
}

const char *jbi_sqlite_text(struct sqlite_query *query, unsigned column)
{
    const unsigned char *text = sqlite3_column_text(query->statement, (int)column);
    return text != NULL ? (const char *)text : "";
}

void jbi_sqlite_query_free(struct sqlite_query *query)
{
    if (query == NULL)
        return;
    sqlite3_finalize(query->statement);
    free(query);
}

void jbi_sqlite_scope_free(struct sqlite_query **query)
{
    jbi_sqlite_query_free(*query);
}

const char *jbi_sqlite_version(void)
{
    return sqlite3_libversion();
}
