/* SPDX-License-Identifier: MIT */
/* Do the schedules run, and the application's service? How timers stand and what the last runs came
 * to, jb_schedule_status says; here it is only taken in. */
#include "api/monitor.h"
#include "api/restore_aftermath.h"
#include "api/schedule_lock.h"
#include "base/clock.h"

#define STUCK_US ((int64_t)86400 * 1000000) /* no run takes so long */

/* ---- Schedules ---- */

static int check_stuck(struct monitor_task *task, enum schedule schedule, struct jb_error *err)
{
    struct monitor_run *run = task->run;
    const struct repository *repository = &run->session.repository;
    const char *name = jbi_schedule_name(schedule);
    struct schedule_record record;
    char age[MONITOR_AGE_SIZE];
    if (schedule == SCHEDULE_MONITOR || repository->state_fd < 0)
        return JB_OK;
    int code = jbi_schedule_record_load(&record, repository, name, &run->session.arena, NULL, err);
    if (code < 0 || record.count == 0 || record.runs[0].ended_us != 0 ||
        run->now_us - record.runs[0].began_us <= STUCK_US ||
        !jbi_schedule_is_running(repository, name, &run->session.project->hooks))
        return code;
    jbi_monitor_age(age, (run->now_us - record.runs[0].began_us) / 1000000);
    jbi_finding(task->report, JB_ERROR, name,
                "its run began %s ago and has not ended: until then nothing of it runs again", age);
    jbi_finding_hint(task->report,
                     "backup.log in the repository and \"ps -ef\" say what it does; end that "
                     "process, then \"jbackup-scheduler run --type %s\"",
                     name);
    return JB_OK;
}

/* Where there is no manager, somebody from outside may start what backs up: then the age of the
 * backups says how that goes. */
static void take_status(struct monitor_task *task, const jb_report *status)
{
    const char *project = task->run->session.project->name;
    const char *manager = jb_report_text(status, JB_FIGURES, "manager");
    long long in_force = (long long)jb_report_number(status, JB_FIGURES, "in_force");
    for (size_t i = 0; i < status->finding_count; i++) {
        const struct jb_finding *finding = &status->findings[i];
        if (manager == NULL && strcmp(finding->subject, project) == 0)
            continue;
        jbi_finding(task->report, finding->level, finding->subject, "%s", finding->message);
        jbi_finding_hint(task->report, "%s", finding->hint);
    }
    if (manager != NULL) {
        jbi_text_addf(&task->did, "%lld schedule%s in force, by %s", in_force,
                      in_force == 1 ? " is" : "s are", manager);
        return;
    }
    jbi_text_adds(&task->did, "no systemd runs here");
    jbi_finding(task->report, JB_INFO, "timers",
                "no systemd runs here, and cron has run nothing: whether backups are made is "
                "judged by their age alone");
    jbi_finding_hint(task->report, "\"jbackup-scheduler install --cron\" prints the schedule for "
                                   "cron; or start \"jbackup backup\" from outside");
}

static int check_status(struct monitor_task *task, struct jb_error *err)
{
    struct jb_schedule_options options = JB_SCHEDULE_OPTIONS_INIT;
    struct jb_error why = {0};
    jb_report *status = NULL;
    int code = jb_schedule_status(task->run->session.project, &options, &status, &why);
    if (code == JB_ENOMEM || code == JB_ECANCELED) {
        *err = why;
        return code;
    }
    if (code == JB_OK) {
        take_status(task, status);
    } else {
        jbi_finding(task->report, JB_ERROR, "timers", "could not look: %s", why.text);
        jbi_finding_hint(task->report, "%s",
                         why.hint[0] ? why.hint : "\"jbackup-scheduler status\" says more");
    }
    jb_report_free(status);
    return JB_OK;
}

/* ---- The application ---- */

static int check_service(struct monitor_task *task, struct jb_error *err)
{
    const struct session *session = &task->run->session;
    const struct service *service = session->project->service;
    struct jb_error why = {0};
    bool is_active = false;
    if (service == NULL)
        return JB_OK;
    const char *name = jbi_service_name(service);
    int code = jbi_service_look(service, &session->project->hooks, &task->run->session.arena,
                                &is_active, &why);
    if (code == JB_ENOMEM || code == JB_ECANCELED) {
        *err = why;
        return code;
    }
    if (code < 0) {
        jbi_finding(task->report, JB_ERROR, name, "could not look: %s", why.text);
        jbi_finding_hint(task->report, "%s",
                         why.hint[0] ? why.hint : "see \"service\" in jbackup.json");
    } else if (!is_active && jbi_restore_is_running(session)) {
        jbi_finding(task->report, JB_INFO, name,
                    "the application's service is down while a restore is at work");
    } else if (!is_active) {
        jbi_finding(task->report, JB_ERROR, name, "the application's service is not active");
        if (service->kind == SERVICE_SYSTEMD)
            jbi_finding_hint(
                task->report, "\"journalctl %s-u '%s' -e\" shows why; \"systemctl %sstart '%s'\"",
                service->is_user ? "--user " : "", name, service->is_user ? "--user " : "", name);
        else
            jbi_finding_hint(task->report, "start it with \"%s\", as jbackup.json names it",
                             service->start[0]);
    } else {
        jbi_text_addf(&task->did, "%s%s is active", task->did.len ? ", " : "", name);
    }
    return JB_OK;
}

int jbi_monitor_systemd(struct monitor_task *task, struct jb_error *err)
{
    int code = JB_OK;
    if (!task->run->config.services) {
        jbi_finding(task->report, JB_INFO, "services",
                    "schedules and the service are not looked at, as configured");
        jbi_text_adds(&task->did, "not looked at, as configured");
        return JB_OK;
    }
    for (int i = 0; i < SCHEDULE_COUNT && code == JB_OK; i++)
        code = check_stuck(task, (enum schedule)i, err);
    if (code == JB_OK)
        code = check_status(task, err);
    return code == JB_OK ? check_service(task, err) : code;
}
