/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_ALERT_H
#define JBI_API_ALERT_H

#include "api/session.h"
#include "repository/incidents.h"
#include "repository/monitor_config.h"

/*
 * How news of incidents reach people and other systems. For each way: put into the spool first,
 * then sent from it in order; what can't be sent waits there. backup_alerts.log (0600, kept under 2
 * MiB like backup.log) gets a line for each, and the systemd journal structured fields.
 */

/* Puts the news of one run into the spool, one mail (text and HTML) and one webhook call for all of
 * them, and into the log. Where the spool can't be written (a full disk is what an alert may be
 * about) it is sent at once, without one. A way that fails is logged; an error only if there are
 * ways and none of them took it. */
int jbi_alert_spool(const jb_project *project, const struct repository *repository,
                    const struct monitor_config *config, const struct incident_news *news,
                    size_t count, int64_t now_us, struct arena *arena, struct jb_error *err);

/* Sends what waits, oldest first, each way until its first temporary failure; what is refused for
 * good, or has waited SPOOL_KEEP_DAYS, is given up, which is an ERROR finding and a line in the
 * log. Somebody else at it is fine. *waiting is how many are left. Failures are findings of report.
 */
int jbi_alert_deliver(const jb_project *project, const struct repository *repository,
                      const struct monitor_config *config, struct arena *arena, jb_report *report,
                      size_t *waiting, struct jb_error *err);

/* The dead man's switch: "/start", "" or "/fail" is appended to the path of ping_url; a failure is
 * logged (never the URL's secret part), and a WARNING finding. */
void jbi_alert_ping(const jb_project *project, const struct monitor_config *config,
                    const char *what, jb_report *report);

/* One line with the time. */
void jbi_alert_log(const struct repository *repository, const char *line);

#endif
