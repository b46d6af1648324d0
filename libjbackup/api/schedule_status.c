/* SPDX-License-Identifier: MIT */
/* How the schedules do: what systemd says of their units, and what their records say of their runs.
 * Invariant: systemd is asked, never told; the records count also where there is none. */
#include "api/schedule_status.h"

#include <errno.h>
#include <string.h>

#include "api/schedule_linger.h"
#include "api/schedule_lock.h"
#include "api/session.h"
#include "base/clock.h"

static bool is(const char *value, const char *word)
{
    return strcmp(value, word) == 0;
}

/* ---- Which manager -------------------------------------------------------------------------- */

static int name_units(struct schedule_status *s, struct jb_error *err)
{
    for (int i = 0; i < SCHEDULE_COUNT; i++) {
        struct schedule_state *state = &s->states[i];
        state->schedule = (enum schedule)i;
        state->unit = jbi_schedule_unit(s->project->name, state->schedule, &s->arena);
        if (state->unit == NULL)
            return jbi_fail_memory(err);
        state->timer_name = jbi_arena_printf(&s->arena, "%s.timer", state->unit);
        state->service_name = jbi_arena_printf(&s->arena, "%s.service", state->unit);
        if (state->timer_name == NULL || state->service_name == NULL)
            return jbi_fail_memory(err);
    }
    return JB_OK;
}

/* Asks a manager for all units. JB_EUNSUPPORTED: it is not there. */
static int ask(struct schedule_status *s, enum systemd_manager manager, bool *knows,
               struct jb_error *err)
{
    const char *name;
    *knows = false;
    int code = jbi_systemd_state(manager, &s->arena, &name, err);
    for (int i = 0; code == JB_OK && i < SCHEDULE_COUNT; i++) {
        struct schedule_state *state = &s->states[i];
        code = jbi_systemd_show(manager, state->timer_name, &s->arena, &state->timer, err);
        if (code == JB_OK)
            code = jbi_systemd_show(manager, state->service_name, &s->arena, &state->service, err);
        state->is_asked = code == JB_OK;
        *knows = *knows || (code == JB_OK && !is(state->timer.load_state, "not-found"));
    }
    return code;
}

static int choose(struct schedule_status *s, enum systemd_manager manager, struct jb_error *err)
{
    s->has_manager = true;
    s->user_option = manager == SYSTEMD_USER ? "--user " : "";
    return jbi_schedule_folder(&s->folder, manager, &s->arena, err);
}

static void forget(struct schedule_status *s)
{
    for (int i = 0; i < SCHEDULE_COUNT; i++)
        s->states[i].is_asked = false;
}

