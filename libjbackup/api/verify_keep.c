/* SPDX-License-Identifier: MIT */
/* What is remembered of a verification. */
#include "api/verify_keep.h"

#include <sys/file.h>
#include <unistd.h>

#include "api/verify_rates.h"
#include "base/clock.h"

#define PROOF_WAIT_S 10 /* for a run that holds the repository */

enum proof_depth jbi_proof_depth_of(int depth)
{
    return depth == JB_DEPTH_BYTES     ? PROOF_BYTES
           : depth == JB_DEPTH_RESTORE ? PROOF_RESTORE
                                       : PROOF_CONTENT;
}

/* What is kept of the findings on one backup. */
static void take_findings(const struct verification *v, size_t before, struct proof *proof)
{
    const jb_report *report = v->session->report;
    size_t count = report->finding_count - before;
    struct proof_finding *findings =
        jbi_arena_alloc(&v->session->arena, (count + 1) * sizeof *findings);
    for (size_t i = 0; findings != NULL && i < count; i++)
        findings[i] = (struct proof_finding){
            .level = report->findings[before + i].level,
            .subject = report->findings[before + i].subject,
            .message = report->findings[before + i].message,
        };
    proof->findings = findings;
    proof->finding_count = findings ? count : 0;
}

/* Under the repository's lock, for a short time; a backup that runs may hold it for long. */
static int add_proof(struct verification *v, const struct proof *proof, struct jb_error *err)
{
    struct session *session = v->session;
    int lock_fd = -1;
    if (session->repository.state_fd < 0)
        return jbi_fail(err, JB_EIO, "the repository can't be written");
    int code = jbi_repository_lock(&session->repository, PROOF_WAIT_S, "verify",
                                   &session->project->hooks, &lock_fd, err);
    if (code == JB_OK)
        code = jbi_proof_add(&session->repository, v->backup, proof, &session->arena, err);
    if (lock_fd >= 0) {
        flock(lock_fd, LOCK_UN); /* a child may be holding a copy of the descriptor */
        close(lock_fd);
    }
    return code;
}

/* A difference is one, whatever else could not be compared. */
enum proof_result jbi_verify_result(const struct verification *v, size_t before)
{
    size_t errors = jbi_errors_since(v->session->report, before);
    if (errors > v->incomplete)
        return PROOF_DIFFERENT;
    return errors > 0 ? PROOF_INCOMPLETE : PROOF_EQUAL;
}

int jbi_verify_keep(struct verification *v, size_t before, int64_t duration_ms,
                    struct jb_error *err)
{
    struct session *session = v->session;
    struct jb_error why = {0};
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    struct proof proof = {
        .at_us = jbi_now_us(),
        .depth = jbi_proof_depth_of(v->depth),
        .result = jbi_verify_result(v, before),
        .sample = v->sample,
        .host = host,
        .tool = "jbackup " JBACKUP_VERSION,
        .duration_ms = duration_ms,
        .look_ms = v->look_ms,
        .restore_ms = v->restore_ms,
        .files = v->sum.files,
        .tables = v->sum.tables,
        .bytes_read = v->sum.bytes_read,
        .bytes_decoded = v->bytes_decoded,
        .bytes_restored = v->bytes_restored,
        .read = v->read,
        .read_count = v->read_count,
        .is_partial = v->skipped > 0,
    };
    if (v->sample == 100 && v->skipped == 0)
        jbi_rates_compare(session->report, v->backup->timestamp, &proof, v->past, v->past_count);
    take_findings(v, before, &proof);
    int code = add_proof(v, &proof, &why);
    if (code == JB_ECANCELED || code == JB_ENOMEM) {
        *err = why;
        return code;
    }
    if (code < 0 && code != JB_ENOTFOUND)
        jbi_finding(session->report, JB_INFO, v->backup->timestamp,
                    "the result was not kept beside the backup: %s", why.text);
    return JB_OK;
}
