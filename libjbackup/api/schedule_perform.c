/* SPDX-License-Identifier: MIT */
/* One run of a schedule. Invariant: while it lasts its lock is held and its record says so; when it
 * ends, however it ends, the record says how. */
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/schedule.h"
#include "api/schedule_calendar.h"
#include "api/schedule_lock.h"
#include "api/schedule_units.h"
#include "api/session.h"
#include "base/clock.h"
#include "repository/schedule_record.h"

#define FIRST_S 3600 /* a first run is not made up for: only a time so long ago counts */
#define SHORT_S 2    /* whoever looks whether a run is under way holds its lock for a moment */

struct performance {
    struct jb_perform_options options;
    enum schedule schedule;
    const struct schedule_entry *entry;
    jb_project *project;
    jb_report *report;
    struct repository repository;
    int lock_fd;
    struct schedule_record record;
    struct schedule_run run;
    bool was_bad, has_died; /* the run before */
    int64_t begin_ms;
    struct arena arena;
};

/* ---- The record ----------------------------------------------------------------------------- */

/* What the run before came to. One that died is recorded as failed now. */
static int look_back(struct performance *p, struct jb_error *err)
{
    const char *name = jbi_schedule_name(p->schedule);
    int code =
        jbi_schedule_record_load(&p->record, &p->repository, name, &p->arena, p->report, err);
    if (code < 0 || p->record.count == 0)
        return code;
    struct schedule_run last = p->record.runs[0];
    p->has_died = strcmp(last.result, "running") == 0;
    p->was_bad = p->has_died || strcmp(last.result, "ok") != 0;
    if (!p->has_died)
        return JB_OK;
    jbi_schedule_lost(&last);
    jbi_finding(p->report, JB_WARNING, name, "the run before this one failed: %s", last.error);
    return jbi_schedule_record_write(&p->record, &p->repository, name, &last, false, &p->arena,
                                     err);
}

/* When the last run began that did not die; 0: never. */
static int64_t last_began_s(const struct performance *p)
{
    size_t i = p->has_died ? 1 : 0;
    return i < p->record.count ? p->record.runs[i].began_us / 1000000 : 0;
}

/* A timer is started at its time, or to make up for a time that was missed; whoever else asks does
 * so now and then. */
static bool is_due(const struct performance *p)
{
    struct calendar calendar;
    int64_t last = last_began_s(p), now = jbi_now_us() / 1000000;
    const char *at = p->entry->at;
    if (!p->options.if_due)
        return true;
    if (strcmp(p->run.by, "timer") == 0 || !jbi_calendar_parse(&calendar, at) || last > now)
        return jbi_schedule_is_due(at, last, now);
    int64_t newest = jbi_calendar_newest(&calendar, now);
    return last > 0 ? last < newest : newest > now - FIRST_S;
}

/* ---- What it does --------------------------------------------------------------------------- */

/* The figures of a verb, but for those that are there. */
static void take_figures(jb_report *to, const jb_report *from)
{
    for (const struct field *f = from->figures.first; f != NULL; f = f->next) {
        const struct field *own = to->figures.first;
        while (own != NULL && strcmp(own->key, f->key) != 0)
            own = own->next;
        if (own != NULL || strcmp(f->key, "timestamp") == 0 || strcmp(f->key, "duration_ms") == 0)
            continue;
        if (f->kind == FIELD_TEXT)
            jbi_row_text(to, &to->figures, f->key, f->text);
        else if (f->kind == FIELD_JSON)
            jbi_row_json(to, &to->figures, f->key, f->text);
        else if (f->kind == FIELD_BOOL)
            jbi_row_bool(to, &to->figures, f->key, f->number != 0);
        else
            jbi_row_number(to, &to->figures, f->key, f->number);
    }
}

static void take_report(struct performance *p, jb_report *from, size_t row, const char *what)
{
    const char *timestamp = from != NULL ? jb_report_text(from, row, "timestamp") : NULL;
    if (timestamp != NULL) {
        p->run.timestamp = jbi_arena_text(&p->arena, timestamp);
        p->report->failed = p->report->failed || p->run.timestamp == NULL;
    }
    if (from != NULL) {
        take_figures(p->report, from);
        jbi_report_merge(p->report, from, what);
    }
    jb_report_free(from);
}

