/* SPDX-License-Identifier: MIT */
/* From news to what waits in the spool, and into the logs. Invariant: what was not put anywhere is
 * an error, so that who calls keeps the news untold. */
#include "api/alert.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/journal.h"
#include "api/alert_journal.h"
#include "api/alert_send.h"
#include "api/alert_text.h"
#include "base/error.h"
#include "base/scope.h"

#define LOG_NAME "backup_alerts.log"

/* One at work. */
struct spooling {
    const struct repository *repository;
    struct alert_ways ways;
    struct alert alert;
    struct arena *arena;
    const char *title;
    size_t ways_tried, ways_taken;
};

void jbi_alert_log(const struct repository *repository, const char *line)
{
    jbi_repository_log_to(repository, LOG_NAME, line);
}

static void log_failure(const struct spooling *s, const char *way, const struct jb_error *why)
{
    scope_text line = {0};
    jbi_text_addf(&line, "cannot alert by %s: %s", way, why->text);
    jbi_alert_log(s->repository, line.failed ? why->text : line.at);
    jbi_log(&s->ways.project->hooks, LOG_ERROR, "%s", line.failed ? why->text : line.at);
}

/* A full disk must not keep quiet what may be about itself. */
static int send_without_spool(struct spooling *s, const struct spool_entry *entry,
                              const struct jb_error *spool_error, struct jb_error *err)
{
    struct jb_error why = {0};
    if (jbi_alert_send(&s->ways, entry, &why) != ALERT_SENT)
        return jbi_fail(err, spool_error->code, "%s; nor can it be sent without waiting: %s",
                        spool_error->text, why.text);
    jbi_log(&s->ways.project->hooks, LOG_WARNING, "an alert was sent without the spool: %s",
            spool_error->text);
    return JB_OK;
}

static int put_into_spool(struct spooling *s, const char *way, const char *body, size_t len,
                          struct jb_error *err)
{
    struct jb_error why = {0};
    struct spool_entry entry = {
        .made_us = s->alert.at_us, .way = way, .what = s->title, .body = body, .body_len = len};
    int code = jbi_spool_add(s->repository, &entry, s->arena, &why);
    if (code < 0 && code != JB_ENOMEM)
        code = send_without_spool(s, &entry, &why, err);
    return code == JB_ENOMEM ? jbi_fail_memory(err) : code;
}

/* ---- Mail and webhook ----------------------------------------------------------------------- */

static int spool_mail(struct spooling *s, struct jb_error *err)
{
    const struct monitor_config *config = s->ways.config;
    const struct incident_news *lead = jbi_alert_lead(&s->alert);
    scope_text subject = {0}, plain = {0}, html = {0}, message = {0};
    jbi_text_addf(&subject, "[jbackup] %s", s->title);
    jbi_alert_plain(&s->alert, &plain);
    jbi_alert_html(&s->alert, &html);
    if (subject.failed || plain.failed || html.failed)
        return jbi_fail_memory(err);
    struct mail mail = {.from = jbi_alert_from(&s->ways),
                        .recipients = config->email_recipients,
                        .recipient_count = config->recipient_count,
                        .subject = subject.at,
                        .text = plain.at,
                        .html = html.at,
                        .date_us = s->alert.at_us,
                        .thread = lead->incident->thread[0] ? lead->incident->thread : NULL,
                        .is_first = lead->event == INCIDENT_OPENED};
    int code = jbi_mail_compose(&mail, &message, err);
    if (code == JB_OK && message.failed)
        code = jbi_fail_memory(err);
    return code < 0 ? code : put_into_spool(s, WAY_MAIL, message.at, message.len, err);
}

static int spool_webhook(struct spooling *s, struct jb_error *err)
{
    scope_free char *json = jbi_alert_json(&s->alert);
    if (json == NULL)
        return jbi_fail_memory(err);
    return put_into_spool(s, WAY_WEBHOOK, json, strlen(json), err);
}

/* ---- Logs ----------------------------------------------------------------------------------- */

static void log_news(const struct spooling *s, const struct incident_news *news)
{
    const struct incident *it = news->incident;
    scope_text line = {0};
    jbi_text_addf(&line, "%s %s %s: %s", jbi_alert_event_name(news->event),
                  jb_level_name(it->level), it->key, it->message);
    if (line.failed)
        return;
    jbi_alert_log(s->repository, line.at);
    if (s->ways.config->journal)
        jbi_alert_journal(JOURNAL_SOCKET, s->alert.project, line.at, news);
}

/* ---- All ways ------------------------------------------------------------------------------- */

static int try_way(struct spooling *s, const char *way,
                   int (*spool)(struct spooling *, struct jb_error *), struct jb_error *first)
{
    struct jb_error why = {0};
    s->ways_tried++;
    int code = spool(s, &why);
    if (code == JB_OK) {
        s->ways_taken++;
        return JB_OK;
    }
    log_failure(s, way, &why);
    jbi_fail(first, why.code, "cannot alert by %s: %s", way, why.text);
    jbi_hint(first, "%s", why.hint);
    return code;
}

int jbi_alert_spool(const jb_project *project, const struct repository *repository,
                    const struct monitor_config *config, const struct incident_news *news,
                    size_t count, int64_t now_us, struct arena *arena, struct jb_error *err)
{
    char host[256] = "";
    struct jb_error first = {0};
    if (count == 0)
        return JB_OK;
    gethostname(host, sizeof host - 1);
    struct spooling spooling = {
        .repository = repository,
        .ways = {.project = project, .config = config, .arena = arena},
        .alert = {.project = project->name,
                  .host = host,
                  .repository = repository->path,
                  .at_us = now_us,
                  .cooldown_minutes = config->alert_cooldown_minutes,
                  .news = news,
                  .count = count},
        .arena = arena,
    };
    struct spooling *s = &spooling;
    scope_text title = {0};
    jbi_alert_title(&s->alert, &title);
    if (title.failed)
        return jbi_fail_memory(err);
    s->title = title.at;
    if (jbi_alert_has_mail(config))
        try_way(s, WAY_MAIL, spool_mail, &first);
    if (config->webhook_url != NULL)
        try_way(s, WAY_WEBHOOK, spool_webhook, &first);
    if (s->ways_tried > 0 && s->ways_taken == 0) {
        jbi_fail(err, first.code, "%s", first.text);
        jbi_hint(err, "%s", first.hint);
        return first.code;
    }
    for (size_t i = 0; i < count; i++)
        log_news(s, &news[i]);
    return JB_OK;
}
