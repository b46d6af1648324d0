/* SPDX-License-Identifier: MIT */
/* What differs between two databases, by what is known of them: they are not asked here. */
#include <stdlib.h>

#include "api/diff.h"
#include "base/scope.h"
#include "base/text.h"

#define DEFINITIONS_NAMED 20

struct record *jbi_diff_row(struct diff *diff, const char *change, const char *what)
{
    struct record *row = jbi_report_row(diff->report);
    jbi_row_text(diff->report, row, "change", change);
    jbi_row_text(diff->report, row, "what", what);
    diff->added += *change == 'a';
    diff->removed += *change == 'r';
    diff->changed += *change == 'c';
    return row;
}

struct record *jbi_diff_row_of_database(struct diff *diff, const char *change, const char *what,
                                        const char *database)
{
    struct record *row = jbi_diff_row(diff, change, what);
    jbi_row_text(diff->report, row, "database", database);
    return row;
}

/* ---- Tables ---- */

/* "schema.name" where there are schemas. */
static void table_row(struct diff *diff, const char *change, const char *what, const char *database,
                      const struct table *from, const struct table *to)
{
    jb_report *report = diff->report;
    const struct table *table = from ? from : to;
    scope_text name = {0};
    jbi_text_addf(&name, "%s%s%s", table->schema ? table->schema : "", table->schema ? "." : "",
                  table->name);
    report->failed = report->failed || name.failed;
    struct record *row = jbi_diff_row_of_database(diff, change, what, database);
    jbi_row_text(report, row, "table", name.at);
    if (from != NULL)
        jbi_row_number(report, row, "from_rows", (int64_t)from->rows);
    if (to != NULL)
        jbi_row_number(report, row, "to_rows", (int64_t)to->rows);
}

/* By schema and name. */
static int table_order(const void *a, const void *b)
{
    const struct table *x = *(const struct table *const *)a, *y = *(const struct table *const *)b;
    int order = strcmp(x->schema ? x->schema : "", y->schema ? y->schema : "");
    return order != 0 ? order : strcmp(x->name, y->name);
}

/* For qsort. Names that were escaped to the same text keep their order. */
static int table_order_stable(const void *a, const void *b)
{
    const struct table *x = *(const struct table *const *)a, *y = *(const struct table *const *)b;
    int order = table_order(a, b);
    return order != 0 ? order : (x > y) - (x < y);
}

static const struct table **sorted_tables(struct arena *arena, const struct artifact *database)
{
    const struct table **tables =
        jbi_arena_alloc(arena, (database->table_count + 1) * sizeof *tables);
    for (size_t i = 0; tables != NULL && i < database->table_count; i++)
        tables[i] = &database->tables[i];
    if (tables != NULL)
        qsort(tables, database->table_count, sizeof *tables, table_order_stable);
    return tables;
}

static int diff_tables(struct diff *diff, const struct artifact *a, const struct artifact *b,
                       struct jb_error *err)
{
    const struct table **from = sorted_tables(diff->arena, a);
    const struct table **to = sorted_tables(diff->arena, b);
    if (from == NULL || to == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0, j = 0; i < a->table_count || j < b->table_count;) {
        int order = i == a->table_count   ? 1
                    : j == b->table_count ? -1
                                          : table_order(&from[i], &to[j]);
        if (order < 0)
            table_row(diff, "removed", NULL, a->name, from[i], NULL);
        else if (order > 0)
            table_row(diff, "added", NULL, a->name, NULL, to[j]);
        else if (strcmp(from[i]->sha256, to[j]->sha256) != 0)
            table_row(diff, "changed", from[i]->rows == to[j]->rows ? "content" : "rows", a->name,
                      from[i], to[j]);
        i += order <= 0;
        j += order >= 0;
    }
    return JB_OK;
}

/* As if they were one table. Sequences are not compared: they run ahead of any snapshot. */
static void diff_large_objects(struct diff *diff, const char *database,
                               const struct large_objects *a, const struct large_objects *b)
{
    struct table from = {.name = "large objects", .rows = a->count}, to = from;
    to.rows = b->count;
    if (a->count != b->count)
        table_row(diff, "changed", "rows", database, &from, &to);
    else if (a->bytes != b->bytes || strcmp(a->sha256, b->sha256) != 0)
        table_row(diff, "changed", "content", database, &from, &to);
}

/* ---- Definitions ---- */

static void add_name(struct text *names, size_t *count, const char *name)
{
    if ((*count)++ < DEFINITIONS_NAMED)
        jbi_text_addf(names, "%s%s", names->len ? ", " : "", name);
}

