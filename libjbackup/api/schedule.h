/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_H
#define JBI_API_SCHEDULE_H

#include <stddef.h>

#include "base/arena.h"

/* The schedules of a project: daily, weekly, monthly. */
#define SCHEDULE_COUNT 3

/* What a schedule's units are called, without .timer and .service: "journal-backup-daily". What
 * systemd does not allow in a name is escaped. NULL: out of memory. */
const char *jbi_schedule_unit(const char *project_name, size_t schedule, struct arena *arena);

#endif
