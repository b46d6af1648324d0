/* SPDX-License-Identifier: MIT */
/*
 * COPY statements and their data in SQL text:
 *
 *     COPY public."odd ""name""" (id, text) FROM stdin;
 *     1<tab>one
 *     \.
 *
 * Everything else in data-only text begins otherwise, on a line of its own: comments, SET, SELECT
 * setval, SELECT lowrite. Invariant: no line is held whole but that of a COPY statement.
 */
#include "archive/dump_text.h"

#include <stdlib.h>
#include <string.h>

#include "archive/dump_input.h"
#include "base/error.h"
#include "base/text.h"

#define STATEMENT_START "COPY "
#define STATEMENT_END   " FROM stdin;"
#define DATA_END        "\\.\n"

struct reading {
    struct dump_input in;
    const struct dump_options *options;
    struct dump_contents *contents;
    struct digest *digest;
    size_t room; /* of the tables */
};

/* Looks whether the next bytes, of a line's beginning, are these; takes nothing. */
static bool is_next(struct dump_input *in, const char *bytes)
{
    size_t len = strlen(bytes);
    while (in->len - in->at < len && jbi_input_fill(in))
        continue;
    return in->len - in->at >= len && memcmp(in->buffer + in->at, bytes, len) == 0;
}

/* Takes the next bytes of the line, at most what lies in the buffer; *ends: with its line feed. */
static const unsigned char *line_part(struct dump_input *in, size_t *len, bool *ends)
{
    if (jbi_input_is_end(in) || in->code < 0) {
        *len = 0;
        return NULL;
    }
    const unsigned char *from = in->buffer + in->at;
    const unsigned char *feed = memchr(from, '\n', in->len - in->at);
    *ends = feed != NULL;
    return jbi_input_some(in, feed ? (size_t)(feed - from) + 1 : in->len - in->at, len);
}

static void pass_line(struct dump_input *in)
{
    bool ends = false;
    size_t len;
    while (!ends && line_part(in, &len, &ends) != NULL)
        continue;
}

/* A statement of another kind, or a comment: a literal or a name in it may hold line feeds, and
 * then what looks like the beginning of a statement. */
static void pass_statement(struct dump_input *in)
{
    unsigned char quote = 0;
    bool ends = false;
    size_t len;
    if (is_next(in, "--") || is_next(in, "\\")) {
        pass_line(in);
        return;
    }
    while (!ends || quote != 0) {
        const unsigned char *part = line_part(in, &len, &ends);
        if (part == NULL)
            return;
        for (size_t i = 0; i < len; i++) {
            if (quote == 0 && (part[i] == '\'' || part[i] == '"'))
                quote = part[i];
            else if (part[i] == quote)
                quote = 0;
        }
    }
}

/* A statement up to its end; a quoted name in it may hold line feeds. */
static void read_statement(struct dump_input *in, struct text *statement)
{
    bool ends = false, is_quoted = false;
    size_t len;
    do {
        const unsigned char *part = line_part(in, &len, &ends);
        if (part == NULL || statement->len + len > DUMP_TEXT_MAX) {
            jbi_input_refuse(in, "a COPY statement in it does not end");
            return;
        }
        for (size_t i = 0; i < len; i++)
            is_quoted ^= part[i] == '"';
        jbi_text_add(statement, (const char *)part, len);
    } while (!ends || is_quoted);
}

/* An identifier without its quotes; *from moves behind it. */
static const char *take_identifier(const char **from, struct arena *arena)
{
    const char *at = *from;
    if (*at != '"') {
        size_t len = strcspn(at, ". (");
        *from = at + len;
        return jbi_arena_textn(arena, at, len);
    }
    char *name = jbi_arena_alloc(arena, strlen(at));
    size_t len = 0;
    for (at++; name != NULL && *at != '\0' && (*at != '"' || at[1] == '"'); at++) {
        name[len++] = *at;
        at += *at == '"';
    }
    *from = *at == '"' ? at + 1 : at;
    return name;
}

static bool parse_statement(struct text *statement, struct table *table, struct arena *arena)
{
    size_t end = strlen(STATEMENT_END "\n");
    if (statement->failed || statement->len < strlen(STATEMENT_START) + end ||
        strcmp(statement->at + statement->len - end, STATEMENT_END "\n") != 0)
        return false;
    statement->at[statement->len - end] = '\0';
    const char *from = statement->at + strlen(STATEMENT_START);
    table->name = take_identifier(&from, arena);
    if (*from == '.') {
        from++;
        table->schema = table->name;
        table->name = take_identifier(&from, arena);
    }
    size_t len = strlen(from);
    bool has_columns = len > 3 && jbi_starts_with(from, " (") && from[len - 1] == ')';
    bool is_whole = has_columns || strcmp(from, " ") == 0 || len == 0;
    table->columns = has_columns ? jbi_arena_textn(arena, from + 2, len - 3) : "";
    return is_whole && table->name != NULL && table->name[0] != '\0' && table->columns != NULL;
}

static void read_rows(struct reading *r, struct table *table)
{
    struct dump_input *in = &r->in;
    jbi_digest_begin(r->digest);
    while (in->code == JB_OK && !is_next(in, DATA_END)) {
        bool ends = false;
        while (!ends && in->code == JB_OK) {
            size_t len;
            const unsigned char *part = line_part(in, &len, &ends);
            if (part == NULL) {
                jbi_input_refuse(in, "a table in it is cut short");
                return;
            }
            jbi_digest_add(r->digest, part, len);
            r->contents->raw_size += len;
        }
        table->rows++;
    }
    pass_line(in);
    jbi_digest_end(r->digest, table->sha256);
}

static void read_table(struct reading *r)
{
    struct dump_contents *contents = r->contents;
    struct arena *arena = r->options->arena;
    scope_text statement = {0};
    struct table table = {0};
    read_statement(&r->in, &statement);
    if (r->in.code == JB_OK && !parse_statement(&statement, &table, arena))
        jbi_input_refuse(&r->in, "a COPY statement in it is none that pg_dump writes");
    if (r->in.code < 0)
        return;
    if (contents->table_count == r->room) {
        size_t size = sizeof table;
        r->room = r->room ? 2 * r->room : 64;
        contents->tables =
            jbi_arena_grow(arena, contents->tables, contents->table_count * size, r->room * size);
    }
    if (contents->tables == NULL) {
        r->in.code = jbi_fail_memory(r->in.err);
        return;
    }
    read_rows(r, &table);
    contents->tables[contents->table_count++] = table;
}

static int read_all(struct reading *r)
{
    while (r->in.code == JB_OK && !jbi_input_is_end(&r->in)) {
        if (!is_next(&r->in, STATEMENT_START)) {
            pass_statement(&r->in);
            continue;
        }
        read_table(r);
        if (r->in.code == JB_OK)
            r->in.code = jbi_progress(r->options->hooks, r->options->step, r->contents->raw_size, 0,
                                      "bytes", r->in.err);
    }
    return r->in.code;
}

int jbi_dump_text_digest(dump_read read, void *user, const struct dump_options *options,
                         struct dump_contents *contents, struct jb_error *err)
{
    struct reading r = {.options = options, .contents = contents};
    *contents = (struct dump_contents){0};
    r.digest = jbi_digest_new();
    int code = jbi_input_begin(&r.in, read, user, options->name, err);
    if (code == JB_OK)
        code = r.digest ? read_all(&r) : jbi_fail_memory(err);
    jbi_digest_free(r.digest);
    jbi_input_free(&r.in);
    return code;
}
