/* SPDX-License-Identifier: MIT */
/* jb_diff: two indexes merged along their common order, and so the tables of databases. */
#include <stdlib.h>

#include "api/index_open.h"
#include "base/scope.h"
#include "base/text.h"

struct diff_run {
    struct session session;
    const struct manifest *from, *to;
    int64_t added, removed, changed;
};

static void row_add(struct diff_run *run, const char *change, const char *what, struct record *row)
{
    jb_report *report = run->session.report;
    jbi_row_text(report, row, "change", change);
    jbi_row_text(report, row, "what", what);
    run->added += *change == 'a';
    run->removed += *change == 'r';
    run->changed += *change == 'c';
}

static void file_row(struct diff_run *run, const char *change, const char *what,
                     const struct index_entry *from, const struct index_entry *to)
{
    jb_report *report = run->session.report;
    struct record *row = jbi_report_row(report);
    row_add(run, change, what, row);
    jbi_row_text(report, row, "path", from ? from->path : to->path);
    if (from != NULL)
        jbi_row_number(report, row, "from_size", (int64_t)from->size);
    if (to != NULL)
        jbi_row_number(report, row, "to_size", (int64_t)to->size);
}

/* The order of an archive: folder by folder, so a slash comes before every other byte. */
static int path_order(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b)
        a++, b++;
    int x = *a == '\0' ? -1 : *a == '/' ? 0 : (unsigned char)*a;
    int y = *b == '\0' ? -1 : *b == '/' ? 0 : (unsigned char)*b;
    return x - y;
}

