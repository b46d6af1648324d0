/* SPDX-License-Identifier: MIT */
/* jb_diff: two indexes merged along their common order, and the tables of databases by name. */
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

static const struct table *table_find(const struct artifact *artifact, const char *name)
{
    for (size_t i = 0; i < artifact->table_count; i++) {
        if (strcmp(artifact->tables[i].name, name) == 0)
            return &artifact->tables[i];
    }
    return NULL;
}

static void table_row(struct diff_run *run, const char *change, const char *what,
                      const char *database, const struct table *from, const struct table *to)
{
    jb_report *report = run->session.report;
    struct record *row = jbi_report_row(report);
    row_add(run, change, what, row);
    jbi_row_text(report, row, "database", database);
    jbi_row_text(report, row, "table", from ? from->name : to->name);
    if (from != NULL)
        jbi_row_number(report, row, "from_rows", (int64_t)from->rows);
    if (to != NULL)
        jbi_row_number(report, row, "to_rows", (int64_t)to->rows);
}

static void diff_database(struct diff_run *run, const struct artifact *a, const struct artifact *b)
{
    for (size_t i = 0; i < a->table_count; i++) {
        const struct table *from = &a->tables[i], *to = table_find(b, from->name);
        if (to == NULL)
            table_row(run, "removed", NULL, a->name, from, NULL);
        else if (strcmp(from->sha256, to->sha256) != 0)
            table_row(run, "changed", from->rows == to->rows ? "content" : "rows", a->name, from,
                      to);
    }
    for (size_t i = 0; i < b->table_count; i++) {
        if (table_find(a, b->tables[i].name) == NULL)
            table_row(run, "added", NULL, a->name, NULL, &b->tables[i]);
    }
    if (strcmp(a->schema_sha256, b->schema_sha256) != 0) {
        jb_report *report = run->session.report;
        struct record *row = jbi_report_row(report);
        row_add(run, "changed", "schema", row);
        jbi_row_text(report, row, "database", a->name);
    }
}

/* A database that only one of the two holds. */
static void database_row(struct diff_run *run, const char *change, const char *database)
{
    struct record *row = jbi_report_row(run->session.report);
    row_add(run, change, "database", row);
    jbi_row_text(run->session.report, row, "database", database);
}

static void diff_databases(struct diff_run *run)
{
    if (!jbi_manifest_has_database(run->from) || !jbi_manifest_has_database(run->to))
        return;
    for (size_t i = 0; i < run->from->artifact_count; i++) {
        const struct artifact *a = &run->from->artifacts[i];
        if (a->kind != ARTIFACT_SQLITE)
            continue;
        const struct artifact *b = jbi_manifest_artifact(run->to, a->kind, a->name);
        if (b != NULL)
            diff_database(run, a, b);
        else
            database_row(run, "removed", a->name);
    }
    for (size_t i = 0; i < run->to->artifact_count; i++) {
        const struct artifact *b = &run->to->artifacts[i];
        if (b->kind == ARTIFACT_SQLITE &&
            jbi_manifest_artifact(run->from, b->kind, b->name) == NULL)
            database_row(run, "added", b->name);
    }
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
    if (code == JB_OK) {
        struct record *figures = &session->report->figures;
        diff_databases(&run);
        say_not_compared(&run);
        jbi_row_text(session->report, figures, "from", run.from->timestamp);
        jbi_row_text(session->report, figures, "to", run.to->timestamp);
        jbi_row_number(session->report, figures, "added", run.added);
        jbi_row_number(session->report, figures, "removed", run.removed);
        jbi_row_number(session->report, figures, "changed", run.changed);
    }
    return jbi_session_end(session, code, report);
}
