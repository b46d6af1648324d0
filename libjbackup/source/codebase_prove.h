/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_PROVE_H
#define JBI_SOURCE_CODEBASE_PROVE_H

#include "source/codebase.h"

/* Restores the code of a backup into a new folder in job->scratch_fd and compares what is there
 * with the index: every path, type, mode, time, link and content, and that nothing else is there;
 * owners only as root. The folder is removed in any case. Differences are ERROR findings "archive:
 * path"; owners that could not be set for want of rights are an ERROR, too, counted as not
 * compared. Extended attributes are restored, but not in the index, so not compared. checked->files
 * and *restored_bytes say how much was compared. An archive that its index contradicts is named
 * entry by entry, as its check does. */
int jbi_codebase_prove(const struct source_job *job, int category_fd,
                       const struct artifact *archive, const struct artifact *index,
                       struct source_checked *checked, uint64_t *restored_bytes,
                       struct jb_error *err);

/* Decodes and compares about percent of an archive's members, chosen by seed, with the entries that
 * lie in them; checked->files counts the files. The archive as a whole has no checksum then.
 * At least one member with a file is taken. Files of over 64 MiB are decoded in part, and said so:
 * they count only if all of their members were drawn. */
int jbi_codebase_sample(const struct source_job *job, int category_fd,
                        const struct artifact *archive, const struct artifact *index, int percent,
                        uint32_t seed, struct source_checked *checked, struct jb_error *err);

#endif