/* What is there to be kept is kept, so its failure is a finding of a backup that was made. */
static void clean_up(struct performance *p)
{
    struct jb_cleanup_options options = JB_CLEANUP_OPTIONS_INIT;
    struct jb_error why = {0};
    jb_report *report = NULL;
    options.wait_s = p->options.wait_s;
    if (jb_cleanup(p->project, &options, &report, &why) < 0) {
        jbi_finding(p->report, JB_ERROR, "cleanup", "%s", why.text);
        jbi_finding_hint(p->report, "%s", why.hint);
    }
    take_report(p, report, JB_FIGURES, "cleanup");
}

static int back_up(struct performance *p, struct jb_error *err)
{
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    jb_report *report = NULL;
    options.type = p->entry->type;
    options.category = jbi_schedule_name(p->schedule);
    options.wait_s = p->options.wait_s;
    int code = backup_create(p->project, &options, &report, err);
    take_report(p, report, JB_FIGURES, "");
    if (code == JB_OK && p->entry->cleanup)
        clean_up(p);
    return code;
}

static int verify(struct performance *p, struct jb_error *err)
{
    struct jb_verify_options options = JB_VERIFY_OPTIONS_INIT;
    jb_report *report = NULL;
    options.latest = 1;
    options.depth = JB_DEPTH_RESTORE;
    int code = backup_verify(p->project, &options, &report, err);
    take_report(p, report, 0, "");
    return code;
}

/* ---- The run -------------------------------------------------------------------------------- */

static void say_well_again(struct performance *p)
{
    struct jb_alert_options options = JB_ALERT_OPTIONS_INIT;
    struct jb_error why = {0};
    const char *unit = jbi_schedule_unit(p->project->name, p->schedule, &p->arena);
    options.subject = unit ? jbi_arena_printf(&p->arena, "%s.service", unit) : NULL;
    options.message = "runs well again";
    options.level = JB_INFO;
    if (options.subject == NULL)
        p->report->failed = true;
    else if (jb_alert(p->project, &options, NULL, &why) < 0)
        jbi_finding(p->report, JB_WARNING, options.subject,
                    "that it is well again could not be told: %s", why.text);
}

/* The first of the worst findings, as the reason of a run that is bad by them. */
static const char *first_error(struct performance *p)
{
    for (size_t i = 0; i < p->report->finding_count; i++) {
        const struct jb_finding *finding = &p->report->findings[i];
        if (finding->level >= JB_ERROR)
            return jbi_arena_printf(&p->arena, "%s: %s", finding->subject, finding->message);
    }
    return NULL;
}

static int end_run(struct performance *p, int code, const struct jb_error *why,
                   struct jb_error *err)
{
    p->run.ended_us = jbi_now_us();
    p->run.exit_status = jb_exit_status(code, code == JB_OK ? p->report : NULL);
    p->run.result = code < 0 ? "failed" : p->run.exit_status != 0 ? "findings" : "ok";
    p->run.error = code < 0 ? why->text : first_error(p);
    return jbi_schedule_record_write(&p->record, &p->repository, jbi_schedule_name(p->schedule),
                                     &p->run, false, &p->arena, err);
}

/* What went wrong first is told; that it could not be recorded only where nothing else did. */
static int run(struct performance *p, struct jb_error *err)
{
    struct jb_error why = {0}, unrecorded = {0};
    p->run.began_us = jbi_now_us();
    p->run.result = "running";
    int code = jbi_schedule_record_write(&p->record, &p->repository, jbi_schedule_name(p->schedule),
                                         &p->run, true, &p->arena, err);
    if (code < 0)
        return code;
    code = p->schedule == SCHEDULE_VERIFY ? verify(p, &why) : back_up(p, &why);
    if (end_run(p, code, &why, &unrecorded) < 0)
        jbi_finding(p->report, JB_WARNING, jbi_schedule_name(p->schedule),
                    "how the run ended could not be recorded: %s", unrecorded.text);
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    if (strcmp(p->run.result, "ok") == 0 && p->was_bad)
        say_well_again(p);
    return code;
}

