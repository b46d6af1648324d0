/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_PROGRAM_H
#define JBI_API_PROGRAM_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/arena.h"

/* Programs that the installation is made of, as they lie on the disk. */

/* The absolute path of a program: name itself if it has a slash in it, else in the folders of PATH
 * that are absolute. NULL: there is none, or out of memory. must_run: what may not be executed is
 * passed over. */
const char *jbi_program_find(const char *name, bool must_run, struct arena *arena);

/* Whether nobody but root and this user can change or replace the file or a folder that leads to
 * it. Else an ERROR finding, or one that says why it can't be told. */
bool jbi_program_is_ours(const char *path, struct arena *arena, jb_report *report);

#endif
