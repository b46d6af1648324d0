/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_ALERT_SEND_H
#define JBI_API_ALERT_SEND_H

#include "api/alert.h"
#include "api/mail.h"
#include "repository/spool.h"

#define WAY_MAIL    "mail"
#define WAY_WEBHOOK "webhook"

/* The ways out of a project, as configured now. */
struct alert_ways {
    const jb_project *project;
    const struct monitor_config *config;
    struct arena *arena;
    bool is_looked_up; /* the mail server below, or why there is none */
    struct smtp_server server;
    const char *from;
    struct jb_error server_error;
};

enum alert_outcome {
    ALERT_SENT,    /* err, if it is set, says who of several did not get it */
    ALERT_LATER,   /* another time it may go */
    ALERT_REFUSED, /* this one never will */
    ALERT_NO_WAY,  /* it is not configured any more, or is none of ours */
    ALERT_FAILED   /* out of memory */
};

bool jbi_alert_has_mail(const struct monitor_config *config);
/* Who mails are from: always an address. */
const char *jbi_alert_from(struct alert_ways *ways);
/* err says why it is not ALERT_SENT. */
enum alert_outcome jbi_alert_send(struct alert_ways *ways, const struct spool_entry *entry,
                                  struct jb_error *err);

#endif
