/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RESTORE_PLACE_H
#define JBI_API_RESTORE_PLACE_H

#include "api/session.h"

/* restore_safe without a folder to restore to: in place, as one transaction. */
int jbi_restore_place(jb_project *project, const struct jb_restore_options *options,
                      jb_report **report, struct jb_error *err);

/* The path as an archive knows it: relative, without "./" before and "/" behind. given may be NULL,
 * which is everything. JB_EINVAL: it leads outside. */
int jbi_code_path(struct arena *arena, const char *given, const char **out, struct jb_error *err);

#endif
