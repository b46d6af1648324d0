/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_SCHEDULE_RECORD_H
#define JBI_REPOSITORY_SCHEDULE_RECORD_H

#include "repository/layout.h"

/*
 * What the last runs of a schedule came to: .jbackup/schedule_<name>.json, written atomically when
 * a run begins and when it ends.
 *
 *     {"runs": [{"began_at": time, "ended_at": time or null, "by": "timer" | "hand" | "cron",
 *       "result": "ok" | "findings" | "failed" | "running", "exit_status": 0, "timestamp": TS or
 *       null, "error": text or null}, ...]}       newest first, at most SCHEDULE_RUNS_KEPT
 */
#define SCHEDULE_RUNS_KEPT 30

struct schedule_run {
    int64_t began_us, ended_us; /* ended_us 0: it is under way, or died */
    const char *by;
    const char *result;
    int exit_status;
    const char *timestamp; /* of the backup that it made, or verified; NULL: none */
    const char *error;     /* why it failed; NULL */
};

struct schedule_record {
    struct schedule_run *runs;
    size_t count;
};

/* None, or a damaged file (a WARNING finding; report may be NULL): an empty record. */
int jbi_schedule_record_load(struct schedule_record *out, const struct repository *repository,
                             const char *schedule, struct arena *arena, jb_report *report,
                             struct jb_error *err);
/* Puts run in front of the record (is_new), or in the place of the newest one, and writes it. */
int jbi_schedule_record_write(struct schedule_record *record, const struct repository *repository,
                              const char *schedule, const struct schedule_run *run, bool is_new,
                              struct arena *arena, struct jb_error *err);

#endif
