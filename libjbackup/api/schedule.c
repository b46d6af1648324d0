/* SPDX-License-Identifier: MIT */
/* The schedules, their names and their defaults, which stand here only. */
#include "api/schedule.h"

#include <string.h>

#include "adapter/systemd.h"

const struct schedule_entry jbi_schedule_defaults[SCHEDULE_COUNT] = {
    [SCHEDULE_DAILY] = {true, "*-*-* 02:00:00", JB_TYPE_DATABASE, false, false},
    [SCHEDULE_WEEKLY] = {true, "Sun *-*-* 03:00:00", JB_TYPE_FULL, false, false},
    [SCHEDULE_MONTHLY] = {true, "*-*-01 04:00:00", JB_TYPE_FULL, true, false},
    [SCHEDULE_VERIFY] = {true, "Sun *-*-* 05:00:00", JB_TYPE_FULL, false, false},
    [SCHEDULE_MONITOR] = {true, NULL, JB_TYPE_FULL, false, false},
};

static const char *const names[SCHEDULE_COUNT] = {"daily", "weekly", "monthly", "verify",
                                                  "monitor"};

const char *jbi_schedule_name(enum schedule schedule)
{
    return names[schedule];
}

bool jbi_schedule_parse(const char *name, enum schedule *out)
{
    for (int i = 0; i < SCHEDULE_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum schedule)i;
            return true;
        }
    }
    return false;
}

const char *jbi_schedule_unit(const char *project_name, enum schedule schedule, struct arena *arena)
{
    const char *project = jbi_systemd_escape(project_name, arena);
    return project ? jbi_arena_printf(arena, "%s-backup-%s", project, names[schedule]) : NULL;
}
