/* SPDX-License-Identifier: MIT */
/* Are the stored files what was stored? All are there with their sizes; new backups are read at
 * once, the others in turns, the one that was read longest ago first, so that within reread_days
 * each was. Invariant: what was read is remembered beside the backup, and nothing else says when.
 */
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/monitor.h"
#include "api/verify_backup.h"
#include "base/clock.h"

#define DAY_US      ((int64_t)86400 * 1000000)
#define READ_MAX_MS 120000 /* after that no other backup is begun: the next check goes on */

/* A backup as this check sees it. */
struct stored {
    const struct manifest *backup;
    size_t index;
    int64_t read_us; /* when all of it was read last; 0: never */
    bool is_new;     /* nothing is known of its bytes */
    const char *why; /* it is broken; NULL */
};

struct reading {
    struct monitor_task *task;
    struct session session; /* with a report of its own */
    struct stored *all;     /* as in the catalog */
    size_t count;
    uint64_t total;
    int64_t begin_ms;
    size_t left; /* new ones that were not read for want of time */
};

/* ---- What is known ---- */

static const char *first_error(const struct proof *proof, struct arena *arena)
{
    for (size_t i = 0; i < proof->finding_count; i++) {
        const struct proof_finding *finding = &proof->findings[i];
        if (finding->level >= JB_ERROR)
            return jbi_arena_printf(arena, "%s: %s", finding->subject, finding->message);
    }
    return "a difference was found";
}

/* One that could not be read tells nothing of the bytes: it is tried again at once. */
static void take_proofs(struct reading *r, struct stored *stored)
{
    const struct proofs *proofs = &r->task->run->proofs[stored->index];
    const struct proof *deciding = jbi_proofs_deciding(proofs);
    bool is_unreadable = proofs->count > 0 && proofs->list[0].depth == PROOF_BYTES &&
                         proofs->list[0].result == PROOF_INCOMPLETE;
    stored->is_new = proofs->count == 0 || is_unreadable;
    stored->read_us = 0;
    stored->why = NULL;
    for (size_t i = 0; i < proofs->count && stored->read_us == 0; i++) {
        if (proofs->list[i].sample == 100)
            stored->read_us = proofs->list[i].at_us;
    }
    if (deciding != NULL && deciding->result == PROOF_DIFFERENT)
        stored->why = first_error(deciding, &r->task->run->session.arena);
}

/* Says what is not there; true if all is. */
static bool is_complete(struct reading *r, const struct stored *stored)
{
    const struct session *session = &r->task->run->session;
    const struct manifest *backup = stored->backup;
    const struct artifact *lacks = jbi_backup_lacks(&session->repository, backup);
    if (lacks == NULL || jbi_backup_is_removed(session, backup))
        return lacks == NULL;
    jbi_finding(r->task->report, stored->index == 0 ? JB_CRITICAL : JB_ERROR, backup->timestamp,
                "\"%s\" is not there with its %llu bytes: the backup can't be restored as a whole",
                lacks->path, (unsigned long long)lacks->size);
    jbi_finding_hint(r->task->report,
                     "\"jbackup verify --timestamp %s\" says what else is wrong; if it can't be "
                     "put back from a copy: \"jbackup remove %s\", and back up again",
                     backup->timestamp, backup->timestamp);
    return false;
}

/* ---- Reading ---- */

static int read_backup(struct reading *r, struct stored *stored, struct jb_error *err)
{
    struct monitor_run *run = r->task->run;
    struct verified verified;
    struct verification v = {.session = &r->session,
                             .backup = stored->backup,
                             .depth = JB_DEPTH_BYTES,
                             .sample = 100,
                             .scratch_fd = -1};
    size_t before = r->session.report->finding_count;
    int code = jbi_verify_backup(&v, &verified, err);
    if (code < 0 || verified.is_gone)
        return code;
    run->artifacts_read += stored->backup->artifact_count;
    run->bytes_read += v.sum.bytes_read;
    stored->read_us = jbi_now_us();
    stored->is_new = false;
    const struct jb_finding *finding;
    for (size_t i = before; (finding = jb_report_finding(r->session.report, i)) != NULL; i++) {
        if (finding->level >= JB_ERROR && stored->why == NULL)
            stored->why =
                jbi_arena_printf(&run->session.arena, "%s: %s", finding->subject, finding->message);
    }
    /* What was proved at other depths still stands. */
    code = jbi_proofs_load(&run->session.repository, stored->backup, &run->session.arena, NULL,
                           &run->proofs[stored->index], err);
    if (code == JB_OK && verified.result == PROOF_EQUAL)
        take_proofs(r, stored);
    return code;
}

