/* SPDX-License-Identifier: MIT */
/* The test of the schedule: for each that is on a timer that will start its service, and the
 * service's last run. Either manager counts, the system's or the user's; systemd is asked, never
 * told. */
#include <string.h>

#include "adapter/systemd.h"
#include "api/schedule.h"
#include "api/schedule_linger.h"
#include "api/system.h"
#include "base/error.h"
#include "base/scope.h"

/* A schedule's units as one manager knows them. */
struct planned {
    const char *unit, *timer_name;
    struct systemd_unit timer;
};

struct check {
    struct system_test *test;
    enum systemd_manager manager;
    struct planned schedules[SCHEDULE_COUNT];
    size_t count, in_force;
};

static const char *user_option(const struct check *c)
{
    return c->manager == SYSTEMD_USER ? "--user " : "";
}

static bool is(const char *value, const char *word)
{
    return strcmp(value, word) == 0;
}

/* ---- Which manager ---- */

/* Asks a manager for the timers. *knows: it is there and has one of them. */
static int ask_manager(struct check *c, enum systemd_manager manager, bool *is_there, bool *knows,
                       struct jb_error *err)
{
    struct arena *arena = c->test->arena;
    const char *state;
    *is_there = *knows = false;
    int code = jbi_systemd_state(manager, arena, &state, err);
    if (code != JB_OK)
        return code;
    *is_there = true;
    c->manager = manager;
    c->count = 0;
    for (int i = 0; i < SCHEDULE_COUNT; i++) {
        struct planned *s = &c->schedules[c->count];
        if (!c->test->project->schedules[i].is_on)
            continue;
        c->count++;
        s->unit = jbi_schedule_unit(c->test->project->name, (enum schedule)i, arena);
        s->timer_name = s->unit ? jbi_arena_printf(arena, "%s.timer", s->unit) : NULL;
        if (s->timer_name == NULL)
            return jbi_fail_memory(err);
        code = jbi_systemd_show(manager, s->timer_name, arena, &s->timer, err);
        if (code != JB_OK)
            return code;
        *knows = *knows || !is(s->timer.load_state, "not-found");
    }
    return JB_OK;
}

/* The user's manager only where the system's has none of the units. */
static int choose_manager(struct check *c, struct jb_error *err)
{
    struct jb_error why = {0}, unwanted = {0};
    bool has_system, has_user, knows;
    int code = ask_manager(c, SYSTEMD_SYSTEM, &has_system, &knows, &why);
    if (code == JB_OK && knows)
        return JB_OK;
    if (code != JB_OK && code != JB_EUNSUPPORTED)
        return jbi_fail(err, code, "%s", why.text);
    code = ask_manager(c, SYSTEMD_USER, &has_user, &knows, &unwanted);
    if (code == JB_OK && (knows || !has_system))
        return JB_OK;
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (has_system)
        return ask_manager(c, SYSTEMD_SYSTEM, &has_system, &knows, err);
    jbi_fail(err, JB_EUNSUPPORTED, "systemd is not running here, so no schedule is in force (%s)",
             why.text);
    jbi_hint(err, "where systemd does not run, let cron or another scheduler call \"jbackup "
                  "backup\" and \"jbackup cleanup\"");
    return JB_EUNSUPPORTED;
}

/* ---- Timers ---- */

static void say_not_loaded(const struct check *c, const char *name, const char *state)
{
    jb_report *report = c->test->report;
    const char *user = user_option(c);
    if (is(state, "not-found")) {
        jbi_finding(report, JB_ERROR, name, "there is no such unit%s",
                    *user ? " of this user" : "");
        jbi_finding_hint(report, "\"jbackup-scheduler install%s\" makes it",
                         *user ? " --user" : "");
    } else if (is(state, "masked")) {
        jbi_finding(report, JB_ERROR, name, "is masked, so it can't be started");
        jbi_finding_hint(report, "systemctl %sunmask '%s'", user, name);
    } else {
        jbi_finding(report, JB_ERROR, name, "could not be loaded: %s", state);
        jbi_finding_hint(report, "\"systemctl %sstatus '%s'\" says what is wrong in it", user,
                         name);
    }
}

/* Whether it is started with the system. */
static bool is_enabled(const struct systemd_unit *timer)
{
    static const char *const words[] = {"enabled",  "generated",       "alias",    "static",
                                        "indirect", "enabled-runtime", "transient"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (is(timer->unit_file_state, words[i]))
            return true;
    }
    return false;
}

static void say_not_lasting(const struct check *c, const struct planned *s)
{
    const char *state = s->timer.unit_file_state;
    if (is(state, "enabled") || is(state, "generated") || is(state, "alias"))
        return;
    jbi_finding(c->test->report, JB_WARNING, s->timer_name,
                "is %s: it may not be there after the next start of the system", state);
    jbi_finding_hint(c->test->report,
                     "give it an [Install] section with WantedBy=timers.target, "
                     "then run \"systemctl %senable '%s'\"",
                     user_option(c), s->timer_name);
}

