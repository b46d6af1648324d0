/* SPDX-License-Identifier: MIT */
/*
 * Content digests of a database: rows as canonical text through SHA-256. Invariant: the text of a
 * row depends on its values alone, not on how the file stores them (pages, encoding, indexes).
 */
#include "source/sqlite_digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/digest.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "source/names.h"

#define BUFFER_SIZE (128u << 10)

/* Collects the short pieces of which rows consist, so that SHA-256 gets long ones. */
struct rows {
    struct digest *digest;
    atomic_ullong *done;
    size_t used;
    unsigned char buffer[BUFFER_SIZE];
};

static void rows_flush(struct rows *rows)
{
    jbi_digest_add(rows->digest, rows->buffer, rows->used);
    atomic_fetch_add_explicit(rows->done, rows->used, memory_order_relaxed);
    rows->used = 0;
}

static void rows_add(struct rows *rows, const void *from, size_t len)
{
    if (len > BUFFER_SIZE - rows->used)
        rows_flush(rows);
    if (len > BUFFER_SIZE) {
        jbi_digest_add(rows->digest, from, len);
        atomic_fetch_add_explicit(rows->done, len, memory_order_relaxed);
    } else if (len > 0) {
        memcpy(rows->buffer + rows->used, from, len);
        rows->used += len;
    }
}

