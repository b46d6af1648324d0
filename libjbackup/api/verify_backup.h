/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_VERIFY_BACKUP_H
#define JBI_API_VERIFY_BACKUP_H

#include "api/verify_artifact.h"
#include "repository/proof.h"

/* What a verification of one backup came to. */
struct verified {
    bool is_gone; /* another run removed it meanwhile: no result */
    enum proof_result result;
    int64_t duration_ms;
};

/* Looks at every artifact of v->backup, and at its checksums file, as deeply as v says; differences
 * are ERROR findings of the session's report. Keeps the result with the backup. v begins with what
 * is wanted, and has the sums afterwards. */
int jbi_verify_backup(struct verification *v, struct verified *out, struct jb_error *err);

/* Whether its manifest is gone: a backup that another run removed is no damage. */
bool jbi_backup_is_removed(const struct session *session, const struct manifest *backup);

#endif
