/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_EXCLUDE_H
#define JBI_SOURCE_EXCLUDE_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/arena.h"

/*
 * Patterns in the manner of gitignore(5): "*.log" matches at any depth, "/build" only at the root,
 * "a/b" from the root, "cache/" folders only, "!keep.log" takes back, "**" any number of folders.
 * The last pattern that matches decides. What lies in an excluded folder is excluded.
 */
struct exclude;

/* All belongs to arena. with_defaults puts the default patterns first. JB_EINVAL names the pattern.
 */
int jbi_exclude_new(struct exclude **out, const char *const *patterns, size_t count,
                    bool with_defaults, struct arena *arena, struct jb_error *err);
/* Whether the path itself is excluded; its parents are asked before it. */
bool jbi_is_excluded(const struct exclude *exclude, const char *path, bool is_folder);

#endif
