/* SPDX-License-Identifier: MIT */
/* The restore in place, step by step: staged and compared beside what lives, exchanged in a moment,
 * verified, or put back. */
#include "api/restore_place.h"

#include <stdio.h>
#include <unistd.h>

#include "api/restore_choice.h"
#include "api/restore_plan.h"
#include "api/restore_transaction.h"
#include "base/clock.h"

struct place_run {
    struct session session;
    struct jb_restore_options options;
    const struct manifest *backup;
    const char *path;              /* of the code, normal; NULL: all */
    struct transaction t, earlier; /* earlier: what stands and has kept an old state */
    struct restore_plan plan;
    bool goes_on; /* false: the plan alone is wanted */
};

/* ---- Steps ---------------------------------------------------------------------------------- */

/* What an earlier restore left open is finished first: one that died is undone. */
static int settle_open(struct transaction *t, struct jb_error *err)
{
    int code = JB_OK;
    while (code == JB_OK && t->has_journal && jbi_journal_is_open(&t->journal)) {
        char id[TIMESTAMP_SIZE];
        bool is_discarding = t->journal.phase == JOURNAL_DISCARDING;
        memcpy(id, t->journal.id, sizeof id);
        code = jbi_transaction_resume(t, err);
        if (code == JB_OK)
            code = is_discarding ? jbi_transaction_discard(t, err) : jbi_transaction_undo(t, err);
        if (code == JB_OK) {
            jbi_finding(t->session->report, JB_WARNING, id, "a restore that had not ended was %s",
                        is_discarding ? "finished first" : "undone first");
            code = jbi_transaction_next(t, err);
        }
    }
    return code;
}

/* What one that stands has kept stays until this one exchanges: if this one fails before, it is
 * still there to go back to. */
static int settle_earlier(struct place_run *run, struct jb_error *err)
{
    struct transaction *t = &run->t;
    int code = settle_open(t, err);
    if (code < 0 || !t->has_journal)
        return code;
    code = jbi_transaction_resume(t, err);
    if (code == JB_OK)
        code = jbi_journal_set_aside(&run->session.repository, &t->journal, err);
    if (code < 0)
        return code;
    run->earlier = *t;
    run->earlier.lock_fd = -1;
    *t = (struct transaction){.session = &run->session, .lock_fd = t->lock_fd};
    return JB_OK;
}

/* The last moment at which it can be let go of: what is exchanged now takes its place. */
static int forget_earlier(struct place_run *run, struct jb_error *err)
{
    char id[TIMESTAMP_SIZE];
    if (!run->earlier.has_journal)
        return JB_OK;
    memcpy(id, run->earlier.journal.id, sizeof id);
    int code = jbi_transaction_discard(&run->earlier, err);
    if (code == JB_OK)
        jbi_finding(run->session.report, JB_INFO, id,
                    "what the restore before this one had kept of the old state was removed");
    return code;
}

/* Of two restores in one second the second is dated a second later: names are made of it. A plan
 * has not taken up the earlier one, whose names are in use all the same. */
static void choose_id(struct place_run *run)
{
    struct journal *journal = &run->t.journal, planned_after = {0};
    struct session *session = &run->session;
    struct jb_error unwanted = {0};
    const char *taken = run->earlier.has_journal ? run->earlier.journal.id : "";
    if (!run->goes_on &&
        jbi_journal_load(&planned_after, &session->repository, &session->arena, &unwanted) == JB_OK)
        taken = planned_after.id;
    journal->began_us = jbi_now_us();
    jbi_timestamp(journal->id, journal->began_us / 1000000);
    if (strcmp(journal->id, taken) == 0)
        jbi_timestamp(journal->id, journal->began_us / 1000000 + 1);
    jbi_journal_free(&planned_after);
}

static int begin_journal(struct place_run *run, struct jb_error *err)
{
    struct journal *journal = &run->t.journal;
    struct arena *arena = &run->session.arena;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    choose_id(run);
    memcpy(journal->timestamp, run->backup->timestamp, TIMESTAMP_SIZE);
    journal->type = run->options.type;
    journal->environment = run->t.target.environment;
    journal->host = jbi_arena_text(arena, host);
    journal->tool = "jbackup " JBACKUP_VERSION;
    journal->service = run->t.target.service ? jbi_service_name(run->t.target.service) : NULL;
    return journal->host ? JB_OK : jbi_fail_memory(err);
}

