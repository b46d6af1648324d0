/* SPDX-License-Identifier: MIT */
/* What a run of checks means for incidents. Invariant: news are in the spool before the incidents
 * that say that they were told are saved. */
#include <sys/file.h>
#include <unistd.h>

#include "api/alert.h"
#include "api/monitor.h"

#define LOCK_WAIT_S 30 /* for another check that is just telling */

/* What the checks found, as far as it makes incidents. */
static int take_sights(struct monitor_run *run, struct incident_sight **out, size_t *count,
                       struct jb_error *err)
{
    size_t room = run->session.report->finding_count;
    *count = 0;
    *out = jbi_arena_alloc(&run->session.arena, (room + 1) * sizeof **out);
    if (*out == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < run->result_count; i++) {
        const jb_report *report = run->results[i].report;
        for (size_t j = 0; j < report->finding_count && *count < room; j++) {
            const struct jb_finding *finding = &report->findings[j];
            if (finding->level < JB_WARNING)
                continue;
            (*out)[(*count)++] = (struct incident_sight){
                .check = run->results[i].name,
                .subject = finding->subject,
                .level = finding->level,
                .message = finding->message,
                .hint = finding->hint,
            };
        }
    }
    return JB_OK;
}

static int load(struct monitor_run *run, jb_report *report, struct jb_error *err)
{
    return jbi_incidents_load(&run->incidents, &run->session.repository, &run->session.arena,
                              report, err);
}

/* Under the lock. */
static int update(struct monitor_run *run, jb_report *report, struct jb_error *err)
{
    const struct incident_rules rules = {
        .cooldown_us = (int64_t)run->config.alert_cooldown_minutes * 60 * 1000000,
        .min_level = run->config.min_level,
    };
    const struct repository *repository = &run->session.repository;
    struct arena *arena = &run->session.arena;
    struct incident_sight *sights;
    struct incident_news *news;
    const char *looked[MONITOR_CHECKS];
    size_t sight_count, looked_count = 0;
    for (size_t i = 0; i < run->result_count; i++) {
        if (run->results[i].has_looked)
            looked[looked_count++] = run->results[i].name;
    }
    int code = load(run, report, err);
    if (code == JB_OK)
        code = take_sights(run, &sights, &sight_count, err);
    if (code == JB_OK)
        code = jbi_incidents_update(&run->incidents, sights, sight_count, looked, looked_count,
                                    &rules, run->now_us, arena, &news, &run->alerts, err);
    if (code == JB_OK && run->alerts > 0)
        code = jbi_alert_spool(run->session.project, repository, &run->config, news, run->alerts,
                               run->now_us, arena, err);
    return code == JB_OK ? jbi_incidents_save(&run->incidents, repository, err) : code;
}

static int update_locked(struct monitor_run *run, jb_report *report, struct jb_error *err)
{
    int lock_fd = -1;
    int code = jbi_monitor_lock(&run->session.repository, LOCK_WAIT_S, &lock_fd, err);
    if (code == JB_OK)
        code = update(run, report, err);
    if (lock_fd >= 0) {
        flock(lock_fd, LOCK_UN); /* a child may be holding a copy of the descriptor */
        close(lock_fd);
    }
    return code;
}

/* What was found is handed over all the same: the caller, his exit status and the ping tell it. */
static void say_untold(jb_report *report, const struct jb_error *why)
{
    jbi_finding(report, JB_CRITICAL, "alerts", "nobody could be told of what was found: %s",
                why->text);
    jbi_finding_hint(report, "see that the disk of the repository has room and can be written to "
                             "(\"df -h\", \"findmnt\"); a ping_url needs neither");
}

int jbi_monitor_alert(struct monitor_run *run, struct jb_error *err)
{
    struct jb_error why = {0};
    jb_report *report = jbi_report_new();
    if (report == NULL)
        return jbi_fail_memory(err);
    int code = update_locked(run, report, &why);
    if (code == JB_OK)
        code = jbi_alert_deliver(run->session.project, &run->session.repository, &run->config,
                                 &run->session.arena, report, &run->waiting, &why);
    bool is_told = code == JB_OK || code == JB_ENOMEM || code == JB_ECANCELED || code == JB_ELOCKED;
    if (!is_told)
        say_untold(report, &why);
    jbi_monitor_take(run, "delivery", report);
    jb_report_free(report);
    if (is_told && code < 0)
        *err = why;
    return is_told ? code : JB_OK;
}

int jbi_monitor_load_incidents(struct monitor_run *run, struct jb_error *err)
{
    struct jb_error why = {0};
    int code = run->session.repository.state_fd >= 0 ? load(run, NULL, &why) : JB_OK;
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code < 0) { /* another user's, perhaps: what was found counts */
        run->incidents = (struct incidents){0};
        jbi_log(&run->session.project->hooks, LOG_WARNING, "%s", why.text);
    }
    return JB_OK;
}
