/* SPDX-License-Identifier: MIT */
/* What is wrong with a schedule. Invariant: the subject of a finding is the unit, and nothing in a
 * message changes while the trouble stays the same but times. */
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/schedule_calendar.h"
#include "api/schedule_status.h"
#include "base/clock.h"
#include "base/report.h"
#include "base/text.h"

#define LATE_S (2 * 3600) /* the second time, an hour later, and what a delay may come to */

static bool is(const char *value, const char *word)
{
    return strcmp(value, word) == 0;
}

/* ---- Units ---------------------------------------------------------------------------------- */

static bool judge_loaded(const struct schedule_status *s, const char *name,
                         const struct systemd_unit *unit)
{
    if (is(unit->load_state, "loaded"))
        return true;
    if (is(unit->load_state, "not-found")) {
        jbi_finding(s->report, JB_ERROR, name, "is not installed");
        jbi_finding_hint(s->report, "jbackup-scheduler install%s",
                         *s->user_option ? " --user" : "");
    } else {
        jbi_finding(s->report, JB_ERROR, name, "can't be started: %s", unit->load_state);
        jbi_finding_hint(s->report, "\"systemctl %sstatus '%s'\" says more", s->user_option, name);
    }
    return false;
}

static bool judge_timer(const struct schedule_status *s, const struct schedule_state *state)
{
    const struct systemd_unit *timer = &state->timer;
    bool is_enabled = is(timer->unit_file_state, "enabled");
    bool is_active = is(timer->active_state, "active");
    if (!judge_loaded(s, state->timer_name, timer))
        return false;
    if (!is_enabled || !is_active) {
        jbi_finding(s->report, JB_ERROR, state->timer_name, "is %s and %s: it starts nothing%s",
                    *timer->unit_file_state ? timer->unit_file_state : "not enabled",
                    timer->active_state, is_active ? " after the next start of the system" : "");
        jbi_finding_hint(s->report, "systemctl %senable --now '%s'", s->user_option,
                         state->timer_name);
        return false;
    }
    if (timer->has_next || state->is_running || is(state->service.active_state, "activating"))
        return true;
    jbi_finding(s->report, JB_ERROR, state->timer_name, "has no next time: it starts nothing");
    jbi_finding_hint(s->report, "\"systemd-analyze calendar EXPRESSION\" says when a time is");
    return false;
}

static void judge_file(const struct schedule_status *s, const struct unit_file *file)
{
    if (file == NULL || file->state == UNIT_SAME)
        return;
    const char *user = *s->user_option ? " --user" : "";
    if (file->state == UNIT_EDITED) {
        jbi_finding(s->report, JB_WARNING, file->name, "was edited by hand");
        jbi_finding_hint(s->report,
                         "jbackup-scheduler install%s shows how; with --force it "
                         "replaces it",
                         user);
    } else if (file->state == UNIT_DIFFERENT) {
        jbi_finding(s->report, JB_WARNING, file->name, "was made for another configuration");
        jbi_finding_hint(s->report, "jbackup-scheduler install%s", user);
    }
}

/* The program of ExecStart=, as far as it is written plainly; NULL: out of memory, or none. */
static const char *program_of(const char *text, struct arena *arena)
{
    const char *line = strstr(text, "\nExecStart=");
    if (line == NULL)
        return NULL;
    line += strlen("\nExecStart=");
    line += strspn(line, "-@:+!");
    char *program = jbi_arena_alloc(arena, strcspn(line, "\n") + 1);
    size_t len = 0;
    char quote = *line == '"' || *line == '\'' ? *line++ : '\0';
    for (; program != NULL && *line != '\0' && *line != '\n'; line++) {
        if (*line == quote || (quote == '\0' && *line == ' '))
            break;
        bool is_escaped = (*line == '\\' || *line == '%') && (line[1] == *line || line[1] == quote);
        line += is_escaped && line[1] != '\0';
        program[len++] = *line;
    }
    return program;
}