static void compare_entries(struct diff_run *run, const struct index_entry *a,
                            const struct index_entry *b)
{
    scope_text what = {0};
    bool same_link = a->link != NULL && b->link != NULL && strcmp(a->link, b->link) == 0;
    const struct {
        bool differs;
        const char *name;
    } checks[] = {
        {a->type != b->type, "type"},
        {a->type == b->type && strcmp(a->sha256, b->sha256) != 0, "content"},
        {a->type == b->type && a->link != NULL && !same_link, "link"},
        {a->mode != b->mode, "mode"},
        {a->uid != b->uid || a->gid != b->gid, "owner"},
        {a->mtime_s != b->mtime_s || a->mtime_ns != b->mtime_ns, "time"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (checks[i].differs)
            jbi_text_addf(&what, "%s%s", what.len ? "," : "", checks[i].name);
    }
    if (what.len > 0)
        file_row(run, "changed", what.at, a, b);
}

/* One side of the merge: its next entry, or none any more. */
struct side {
    struct open_index index;
    struct index_entry entry;
    int has; /* 1: there is an entry */
};

static int side_next(struct side *side, struct jb_error *err)
{
    if (side->index.reader != NULL)
        side->has = jbi_index_next(side->index.reader, &side->entry, err);
    return side->has;
}

static int merge(struct diff_run *run, struct side *a, struct side *b, struct jb_error *err)
{
    side_next(a, err);
    side_next(b, err);
    while (a->has >= 0 && b->has >= 0 && a->has + b->has > 0) {
        int order = a->has == 0 ? 1 : b->has == 0 ? -1 : path_order(a->entry.path, b->entry.path);
        if (order < 0)
            file_row(run, "removed", NULL, &a->entry, NULL);
        else if (order > 0)
            file_row(run, "added", NULL, NULL, &b->entry);
        else
            compare_entries(run, &a->entry, &b->entry);
        if (order <= 0)
            side_next(a, err);
        if (order >= 0)
            side_next(b, err);
    }
    return a->has < 0 ? a->has : b->has < 0 ? b->has : JB_OK;
}

static int diff_code(struct diff_run *run, struct jb_error *err)
{
    struct side a = {0}, b = {0};
    /* What only one of them holds at all is no difference of files. */
    if (!jbi_manifest_has_codebase(run->from) || !jbi_manifest_has_codebase(run->to))
        return JB_OK;
    a.index.fd = b.index.fd = -1;
    int code = jbi_index_of_backup(&a.index, &run->session, run->from, err);
    if (code > 0)
        code = jbi_index_of_backup(&b.index, &run->session, run->to, err);
    if (code > 0)
        code = merge(run, &a, &b, err);
    jbi_index_of_backup_close(&a.index);
    jbi_index_of_backup_close(&b.index);
    return code;
}

/* "schema.name" where there are schemas. */
static void table_row(struct diff_run *run, const char *change, const char *what,
                      const char *database, const struct table *from, const struct table *to)
{
    jb_report *report = run->session.report;
    struct record *row = jbi_report_row(report);
    const struct table *table = from ? from : to;
    scope_text name = {0};
    jbi_text_addf(&name, "%s%s%s", table->schema ? table->schema : "", table->schema ? "." : "",
                  table->name);
    report->failed = report->failed || name.failed;
    row_add(run, change, what, row);
    jbi_row_text(report, row, "database", database);
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

static int diff_tables(struct diff_run *run, const struct artifact *a, const struct artifact *b,
                       struct jb_error *err)
{
    const struct table **from = sorted_tables(&run->session.arena, a);
    const struct table **to = sorted_tables(&run->session.arena, b);
    if (from == NULL || to == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0, j = 0; i < a->table_count || j < b->table_count;) {
        int order = i == a->table_count   ? 1
                    : j == b->table_count ? -1
                                          : table_order(&from[i], &to[j]);
        if (order < 0)
            table_row(run, "removed", NULL, a->name, from[i], NULL);
        else if (order > 0)
            table_row(run, "added", NULL, a->name, NULL, to[j]);
        else if (strcmp(from[i]->sha256, to[j]->sha256) != 0)
            table_row(run, "changed", from[i]->rows == to[j]->rows ? "content" : "rows", a->name,
                      from[i], to[j]);
        i += order <= 0;
        j += order >= 0;
    }
    return JB_OK;
}

/* As if they were one table. Sequences are not compared: they run ahead of any snapshot. */
static void diff_large_objects(struct diff_run *run, const char *database,
                               const struct large_objects *a, const struct large_objects *b)
{
    struct table from = {.name = "large objects", .rows = a->count}, to = from;
    to.rows = b->count;
    if (a->count != b->count)
        table_row(run, "changed", "rows", database, &from, &to);
    else if (a->bytes != b->bytes || strcmp(a->sha256, b->sha256) != 0)
        table_row(run, "changed", "content", database, &from, &to);
}

/* Whether more is known of a database than its tables. */
static bool is_known(const struct artifact *artifact)
{
    return artifact->kind != ARTIFACT_POSTGRESQL || artifact->postgresql->is_recoded;
}

static int diff_database(struct diff_run *run, const struct artifact *a, const struct artifact *b,
                         struct jb_error *err)
{
    jb_report *report = run->session.report;
    int code = diff_tables(run, a, b, err);
    if (code < 0)
        return code;
    if (!is_known(a) || !is_known(b)) {
        jbi_finding(report, JB_WARNING, a->name,
                    "only its tables are compared: one of the backups has a dump as pg_dump made "
                    "it");
        return JB_OK;
    }
    if (a->kind == ARTIFACT_POSTGRESQL)
        diff_large_objects(run, a->name, &a->postgresql->large_objects,
                           &b->postgresql->large_objects);
    if (strcmp(a->schema_sha256, b->schema_sha256) != 0) {
        struct record *row = jbi_report_row(report);
        row_add(run, "changed", "schema", row);
        jbi_row_text(report, row, "database", a->name);
    }
    return JB_OK;
}

/* A database that only one of the two holds. */
static void database_row(struct diff_run *run, const char *change, const char *database)
{
    struct record *row = jbi_report_row(run->session.report);
    row_add(run, change, "database", row);
    jbi_row_text(run->session.report, row, "database", database);
}

static int diff_databases(struct diff_run *run, struct jb_error *err)
{
    int code = JB_OK;
    if (!jbi_manifest_has_database(run->from) || !jbi_manifest_has_database(run->to))
        return JB_OK;
    for (size_t i = 0; i < run->from->artifact_count && code == JB_OK; i++) {
        const struct artifact *a = &run->from->artifacts[i];
        if (!jbi_artifact_kind_is_database(a->kind))
            continue;
        const struct artifact *b = jbi_manifest_artifact(run->to, a->kind, a->name);
        if (b != NULL)
            code = diff_database(run, a, b, err);
        else
            database_row(run, "removed", a->name);
    }
    for (size_t i = 0; i < run->to->artifact_count; i++) {
        const struct artifact *b = &run->to->artifacts[i];
        if (jbi_artifact_kind_is_database(b->kind) &&
            jbi_manifest_artifact(run->from, b->kind, b->name) == NULL)
            database_row(run, "added", b->name);
    }
    return code;
}

/* The components that only one of the two holds, so that silence is not taken for equality. */
static void say_not_compared(struct diff_run *run)
{
    jb_report *report = run->session.report;
    if (jbi_manifest_has_codebase(run->from) != jbi_manifest_has_codebase(run->to))
        jbi_finding(report, JB_WARNING, "code",
                    "not compared: only one of the two backups holds it");
    if (jbi_manifest_has_database(run->from) != jbi_manifest_has_database(run->to))
        jbi_finding(report, JB_WARNING, "databases",
                    "not compared: only one of the two backups holds them");
}

int jb_diff(jb_project *project, const struct jb_diff_options *options, jb_report **report,
            struct jb_error *err)
{
    struct jb_diff_options taken = JB_DIFF_OPTIONS_INIT;
    struct diff_run run = {0};
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code < 0)
        return code;
    struct session *session = &run.session;
    code = jbi_session_read(session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = jbi_session_find(session, taken.from, &run.from);
    if (code == JB_OK)
        code = jbi_session_find(session, taken.to, &run.to);
    if (code == JB_OK)
        code = diff_code(&run, session->err);
    if (code == JB_OK)
        code = diff_databases(&run, session->err);
    if (code == JB_OK) {
        struct record *figures = &session->report->figures;
        say_not_compared(&run);
        jbi_row_text(session->report, figures, "from", run.from->timestamp);
        jbi_row_text(session->report, figures, "to", run.to->timestamp);
        jbi_row_number(session->report, figures, "added", run.added);
        jbi_row_number(session->report, figures, "removed", run.removed);
        jbi_row_number(session->report, figures, "changed", run.changed);
    }
    return jbi_session_end(session, code, report);
}
