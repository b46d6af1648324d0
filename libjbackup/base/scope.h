/* SPDX-License-Identifier: MIT */
#ifndef JBI_BASE_SCOPE_H
#define JBI_BASE_SCOPE_H

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Release at the end of a scope: memory and descriptors only. What must be undone on disk is undone
 * by a named function, in sight.
 *
 *     scope_free char *line = NULL;
 *     scope_fd int fd = openat(...);       -1 is fine
 */
static inline void jbi_scope_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void jbi_scope_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void jbi_scope_closedir(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

#define scope_free __attribute__((cleanup(jbi_scope_free)))
#define scope_fd   __attribute__((cleanup(jbi_scope_close)))
#define scope_dir  __attribute__((cleanup(jbi_scope_closedir)))

#endif