static void judge_tool(struct schedule_status *s, const struct schedule_state *state)
{
    const char *program = state->service_file && state->service_file->found
                              ? program_of(state->service_file->found, &s->arena)
                              : NULL;
    if (program == NULL || *program != '/' || access(program, F_OK) == 0)
        return;
    jbi_finding(s->report, JB_ERROR, state->service_name, "starts \"%s\", which is not there",
                program);
    jbi_finding_hint(s->report, "where the tools are now, run jbackup-scheduler install%s",
                     *s->user_option ? " --user" : "");
}

/* ---- Runs ----------------------------------------------------------------------------------- */

static bool judge_result(const struct schedule_status *s, const struct schedule_state *state)
{
    const struct systemd_unit *service = &state->service;
    const struct schedule_run *last = state->record.count > 0 ? &state->record.runs[0] : NULL;
    char at[ISO_TIME_SIZE];
    bool is_bad = last != NULL && (is(last->result, "failed") || is(last->result, "findings"));
    bool has_failed = state->is_asked && is(service->active_state, "failed");
    if (!is_bad && !has_failed)
        return true;
    jbi_iso_time(at, last != NULL ? last->began_us : 0, false);
    if (is_bad)
        jbi_finding(s->report, JB_ERROR, state->service_name, "its last run (%s) %s: %s", at,
                    is(last->result, "failed") ? "failed" : "ended with findings",
                    last->error ? last->error : "no reason is known");
    else
        jbi_finding(s->report, JB_ERROR, state->service_name,
                    "its last run failed%s%s: %s, status %s", *service->ended ? ", " : "",
                    service->ended, service->result,
                    *service->exit_status ? service->exit_status : "not known");
    jbi_finding_hint(s->report,
                     s->has_manager ? "\"journalctl %s'%s'\" shows more; \"jbackup-scheduler run "
                                      "--type %s\" tries again"
                                    : "%s%.0s\"jbackup-scheduler run --type %s\" tries again",
                     *s->user_option  ? "--user-unit="
                     : s->has_manager ? "--unit="
                                      : "",
                     state->service_name, jbi_schedule_name(state->schedule));
    return false;
}

/* When it was told to run: since its timer lies there, or since it ran. */
static int64_t known_since(const struct schedule_state *state)
{
    struct stat st;
    int64_t since = state->record.count > 0 ? state->record.runs[0].began_us / 1000000 : 0;
    if (state->timer_file != NULL && stat(state->timer_file->path, &st) == 0 &&
        (int64_t)st.st_mtime > since)
        since = (int64_t)st.st_mtime;
    return since;
}

/* A time passed, and no run began. */
static void judge_missed(const struct schedule_status *s, const struct schedule_state *state)
{
    struct calendar calendar;
    const char *at = s->project->schedules[state->schedule].at;
    char when[ISO_TIME_SIZE];
    int64_t now = jbi_now_us() / 1000000, since = known_since(state);
    if (since == 0 || state->is_running || at == NULL || !jbi_calendar_parse(&calendar, at))
        return;
    int64_t newest = jbi_calendar_newest(&calendar, now - LATE_S);
    if (newest <= since)
        return;
    jbi_iso_time(when, newest * 1000000, false);
    jbi_finding(s->report, JB_ERROR, state->service_name, "%s its time %s",
                state->record.count > 0 ? "did not run at" : "has never run, not at", when);
    jbi_finding_hint(s->report, "\"jbackup-scheduler run --type %s\" makes up for it",
                     jbi_schedule_name(state->schedule));
}

bool jbi_schedule_judge(struct schedule_status *s, const struct schedule_state *state)
{
    bool is_in_force = false;
    if (state->is_asked) {
        is_in_force =
            judge_timer(s, state) && judge_loaded(s, state->service_name, &state->service);
        judge_file(s, state->timer_file);
        judge_file(s, state->service_file);
        judge_tool(s, state);
    }
    bool is_good = judge_result(s, state);
    if (state->schedule != SCHEDULE_MONITOR)
        judge_missed(s, state);
    return is_in_force && is_good;
}
