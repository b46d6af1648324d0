/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RETENTION_REHEARSAL_H
#define JBI_API_RETENTION_REHEARSAL_H

#include "api/project.h"
#include "api/retention_trial.h"
#include "api/scratch.h"

/* What a rehearsal of cleanup did. */
struct rehearsal {
    size_t made, removed;
    int64_t oldest_s; /* of the backups that were made */
};

/* Lets cleanup work with the project's retention on repositories of made-up backups in a scratch
 * folder. What it does otherwise than it should is an ERROR finding. */
int jbi_rehearse_cleanup(const jb_project *project, const struct scratch *scratch,
                         jb_report *report, struct rehearsal *out, struct jb_error *err);

#endif
