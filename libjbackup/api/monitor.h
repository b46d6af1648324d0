/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_MONITOR_H
#define JBI_API_MONITOR_H

#include "api/session.h"
#include "base/text.h"
#include "repository/disk_history.h"
#include "repository/incidents.h"
#include "repository/monitor_config.h"
#include "repository/proof.h"

#define MONITOR_CHECKS 12

/* What a check left. */
struct monitor_result {
    const char *name;
    jb_report *report;
    struct text did;
    int64_t duration_ms;
    bool has_looked; /* it could */
};

/*
 * The checks of monitor_check. Each judges by what lies in the repository and by what it asks, and
 * leaves findings whose subject is the same as long as the trouble is (it names an incident: no
 * ages, sizes or counts in it), each with what it means and what to do. A check that could not look
 * returns the error; the verb makes an ERROR finding of it. A check without findings is fine and
 * says in a sentence (did) what it saw.
 */
struct monitor_run {
    struct session session; /* of a reader; the repository may be absent: then catalog is empty */
    struct jb_monitor_options options;
    struct monitor_config config;
    int64_t now_us;
    struct proofs *proofs; /* of each backup of the catalog, by its index */
    jb_report *opened; /* what opening found: damaged manifests are ERRORs, lax modes WARNINGs */
    jb_report *damaged_proofs; /* WARNINGs */
    struct monitor_result results[MONITOR_CHECKS];
    size_t result_count;
    struct disk_sample *samples; /* oldest first, as they were before this run, then with it */
    size_t sample_count;
    int64_t future_sample_us; /* of a sample of before that lies in the future; 0: none */
    bool is_database_down;    /* by the check of the databases: others need not wait for it again */
    struct incidents incidents; /* as they are now */
    size_t alerts, waiting;     /* put into the spool now; in it */
    size_t artifacts_read;      /* now, by the check of integrity */
    uint64_t bytes_read;
};

/* One check at work. */
struct monitor_task {
    struct monitor_run *run;
    const char *name;
    jb_report *report; /* its findings; figures go to run->session.report */
    struct text did;
};

struct monitor_check {
    const char *name;
    int (*look)(struct monitor_task *task, struct jb_error *err);
};

extern const struct monitor_check
    jbi_monitor_checks[MONITOR_CHECKS + 1]; /* ends with a NULL name */

int jbi_monitor_freshness(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_proof(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_integrity(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_size(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_systemd(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_disk(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_database(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_restore(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_permissions(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_clock(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_versions(struct monitor_task *task, struct jb_error *err);
int jbi_monitor_delivery(struct monitor_task *task, struct jb_error *err);

/* "3 hours", "2 days"; negative ages are 0. Returns to. */
#define MONITOR_AGE_SIZE 40
char *jbi_monitor_age(char to[MONITOR_AGE_SIZE], int64_t age_s);

/* The disk of the repository, as df sees it: what only root may still fill counts as used. */
struct monitor_disk {
    uint64_t total, used, free;
    int percent, inode_percent; /* used; of none: 0 */
};
int jbi_monitor_measure(const struct monitor_run *run, struct monitor_disk *out,
                        struct jb_error *err);

/* Takes the findings of a report into that of the run as those of a check (by its name), and calls
 * the caller's hook for each. */
void jbi_monitor_take(struct monitor_run *run, const char *check, const jb_report *from);

/* ---- After the checks ---- */

/* Opens, escalates and ends incidents, puts the news into the spool and sends what waits
 * (monitor_alert.c). */
int jbi_monitor_alert(struct monitor_run *run, struct jb_error *err);
/* The incidents as they are, where nobody is to be alerted. */
int jbi_monitor_load_incidents(struct monitor_run *run, struct jb_error *err);
/* Figures and rows (monitor_report.c). */
int jbi_monitor_describe(struct monitor_run *run, struct jb_error *err);
/* The files that were asked for. */
int jbi_monitor_write(struct monitor_run *run, struct jb_error *err);

/* The newest backup that was restored and found equal, and when that was; NULL: none. */
const struct manifest *jbi_monitor_proved(const struct monitor_run *run, int64_t *at_us);

#endif