/* ---- What is read now ---- */

static int longest_ago(const void *left, const void *right)
{
    const struct stored *a = *(struct stored *const *)left, *b = *(struct stored *const *)right;
    if (a->is_new != b->is_new)
        return a->is_new ? -1 : 1;
    if (a->is_new) /* the newest first */
        return a->index < b->index ? -1 : 1;
    if (a->read_us != b->read_us)
        return a->read_us < b->read_us ? -1 : 1;
    return a->index < b->index ? 1 : -1;
}

/* How much of all the time that has passed since anything was read is worth: what is not used, for
 * the next backup is larger, is so added to the next check's. */
static double share_of(const struct reading *r)
{
    const struct monitor_run *run = r->task->run;
    const int64_t cycle_us = (int64_t)run->config.reread_days * DAY_US;
    int64_t since_us = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->all[i].backup != NULL && r->all[i].read_us > since_us)
            since_us = r->all[i].read_us;
    }
    if (cycle_us == 0 || since_us == 0 || since_us > run->now_us)
        return 0;
    double passed = (double)(run->now_us - since_us) / (double)cycle_us;
    return (double)r->total * (passed > 1 ? 1 : passed);
}

/* New ones, those that are overdue, and of the others the share, in this order. */
static int plan(struct reading *r, struct stored ***out, size_t *count, struct jb_error *err)
{
    const struct monitor_run *run = r->task->run;
    const int64_t cycle_us = (int64_t)run->config.reread_days * DAY_US;
    struct stored **turn = jbi_arena_alloc(&r->session.arena, (r->count + 1) * sizeof *turn);
    size_t here = 0;
    double share = share_of(r);
    *out = turn;
    *count = 0;
    if (turn == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < r->count; i++) {
        if (r->all[i].backup != NULL)
            turn[here++] = &r->all[i];
    }
    qsort(turn, here, sizeof *turn, longest_ago);
    for (size_t i = 0; i < here; i++) {
        bool is_overdue = cycle_us > 0 && run->now_us - turn[i]->read_us > cycle_us;
        double size = (double)turn[i]->backup->total_size;
        if (!turn[i]->is_new && !is_overdue && (cycle_us == 0 || size > share))
            break;
        share -= turn[i]->is_new ? 0 : size;
        ++*count;
    }
    return JB_OK;
}

/* Whether what is read could be remembered now; if not, why not is a finding. */
static bool can_remember(struct reading *r)
{
    struct jb_error why = {0};
    struct session *session = &r->session;
    int lock_fd = -1;
    int code = session->repository.state_fd >= 0
                   ? jbi_repository_lock(&session->repository, 0, "monitor",
                                         &session->project->hooks, &lock_fd, &why)
                   : jbi_fail(&why, JB_EIO, "the repository has no folder .jbackup");
    if (code == JB_OK) {
        flock(lock_fd, LOCK_UN);
        close(lock_fd);
        return true;
    }
    if (code == JB_ELOCKED) {
        jbi_finding(r->task->report, JB_INFO, "reading",
                    "stored files are read by the next check: %s", why.text);
        return false;
    }
    jbi_finding(r->task->report, JB_WARNING, "reading",
                "stored files are not read, for it could not be remembered: %s", why.text);
    jbi_finding_hint(r->task->report, "run the monitor as the user to whom the repository belongs");
    return false;
}