/* Of both lists, sorted by name, what only one has or what is defined otherwise. */
static void name_definitions(const struct artifact *a, const struct artifact *b, struct text *names)
{
    const struct named_text *x = a->definitions, *x_end = x + a->definition_count;
    const struct named_text *y = b->definitions, *y_end = y + b->definition_count;
    size_t count = 0;
    while (x < x_end || y < y_end) {
        int order = x == x_end ? 1 : y == y_end ? -1 : strcmp(x->name, y->name);
        bool is_same =
            order == 0 && x->text != NULL && y->text != NULL && strcmp(x->text, y->text) == 0;
        if (!is_same)
            add_name(names, &count, order > 0 ? y->name : x->name);
        x += order <= 0;
        y += order >= 0;
    }
    if (count > DEFINITIONS_NAMED)
        jbi_text_addf(names, " and %zu more", count - DEFINITIONS_NAMED);
}

static void schema_row(struct diff *diff, const struct artifact *a, const struct artifact *b)
{
    struct record *row = jbi_diff_row_of_database(diff, "changed", "schema", a->name);
    scope_text names = {0};
    if (a->definition_count == 0 || b->definition_count == 0)
        return;
    name_definitions(a, b, &names);
    diff->report->failed = diff->report->failed || names.failed;
    jbi_row_text(diff->report, row, "definitions", names.len > 0 ? names.at : NULL);
}

/* ---- Sequences ---- */

static int sequence_order(const void *a, const void *b)
{
    const struct sequence *x = *(const struct sequence *const *)a;
    const struct sequence *y = *(const struct sequence *const *)b;
    int order = strcmp(x->schema ? x->schema : "", y->schema ? y->schema : "");
    return order != 0 ? order : strcmp(x->name, y->name);
}

static const struct sequence **sorted_sequences(struct arena *arena,
                                                const struct postgresql_facts *facts)
{
    const struct sequence **list =
        jbi_arena_alloc(arena, (facts->sequence_count + 1) * sizeof *list);
    for (size_t i = 0; list != NULL && i < facts->sequence_count; i++)
        list[i] = &facts->sequences[i];
    if (list != NULL)
        qsort(list, facts->sequence_count, sizeof *list, sequence_order);
    return list;
}

static void sequence_row(struct diff *diff, const char *database, const struct sequence *a,
                         const struct sequence *b)
{
    const struct sequence *any = a ? a : b;
    struct record *row = jbi_diff_row_of_database(diff,
                                                  !a   ? "added"
                                                  : !b ? "removed"
                                                       : "changed",
                                                  "sequence", database);
    scope_text name = {0};
    jbi_text_addf(&name, "%s%s%s", any->schema ? any->schema : "", any->schema ? "." : "",
                  any->name);
    diff->report->failed = diff->report->failed || name.failed;
    jbi_row_text(diff->report, row, "sequence", name.at);
    if (a != NULL)
        jbi_row_number(diff->report, row, "from_value", a->value);
    if (b != NULL)
        jbi_row_number(diff->report, row, "to_value", b->value);
}

static int diff_sequences(struct diff *diff, const struct artifact *a, const struct artifact *b,
                          struct jb_error *err)
{
    const struct sequence **from = sorted_sequences(diff->arena, a->postgresql);
    const struct sequence **to = sorted_sequences(diff->arena, b->postgresql);
    if (from == NULL || to == NULL)
        return jbi_fail_memory(err);
    while (*from != NULL || *to != NULL) {
        int order = *from == NULL ? 1 : *to == NULL ? -1 : sequence_order(from, to);
        bool is_same =
            order == 0 && (*from)->value == (*to)->value && (*from)->is_called == (*to)->is_called;
        if (!is_same)
            sequence_row(diff, a->name, order <= 0 ? *from : NULL, order >= 0 ? *to : NULL);
        from += order <= 0;
        to += order >= 0;
    }
    return JB_OK;
}

/* ---- The whole ---- */

/* Whether more is known of a database than its tables. */
static bool is_known(const struct artifact *artifact)
{
    return artifact->kind != ARTIFACT_POSTGRESQL || artifact->postgresql->is_recoded;
}

int jbi_diff_database(struct diff *diff, const struct artifact *a, const struct artifact *b,
                      struct jb_error *err)
{
    jb_report *report = diff->report;
    int code = diff_tables(diff, a, b, err);
    if (code < 0)
        return code;
    if (!is_known(a) || !is_known(b)) {
        jbi_finding(report, JB_WARNING, a->name,
                    "only its tables are compared: of one side no more is known than a dump as "
                    "pg_dump made it");
        diff->not_compared++;
        return JB_OK;
    }
    if (a->kind == ARTIFACT_POSTGRESQL)
        diff_large_objects(diff, a->name, &a->postgresql->large_objects,
                           &b->postgresql->large_objects);
    if (strcmp(a->schema_sha256, b->schema_sha256) != 0)
        schema_row(diff, a, b);
    return diff->with_sequences && a->kind == ARTIFACT_POSTGRESQL ? diff_sequences(diff, a, b, err)
                                                                  : JB_OK;
}
