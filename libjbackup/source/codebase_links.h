/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_LINKS_H
#define JBI_SOURCE_CODEBASE_LINKS_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/artifact.h"

/* A path to which hard links lead. */
struct link_target {
    const char *path;
    bool is_stored; /* under it a file is stored, with this size and content */
    uint64_t size;
    char sha256[SHA256_HEX_SIZE];
};
struct link_targets;

/* Reads the index twice: for the targets of its hard links (kept in memory), then for the files. */
int jbi_links_load(struct link_targets **out, int index_fd, const char *index_name,
                   struct jb_error *err);
const struct link_target *jbi_links_find(const struct link_targets *targets, const char *path);
void jbi_links_free(struct link_targets *targets); /* NULL is fine */

/* Called with each path to which a hard link leads, but under which no file is stored. */
typedef void (*missing_target)(void *user, const char *path);

/* As jbi_links_load, and no more than that. */
int jbi_links_check(int index_fd, const char *index_name, missing_target say, void *user,
                    struct jb_error *err);

#endif
