/* SPDX-License-Identifier: MIT */
/* When was it last proved, by restoring one, that backups can be restored? */
#include "api/monitor.h"

#define DAY_S 86400

const struct manifest *jbi_monitor_proved(const struct monitor_run *run, int64_t *at_us)
{
    const struct manifest *newest = NULL;
    *at_us = 0;
    for (size_t i = 0; i < run->session.catalog.count; i++) {
        int64_t since;
        if (jbi_proofs_state(&run->proofs[i], &since) != PROOF_STATE_PROVED)
            continue;
        if (newest == NULL || since > *at_us) {
            newest = &run->session.catalog.backups[i];
            *at_us = since;
        }
    }
    return newest;
}

/* The restore that was tried last, of any backup. */
static const struct proof *last_restore(const struct monitor_run *run, size_t *of)
{
    const struct proof *last = NULL;
    for (size_t i = 0; i < run->session.catalog.count; i++) {
        const struct proofs *proofs = &run->proofs[i];
        for (size_t j = 0; j < proofs->count; j++) {
            const struct proof *proof = &proofs->list[j];
            if (proof->depth != PROOF_RESTORE || (last != NULL && proof->at_us <= last->at_us))
                continue;
            last = proof;
            *of = i;
        }
    }
    return last;
}

static const char *first_error(const struct proof *proof)
{
    for (size_t i = 0; i < proof->finding_count; i++) {
        if (proof->findings[i].level >= JB_ERROR)
            return proof->findings[i].message;
    }
    return "it is not remembered why";
}

static void check_last(struct monitor_task *task)
{
    size_t of = 0;
    const struct proof *last = last_restore(task->run, &of);
    if (last == NULL || last->result == PROOF_EQUAL)
        return;
    const char *timestamp = task->run->session.catalog.backups[of].timestamp;
    bool differs = last->result == PROOF_DIFFERENT;
    jbi_finding(task->report, differs ? JB_ERROR : JB_WARNING, "last restore",
                "the restore that was tried last, of %s, %s: %s", timestamp,
                differs ? "did not give what was saved" : "could not be compared in full",
                first_error(last));
    jbi_finding_hint(task->report,
                     "\"jbackup show %s\" has what was found; \"jbackup-verify test --test "
                     "restore\" tries it again with the newest backup",
                     timestamp);
}

static void check_broken(struct monitor_task *task)
{
    const struct catalog *catalog = &task->run->session.catalog;
    int64_t unused;
    for (size_t i = 0; i < catalog->count; i++) {
        if (jbi_proofs_state(&task->run->proofs[i], &unused) != PROOF_STATE_BROKEN)
            return;
    }
    jbi_finding(task->report, JB_CRITICAL, "all backups",
                "every backup was found broken: nothing could be restored as it was");
    jbi_finding_hint(task->report, "run \"jbackup backup\" now, then look for the cause: the disk "
                                   "(\"smartctl -a\", \"dmesg\"), or somebody who writes there");
}

static void check_age(struct monitor_task *task)
{
    const struct monitor_run *run = task->run;
    const struct catalog *catalog = &run->session.catalog;
    int64_t at_us, limit_s = (int64_t)run->config.max_proof_age_days * DAY_S;
    const struct manifest *proved = jbi_monitor_proved(run, &at_us);
    const struct manifest *oldest = &catalog->backups[catalog->count - 1];
    char age[MONITOR_AGE_SIZE];
    jbi_monitor_age(age, (run->now_us - (proved ? at_us : oldest->created_us)) / 1000000);
    if (proved != NULL)
        jbi_text_addf(&task->did, "%s was restored and found equal %s ago", proved->timestamp, age);
    else
        jbi_text_adds(&task->did, "no backup was restored to prove it yet");
    if (limit_s == 0 || (run->now_us - (proved ? at_us : oldest->created_us)) / 1000000 <= limit_s)
        return;
    if (proved != NULL)
        jbi_finding(task->report, JB_WARNING, "age",
                    "the last restore that proved a backup (%s) was %s ago, and %d days are "
                    "allowed",
                    proved->timestamp, age, run->config.max_proof_age_days);
    else
        jbi_finding(task->report, JB_WARNING, "age",
                    "backups have been made for %s, and none was ever restored to prove that it "
                    "can be",
                    age);
    jbi_finding_hint(task->report, "run \"jbackup-verify test --test restore\"; the schedule "
                                   "\"verify\" does it each week: \"jbackup-scheduler status\"");
}

int jbi_monitor_proof(struct monitor_task *task, struct jb_error *err)
{
    (void)err;
    jbi_report_merge(task->report, task->run->damaged_proofs, "");
    if (task->run->session.catalog.count == 0) {
        jbi_text_adds(&task->did, "there is no backup to prove");
        return JB_OK;
    }
    check_broken(task);
    check_last(task);
    check_age(task);
    return JB_OK;
}
