/* SPDX-License-Identifier: MIT */
/* News as an entry of systemd's journal: what journalctl can ask for by JBACKUP_CHECK=freshness. */
#include "api/alert_journal.h"

#include "adapter/journal.h"
#include "api/alert_text.h"

void jbi_alert_journal(const char *path, const char *project, const char *line,
                       const struct incident_news *news)
{
    static const char *const priorities[] = {"6", "4", "3", "2"}; /* of syslog */
    const struct incident *it = news->incident;
    bool is_over = news->event == INCIDENT_RESOLVED;
    const struct journal_field fields[] = {
        {"MESSAGE", line},
        {"PRIORITY", priorities[is_over ? JB_INFO : it->level]},
        {"SYSLOG_IDENTIFIER", "jbackup-monitor"},
        {"JBACKUP_CHECK", it->check},
        {"JBACKUP_LEVEL", jb_level_name(it->level)},
        {"JBACKUP_SUBJECT", jbi_incident_subject(it)},
        {"JBACKUP_EVENT", jbi_alert_event_name(news->event)},
        {"JBACKUP_PROJECT", project},
    };
    jbi_journal_send(path, fields, sizeof fields / sizeof *fields, NULL);
}
