/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_STORED_H
#define JBI_SOURCE_STORED_H

#include "source/source.h"

/* Reads the stored bytes of an artifact, of whatever kind, which makes their checksum known: from
 * the descriptor's offset, or by its path. What can't be read is an ERROR finding. */
int jbi_stored_read(const struct source_job *job, int fd, const struct artifact *artifact,
                    struct source_checked *checked, struct jb_error *err);
int jbi_stored_check(const struct source_job *job, int category_fd, const struct artifact *artifact,
                     struct source_checked *checked, struct jb_error *err);

#endif
