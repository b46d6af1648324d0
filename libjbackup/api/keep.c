/* SPDX-License-Identifier: MIT */
/* What is kept and what goes: jb_cleanup, jb_remove, jb_pin, jb_unpin. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/restore_aftermath.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/text.h"
#include "repository/freed.h"

struct cleanup_run {
    struct session session;
    struct jb_cleanup_options options;
    int64_t kept, removed;
    uint64_t freed;
    struct freed would; /* what a dry run would have removed already */
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
        code = jbi_freed_add(&run->would, &session->repository, backup, err);
        freed = run->would.last;
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
               ? jbi_session_read(session, project, JB_WARNING, err)
               : jbi_session_write(session, project, run.options.wait_s, "cleanup", err);
    if (code == JB_OK && !run.options.dry_run)
        code = jbi_restore_refuse(session, "cleanup", session->err);
    if (code == JB_OK)
        code = cleanup(&run, session->err);
    if (code == JB_OK) {
        struct record *figures = &session->report->figures;
        jbi_row_number(session->report, figures, "kept", run.kept);
        jbi_row_number(session->report, figures, "removed", run.removed);
        jbi_row_number(session->report, figures, "freed", (int64_t)run.freed);
        jbi_row_bool(session->report, figures, "dry_run", run.options.dry_run != 0);
    }
    jbi_freed_free(&run.would);
    return jbi_session_end(session, code, report);
}

/* The backup that a change speaks of, with the lock held. */
static int change_begin(struct session *session, jb_project *project,
                        const struct jb_change_options *options, const char *what,
                        const struct manifest **backup, struct jb_error *err)
{
    const struct manifest *known;
    int code = jbi_session_read(session, project, JB_WARNING,
                                err); /* nothing is made for a wrong timestamp */
    if (code == JB_OK && options->wait_s < 0)
        code = jbi_fail(session->err, JB_EINVAL, "a negative time to wait");
    if (code == JB_OK)
        code = jbi_session_find(session, options->timestamp, &known);
    if (code < 0 && code != JB_ECORRUPT)
        return code;
    *session->err = (struct jb_error){0};
    jbi_session_end(session, JB_OK, NULL);
    code = jbi_session_write(session, project, options->wait_s, what, err);
    return code < 0 ? code : jbi_session_find(session, options->timestamp, backup);
}

static void report_freed(struct session *session, const char *timestamp, uint64_t freed,
                         bool is_dry_run)
{
    struct record *figures = &session->report->figures;
    jbi_row_text(session->report, figures, "timestamp", timestamp);
    jbi_row_number(session->report, figures, "freed", (int64_t)freed);
    jbi_row_bool(session->report, figures, "dry_run", is_dry_run);
}

static void report_removal(struct session *session, const char *timestamp, uint64_t freed)
{
    char line[64];
    snprintf(line, sizeof line, "removed %s", timestamp);
    jbi_repository_log(&session->repository, line);
    report_freed(session, timestamp, freed, false);
}

/* A backup whose manifest can't be read is in the category that has the manifest. */
static int remove_damaged(struct session *session, const char *timestamp)
{
    char name[LAYOUT_NAME_SIZE];
    uint64_t freed = 0;
    enum category category = CATEGORY_DAILY;
    jbi_manifest_name(name, timestamp);
    while (category < CATEGORY_COUNT - 1 && faccessat(session->repository.category_fd[category],
                                                      name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        category++;
    *session->err = (struct jb_error){0};
    int code = jbi_repository_remove_damaged(&session->repository, category, timestamp, &freed,
                                             session->report, session->err);
    if (code == JB_OK)
        report_removal(session, timestamp, freed);
    return code;
}

static int refuse_pinned(const struct manifest *backup, struct jb_error *err)
{
    if (!backup->pinned)
        return JB_OK;
    jbi_fail(err, JB_EINVAL, "backup %s is pinned", backup->timestamp);
    jbi_hint(err, "\"jbackup unpin %s\" first", backup->timestamp);
    return JB_EINVAL;
}

static int remove_one(struct session *session, const struct manifest *backup, struct jb_error *err)
{
    uint64_t freed = 0;
    int code = refuse_pinned(backup, err);
    if (code == JB_OK)
        code = jbi_restore_refuse(session, "remove", err);
    if (code == JB_OK)
        code = jbi_repository_remove(&session->repository, backup, &freed, session->report, err);
    if (code == JB_OK)
        report_removal(session, backup->timestamp, freed);
    return code;
}

static int remove_dry(jb_project *project, const struct jb_change_options *options,
                      jb_report **report, struct jb_error *err)
{
    const struct manifest *backup = NULL;
    struct session session;
    uint64_t freed = 0;
    int code = jbi_session_read(&session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = jbi_session_find(&session, options->timestamp, &backup);
    if (code == JB_OK)
        code = refuse_pinned(backup, session.err);
    if (code == JB_OK)
        code = jbi_freed_by(&session.repository, backup, &freed, session.err);
    if (code == JB_OK)
        report_freed(&session, backup->timestamp, freed, true);
    return jbi_session_end(&session, code, report);
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
    if (taken.dry_run)
        return remove_dry(project, &taken, report, err);
    code = change_begin(&session, project, &taken, "remove", &backup, err);
    if (code == JB_OK)
        code = remove_one(&session, backup, session.err);
    else if (code == JB_ECORRUPT)
        code = remove_damaged(&session, taken.timestamp);
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
    if (taken.dry_run)
        return jbi_fail(err, JB_EINVAL, "pin and unpin have no dry run");
    code = change_begin(&session, project, &taken, pinned ? "pin" : "unpin", &backup, err);
    bool is_released = code == JB_OK && !pinned && backup->keep_until_us != 0;
    if (code == JB_OK && (backup->pinned != pinned || is_released)) {
        struct manifest changed = *backup;
        changed.pinned = pinned;
        if (is_released)
            changed.keep_until_us = 0;
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
