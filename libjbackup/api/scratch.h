/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCRATCH_H
#define JBI_API_SCRATCH_H

#include <jbackup.h>
#include <limits.h>

/*
 * A folder for temporary files: scratch-XXXXXX in the repository's .jbackup, or, where that can't
 * be written to, jbackup-scratch-XXXXXX in /var/tmp. Its owner holds a kernel lock on it, so what a
 * killed run left is told from what is in use; the next run removes it.
 */
struct scratch {
    int fd; /* the open folder; -1: none */
    int parent_fd;
    char name[40];
};
#define SCRATCH_INIT                                                                               \
    {                                                                                              \
        -1, -1, ""                                                                                 \
    }

/* state_fd: the open .jbackup, or -1. Clears what killed runs left, too. */
int jbi_scratch_begin(struct scratch *scratch, int state_fd, struct jb_error *err);
/* The same in .jbackup only: where that can't be written to (or is full) it fails. */
int jbi_scratch_begin_there(struct scratch *scratch, int state_fd, struct jb_error *err);
void jbi_scratch_end(struct scratch *scratch);

/* Where the folder is, for what is named by a path. */
int jbi_scratch_path(const struct scratch *scratch, char to[PATH_MAX], struct jb_error *err);

#endif