static int begin(struct performance *p, const struct jb_perform_options *options,
                 struct jb_error *err)
{
    int code = jbi_options_take(&p->options, sizeof p->options, options, err);
    if (code < 0)
        return code;
    const char *name = p->options.schedule;
    if (name == NULL || !jbi_schedule_parse(name, &p->schedule) ||
        p->schedule == SCHEDULE_MONITOR) {
        jbi_fail(err, JB_EINVAL, "\"%s\" is no schedule: daily, weekly, monthly or verify",
                 name ? name : "");
        if (name != NULL && strcmp(name, "monitor") == 0)
            jbi_hint(err, "that one is done by \"jbackup-monitor check --alert\"");
        return JB_EINVAL;
    }
    const char *by = p->options.by != NULL ? p->options.by : "hand";
    if ((strcmp(by, "timer") != 0 && strcmp(by, "cron") != 0 && strcmp(by, "hand") != 0) ||
        p->options.wait_s < 0)
        return jbi_fail(err, JB_EINVAL,
                        "a run is asked for by timer, cron or hand, and does not wait for a "
                        "negative time");
    p->run.by = by;
    p->entry = &p->project->schedules[p->schedule];
    p->report = jbi_report_new();
    return p->report != NULL ? JB_OK : jbi_fail_memory(err);
}

/* Another run of the same schedule does what a due one would do. */
static int take_lock(struct performance *p, bool *is_busy, struct jb_error *err)
{
    struct jb_error why = {0};
    int wait_s = p->options.if_due || p->options.wait_s < SHORT_S ? SHORT_S : p->options.wait_s;
    int code = jbi_repository_open(&p->repository, p->project->backup_dir, true, NULL, err);
    if (code < 0)
        return code;
    code = jbi_schedule_lock(&p->repository, jbi_schedule_name(p->schedule), wait_s,
                             &p->project->hooks, &p->lock_fd, &why);
    *is_busy = code == JB_ELOCKED && p->options.if_due;
    if (code == JB_ELOCKED && !*is_busy) {
        jbi_fail(err, code, "the schedule \"%s\" is %s", jbi_schedule_name(p->schedule), why.text);
        jbi_hint(err, "%s", why.hint);
    } else if (code < 0 && !*is_busy) {
        jbi_fail(err, code, "%s", why.text);
    }
    return *is_busy ? JB_OK : code;
}

static int finish(struct performance *p, int code, bool performed, jb_report **report,
                  struct jb_error *err)
{
    struct record *figures = &p->report->figures;
    if (code == JB_OK) {
        jbi_row_text(p->report, figures, "schedule", jbi_schedule_name(p->schedule));
        jbi_row_bool(p->report, figures, "performed", performed);
        jbi_row_text(p->report, figures, "timestamp", p->run.timestamp);
        jbi_row_number(p->report, figures, "duration_ms", jbi_monotonic_ms() - p->begin_ms);
    }
    jbi_repository_close(&p->repository);
    if (p->lock_fd >= 0) {
        flock(p->lock_fd, LOCK_UN);
        close(p->lock_fd);
    }
    jbi_arena_free(&p->arena);
    if (code == JB_OK)
        return jbi_report_hand_over(p->report, report, err);
    jb_report_free(p->report);
    return code;
}

int jb_schedule_perform(jb_project *project, const struct jb_perform_options *options,
                        jb_report **report, struct jb_error *err)
{
    struct jb_error unwanted = {0};
    struct performance p = {.options = JB_PERFORM_OPTIONS_INIT,
                            .project = project,
                            .lock_fd = -1,
                            .begin_ms = jbi_monotonic_ms()};
    bool is_busy = false, is_wanted = false;
    err = err != NULL ? err : &unwanted;
    int code = begin(&p, options, err);
    if (code < 0)
        return code;
    code = take_lock(&p, &is_busy, err);
    if (code == JB_OK && !is_busy)
        code = look_back(&p, err);
    if (code == JB_OK && !is_busy)
        is_wanted = is_due(&p) && (p.entry->is_on || !p.options.if_due);
    if (code == JB_OK && is_wanted)
        code = run(&p, err);
    return finish(&p, code, is_wanted, report, err);
}