/* Kind and decimal number, by hand: printf would take half of the time of a table of numbers. */
static void rows_add_decimal(struct rows *rows, char kind, int64_t number)
{
    char text[24];
    size_t at = sizeof text;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        text[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        text[--at] = '-';
    text[--at] = kind;
    rows_add(rows, text + at, sizeof text - at);
}

static void rows_add_real(struct rows *rows, double real)
{
    static const char digits[] = "0123456789abcdef";
    char text[17] = "R";
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    for (int i = 16; i > 0; i--, bits >>= 4)
        text[i] = digits[bits & 15];
    rows_add(rows, text, sizeof text);
}

static void rows_add_value(struct rows *rows, const struct sqlite_value *value)
{
    switch (value->kind) {
    case SQLITE_IS_NULL:
        rows_add(rows, "N", 1);
        break;
    case SQLITE_IS_INTEGER:
        rows_add_decimal(rows, 'I', value->integer);
        break;
    case SQLITE_IS_REAL:
        rows_add_real(rows, value->real);
        break;
    case SQLITE_IS_TEXT:
    case SQLITE_IS_BLOB:
        rows_add_decimal(rows, value->kind == SQLITE_IS_TEXT ? 'T' : 'B', (int64_t)value->len);
        rows_add(rows, ":", 1);
        rows_add(rows, value->bytes, value->len);
        break;
    }
    rows_add(rows, ",", 1);
}

static int rows_add_query(struct rows *rows, struct sqlite_query *query, uint64_t *count,
                          struct jb_error *err)
{
    unsigned width = jbi_sqlite_width(query);
    int code;
    while ((code = jbi_sqlite_next(query, err)) == 1) {
        for (unsigned i = 0; i < width; i++) {
            struct sqlite_value value;
            if (jbi_sqlite_value(query, i, &value, err) < 0)
                return JB_ENOMEM;
            rows_add_value(rows, &value);
        }
        rows_add(rows, "\n", 1);
        ++*count;
    }
    return code;
}

static int rows_add_sql(struct rows *rows, struct sqlite *sqlite, const char *sql,
                        struct jb_error *err)
{
    uint64_t count = 0;
    scope_query *query = NULL;
    int code = jbi_sqlite_query(&query, sqlite, sql, NULL, err);
    return code < 0 ? code : rows_add_query(rows, query, &count, err);
}

static void add_quoted(struct text *text, const char *name)
{
    jbi_text_adds(text, "\"");
    for (const char *at = name; *at != '\0'; at++) {
        jbi_text_add(text, at, 1);
        if (*at == '"')
            jbi_text_add(text, at, 1);
    }
    jbi_text_adds(text, "\"");
}

/* The manifest holds UTF-8; a name may be any bytes. */
static const char *keep_name(struct arena *arena, const char *name)
{
    const char *utf8 = jbi_utf8_name(name, arena);
    return utf8 == name ? jbi_arena_text(arena, name) : utf8;
}

/* The quoted names of the columns. Those made on reading may need what only the application has. */
static int list_columns(struct sqlite *sqlite, const char *table, bool with_virtual,
                        struct text *columns, struct jb_error *err)
{
    static const char all[] = "SELECT name FROM pragma_table_xinfo(?1)";
    static const char stored[] = "SELECT name FROM pragma_table_xinfo(?1) WHERE hidden <> 2";
    scope_query *query = NULL;
    int code = jbi_sqlite_query(&query, sqlite, with_virtual ? all : stored, table, err);
    while (code == JB_OK && (code = jbi_sqlite_next(query, err)) == 1) {
        if (columns->len > 0)
            jbi_text_adds(columns, ", ");
        add_quoted(columns, jbi_sqlite_text(query, 0));
        code = JB_OK;
    }
    if (code == JB_OK && columns->failed)
        return jbi_fail_memory(err);
    return code;
}

static int table_query(struct sqlite *sqlite, const char *name, bool with_virtual,
                       struct arena *arena, struct table *table, struct sqlite_query **query,
                       struct jb_error *err)
{
    scope_text columns = {0}, sql = {0};
    int code = list_columns(sqlite, name, with_virtual, &columns, err);
    if (code < 0)
        return code;
    /* Without an index the scan has the order of the rowid or of the primary key. */
    jbi_text_addf(&sql, "SELECT %s FROM main.", columns.at != NULL ? columns.at : "NULL");
    add_quoted(&sql, name);
    jbi_text_adds(&sql, " NOT INDEXED");
    table->name = keep_name(arena, name);
    table->columns = keep_name(arena, columns.at != NULL ? columns.at : "");
    if (sql.failed || table->name == NULL || table->columns == NULL)
        return jbi_fail_memory(err);
    return jbi_sqlite_query(query, sqlite, sql.at, NULL, err);
}

static int table_digest(struct rows *rows, struct sqlite *sqlite, const char *name,
                        struct arena *arena, struct table *table, struct jb_error *err)
{
    scope_query *query = NULL;
    struct jb_error unsupported = {0};
    int code = table_query(sqlite, name, true, arena, table, &query, &unsupported);
    if (code == JB_EUNSUPPORTED)
        code = table_query(sqlite, name, false, arena, table, &query, err);
    else if (code < 0 && err != NULL && err->code == 0)
        *err = unsupported;
    if (code < 0)
        return code;
    jbi_digest_begin(rows->digest);
    code = rows_add_query(rows, query, &table->rows, err);
    rows_flush(rows);
    jbi_digest_end(rows->digest, table->sha256);
    return code;
}

static int tables_digest(struct rows *rows, struct sqlite *sqlite, struct arena *arena,
                         struct sqlite_digests *out, struct jb_error *err)
{
    /* Virtual tables have no root page; what they store lies in tables of their own. */
    static const char sql[] = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
                              " ORDER BY CAST(name AS BLOB)";
    scope_query *names = NULL;
    size_t room = 0;
    int code = jbi_sqlite_query(&names, sqlite, sql, NULL, err);
    while (code == JB_OK && (code = jbi_sqlite_next(names, err)) == 1) {
        if (out->table_count == room) {
            room = room ? 2 * room : 32;
            out->tables = jbi_arena_grow(arena, out->tables, out->table_count * sizeof *out->tables,
                                         room * sizeof *out->tables);
            if (out->tables == NULL)
                return jbi_fail_memory(err);
        }
        struct table *table = &out->tables[out->table_count++];
        *table = (struct table){0};
        code = table_digest(rows, sqlite, jbi_sqlite_text(names, 0), arena, table, err);
    }
    return code;
}

static int add_definition(struct sqlite_digests *out, size_t *room, struct sqlite_query *row,
                          struct digest *digest, struct arena *arena, struct jb_error *err)
{
    struct named_text *list = out->definitions;
    if (out->definition_count == *room) {
        *room = *room ? 2 * *room : 32;
        list =
            jbi_arena_grow(arena, list, out->definition_count * sizeof *list, *room * sizeof *list);
    }
    if (list == NULL)
        return jbi_fail_memory(err);
    out->definitions = list;
    struct named_text *definition = &list[out->definition_count];
    const char *type = jbi_sqlite_text(row, 0), *name = jbi_sqlite_text(row, 1);
    const char *sql = jbi_sqlite_text(row, 2);
    char hex[SHA256_HEX_SIZE];
    jbi_digest_begin(digest);
    jbi_digest_add(digest, sql ? sql : "", sql ? strlen(sql) : 0);
    jbi_digest_end(digest, hex);
    definition->text = jbi_arena_textn(arena, hex, DEFINITION_DIGITS);
    const char *whole = jbi_arena_printf(arena, "%s %s", type ? type : "", name ? name : "");
    definition->name = whole ? keep_name(arena, whole) : NULL;
    if (definition->text == NULL || definition->name == NULL)
        return jbi_fail_memory(err);
    out->definition_count++;
    return JB_OK;
}

/* What sqlite_schema lists, one by one, in the order of the names that are made of it. */
static int list_definitions(struct sqlite *sqlite, struct digest *digest, struct arena *arena,
                            struct sqlite_digests *out, struct jb_error *err)
{
    static const char sql[] = "SELECT type, name, sql FROM sqlite_schema"
                              " ORDER BY CAST(type || ' ' || name AS BLOB)";
    scope_query *row = NULL;
    size_t room = 0;
    int code = jbi_sqlite_query(&row, sqlite, sql, NULL, err);
    while (code == JB_OK && (code = jbi_sqlite_next(row, err)) == 1)
        code = add_definition(out, &room, row, digest, arena, err);
    return code;
}

static int schema_digest(struct rows *rows, struct sqlite *sqlite, struct sqlite_digests *out,
                         struct jb_error *err)
{
    jbi_digest_begin(rows->digest);
    int code = rows_add_sql(rows, sqlite,
                            "SELECT type, name, tbl_name, sql FROM sqlite_schema"
                            " ORDER BY type, name, tbl_name, sql",
                            err);
    if (code == JB_OK)
        code = rows_add_sql(rows, sqlite,
                            "SELECT user_version, application_id"
                            " FROM pragma_user_version, pragma_application_id",
                            err);
    rows_flush(rows);
    jbi_digest_end(rows->digest, out->schema_sha256);
    return code;
}

int jbi_sqlite_digest(struct sqlite *sqlite, struct arena *arena, atomic_ullong *done,
                      struct sqlite_digests *out, struct jb_error *err)
{
    *out = (struct sqlite_digests){0};
    scope_free struct rows *rows = malloc(sizeof *rows);
    scope_digest *digest = jbi_digest_new();
    if (rows == NULL || digest == NULL)
        return jbi_fail_memory(err);
    rows->digest = digest;
    rows->done = done;
    rows->used = 0;
    jbi_sqlite_stand_in_collations(sqlite);
    int code = tables_digest(rows, sqlite, arena, out, err);
    if (code == JB_OK)
        code = list_definitions(sqlite, digest, arena, out, err);
    return code < 0 ? code : schema_digest(rows, sqlite, out, err);
}
