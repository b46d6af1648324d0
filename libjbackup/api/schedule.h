/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_H
#define JBI_API_SCHEDULE_H

#include <jbackup.h>
#include <stdbool.h>
#include <stddef.h>

#include "adapter/systemd.h"
#include "base/arena.h"

/* What runs by the clock; the first SCHEDULE_BACKUPS make backups of the category of their name. */
enum schedule {
    SCHEDULE_DAILY,
    SCHEDULE_WEEKLY,
    SCHEDULE_MONTHLY,
    SCHEDULE_VERIFY,
    SCHEDULE_MONITOR,
    SCHEDULE_COUNT
};
#define SCHEDULE_BACKUPS 3

/* One of them as configured (section "schedule" of jbackup.json). */
struct schedule_entry {
    bool is_on;
    const char *at; /* an OnCalendar expression; NULL (of SCHEDULE_MONITOR): every_minutes */
    int type;       /* enum jb_type: of a backup */
    bool cleanup;   /* a cleanup follows the backup */
    bool has_type;  /* the configuration says the type */
};

/* The defaults: 02:00 database; Sunday 03:00 full; the 1st 04:00 full and cleanup; Sunday 05:00,
 * when the newest backup holds all;
 * the monitor by its check_interval_minutes. */
extern const struct schedule_entry jbi_schedule_defaults[SCHEDULE_COUNT];

const char *jbi_schedule_name(enum schedule schedule); /* "daily", ... "verify", "monitor" */
bool jbi_schedule_parse(const char *name, enum schedule *out);

/* What a schedule's units are called, without .timer and .service: "journal-backup-daily". What
 * systemd does not allow in a name is escaped. NULL: out of memory. */
const char *jbi_schedule_unit(const char *project_name, enum schedule schedule,
                              struct arena *arena);

#endif