/* Once, and of production alone: a backup of another environment would stand among production's. */
static int back_up_present(struct place_run *run, struct jb_error *err)
{
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    struct jb_error why = {0};
    jb_report *report = NULL;
    if (!run->t.target.is_production || run->options.without_safety_backup ||
        run->t.journal.safety[0])
        return JB_OK;
    options.type = run->options.database != NULL ? JB_TYPE_DATABASE
                   : run->path != NULL           ? JB_TYPE_CODEBASE
                                                 : run->options.type;
    options.label =
        jbi_arena_printf(&run->session.arena, "before the restore of %s", run->backup->timestamp);
    options.wait_s = run->options.wait_s;
    int code = backup_create(run->session.project, &options, &report, &why);
    if (code == JB_OK) {
        const char *timestamp = jb_report_text(report, JB_FIGURES, "timestamp");
        memcpy(run->t.journal.safety, timestamp, TIMESTAMP_SIZE);
        jb_report_free(report);
        return JB_OK;
    }
    jbi_fail(err, code, "the present state can't be backed up first: %s", why.text);
    jbi_hint(err,
             "%s%swithout_safety_backup (--no-safety-backup) restores all the same; the "
             "present state is kept beside in any case",
             why.hint, why.hint[0] ? "; or " : "");
    return code;
}

static int before_linking(void *run, struct jb_error *err)
{
    return back_up_present(run, err);
}

/* The safety backup is as late as it can be, and not made for a restore that can't be staged. But
 * it comes before living files get a second name: that dates them anew, and it would read them all
 * again. */
static int stage(struct place_run *run, struct jb_error *err)
{
    struct transaction *t = &run->t;
    struct source_job job = jbi_session_job(&run->session, run->backup->timestamp, -1);
    job.before_linking = before_linking;
    job.linking_user = run;
    int code = jbi_transaction_note(t, JOURNAL_STAGING, err);
    for (size_t i = 0; i < t->count && code == JB_OK; i++)
        code = t->swaps[i]->ops->stage(t->swaps[i], &job, err);
    if (code == JB_OK)
        code = back_up_present(run, err);
    if (code == JB_OK)
        code = jbi_transaction_note(t, JOURNAL_STAGING, err);
    return code;
}

/* One after the other, for what one exchange puts beside a database lies in the tree that another
 * exchanges; what the journal says of those that are not planned yet is that they are untouched. */
static int exchange_all(struct place_run *run, struct jb_error *err)
{
    struct transaction *t = &run->t;
    struct source_job job = jbi_session_job(&run->session, run->backup->timestamp, -1);
    int code = JB_OK;
    for (size_t i = 0; i < t->count && code == JB_OK; i++) {
        code = t->swaps[i]->ops->plan(t->swaps[i], &job, err);
        if (code == JB_OK)
            code = jbi_transaction_note(t, JOURNAL_SWAPPING, err);
        if (code == JB_OK)
            code = t->swaps[i]->ops->swap(t->swaps[i], &job, err);
    }
    return code;
}

/* From here on nobody may cancel: it goes through, or back. */
static int exchange(struct place_run *run, struct jb_error *err)
{
    struct transaction *t = &run->t;
    int code = jbi_transaction_note(t, JOURNAL_STOPPING, err);
    if (code == JB_OK)
        code = jbi_transaction_stop(t, err);
    if (code == JB_OK)
        code = exchange_all(run, err);
    if (code == JB_OK)
        code = jbi_transaction_note(t, JOURNAL_STARTING, err);
    if (code == JB_OK)
        code = jbi_transaction_start(t, err);
    if (code == JB_OK)
        code = jbi_transaction_verify(t, err);
    if (code == JB_OK)
        code = jbi_transaction_note(t, JOURNAL_DONE, err);
    return code;
}

/* Why it failed stands in the report; what is returned says in which state all is now. */
static int roll_back(struct place_run *run, const struct jb_error *why, struct jb_error *err)
{
    struct transaction *t = &run->t;
    bool was_untouched = t->journal.phase <= JOURNAL_STOPPING;
    struct jb_error undone = {0};
    int code = t->has_journal ? jbi_transaction_undo(t, &undone) : JB_OK;
    if (code < 0) {
        *err = undone;
        return code;
    }
    if (was_untouched) {
        *err = *why;
        return why->code;
    }
    jbi_finding(run->session.report, JB_ERROR, "restore", "%s", why->text);
    jbi_finding_hint(run->session.report, "%s", why->hint);
    jbi_fail(err, JB_EROLLEDBACK, "the restore failed and the old state was put back: %s",
             why->text);
    jbi_hint(err, "%s", why->hint);
    return JB_EROLLEDBACK;
}

static int transact(struct place_run *run, struct jb_error *err)
{
    struct jb_error why = {0};
    int code = stage(run, &why);
    if (code == JB_OK)
        code = forget_earlier(run, &why);
    if (code == JB_OK)
        code = exchange(run, &why);
    if (code < 0) {
        why.code = why.code ? why.code : code;
        return roll_back(run, &why, err);
    }
    if (run->options.discard_old && jbi_transaction_discard(&run->t, &why) < 0) {
        jbi_finding(run->session.report, JB_WARNING, "old state", "it is kept: %s", why.text);
        jbi_finding_hint(run->session.report, "%s", why.hint);
    }
    return JB_OK;
}

