/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_LINGER_H
#define JBI_API_SCHEDULE_LINGER_H

#include <jbackup.h>

#include "base/arena.h"

/* Without lingering a user's manager, and with it the timers, end when the user logs out: a WARNING
 * finding. */
void jbi_schedule_check_linger(struct arena *arena, jb_report *report);

#endif
