/* SPDX-License-Identifier: MIT */
/* After a restore in place: what state it is in, the way back, and removing what was kept. */
#include <stdio.h>

#include "api/restore_aftermath.h"
#include "api/restore_transaction.h"
#include "base/clock.h"

struct recover_run {
    struct session session;
    struct jb_recover_options options;
    struct transaction t;
};

static int begin(struct recover_run *run, jb_project *project,
                 const struct jb_recover_options *options, const char *what, struct jb_error *err)
{
    struct session *session = &run->session;
    run->options = (struct jb_recover_options)JB_RECOVER_OPTIONS_INIT;
    int code = jbi_options_take(&run->options, sizeof run->options, options, err);
    run->t.lock_fd = -1;
    if (code < 0) {
        session->report = NULL;
        session->lock_fd = -1;
        return code;
    }
    code = jbi_session_read(session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = jbi_transaction_begin(&run->t, session, run->options.wait_s, what, session->err);
    return code;
}

static int end(struct recover_run *run, int code, jb_report **report)
{
    jbi_transaction_end(&run->t);
    return jbi_session_end(&run->session, code, report);
}

static void report_times(struct recover_run *run)
{
    jb_report *report = run->session.report;
    jbi_row_number(report, &report->figures, "duration_ms",
                   jbi_monotonic_ms() - run->session.begin_ms);
}

/* ---- State ---------------------------------------------------------------------------------- */

static void report_journal(jb_report *report, const struct journal *journal, bool runs)
{
    struct record *figures = &report->figures;
    char began[ISO_TIME_SIZE];
    jbi_iso_time(began, journal->began_us, false);
    jbi_row_text(report, figures, "phase", jbi_journal_phase_name(journal->phase));
    jbi_row_text(report, figures, "id", journal->id);
    jbi_row_text(report, figures, "timestamp", journal->timestamp);
    jbi_row_text(report, figures, "safety", journal->safety[0] ? journal->safety : NULL);
    jbi_row_text(report, figures, "type", jbi_type_name(journal->type));
    jbi_row_text(report, figures, "environment", journal->environment);
    jbi_row_text(report, figures, "began_at", began);
    jbi_row_text(report, figures, "service", journal->service);
    jbi_row_bool(report, figures, "running", runs);
    if (!jbi_journal_is_open(journal) || runs)
        return;
    jbi_finding(report, JB_CRITICAL, journal->id,
                "a restore of %s has not ended (%s): production may be half down",
                journal->timestamp, jbi_journal_phase_name(journal->phase));
    jbi_finding_hint(report, "run \"jbackup-restore recover\"");
}

/* What it is of, and where the old state lies, as far as that can be told: the configuration may
 * not be that of then. */
static void report_targets(struct transaction *t)
{
    jb_report *report = t->session->report;
    struct jb_error unwanted = {0};
    const struct journal *journal = &t->journal;
    if (jbi_journal_is_open(journal) || jbi_transaction_resume(t, &unwanted) < 0)
        unwanted.code = JB_EINVAL;
    for (size_t i = 0; i < journal->target_count; i++) {
        const struct swap *swap = unwanted.code == 0 ? t->swaps[i] : NULL;
        struct record *row = jbi_report_row(report);
        jbi_row_text(report, row, "row", "target");
        jbi_row_text(report, row, "kind", journal->targets[i].kind);
        jbi_row_text(report, row, "name", journal->targets[i].name);
        jbi_row_text(report, row, "place", swap ? swap->ops->kept(swap) : NULL);
    }
}

static int look(struct session *session, struct jb_error *err)
{
    struct transaction t = {.session = session, .lock_fd = -1};
    jb_report *report = session->report;
    int code = jbi_journal_load(&t.journal, &session->repository, &session->arena, err);
    if (code < 0 && code != JB_ENOTFOUND)
        return code;
    bool is_open = code == JB_OK && jbi_journal_is_open(&t.journal);
    jbi_row_text(report, &report->figures, "state",
                 code == JB_ENOTFOUND ? "none"
                 : is_open            ? "open"
                                      : "kept");
    if (code == JB_OK) {
        report_journal(report, &t.journal, is_open && jbi_restore_is_running(session));
        report_targets(&t);
    }
    jbi_transaction_end(&t);
    return JB_OK;
}

int jb_restore_state(jb_project *project, const struct jb_recover_options *options,
                     jb_report **report, struct jb_error *err)
{
    struct jb_recover_options taken = JB_RECOVER_OPTIONS_INIT;
    struct session session;
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code < 0)
        return code;
    code = jbi_session_read(&session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = look(&session, session.err);
    return jbi_session_end(&session, code, report);
}

/* ---- Recover, roll back, discard ------------------------------------------------------------ */

static void log_line(struct recover_run *run, const char *what)
{
    char line[200];
    snprintf(line, sizeof line, "%s the restore of %s", what, run->t.journal.timestamp);
    jbi_repository_log(&run->session.repository, line);
    jbi_log(&run->session.project->hooks, LOG_INFO, "%s", line);
}

/* A restore that died while it removed what the one before it had kept leaves both open. */
static int recover_all(struct recover_run *run, bool *is_done, bool *is_new, struct jb_error *err)
{
    struct transaction *t = &run->t;
    int code = JB_OK;
    *is_done = *is_new = false;
    while (code == JB_OK && t->has_journal && jbi_journal_is_open(&t->journal)) {
        bool is_discarding = t->journal.phase == JOURNAL_DISCARDING;
        code = jbi_transaction_resume(t, err);
        if (code == JB_OK)
            code = is_discarding ? jbi_transaction_discard(t, err) : jbi_transaction_undo(t, err);
        if (code == JB_OK) {
            log_line(run, is_discarding ? "finished removing the old state of" : "undid");
            *is_new = !*is_done && is_discarding;
            *is_done = true;
            code = jbi_transaction_next(t, err);
        }
    }
    return code;
}

int jb_recover(jb_project *project, const struct jb_recover_options *options, jb_report **report,
               struct jb_error *err)
{
    struct recover_run run = {0};
    char timestamp[TIMESTAMP_SIZE];
    bool is_done, is_new;
    int code = begin(&run, project, options, "recover", err);
    if (code < 0)
        return end(&run, code, report);
    jb_report *told = run.session.report;
    memcpy(timestamp, run.t.journal.timestamp, sizeof timestamp);
    code = recover_all(&run, &is_done, &is_new, run.session.err);
    jbi_row_bool(told, &told->figures, "recovered", is_done);
    jbi_row_text(told, &told->figures, "timestamp", is_done ? timestamp : NULL);
    jbi_row_text(told, &told->figures, "state", !is_done ? NULL : is_new ? "new" : "old");
    report_times(&run);
    return end(&run, code, report);
}

/* Loads what the last restore has kept; JB_ENOTFOUND if nothing is. */
static int begin_kept(struct recover_run *run, jb_project *project,
                      const struct jb_recover_options *options, const char *what,
                      struct jb_error *err)
{
    int code = begin(run, project, options, what, err);
    if (code < 0)
        return code;
    struct transaction *t = &run->t;
    bool is_open = t->has_journal && jbi_journal_is_open(&t->journal);
    if (!t->has_journal) {
        jbi_fail(run->session.err, JB_ENOTFOUND, "no restore has kept an old state");
        jbi_hint(run->session.err, "the backups before it are in \"jbackup list\"");
        return JB_ENOTFOUND;
    }
    if (is_open) {
        jbi_fail(run->session.err, JB_EINVAL, "the last restore has not ended");
        jbi_hint(run->session.err, "run \"jbackup-restore recover\" first");
        return JB_EINVAL;
    }
    return jbi_transaction_resume(t, run->session.err);
}

static void report_kept(struct recover_run *run)
{
    jb_report *report = run->session.report;
    jbi_row_text(report, &report->figures, "timestamp", run->t.journal.timestamp);
    jbi_row_text(report, &report->figures, "environment", run->t.journal.environment);
    jbi_row_number(report, &report->figures, "down_ms", run->t.journal.down_ms);
    report_times(run);
}

int jb_rollback(jb_project *project, const struct jb_recover_options *options, jb_report **report,
                struct jb_error *err)
{
    struct recover_run run = {0};
    int code = begin_kept(&run, project, options, "rollback", err);
    if (code == JB_OK)
        code = jbi_transaction_undo(&run.t, run.session.err);
    if (code == JB_OK) {
        log_line(&run, "rolled back");
        report_kept(&run);
    }
    return end(&run, code, report);
}

int jb_discard_old(jb_project *project, const struct jb_recover_options *options,
                   jb_report **report, struct jb_error *err)
{
    struct recover_run run = {0};
    int code = begin_kept(&run, project, options, "discard-old", err);
    if (code == JB_OK)
        code = jbi_transaction_discard(&run.t, run.session.err);
    if (code == JB_OK) {
        log_line(&run, "removed the old state of");
        report_kept(&run);
    }
    return end(&run, code, report);
}
