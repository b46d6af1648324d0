/* SPDX-License-Identifier: MIT */
/* What is kept and what goes: jb_cleanup, jb_remove, jb_pin, jb_unpin. */
#include <stdio.h>
#include <stdlib.h>

#include "api/session.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/text.h"

struct cleanup_run {
    struct session session;
    struct jb_cleanup_options options;
    int64_t kept, removed;
    uint64_t freed;
};

static void report_verdict(struct cleanup_run *run, const struct manifest *backup,
                           const struct retention_verdict *verdict, uint64_t freed)
{
    jb_report *report = run->session.report;
    struct record *row = jbi_report_row(report);
    jbi_row_text(report, row, "timestamp", backup->timestamp);
    jbi_row_text(report, row, "category", jbi_category_name(backup->category));
    jbi_row_bool(report, row, "keep", verdict->keep);
    jbi_row_text(report, row, "reason", verdict->reason);
    jbi_row_number(report, row, "total_size", (int64_t)backup->total_size);
    jbi_row_number(report, row, "freed", (int64_t)freed);
    run->kept += verdict->keep;
    run->removed += !verdict->keep;
    run->freed += freed;
}

static int carry_out(struct cleanup_run *run, const struct manifest *backup,
                     const struct retention_verdict *verdict, struct jb_error *err)
{
    struct session *session = &run->session;
    uint64_t freed = 0;
    int code = JB_OK;
    if (!verdict->keep && run->options.dry_run) {
        freed = jbi_backup_freed_bytes(&session->repository, backup);
    } else if (!verdict->keep) {
        char line[256];
        code = jbi_progress(&session->project->hooks, "cleanup", (uint64_t)run->removed, 0,
                            "backups", err);
        if (code == JB_OK)
            code =
                jbi_repository_remove(&session->repository, backup, &freed, session->report, err);
        snprintf(line, sizeof line, "cleanup removed %s: %s", backup->timestamp, verdict->reason);
        if (code == JB_OK)
            jbi_repository_log(&session->repository, line);
    }
    if (code == JB_OK)
        report_verdict(run, backup, verdict, freed);
    return code;
}

static int cleanup(struct cleanup_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    const struct catalog *catalog = &session->catalog;
    scope_free bool *is_whole = calloc(catalog->count + 1, sizeof *is_whole);
    scope_free struct retention_verdict *verdicts = calloc(catalog->count + 1, sizeof *verdicts);
    if (is_whole == NULL || verdicts == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < catalog->count; i++)
        is_whole[i] = jbi_backup_is_whole(&session->repository, &catalog->backups[i]);
    int code = jbi_retention_decide(catalog, is_whole, &session->project->retention, jbi_now_us(),
                                    &session->arena, verdicts, err);
    for (size_t i = 0; i < catalog->count && code == JB_OK; i++)
        code = carry_out(run, &catalog->backups[i], &verdicts[i], err);
    return code;
}

int jb_cleanup(jb_project *project, const struct jb_cleanup_options *options, jb_report **report,
               struct jb_error *err)
{
    struct cleanup_run run = {.options = JB_CLEANUP_OPTIONS_INIT};
    struct session *session = &run.session;
    int code = jbi_options_take(&run.options, sizeof run.options, options, err);
    if (code < 0)
        return code;
    code = run.options.dry_run
               ? jbi_session_read(session, project, err)
               : jbi_session_write(session, project, run.options.wait_s, "cleanup", err);
    if (code == JB_OK)
        code = cleanup(&run, session->err);
    if (code == JB_OK) {
        struct record *figures = &session->report->figures;
        jbi_row_number(session->report, figures, "kept", run.kept);
        jbi_row_number(session->report, figures, "removed", run.removed);
        jbi_row_number(session->report, figures, "freed", (int64_t)run.freed);
        jbi_row_bool(session->report, figures, "dry_run", run.options.dry_run != 0);
    }
    return jbi_session_end(session, code, report);
}

/* The backup that a change speaks of, with the lock held. */
static int change_begin(struct session *session, jb_project *project,
                        const struct jb_change_options *options, const char *what,
                        const struct manifest **backup, struct jb_error *err)
{
    int code = jbi_session_write(session, project, options->wait_s, what, err);
    return code < 0 ? code
                    : jbi_catalog_find(&session->catalog, options->timestamp, backup, session->err);
}

static int remove_one(struct session *session, const struct manifest *backup, struct jb_error *err)
{
    uint64_t freed = 0;
    char line[64];
    if (backup->pinned) {
        jbi_fail(err, JB_EINVAL, "backup %s is pinned", backup->timestamp);
        jbi_hint(err, "\"jbackup unpin %s\" first", backup->timestamp);
        return JB_EINVAL;
    }
    int code = jbi_repository_remove(&session->repository, backup, &freed, session->report, err);
    if (code < 0)
        return code;
    snprintf(line, sizeof line, "removed %s", backup->timestamp);
    jbi_repository_log(&session->repository, line);
    jbi_row_text(session->report, &session->report->figures, "timestamp", backup->timestamp);
    jbi_row_number(session->report, &session->report->figures, "freed", (int64_t)freed);
    return JB_OK;
}

int jb_remove(jb_project *project, const struct jb_change_options *options, jb_report **report,
              struct jb_error *err)
{
    struct jb_change_options taken = JB_CHANGE_OPTIONS_INIT;
    const struct manifest *backup = NULL;
    struct session session;
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code < 0)
        return code;
    code = change_begin(&session, project, &taken, "remove", &backup, err);
    if (code == JB_OK)
        code = remove_one(&session, backup, session.err);
    return jbi_session_end(&session, code, report);
}

static int set_pinned(jb_project *project, const struct jb_change_options *options, bool pinned,
                      jb_report **report, struct jb_error *err)
{
    struct jb_change_options taken = JB_CHANGE_OPTIONS_INIT;
    const struct manifest *backup = NULL;
    struct session session;
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code < 0)
        return code;
    code = change_begin(&session, project, &taken, pinned ? "pin" : "unpin", &backup, err);
    if (code == JB_OK && backup->pinned != pinned) {
        struct manifest changed = *backup;
        changed.pinned = pinned;
        code = jbi_manifest_rewrite(&session.repository, &changed, session.err);
    }
    if (code == JB_OK) {
        jbi_row_text(session.report, &session.report->figures, "timestamp", backup->timestamp);
        jbi_row_bool(session.report, &session.report->figures, "pinned", pinned);
    }
    return jbi_session_end(&session, code, report);
}

int jb_pin(jb_project *project, const struct jb_change_options *options, jb_report **report,
           struct jb_error *err)
{
    return set_pinned(project, options, true, report, err);
}

int jb_unpin(jb_project *project, const struct jb_change_options *options, jb_report **report,
             struct jb_error *err)
{
    return set_pinned(project, options, false, report, err);
}
