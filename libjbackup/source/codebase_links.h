/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_LINKS_H
#define JBI_SOURCE_CODEBASE_LINKS_H

#include <jbackup.h>

/* Called with each path to which a hard link leads, but under which no file is stored. */
typedef void (*missing_target)(void *user, const char *path);

/* Reads the index twice: for the targets of its hard links (kept in memory), then for the files. */
int jbi_links_check(int index_fd, const char *index_name, missing_target say, void *user,
                    struct jb_error *err);

#endif
