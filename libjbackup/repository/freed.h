/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_FREED_H
#define JBI_REPOSITORY_FREED_H

#include "repository/layout.h"
#include "repository/manifest.h"

/*
 * What removals would free, one after another: the bytes of a file count when its last link goes,
 * by the same rule as jbi_repository_remove counts them. Begin with {0}.
 */
struct freed {
    uint64_t bytes; /* of all that were added */
    uint64_t last;  /* of the one that was added last, after those before it */
    struct freed_inode *inodes;
    size_t count, room;
};

int jbi_freed_add(struct freed *freed, const struct repository *repository,
                  const struct manifest *manifest, struct jb_error *err);
void jbi_freed_free(struct freed *freed); /* its memory; the counts stay */

/* What the removal of this backup alone would free. */
int jbi_freed_by(const struct repository *repository, const struct manifest *manifest,
                 uint64_t *bytes, struct jb_error *err);

#endif
