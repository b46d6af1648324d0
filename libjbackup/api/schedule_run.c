/* SPDX-License-Identifier: MIT */
/* Runs a schedule at once. Invariant: where its service is installed it is that which runs, so what
 * works here works by the clock. */
#include <string.h>
#include <time.h>

#include "adapter/systemd_change.h"
#include "adapter/systemd_service.h"
#include "api/schedule.h"
#include "api/session.h"
#include "base/clock.h"
#include "repository/schedule_record.h"

#define TURN_MS       200
#define JOURNAL_LINES 15

struct schedule_start {
    jb_project *project;
    struct jb_run_options options;
    enum schedule schedule;
    jb_report *report;
    const char *service;
    enum systemd_manager manager;
    struct systemd_activity before, now;
    int64_t begin_us, begin_ms;
    struct arena arena;
};

static bool is(const char *value, const char *word)
{
    return strcmp(value, word) == 0;
}

/* ---- By systemd ----------------------------------------------------------------------------- */

/* Whether a manager has the service. One that is not there has not. */
static bool has_service(struct schedule_start *s, enum systemd_manager manager)
{
    const char *state;
    struct jb_error unwanted = {0};
    s->manager = manager;
    return jbi_systemd_state(manager, &s->arena, &state, &unwanted) == JB_OK &&
           jbi_systemd_look(manager, s->service, &s->arena, &s->before, &unwanted) == JB_OK &&
           is(s->before.load_state, "loaded");
}

static bool is_at_work(const struct systemd_activity *activity)
{
    static const char *const states[] = {"activating", "active", "deactivating", "reloading"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (is(activity->active_state, states[i]))
            return true;
    }
    return false;
}

/* Until the run that was asked for has ended; one that was under way already is that run. */
static int follow(struct schedule_start *s, struct jb_error *err)
{
    const struct timespec turn = {.tv_nsec = TURN_MS * 1000000L};
    bool was_at_work = is_at_work(&s->before);
    for (;;) {
        uint64_t elapsed = (uint64_t)(jbi_monotonic_ms() - s->begin_ms) / 1000;
        int code = jbi_progress(&s->project->hooks, s->service, elapsed, 0, "seconds", err);
        if (code < 0) {
            jbi_hint(err, "the run goes on; \"jbackup-scheduler status\" tells how it ends");
            return code;
        }
        code = jbi_systemd_look(s->manager, s->service, &s->arena, &s->now, err);
        if (code < 0)
            return code;
        bool is_it = was_at_work || !is(s->now.invocation, s->before.invocation);
        if (is_it && !is_at_work(&s->now))
            return JB_OK;
        nanosleep(&turn, NULL);
    }
}

/* What the run itself recorded; false: nothing. */
static bool find_run(struct schedule_start *s, struct schedule_run *run)
{
    struct repository repository;
    struct schedule_record record = {0};
    struct jb_error unwanted = {0};
    int code = jbi_repository_open(&repository, s->project->backup_dir, false, NULL, &unwanted);
    if (code == JB_OK)
        code = jbi_schedule_record_load(&record, &repository, jbi_schedule_name(s->schedule),
                                        &s->arena, NULL, &unwanted);
    jbi_repository_close(&repository);
    if (code < 0 || record.count == 0 ||
        (record.runs[0].began_us < s->begin_us && !is_at_work(&s->before)))
        return false;
    *run = record.runs[0];
    return true;
}

static void report_journal(struct schedule_start *s)
{
    const char *lines =
        jbi_systemd_journal(s->manager, s->service, s->now.invocation, JOURNAL_LINES, &s->arena);
    s->report->failed = s->report->failed || lines == NULL;
    while (lines != NULL && *lines != '\0') {
        size_t len = strcspn(lines, "\n");
        struct record *row = jbi_report_row(s->report);
        const char *line = jbi_arena_textn(&s->arena, lines, len);
        jbi_row_text(s->report, row, "line", line ? line : "");
        lines += len + (lines[len] == '\n');
    }
}

