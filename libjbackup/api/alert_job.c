/* SPDX-License-Identifier: MIT */
/* jb_alert: an incident by the caller's word. Order: spool, then the incidents, then sending. A
 * crash after the first tells the same once more the next time; none loses it. */
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/alert.h"
#include "api/session.h"
#include "base/text.h"

#define CHECK_NAME "job"
#define WAIT_S     120 /* for a monitor that is at it */

struct alert_run {
    jb_project *project;
    struct jb_alert_options options;
    struct repository repository;
    struct monitor_config config;
    struct arena arena;
    jb_report *report;
    size_t news_count, waiting;
};

static int check_options(const struct jb_alert_options *options, struct jb_error *err)
{
    if (options->subject == NULL || options->subject[0] == '\0')
        return jbi_fail(err, JB_EINVAL, "the subject of the alert is missing");
    if (options->message == NULL || options->message[0] == '\0')
        return jbi_fail(err, JB_EINVAL, "the message of the alert is missing");
    if (options->level < JB_INFO || options->level > JB_CRITICAL)
        return jbi_fail(err, JB_EINVAL, "no such level: %d", options->level);
    return JB_OK;
}

/* What was spooled but can't be remembered is sent all the same; it will be told again. */
static int remember(struct alert_run *run, const struct incidents *incidents, struct jb_error *err)
{
    struct jb_error why = {0};
    int code = jbi_incidents_save(incidents, &run->repository, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code < 0) {
        jbi_finding(run->report, JB_ERROR, ".jbackup/incidents.json", "%s", why.text);
        jbi_finding_hint(run->report, "%s", why.hint);
    }
    return JB_OK;
}

static const char *hint_for(struct alert_run *run)
{
    const char *hint = NULL;
    if (jbi_ends_with(run->options.subject, ".service"))
        hint = jbi_arena_printf(&run->arena, "\"journalctl -u %s\" shows what it said",
                                run->options.subject);
    return hint ? hint : "";
}

static int update(struct alert_run *run, struct jb_error *err)
{
    struct incidents incidents;
    struct incident_news *news = NULL;
    const char *hint = hint_for(run);
    const struct incident_sight sight = {CHECK_NAME, run->options.subject, run->options.level,
                                         run->options.message, hint};
    const struct incident_rules rules = {(int64_t)run->config.alert_cooldown_minutes * 60000000,
                                         run->config.min_level};
    int64_t now_us = jbi_now_us();
    int code = jbi_incidents_load(&incidents, &run->repository, &run->arena, run->report, err);
    if (code == JB_OK)
        code = jbi_incidents_update(&incidents, &sight, 1, NULL, 0, &rules, now_us, &run->arena,
                                    &news, &run->news_count, err);
    if (code == JB_OK)
        code = jbi_alert_spool(run->project, &run->repository, &run->config, news, run->news_count,
                               now_us, &run->arena, err);
    return code < 0 ? code : remember(run, &incidents, err);
}

static void tell_of_no_way(struct alert_run *run)
{
    const struct monitor_config *config = &run->config;
    if (config->webhook_url != NULL || (config->email_enabled && config->recipient_count > 0))
        return;
    jbi_finding(run->report, JB_WARNING, MONITOR_CONFIG_NAME, "nobody is told of alerts");
    jbi_finding_hint(run->report,
                     "\"jbackup-monitor config --set email_recipients=ADDRESS\", or webhook_url");
}

static int alert(struct alert_run *run, struct jb_error *err)
{
    bool is_there = false;
    int lock_fd = -1;
    int code = jbi_repository_open(&run->repository, run->project->backup_dir, true, NULL, err);
    if (code == JB_OK)
        code = jbi_monitor_config_load(&run->config, &run->repository, &run->arena, &is_there, err);
    if (code == JB_OK)
        code = jbi_monitor_lock(&run->repository, WAIT_S, &lock_fd, err);
    if (code == JB_OK)
        code = update(run, err);
    if (lock_fd >= 0) {
        flock(lock_fd, LOCK_UN); /* a child may be holding a copy of the descriptor */
        close(lock_fd);
    }
    if (code < 0)
        return code;
    tell_of_no_way(run);
    return jbi_alert_deliver(run->project, &run->repository, &run->config, &run->arena, run->report,
                             &run->waiting, err);
}

int jb_alert(jb_project *project, const struct jb_alert_options *options, jb_report **report,
             struct jb_error *err)
{
    struct jb_error unwanted = {0};
    struct alert_run run = {.project = project, .options = JB_ALERT_OPTIONS_INIT};
    err = err ? err : &unwanted;
    int code = jbi_options_take(&run.options, sizeof run.options, options, err);
    if (code == JB_OK)
        code = check_options(&run.options, err);
    if (code < 0)
        return code;
    run.report = jbi_report_new();
    if (run.report == NULL)
        return jbi_fail_memory(err);
    code = alert(&run, err);
    jbi_repository_close(&run.repository);
    jbi_row_bool(run.report, &run.report->figures, "told", run.news_count > 0);
    jbi_row_number(run.report, &run.report->figures, "waiting", (int64_t)run.waiting);
    jbi_arena_free(&run.arena);
    if (code == JB_OK)
        return jbi_report_hand_over(run.report, report, err);
    jb_report_free(run.report);
    return code;
}
