/* SPDX-License-Identifier: MIT */
/* jb_diff: two indexes merged along their common order, and so the tables of databases. */
#include "api/diff.h"

#include "api/index_open.h"
#include "base/scope.h"
#include "base/text.h"

struct diff_run {
    struct session session;
    const struct manifest *from, *to;
    struct diff diff;
};

static void file_row(struct diff_run *run, const char *change, const char *what,
                     const struct index_entry *from, const struct index_entry *to)
{
    jb_report *report = run->session.report;
    struct record *row = jbi_diff_row(&run->diff, change, what);
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
            code = jbi_diff_database(&run->diff, a, b, err);
        else
            jbi_diff_row_of_database(&run->diff, "removed", "database", a->name);
    }
    for (size_t i = 0; i < run->to->artifact_count; i++) {
        const struct artifact *b = &run->to->artifacts[i];
        if (jbi_artifact_kind_is_database(b->kind) &&
            jbi_manifest_artifact(run->from, b->kind, b->name) == NULL)
            jbi_diff_row_of_database(&run->diff, "added", "database", b->name);
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
    run.diff = (struct diff){.report = session->report, .arena = &session->arena};
    if (code == JB_OK)
        code = diff_code(&run, session->err);
    if (code == JB_OK)
        code = diff_databases(&run, session->err);
    if (code == JB_OK) {
        struct record *figures = &session->report->figures;
        say_not_compared(&run);
        jbi_row_text(session->report, figures, "from", run.from->timestamp);
        jbi_row_text(session->report, figures, "to", run.to->timestamp);
        jbi_row_number(session->report, figures, "added", run.diff.added);
        jbi_row_number(session->report, figures, "removed", run.diff.removed);
        jbi_row_number(session->report, figures, "changed", run.diff.changed);
    }
    return jbi_session_end(session, code, report);
}
