/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_ALERT_TEXT_H
#define JBI_API_ALERT_TEXT_H

#include "base/text.h"
#include "repository/incidents.h"

#define ALERT_SHOWN_MAX 40 /* of more incidents than these only the count is told */

/* What an alert says, in its forms: everything from outside is escaped as the form needs it. */
struct alert {
    const char *project, *host, *repository; /* any text */
    int64_t at_us;
    int cooldown_minutes;
    const struct incident_news *news;
    size_t count; /* at least 1 */
};

/* The one that leads: the worst of what lasts, else the worst of what has ended. */
const struct incident_news *jbi_alert_lead(const struct alert *alert);

const char *jbi_alert_event_name(enum incident_event event); /* "opened", ... "resolved" */

/* "CRITICAL journal on HOST: freshness: no backup for 30 hours", on one line, at most 250 bytes. */
void jbi_alert_title(const struct alert *alert, struct text *out);
/* What is wrong, since when, what to do, and where; lines end in LF. */
void jbi_alert_plain(const struct alert *alert, struct text *out);
/* The same as a whole page. */
void jbi_alert_html(const struct alert *alert, struct text *out);
/* And as JSON, malloc'd; NULL: out of memory. The man page has its form. */
char *jbi_alert_json(const struct alert *alert);

#endif