static void report_end(struct schedule_start *s)
{
    struct record *figures = &s->report->figures;
    struct schedule_run run = {.result = NULL};
    bool is_good = is(s->now.result, "success");
    bool has_run = find_run(s, &run) && !is(run.result, "running");
    const char *result = has_run ? run.result : is_good ? "ok" : "failed";
    jbi_row_text(s->report, figures, "result", result);
    jbi_row_text(s->report, figures, "timestamp", run.timestamp);
    jbi_row_text(s->report, figures, "error", run.error);
    if (is_good && !is(result, "failed"))
        return;
    jbi_finding(s->report, JB_ERROR, s->service, "%s: %s",
                is(result, "findings") ? "ended with findings" : "failed",
                has_run && run.error ? run.error : s->now.result);
    jbi_finding_hint(s->report, "\"journalctl %s='%s'\" has all that it said",
                     s->manager == SYSTEMD_USER ? "--user-unit" : "--unit", s->service);
    report_journal(s);
}

static int run_by_systemd(struct schedule_start *s, jb_report **report, struct jb_error *err)
{
    s->report = jbi_report_new();
    if (s->report == NULL)
        return jbi_fail_memory(err);
    struct record *figures = &s->report->figures;
    int code = jbi_systemd_begin(s->manager, s->service, err);
    if (code < 0 && s->manager == SYSTEMD_SYSTEM)
        jbi_hint(err, "run as root");
    if (code == JB_OK && !s->options.no_wait)
        code = follow(s, err);
    if (code == JB_OK) {
        jbi_row_text(s->report, figures, "schedule", jbi_schedule_name(s->schedule));
        jbi_row_text(s->report, figures, "manager", s->manager == SYSTEMD_USER ? "user" : "system");
        jbi_row_text(s->report, figures, "unit", s->service);
        jbi_row_bool(s->report, figures, "waited", !s->options.no_wait);
    }
    if (code == JB_OK && !s->options.no_wait)
        report_end(s);
    if (code == JB_OK) {
        jbi_row_number(s->report, figures, "duration_ms", jbi_monotonic_ms() - s->begin_ms);
        return jbi_report_hand_over(s->report, report, err);
    }
    jb_report_free(s->report);
    return code;
}

/* ---- Without it ----------------------------------------------------------------------------- */

static int run_here(struct schedule_start *s, jb_report **report, struct jb_error *err)
{
    struct jb_perform_options perform = JB_PERFORM_OPTIONS_INIT;
    struct jb_monitor_options monitor = JB_MONITOR_OPTIONS_INIT;
    jb_report *answer = NULL;
    perform.schedule = jbi_schedule_name(s->schedule);
    perform.wait_s = s->options.wait_s;
    monitor.alert = 1;
    int code = s->schedule == SCHEDULE_MONITOR
                   ? monitor_check(s->project, &monitor, &answer, err)
                   : jb_schedule_perform(s->project, &perform, &answer, err);
    if (code < 0) {
        jb_report_free(answer);
        return code;
    }
    struct record *figures = &answer->figures;
    if (s->schedule == SCHEDULE_MONITOR)
        jbi_row_text(answer, figures, "schedule", perform.schedule);
    jbi_row_text(answer, figures, "manager", NULL);
    jbi_row_text(answer, figures, "unit", NULL);
    jbi_row_bool(answer, figures, "waited", true);
    jbi_row_text(answer, figures, "result", answer->verdict >= JB_ERROR ? "findings" : "ok");
    return jbi_report_hand_over(answer, report, err);
}

int jb_schedule_run(jb_project *project, const struct jb_run_options *options, jb_report **report,
                    struct jb_error *err)
{
    struct schedule_start s = {.project = project,
                               .options = JB_RUN_OPTIONS_INIT,
                               .begin_us = jbi_now_us(),
                               .begin_ms = jbi_monotonic_ms()};
    int code = jbi_options_take(&s.options, sizeof s.options, options, err);
    if (code < 0)
        return code;
    const char *name = s.options.schedule;
    if (name == NULL || !jbi_schedule_parse(name, &s.schedule))
        return jbi_fail(err, JB_EINVAL,
                        "\"%s\" is no schedule: daily, weekly, monthly, verify or monitor",
                        name ? name : "");
    const char *unit = jbi_schedule_unit(project->name, s.schedule, &s.arena);
    s.service = unit ? jbi_arena_printf(&s.arena, "%s.service", unit) : NULL;
    if (s.service == NULL)
        code = jbi_fail_memory(err);
    else if ((!s.options.user && has_service(&s, SYSTEMD_SYSTEM)) || has_service(&s, SYSTEMD_USER))
        code = run_by_systemd(&s, report, err);
    else
        code = run_here(&s, report, err);
    jbi_arena_free(&s.arena);
    return code;
}
