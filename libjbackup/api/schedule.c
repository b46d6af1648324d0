/* SPDX-License-Identifier: MIT */
/* The schedules and their names, which stand here only. */
#include "api/schedule.h"

#include "adapter/systemd.h"

const char *jbi_schedule_unit(const char *project_name, size_t schedule, struct arena *arena)
{
    static const char *const names[SCHEDULE_COUNT] = {"daily", "weekly", "monthly"};
    const char *project = jbi_systemd_escape(project_name, arena);
    return project ? jbi_arena_printf(arena, "%s-backup-%s", project, names[schedule]) : NULL;
}