static int read_stored(struct reading *r, struct jb_error *err)
{
    struct stored **due;
    size_t count;
    int code = plan(r, &due, &count, err);
    if (code < 0 || count == 0 || !can_remember(r))
        return code;
    for (size_t i = 0; i < count && code == JB_OK; i++) {
        if (jbi_monotonic_ms() - r->begin_ms <= READ_MAX_MS)
            code = read_backup(r, due[i], err);
        else
            r->left += due[i]->is_new;
    }
    return code;
}

/* ---- The whole ---- */

static void tell_broken(struct reading *r)
{
    jb_report *report = r->task->report;
    for (size_t i = 0; i < r->count; i++) {
        const struct stored *stored = &r->all[i];
        if (stored->backup == NULL || stored->why == NULL)
            continue;
        const char *timestamp = stored->backup->timestamp;
        jbi_finding(report, stored->index == 0 ? JB_CRITICAL : JB_ERROR, timestamp,
                    "the backup is damaged: %s", stored->why);
        jbi_finding_hint(report,
                         "\"jbackup verify --timestamp %s\" reads it again; back up now, look at "
                         "the disk (\"dmesg\", \"smartctl -a\"), then \"jbackup remove %s\"",
                         timestamp, timestamp);
    }
}

static void tell_late(struct reading *r)
{
    const struct monitor_run *run = r->task->run;
    const int64_t limit_us = 2 * (int64_t)run->config.reread_days * DAY_US;
    size_t late = 0;
    for (size_t i = 0; i < r->count && limit_us > 0; i++) {
        const struct stored *stored = &r->all[i];
        int64_t from_us = stored->read_us > 0      ? stored->read_us
                          : stored->backup != NULL ? stored->backup->created_us
                                                   : run->now_us;
        late += stored->backup != NULL && run->now_us - from_us > limit_us;
    }
    if (late == 0)
        return;
    jbi_finding(r->task->report, JB_WARNING, "reading",
                "%zu backup%s not been read for over %d days: damage to %s would not be known",
                late, late == 1 ? " has" : "s have", 2 * run->config.reread_days,
                late == 1 ? "it" : "them");
    jbi_finding_hint(r->task->report,
                     "run \"jbackup-verify test --test integrity --depth bytes\" once; if it comes "
                     "back, let the monitor run more often, or give it more time: "
                     "\"jbackup-monitor config --set reread_days=30\"");
}

static void tell(struct reading *r)
{
    struct monitor_task *task = r->task;
    char size[16];
    tell_broken(r);
    if (r->left > 0)
        jbi_finding(task->report, JB_INFO, "reading", "%zu new backups are read by the next checks",
                    r->left);
    else
        tell_late(r);
    jbi_text_addf(&task->did, "looked for the files of %zu backup%s and read %zu file%s, %s",
                  r->count, r->count == 1 ? "" : "s", task->run->artifacts_read,
                  task->run->artifacts_read == 1 ? "" : "s",
                  jbi_human_size(size, task->run->bytes_read));
}

int jbi_monitor_integrity(struct monitor_task *task, struct jb_error *err)
{
    struct monitor_run *run = task->run;
    const struct catalog *catalog = &run->session.catalog;
    struct reading r = {.task = task,
                        .session = run->session,
                        .count = catalog->count,
                        .begin_ms = jbi_monotonic_ms()};
    int code = JB_OK;
    r.session.arena = (struct arena){0};
    r.session.report = jbi_report_new();
    r.all = jbi_arena_alloc(&r.session.arena, (r.count + 1) * sizeof *r.all);
    if (r.session.report == NULL || r.all == NULL)
        code = jbi_fail_memory(err);
    for (size_t i = 0; i < r.count && code == JB_OK; i++) {
        struct stored *stored = &r.all[i];
        *stored = (struct stored){.backup = &catalog->backups[i], .index = i};
        take_proofs(&r, stored);
        if (is_complete(&r, stored))
            r.total += stored->backup->total_size;
        else
            stored->backup = NULL; /* nothing more is said of it */
    }
    if (code == JB_OK)
        code = read_stored(&r, err);
    if (code == JB_OK)
        tell(&r);
    jb_report_free(r.session.report);
    jbi_arena_free(&r.session.arena);
    return code;
}
