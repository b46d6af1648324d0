/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_UNITS_H
#define JBI_API_SCHEDULE_UNITS_H

#include "api/project.h"
#include "api/schedule.h"

/*
 * The texts of the units that run a project's schedules: a pure function of the configuration and
 * of the place. Nothing is read, asked or written.
 *
 *     NAME-backup-daily.timer, .service      ... -weekly, -monthly, -verify, -monitor
 *     NAME-backup-alert@.service             OnFailure= of each service; its instance is the unit
 *                                            that failed
 *
 * Each begins with "# Made by jbackup-scheduler for PROJECT-FOLDER" (SCHEDULE_MARK), by which it is
 * known again, and a line "# sha256 HEX" of all that follows it, by which an edit is.
 */
#define SCHEDULE_MARK "# Made by jbackup-scheduler for "

/* What units say of this machine. */
struct schedule_place {
    enum systemd_manager manager;
    const char *tools;        /* the folder of jbackup-scheduler and jbackup-monitor, absolute */
    const char *user, *group; /* of the system's manager: as whom; NULL: as root */
    int monitor_minutes;      /* check_interval_minutes */
    const char *path;         /* PATH of the services: where pg_dump and git are */
};

struct schedule_unit {
    const char *name; /* with .timer or .service */
    const char *text;
};

/* The units of the schedules that are on, timers after their services, the alert's last. */
int jbi_schedule_units(const jb_project *project, const struct schedule_place *place,
                       struct arena *arena, struct schedule_unit **out, size_t *count,
                       struct jb_error *err);

/* As systemd's syntax asks: a word of a command line behind the program; a path of a setting, or
 * the program; a free text that begins or ends no line. NULL: out of memory. */
const char *jbi_unit_word(const char *text, struct arena *arena);
const char *jbi_unit_path(const char *text, struct arena *arena);
const char *jbi_unit_text(const char *text, struct arena *arena);

/* The unit with the two lines before it. NULL: out of memory. */
const char *jbi_unit_marked(const char *body, const char *folder, struct arena *arena);

/* Whether this is one of ours, of which project folder (unescaped; folder may be NULL), and whether
 * it is as it was made. */
bool jbi_unit_is_ours(const char *text, size_t len, struct arena *arena, const char **folder,
                      bool *is_as_made);

/* When the clock goes forward, systemd passes over a time that does not exist that day; when it
 * goes back, a time comes twice. For an expression with one fixed time of day (hours, minutes,
 * perhaps seconds), the same an hour later: the timer has both, and whoever is started by the timer
 * asks jbi_schedule_is_due. NULL without out of memory (*failed): there is no such second time,
 * either since the expression fires more than once a day, or since gaps are not at its hour. */
const char *jbi_schedule_second_time(const char *at, struct arena *arena, bool *failed);

/* Whether a run that a timer starts now is due: the last run began before the newest time of day of
 * that expression, by local time. True for expressions without a second time. Of a time that comes
 * twice the first one counts. Where the expression names another zone, which can't be computed with
 * here: the last run began more than three hours ago. */
bool jbi_schedule_is_due(const char *at, int64_t last_unix_s, int64_t now_unix_s);

#endif
