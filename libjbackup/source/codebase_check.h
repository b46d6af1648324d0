/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_CHECK_H
#define JBI_SOURCE_CODEBASE_CHECK_H

#include "source/source.h"

/* The check of jbi_codebase_source: the archive in full against its index, entry by entry. For an
 * ARTIFACT_INDEX alone, that its members and lines are whole. */
int jbi_codebase_check(const struct source_job *job, int category_fd,
                       const struct artifact *artifact, struct source_checked *checked,
                       struct jb_error *err);

#endif
