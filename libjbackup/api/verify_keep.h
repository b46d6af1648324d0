/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_VERIFY_KEEP_H
#define JBI_API_VERIFY_KEEP_H

#include "api/verify_artifact.h"
#include "repository/proof.h"

enum proof_depth jbi_proof_depth_of(int depth); /* enum jb_depth */

/* What the findings of the report from before on say. */
enum proof_result jbi_verify_result(const struct verification *v, size_t before);

/* Keeps the result of a verification, the findings of the report from before on, with the backup,
 * and compares its speed with earlier ones. That it can't be kept is no reason to fail. */
int jbi_verify_keep(struct verification *v, size_t before, int64_t duration_ms,
                    struct jb_error *err);

#endif
