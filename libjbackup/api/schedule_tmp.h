/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_TMP_H
#define JBI_API_SCHEDULE_TMP_H

#include "api/schedule_units.h"

/* What a project has below /tmp and /var/tmp, so that a service gets its own of both and still sees
 * that. shown: as a list of paths of settings, "" if there is nothing. is_shared: there is what
 * can't be shown so, and no service has its own. */
struct schedule_tmp {
    bool is_shared;
    const char *shown;
};

/* False: out of memory. */
bool jbi_schedule_tmp(struct schedule_tmp *out, const jb_project *project, const char *tools,
                      struct arena *arena);

#endif
