/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_VERIFY_ARTIFACT_H
#define JBI_API_VERIFY_ARTIFACT_H

#include "api/session.h"
#include "repository/proof.h"

struct past_run;

/* A backup that is verified, looked at as deeply as is wanted. */
struct verification {
    struct session *session;
    const struct manifest *backup;
    int depth;  /* enum jb_depth */
    int sample; /* percent of a code archive; 100: all */
    int scratch_fd;
    struct source_checked sum;
    uint64_t bytes_decoded, bytes_restored;
    int64_t look_ms, restore_ms;
    const char *restored_in; /* of PostgreSQL: where; NULL: nowhere */
    int if_older_days;       /* of what was read within so many days the bytes aren't; 0: all */
    struct proofs proofs;    /* that there are, when if_older_days is set */
    const struct artifact **read; /* in full and found right; room for all */
    size_t read_count, skipped;
    size_t incomplete;           /* ERROR findings that tell what could not be compared */
    const struct past_run *past; /* earlier verifications, newest first */
    size_t past_count;
};

/* Differences are findings; adds to the sums. */
int jbi_verify_artifact(struct verification *v, const struct artifact *artifact,
                        struct jb_error *err);

/* Errors among the findings of the report from this one on. */
size_t jbi_errors_since(const jb_report *report, size_t from);

#endif
