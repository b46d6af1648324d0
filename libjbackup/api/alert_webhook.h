/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_ALERT_WEBHOOK_H
#define JBI_API_ALERT_WEBHOOK_H

#include <stdbool.h>

#include "base/text.h"
#include "repository/monitor_config.h"

/* The call of a webhook. What waits in the spool is always the JSON of jbi_alert_json; its form for
 * the one who listens is made of it when it is sent. */
struct webhook_call {
    const char *content_type;
    struct text body;
    char title[300], priority[16], tags[32]; /* headers; "" but with WEBHOOK_NTFY */
    const char *headers[4];
};

/* JB_ECORRUPT: the JSON, which is hostile, is not of that kind. Free body whatever comes. */
int jbi_webhook_make(struct webhook_call *out, enum webhook_format format, const char *json,
                     size_t len, struct jb_error *err);

/* Sends it. *is_temporary (of a failure): another time it may go. Error texts hold of the URL what
 * jbi_http_origin lets through. */
int jbi_webhook_send(const struct webhook_call *call, const char *url, bool *is_temporary,
                     struct jb_error *err);

#endif