/* The user's manager if it was asked for, or if the system's has none of the units. */
static int choose_manager(struct schedule_status *s, bool user, struct jb_error *err)
{
    struct jb_error why = {0};
    bool knows = false;
    int of_system = user ? JB_EUNSUPPORTED : ask(s, SYSTEMD_SYSTEM, &knows, &why);
    if (of_system == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (of_system == JB_OK && knows)
        return choose(s, SYSTEMD_SYSTEM, err);
    struct jb_error unwanted = {0};
    int of_user = ask(s, SYSTEMD_USER, &knows, user ? &why : &unwanted);
    if (of_user == JB_OK && (knows || of_system != JB_OK))
        return choose(s, SYSTEMD_USER, err);
    if (of_system == JB_OK && ask(s, SYSTEMD_SYSTEM, &knows, err) == JB_OK)
        return choose(s, SYSTEMD_SYSTEM, err);
    forget(s);
    if (of_system != JB_EUNSUPPORTED || of_user != JB_EUNSUPPORTED)
        jbi_finding(s->report, JB_WARNING, "systemd", "could not be asked: %s", why.text);
    return JB_OK;
}

/* ---- What there is -------------------------------------------------------------------------- */

static const struct unit_file *file_of(const struct schedule_folder *folder, const char *name)
{
    for (size_t i = 0; i < folder->count; i++) {
        if (is(folder->files[i].name, name))
            return &folder->files[i];
    }
    return NULL;
}

/* As whom the services that lie there run: an installation may have been told so by an option. */
static const char *installed_user(struct schedule_status *s, struct jb_error *err)
{
    struct schedule_folder there = s->folder;
    if (jbi_schedule_folder_ours(&there, s->project, &s->arena, err) < 0)
        return NULL;
    for (size_t i = 0; i < there.count; i++) {
        const char *line = strstr(there.files[i].found, "\nUser=");
        if (line != NULL) {
            line += strlen("\nUser=");
            return jbi_arena_textn(&s->arena, line, strcspn(line, "\n"));
        }
    }
    return there.count > 0 ? "root" : NULL;
}

/* What would be installed now; where that can't be told, what lies there alone is looked at. */
static int look_at_files(struct schedule_status *s, const struct jb_schedule_options *options,
                         struct jb_error *err)
{
    struct jb_schedule_options same = *options;
    struct schedule_place place;
    struct schedule_folder folder;
    struct jb_error why = {0};
    same.user = s->folder.manager == SYSTEMD_USER;
    if (!same.user && same.run_as == NULL)
        same.run_as = installed_user(s, &why);
    why = (struct jb_error){0};
    int code = jbi_schedule_folder_plan(&folder, &place, s->project, &same, &s->arena, &why);
    if (code == JB_OK) {
        s->folder = folder;
    } else {
        code = jbi_schedule_folder_ours(&s->folder, s->project, &s->arena, err);
        for (size_t i = 0; i < s->folder.count; i++)
            if (s->folder.files[i].state == UNIT_DIFFERENT)
                s->folder.files[i].state = UNIT_SAME;
    }
    for (int i = 0; code == JB_OK && i < SCHEDULE_COUNT; i++) {
        s->states[i].timer_file = file_of(&s->folder, s->states[i].timer_name);
        s->states[i].service_file = file_of(&s->folder, s->states[i].service_name);
    }
    return code;
}

static int look_at_records(struct schedule_status *s, struct jb_error *err)
{
    struct jb_error why = {0};
    int code = jbi_repository_open(&s->repository, s->project->backup_dir, false, NULL, &why);
    if (code == JB_ENOTFOUND)
        return JB_OK;
    if (code < 0)
        return jbi_fail(err, code, "%s", why.text);
    for (int i = 0; code == JB_OK && i < SCHEDULE_COUNT; i++) {
        struct schedule_state *state = &s->states[i];
        const char *name = jbi_schedule_name(state->schedule);
        code = jbi_schedule_record_load(&state->record, &s->repository, name, &s->arena, s->report,
                                        err);
        if (code < 0 || state->record.count == 0)
            continue;
        state->is_running = is(state->record.runs[0].result, "running") &&
                            jbi_schedule_is_running(&s->repository, name, &s->project->hooks);
        if (jbi_schedule_is_lost(&state->record.runs[0], state->is_running))
            jbi_schedule_lost(&state->record.runs[0]);
    }
    return code;
}

/* ---- The report ----------------------------------------------------------------------------- */

static void report_run(struct schedule_status *s, struct record *row,
                       const struct schedule_run *run)
{
    char last[ISO_TIME_SIZE];
    jbi_iso_time(last, run->began_us, false);
    jbi_row_text(s->report, row, "last", last);
    jbi_row_text(s->report, row, "result", run->result);
    jbi_row_number(s->report, row, "duration_ms",
                   run->ended_us > run->began_us ? (run->ended_us - run->began_us) / 1000 : 0);
    jbi_row_text(s->report, row, "timestamp", run->timestamp);
    jbi_row_text(s->report, row, "by", run->by);
    jbi_row_text(s->report, row, "error", run->error);
}

/* Of a run that systemd alone knows of. */
static void report_service(struct schedule_status *s, struct record *row,
                           const struct schedule_state *state)
{
    bool has_run = state->is_asked && *state->service.ended != '\0';
    const char *result = NULL;
    if (state->is_asked && is(state->service.active_state, "activating"))
        result = "running";
    else if (has_run)
        result = !is(state->service.result, "success") ? "failed"
                 : is(state->service.exit_status, "0") ? "ok"
                                                       : "findings";
    jbi_row_text(s->report, row, "last", has_run ? state->service.ended : NULL);
    jbi_row_text(s->report, row, "result", result);
    jbi_row_number(s->report, row, "duration_ms", 0);
    jbi_row_text(s->report, row, "timestamp", NULL);
    jbi_row_text(s->report, row, "by", NULL);
    jbi_row_text(s->report, row, "error", NULL);
}

static void report_schedule(struct schedule_status *s, const struct schedule_state *state)
{
    struct record *row = jbi_report_row(s->report);
    const char *at = s->project->schedules[state->schedule].at;
    bool is_enabled = state->is_asked && is(state->timer.unit_file_state, "enabled");
    bool is_active = state->is_asked && is(state->timer.active_state, "active");
    jbi_row_text(s->report, row, "schedule", jbi_schedule_name(state->schedule));
    jbi_row_text(s->report, row, "unit", state->unit);
    jbi_row_text(s->report, row, "at", at);
    jbi_row_bool(s->report, row, "enabled", is_enabled);
    jbi_row_bool(s->report, row, "active", is_active);
    jbi_row_text(s->report, row, "next",
                 state->is_asked && *state->timer.next ? state->timer.next : NULL);
    if (state->record.count > 0)
        report_run(s, row, &state->record.runs[0]);
    else
        report_service(s, row, state);
}

/* Nothing runs by systemd: cron, if it was seen at work. */
static bool is_by_cron(const struct schedule_status *s)
{
    for (int i = 0; i < SCHEDULE_COUNT; i++) {
        const struct schedule_record *record = &s->states[i].record;
        for (size_t j = 0; j < record->count; j++) {
            if (is(record->runs[j].by, "cron"))
                return true;
        }
    }
    return false;
}

static void judge(struct schedule_status *s)
{
    struct record *figures = &s->report->figures;
    size_t in_force = 0;
    bool has_units = false;
    for (int i = 0; i < SCHEDULE_COUNT; i++)
        has_units =
            has_units || (s->states[i].is_asked && !is(s->states[i].timer.load_state, "not-found"));
    bool is_cron = !has_units && is_by_cron(s);
    if (is_cron)
        forget(s);
    for (int i = 0; i < SCHEDULE_COUNT; i++) {
        if (!s->project->schedules[i].is_on)
            continue;
        report_schedule(s, &s->states[i]);
        in_force += jbi_schedule_judge(s, &s->states[i]);
    }
    jbi_row_text(s->report, figures, "manager",
                 is_cron           ? "cron"
                 : !s->has_manager ? NULL
                 : *s->user_option ? "user"
                                   : "system");
    jbi_row_number(s->report, figures, "in_force", (int64_t)in_force);
    if (!s->has_manager && !is_cron) {
        jbi_finding(s->report, JB_ERROR, s->project->name,
                    "systemd is not running here, and cron has run nothing: no schedule is in "
                    "force");
        jbi_finding_hint(s->report, "\"jbackup-scheduler install --cron\" prints the schedule for "
                                    "cron");
    }
    if (s->has_manager && *s->user_option && has_units)
        jbi_schedule_check_linger(&s->arena, s->report);
}

int jb_schedule_status(jb_project *project, const struct jb_schedule_options *options,
                       jb_report **report, struct jb_error *err)
{
    struct jb_schedule_options wanted = JB_SCHEDULE_OPTIONS_INIT;
    struct schedule_status s = {.project = project, .user_option = ""};
    struct repository *repository = &s.repository;
    repository->fd = repository->state_fd = -1;
    for (int i = 0; i < CATEGORY_COUNT; i++)
        repository->category_fd[i] = -1;
    int code = jbi_options_take(&wanted, sizeof wanted, options, err);
    if (code < 0)
        return code;
    s.report = jbi_report_new();
    if (s.report == NULL)
        return jbi_fail_memory(err);
    code = name_units(&s, err);
    if (code == JB_OK)
        code = choose_manager(&s, wanted.user != 0, err);
    if (code == JB_OK && s.has_manager)
        code = look_at_files(&s, &wanted, err);
    if (code == JB_OK)
        code = look_at_records(&s, err);
    if (code == JB_OK)
        judge(&s);
    jbi_repository_close(repository);
    jbi_arena_free(&s.arena);
    if (code == JB_OK)
        return jbi_report_hand_over(s.report, report, err);
    jb_report_free(s.report);
    return code;
}
