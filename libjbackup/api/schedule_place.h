/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_PLACE_H
#define JBI_API_SCHEDULE_PLACE_H

#include "api/schedule_units.h"

/* Looks at this machine for what units and crontabs say of it: where the tools are, as whom they
 * run, PATH and the monitor's interval. Texts belong to the arena. JB_ENOTFOUND: the tools are not
 * there; JB_EINVAL: there is no such user. */
int jbi_schedule_place(struct schedule_place *out, jb_project *project,
                       const struct jb_schedule_options *options, struct arena *arena,
                       struct jb_error *err);

/* What PATH is if nothing of the project needs more. */
#define SCHEDULE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#endif