/* ---- The report ----------------------------------------------------------------------------- */

static void report_kept(struct place_run *run)
{
    jb_report *report = run->session.report;
    for (size_t i = 0; i < run->t.count && run->t.has_journal; i++) {
        const char *kept = run->t.swaps[i]->ops->kept(run->t.swaps[i]);
        struct record *row = jbi_report_row(report);
        jbi_row_text(report, row, "row", "kept");
        jbi_row_text(report, row, "name", run->t.swaps[i]->name);
        jbi_row_text(report, row, "place", kept);
    }
}

static void report_done(struct place_run *run, bool is_done)
{
    jb_report *report = run->session.report;
    struct record *figures = &report->figures;
    const char *safety = run->t.journal.safety;
    jbi_row_bool(report, figures, "done", is_done);
    jbi_row_text(report, figures, "safety", safety[0] ? safety : NULL);
    jbi_row_number(report, figures, "down_ms", run->t.journal.down_ms);
    jbi_row_number(report, figures, "duration_ms", jbi_monotonic_ms() - run->session.begin_ms);
    if (is_done)
        report_kept(run);
}

static void log_result(struct place_run *run, int code, const struct jb_error *err)
{
    char line[1400];
    snprintf(line, sizeof line, "restore of %s to %s: %s", run->backup->timestamp,
             run->t.target.environment, code == JB_OK ? "done" : err->text);
    jbi_repository_log(&run->session.repository, line);
    jbi_log(&run->session.project->hooks, code == JB_OK ? LOG_INFO : LOG_ERROR, "%s", line);
}

/* ---- The whole ------------------------------------------------------------------------------ */

static int fail_unconfirmed(struct jb_error *err)
{
    jbi_fail(err, JB_EINVAL, "this would replace production; nothing was done");
    jbi_hint(err, "confirm it (--confirm) if the plan is what you want");
    return JB_EINVAL;
}

static int prepare(struct place_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    struct transaction *t = &run->t;
    struct restore_target target;
    int code = jbi_catalog_find(&session->catalog, run->options.timestamp, &run->backup, err);
    if (code == JB_OK)
        code = jbi_restore_target(&target, session, run->options.environment, err);
    if (code < 0)
        return code;
    run->goes_on = !run->options.plan && (run->options.confirm || !target.is_production);
    t->session = session;
    if (run->goes_on)
        code = jbi_transaction_begin(t, session, run->options.wait_s, "restore", err);
    if (code == JB_OK && run->goes_on)
        code = settle_earlier(run, err);
    t->target = target;
    if (code == JB_OK)
        code = begin_journal(run, err);
    if (code == JB_OK)
        code = jbi_restore_choose(
            &(struct restore_choice){t, run->backup, &run->options, run->path}, err);
    if (code == JB_OK)
        code = jbi_restore_plan(&run->plan, t, run->backup, err);
    t->journal.service_was_active = run->plan.service_is_active;
    return code;
}

static int restore(struct place_run *run, struct jb_error *err)
{
    int code = JB_OK;
    if (run->goes_on) {
        code = transact(run, err);
        log_result(run, code, err);
    }
    report_done(run, run->goes_on && code == JB_OK);
    return run->goes_on || run->options.plan ? code : fail_unconfirmed(err);
}

int jbi_restore_place(jb_project *project, const struct jb_restore_options *options,
                      jb_report **report, struct jb_error *err)
{
    struct place_run run = {.options = *options, .t.lock_fd = -1, .earlier.lock_fd = -1};
    struct session *session = &run.session;
    int code = jbi_session_read(session, project, JB_WARNING, err);
    if (code == JB_OK && options->path != NULL)
        code = jbi_code_path(&session->arena, options->path, &run.path, session->err);
    if (code == JB_OK)
        code = prepare(&run, session->err);
    bool has_plan = code == JB_OK;
    if (code == JB_OK)
        code = restore(&run, session->err);
    jbi_transaction_end(&run.earlier);
    jbi_transaction_end(&run.t);
    /* The plan, or why it was rolled back, is told beside the error, too. */
    jb_report *told = has_plan ? session->report : NULL;
    if (has_plan)
        session->report = NULL;
    jbi_session_end(session, code == JB_OK && has_plan ? JB_EIO : code, NULL);
    if (!has_plan)
        return code;
    int complete = jbi_report_hand_over(told, report, code < 0 ? NULL : err);
    return code < 0 ? code : complete;
}
