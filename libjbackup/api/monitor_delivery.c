/* SPDX-License-Identifier: MIT */
/* Do alerts reach anybody? */
#include "api/mail.h"
#include "api/monitor.h"
#include "repository/spool.h"

#define LATE_US  ((int64_t)3600 * 1000000)
#define STUCK_US ((int64_t)86400 * 1000000)

/* The oldest that can be read. */
static int oldest_waiting(struct monitor_run *run, struct spool_entry *out, size_t *count,
                          struct jb_error *err)
{
    struct arena *arena = &run->session.arena;
    uint64_t *numbers = NULL;
    *count = 0;
    *out = (struct spool_entry){0};
    if (run->session.repository.state_fd < 0)
        return JB_OK;
    int code = jbi_spool_list(&run->session.repository, arena, &numbers, count, err);
    for (size_t i = 0; code == JB_OK && i < *count; i++) {
        struct jb_error why = {0};
        int loaded = jbi_spool_load(&run->session.repository, numbers[i], arena, out, &why);
        if (loaded == JB_OK)
            return JB_OK;
        *out = (struct spool_entry){0};
        if (loaded == JB_ENOMEM) {
            *err = why;
            return loaded;
        }
    }
    return code;
}

static int check_spool(struct monitor_task *task, struct jb_error *err)
{
    struct monitor_run *run = task->run;
    struct spool_entry oldest;
    char age[MONITOR_AGE_SIZE];
    size_t count;
    int code = oldest_waiting(run, &oldest, &count, err);
    if (code < 0)
        return code;
    jbi_text_addf(&task->did, "%zu alert%s wait%s to be sent", count, count == 1 ? "" : "s",
                  count == 1 ? "s" : "");
    int64_t age_us = oldest.way != NULL ? run->now_us - oldest.made_us : 0;
    if (age_us <= LATE_US)
        return JB_OK;
    jbi_finding(task->report, age_us > STUCK_US ? JB_ERROR : JB_WARNING, "waiting",
                "%zu alert%s wait%s to be sent, the oldest (%s) since %s: %s", count,
                count == 1 ? "" : "s", count == 1 ? "s" : "", oldest.way,
                jbi_monitor_age(age, age_us / 1000000),
                oldest.error ? oldest.error : "it was not tried yet");
    jbi_finding_hint(task->report, "\"jbackup-monitor test-mail\" says where mail fails; a webhook "
                                   "is in \"jbackup-monitor config\"");
    return JB_OK;
}

static int check_ways(struct monitor_task *task, struct jb_error *err)
{
    struct monitor_run *run = task->run;
    const struct monitor_config *config = &run->config;
    struct smtp_server server;
    const char *from;
    struct jb_error why = {0};
    bool is_set = false;
    bool wants_mail = config->email_enabled && config->recipient_count > 0;
    int code =
        jbi_mail_server(run->session.project, &run->session.arena, &server, &from, &is_set, &why);
    if (code == JB_ENOMEM) {
        *err = why;
        return code;
    }
    if (code < 0 && wants_mail) {
        jbi_finding(task->report, JB_ERROR, "mail", "alerts can't be mailed: %s", why.text);
        jbi_finding_hint(task->report, "%s", why.hint);
    } else if (code == JB_OK && wants_mail && !is_set) {
        jbi_finding(task->report, JB_WARNING, "mail",
                    "alerts should be mailed, but no mail server is configured");
        jbi_finding_hint(task->report, "set MAIL_SERVER (and MAIL_PORT, MAIL_USERNAME, "
                                       "MAIL_PASSWORD) in .env, then \"jbackup-monitor "
                                       "test-mail\"");
    } else if (!wants_mail && config->webhook_url == NULL && config->ping_url == NULL) {
        jbi_finding(task->report, JB_INFO, "ways",
                    "nobody is told of alerts: there is no recipient, webhook or ping URL");
        jbi_finding_hint(task->report, "e.g. \"jbackup-monitor config --set "
                                       "email_recipients=admin@example.com\", and MAIL_SERVER in "
                                       ".env");
    }
    return JB_OK;
}

int jbi_monitor_delivery(struct monitor_task *task, struct jb_error *err)
{
    int code = check_spool(task, err);
    return code == JB_OK ? check_ways(task, err) : code;
}