/* Whether the timer will start its service. */
static bool check_timer(struct check *c, const struct planned *s)
{
    jb_report *report = c->test->report;
    const struct systemd_unit *timer = &s->timer;
    bool runs = is(timer->active_state, "active");
    if (!is(timer->load_state, "loaded")) {
        say_not_loaded(c, s->timer_name, timer->load_state);
        return false;
    }
    if (!is_enabled(timer) || !runs) {
        const char *file_state = *timer->unit_file_state ? timer->unit_file_state : "not enabled";
        jbi_finding(report, JB_ERROR, s->timer_name, "is %s and %s: it starts nothing%s",
                    file_state, timer->active_state,
                    runs ? " after the next start of the system" : "");
        jbi_finding_hint(report, "systemctl %senable --now '%s'", user_option(c), s->timer_name);
        return false;
    }
    say_not_lasting(c, s);
    if (*timer->result != '\0' && !is(timer->result, "success")) {
        jbi_finding(report, JB_ERROR, s->timer_name, "failed: %s", timer->result);
        jbi_finding_hint(report, "\"systemctl %sstatus '%s'\" says more", user_option(c),
                         s->timer_name);
        return false;
    }
    return true;
}

/* ---- Services ---- */

static void say_failed(const struct check *c, const char *name, const struct systemd_unit *service)
{
    jbi_finding(c->test->report, JB_ERROR, name, "its last run failed%s%s: %s, status %s",
                *service->ended ? ", " : "", service->ended, service->result,
                *service->exit_status ? service->exit_status : "not known");
    jbi_finding_hint(c->test->report,
                     "\"journalctl %s-u '%s'\" shows why; then start it again with "
                     "\"systemctl %sstart '%s'\"",
                     user_option(c), name, user_option(c), name);
}

/* *is_running: at work now, so its timer need not know the next time yet. */
static int check_service(struct check *c, const struct planned *s, bool *is_good, bool *is_running,
                         struct jb_error *err)
{
    struct systemd_unit service;
    const char *name = jbi_arena_printf(c->test->arena, "%s.service", s->unit);
    *is_good = *is_running = false;
    if (name == NULL)
        return jbi_fail_memory(err);
    if (jbi_systemd_is_name(s->timer.triggers))
        name = s->timer.triggers;
    int code = jbi_systemd_show(c->manager, name, c->test->arena, &service, err);
    if (code != JB_OK)
        return code;
    *is_running = is(service.active_state, "active") || is(service.active_state, "activating");
    *is_good = is(service.load_state, "loaded");
    if (!*is_good) {
        say_not_loaded(c, name, service.load_state);
    } else if (*service.result != '\0' && !is(service.result, "success")) {
        say_failed(c, name, &service);
        *is_good = false;
    } else if (*service.ended == '\0' && !*is_running) {
        jbi_finding(c->test->report, JB_INFO, name, "has not run since the system started");
    }
    return JB_OK;
}

/* ---- The whole ---- */

static int check_schedule(struct check *c, const struct planned *s, struct jb_error *err)
{
    bool is_good, is_running;
    if (!check_timer(c, s))
        return JB_OK;
    int code = check_service(c, s, &is_good, &is_running, err);
    if (code != JB_OK)
        return code;
    if (!s->timer.has_next && !is_running) {
        jbi_finding(c->test->report, JB_ERROR, s->timer_name,
                    "has no next time: it starts nothing");
        jbi_finding_hint(c->test->report, "look at its OnCalendar: \"systemd-analyze calendar "
                                          "EXPRESSION\" says when that is");
        is_good = false;
    }
    c->in_force += is_good;
    return JB_OK;
}

static void tell(struct check *c)
{
    struct text *did = &c->test->did;
    const struct planned *first = &c->schedules[0];
    if (c->count == 0) {
        jbi_text_adds(did, "no schedule is on");
        jbi_finding(c->test->report, JB_WARNING, "schedule", "all schedules are turned off");
        jbi_finding_hint(c->test->report, "\"schedule\" in jbackup.json says so");
        return;
    }
    jbi_text_addf(did, "asked %s for %zu timer%s: ",
                  c->manager == SYSTEMD_USER ? "this user's systemd" : "systemd", c->count,
                  c->count == 1 ? "" : "s");
    if (c->in_force == c->count)
        jbi_text_adds(did, "all are in force");
    else
        jbi_text_addf(did, "%zu of them %s in force", c->in_force, c->in_force == 1 ? "is" : "are");
    if (is(first->timer.active_state, "active") && *first->timer.next != '\0')
        jbi_text_addf(did, ", next run of %s is %s", first->unit, first->timer.next);
}

int jbi_test_systemd(struct system_test *test, struct jb_error *err)
{
    struct check c = {.test = test};
    int code = jbi_progress(&test->project->hooks, "test schedules", 0, 0, "", err);
    if (code == JB_OK)
        code = choose_manager(&c, err);
    for (size_t i = 0; code == JB_OK && i < c.count; i++)
        code = check_schedule(&c, &c.schedules[i], err);
    if (code != JB_OK)
        return code;
    if (c.manager == SYSTEMD_USER)
        jbi_schedule_check_linger(test->arena, test->report);
    tell(&c);
    return JB_OK;
}
