/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_MOUNTS_H
#define JBI_OS_MOUNTS_H

#include <jbackup.h>

/* Called with the path of what is mounted, relative to the folder; other than JB_OK ends it. */
typedef int (*mount_visit)(void *user, const char *path, struct jb_error *err);

/* Everything that is mounted below an open folder (not on itself): file systems, and folders and
 * files that are bound there, which no device number tells. Nothing, where /proc is absent. */
int jbi_mounts_below(int dir_fd, mount_visit visit, void *user, struct jb_error *err);

#endif
