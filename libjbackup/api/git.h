/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_GIT_H
#define JBI_API_GIT_H

#include <jbackup.h>

#include "base/arena.h"

/* What git says of the code at the time of the backup. */
struct git_state {
    const char *commit; /* NULL: not known */
    const char *branch; /* NULL: not known, or detached */
    int dirty;          /* -1: not known */
};

/* Asks git, if it is installed and root is a checkout of this user's; a checkout that git refuses
 * (another owner's) is an INFO finding. Nothing that goes wrong here fails a backup. */
void jbi_git_look(struct git_state *out, const char *root, struct arena *arena, jb_report *report);

#endif
