/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_ALERT_JOURNAL_H
#define JBI_API_ALERT_JOURNAL_H

#include "repository/incidents.h"

/* One entry with fields of its own for the journal at that path, JOURNAL_SOCKET but in tests. line
 * is its MESSAGE. Failures are ignored: a busy journal must not keep an alert from its other ways.
 */
void jbi_alert_journal(const char *path, const char *project, const char *line,
                       const struct incident_news *news);

#endif
