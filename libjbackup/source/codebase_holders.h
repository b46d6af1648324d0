/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_HOLDERS_H
#define JBI_SOURCE_CODEBASE_HOLDERS_H

#include "base/arena.h"
#include "os/tree.h"
#include "source/codebase.h"

/* The folders of the code above a repository, the root not among them. A restore in place leaves
 * them where they are, with mode, owner and time, and exchanges what is in them. */
struct codebase_holders {
    struct stat *at; /* of the arena */
    size_t count;
};

int jbi_codebase_holders(struct codebase_holders *holders, const struct codebase_source *source,
                         int root_fd, struct arena *arena, struct jb_error *err);
bool jbi_codebase_is_holder(const struct codebase_holders *holders, const struct tree_entry *entry);

#endif
