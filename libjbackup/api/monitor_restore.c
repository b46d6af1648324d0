/* SPDX-License-Identifier: MIT */
/* Has the last restore in place come to its end? */
#include "api/monitor.h"
#include "api/restore_aftermath.h"
#include "repository/journal.h"

#define KEPT_DAYS 7
#define DAY_US    ((int64_t)86400 * 1000000)

static void check_open(struct monitor_task *task, const struct journal *journal)
{
    if (jbi_restore_is_running(&task->run->session)) {
        jbi_text_addf(&task->did, "a restore of %s is at work", journal->timestamp);
        return;
    }
    jbi_text_addf(&task->did, "a restore of %s was left open", journal->timestamp);
    jbi_finding(task->report, JB_CRITICAL, "open restore",
                "a restore of %s into %s has not ended (%s), and nobody is at it: what runs there "
                "may be half old, half new, or down",
                journal->timestamp, journal->environment, jbi_journal_phase_name(journal->phase));
    jbi_finding_hint(task->report, "run \"jbackup-restore recover\"");
}

static void check_kept(struct monitor_task *task, const struct journal *journal)
{
    char age[MONITOR_AGE_SIZE];
    int64_t age_us = task->run->now_us - journal->changed_us;
    jbi_monitor_age(age, age_us / 1000000);
    jbi_text_addf(&task->did, "%s was restored %s ago, and the state before it is kept",
                  journal->timestamp, age);
    if (age_us <= KEPT_DAYS * DAY_US)
        return;
    jbi_finding(task->report, JB_WARNING, "old state",
                "the state before the restore of %s into %s is kept since %s: it takes room, and "
                "is old",
                journal->timestamp, journal->environment, age);
    jbi_finding_hint(task->report, "if all is well, run \"jbackup-restore discard-old\"; the next "
                                   "backup of production does that, too");
}

int jbi_monitor_restore(struct monitor_task *task, struct jb_error *err)
{
    struct monitor_run *run = task->run;
    struct journal journal = {0};
    int code = run->session.repository.state_fd < 0
                   ? JB_ENOTFOUND
                   : jbi_journal_load(&journal, &run->session.repository, &run->session.arena, err);
    if (code == JB_ENOTFOUND) {
        jbi_text_adds(&task->did, "no restore is open, and no old state is kept");
        return JB_OK;
    }
    if (code == JB_OK && jbi_journal_is_open(&journal))
        check_open(task, &journal);
    else if (code == JB_OK)
        check_kept(task, &journal);
    jbi_journal_free(&journal);
    return code;
}
