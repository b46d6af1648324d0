/* SPDX-License-Identifier: MIT */
/* What a PostgreSQL database says of itself, in the snapshot that it is dumped at. */
#include "source/postgresql_facts.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define SERVER_WAL_NAMES 10 /* from this version on "wal", before "xlog" */

static const char sql_begin[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
static const char sql_snapshot[] = "SELECT pg_export_snapshot()";
static const char sql_database[] =
    "SELECT d.datname, r.rolname, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype,"
    " shobj_description(d.oid, 'pg_database'), d.datacl::text, pg_database_size(d.oid),"
    " current_setting('server_version'),"
    " to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"+00:00\"')"
    " FROM pg_database d LEFT JOIN pg_roles r ON r.oid = d.datdba"
    " WHERE d.datname = current_database()";
static const char sql_lsn[] = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
                              " ELSE pg_current_wal_lsn() END";
static const char sql_lsn_xlog[] =
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_xlog_replay_location()"
    " ELSE pg_current_xlog_location() END";
static const char sql_extensions[] = "SELECT extname, extversion FROM pg_extension ORDER BY 1";
static const char sql_settings[] =
    "SELECT split_part(s, '=', 1), substr(s, strpos(s, '=') + 1)"
    " FROM pg_db_role_setting, unnest(setconfig) AS s WHERE setrole = 0 AND setdatabase ="
    " (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1";

static int ask(struct postgres *postgres, const char *sql, struct postgres_rows **rows,
               struct jb_error *err)
{
    return jbi_postgres_query(postgres, "cannot ask for the facts of", sql, NULL, 0, rows, err);
}

/* A value as a text of the arena; NULL stays NULL. */
static const char *keep(const struct postgres_rows *rows, int row, int column, struct arena *arena,
                        int *code, struct jb_error *err)
{
    const char *value = jbi_postgres_value(rows, row, column);
    char *kept = value ? jbi_arena_text(arena, value) : NULL;
    if (value != NULL && kept == NULL && *code == JB_OK)
        *code = jbi_fail_memory(err);
    return kept;
}

static int ask_one(struct postgres *postgres, const char *sql, struct arena *arena,
                   const char **value, struct jb_error *err)
{
    struct postgres_rows *rows;
    int code = ask(postgres, sql, &rows, err);
    if (code < 0)
        return code;
    *value = keep(rows, 0, 0, arena, &code, err);
    jbi_postgres_rows_free(rows);
    return code;
}

static int ask_database(struct postgres *postgres, struct arena *arena,
                        struct postgresql_facts *facts, const char **server_version,
                        struct jb_error *err)
{
    struct postgres_rows *rows;
    int code = ask(postgres, sql_database, &rows, err);
    if (code < 0)
        return code;
    const char **const texts[] = {&facts->database,  &facts->owner, &facts->encoding,
                                  &facts->collation, &facts->ctype, &facts->comment,
                                  &facts->acl};
    const int size_column = sizeof texts / sizeof *texts;
    for (int i = 0; i < size_column; i++)
        *texts[i] = keep(rows, 0, i, arena, &code, err);
    const char *size = jbi_postgres_value(rows, 0, size_column);
    facts->database_size = size ? strtoull(size, NULL, 10) : 0;
    *server_version = keep(rows, 0, size_column + 1, arena, &code, err);
    facts->snapshot_time = keep(rows, 0, size_column + 2, arena, &code, err);
    jbi_postgres_rows_free(rows);
    return code;
}

/* Rows of name and text. */
static int ask_named(struct postgres *postgres, const char *sql, struct arena *arena,
                     struct named_text **out, size_t *count, struct jb_error *err)
{
    struct postgres_rows *rows;
    int code = ask(postgres, sql, &rows, err);
    if (code < 0)
        return code;
    int rows_count = jbi_postgres_row_count(rows);
    *out = jbi_arena_alloc(arena, ((size_t)rows_count + 1) * sizeof **out);
    if (*out == NULL)
        code = jbi_fail_memory(err);
    for (int i = 0; i < rows_count && code == JB_OK; i++) {
        (*out)[i].name = keep(rows, i, 0, arena, &code, err);
        (*out)[i].text = keep(rows, i, 1, arena, &code, err);
    }
    *count = (size_t)rows_count;
    jbi_postgres_rows_free(rows);
    return code;
}

/* Settings of an application's own, like app.jwt_secret, may be secrets: a manifest has none. */
static void hide_values(struct named_text *settings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (settings[i].name != NULL && strchr(settings[i].name, '.') != NULL)
            settings[i].text = NULL;
}

int jbi_postgresql_facts(struct postgres *postgres, struct arena *arena,
                         struct postgresql_facts *facts, const char **server_version,
                         const char **snapshot, struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    struct named_text *extensions = NULL, *settings = NULL;
    bool has_wal = jbi_postgres_server_major(postgres) >= SERVER_WAL_NAMES;
    int code = ask(postgres, sql_begin, &rows, err);
    jbi_postgres_rows_free(rows);
    if (code == JB_OK)
        code = ask_one(postgres, sql_snapshot, arena, snapshot, err);
    if (code == JB_OK)
        code =
            ask_one(postgres, has_wal ? sql_lsn : sql_lsn_xlog, arena, &facts->snapshot_lsn, err);
    if (code == JB_OK)
        code = ask_database(postgres, arena, facts, server_version, err);
    if (code == JB_OK)
        code =
            ask_named(postgres, sql_extensions, arena, &extensions, &facts->extension_count, err);
    if (code == JB_OK)
        code = ask_named(postgres, sql_settings, arena, &settings, &facts->setting_count, err);
    if (code < 0)
        return code;
    hide_values(settings, facts->setting_count);
    facts->extensions = extensions;
    facts->settings = settings;
    facts->is_encrypted = jbi_postgres_is_encrypted(postgres);
    return JB_OK;
}
