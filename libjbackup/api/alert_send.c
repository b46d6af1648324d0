/* SPDX-License-Identifier: MIT */
/* Sending what waits, one by its way. Invariant: only what the other end says of this very mail or
 * call gives it up; whatever the configuration or the network may cure is tried again. */
#include "api/alert_send.h"

#include <string.h>

#include "api/alert_webhook.h"
#include "base/error.h"

bool jbi_alert_has_mail(const struct monitor_config *config)
{
    return config->email_enabled && config->recipient_count > 0;
}

static void look_up(struct alert_ways *ways)
{
    bool is_set = false;
    struct jb_error *err = &ways->server_error;
    if (ways->is_looked_up)
        return;
    ways->is_looked_up = true;
    int code =
        jbi_mail_server(ways->project, ways->arena, &ways->server, &ways->from, &is_set, err);
    if (code < 0 || is_set)
        return;
    jbi_fail(err, JB_EINVAL, "no mail server is named");
    jbi_hint(err, "set MAIL_SERVER in the project's .env, or in the environment");
}

const char *jbi_alert_from(struct alert_ways *ways)
{
    look_up(ways);
    return ways->from != NULL && jbi_is_mail_address(ways->from) ? ways->from : "backup@localhost";
}

static int copy_error(struct jb_error *to, const struct jb_error *from)
{
    jbi_fail(to, from->code, "%s", from->text);
    jbi_hint(to, "%s", from->hint);
    return from->code;
}

static enum alert_outcome send_mail(struct alert_ways *ways, const struct spool_entry *entry,
                                    struct jb_error *err)
{
    struct smtp_result result = {0};
    if (!jbi_alert_has_mail(ways->config)) {
        jbi_fail(err, JB_EINVAL, "mail is not configured any more");
        return ALERT_NO_WAY;
    }
    look_up(ways);
    if (ways->server_error.code < 0)
        return copy_error(err, &ways->server_error) == JB_ENOMEM ? ALERT_FAILED : ALERT_LATER;
    int code =
        jbi_smtp_send(&ways->server, jbi_alert_from(ways), ways->config->email_recipients,
                      ways->config->recipient_count, entry->body, entry->body_len, &result, err);
    if (code == JB_ENOMEM)
        return ALERT_FAILED;
    if (code == JB_OK || (code == JB_EIO && result.step == SMTP_DONE))
        return ALERT_SENT;
    /* Before the sender is named it is all about the server, not about this mail. */
    bool is_refused = code == JB_EIO && !result.is_temporary && result.step >= SMTP_SENDER;
    return is_refused ? ALERT_REFUSED : ALERT_LATER;
}

static enum alert_outcome call_webhook(const struct alert_ways *ways,
                                       const struct spool_entry *entry, struct jb_error *err)
{
    const struct monitor_config *config = ways->config;
    struct webhook_call call;
    bool is_temporary = false;
    if (config->webhook_url == NULL) {
        jbi_fail(err, JB_EINVAL, "a webhook is not configured any more");
        return ALERT_NO_WAY;
    }
    int code = jbi_webhook_make(&call, config->webhook_format, entry->body, entry->body_len, err);
    if (code == JB_OK)
        code = jbi_webhook_send(&call, config->webhook_url, &is_temporary, err);
    jbi_text_free(&call.body);
    if (code == JB_OK || code == JB_ENOMEM)
        return code == JB_OK ? ALERT_SENT : ALERT_FAILED;
    return is_temporary ? ALERT_LATER : ALERT_REFUSED;
}

enum alert_outcome jbi_alert_send(struct alert_ways *ways, const struct spool_entry *entry,
                                  struct jb_error *err)
{
    if (strcmp(entry->way, WAY_MAIL) == 0)
        return send_mail(ways, entry, err);
    if (strcmp(entry->way, WAY_WEBHOOK) == 0)
        return call_webhook(ways, entry, err);
    jbi_fail(err, JB_ECORRUPT, "\"%s\" is no way that is known", entry->way);
    return ALERT_NO_WAY;
}
