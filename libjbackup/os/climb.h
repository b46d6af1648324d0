/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_CLIMB_H
#define JBI_OS_CLIMB_H

#include <jbackup.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/text.h"

/*
 * One open folder below a root that moves from path to path by the nearest way, so that visiting a
 * tree in its order costs as much as it has folders, however deep they lie. Downwards no symbolic
 * link is followed; upwards each folder must be the one from which it went down.
 */
struct climb {
    int root_fd; /* borrowed */
    int fd;      /* where it is; -1: nowhere yet */
    struct text path;
    struct climb_level *levels; /* the folders above, with the root, down to where it is */
    size_t count, room;
};

void jbi_climb_begin(struct climb *climb, int root_fd);
void jbi_climb_end(struct climb *climb); /* after {.fd = -1}, too */

/* Goes to the folder at the first len bytes of path; missing ones are made with the mode if
 * is_made. The descriptor, which the climb keeps and moves, or -1 with errno. */
int jbi_climb_to(struct climb *climb, const char *path, size_t len, bool is_made, mode_t mode);

#endif
