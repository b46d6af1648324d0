/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RETENTION_TRIAL_H
#define JBI_API_RETENTION_TRIAL_H

#include "repository/retention.h"

/*
 * Backups of the past that never were, on both sides of each limit of a retention, and what ought
 * to become of each, worked out here once more from what the manual says, and by nothing of
 * repository/retention.c.
 */
struct trial_backup {
    char timestamp[TIMESTAMP_SIZE];
    enum category category;
    int64_t created_s;
    bool has_code; /* besides the database that each holds */
    bool is_pinned;
    bool is_cut;  /* one of its files is cut off */
    bool is_kept; /* expected */
};

#define TRIAL_BACKUPS_MAX 40

/* Oldest first: the order in which they would have been made. */
struct trial_series {
    struct trial_backup backups[TRIAL_BACKUPS_MAX];
    size_t count;
    struct retention retention;
    int64_t now_s;
};

/* The instant before which a backup of the category made is too old. */
int64_t jbi_trial_limit(const struct retention *retention, enum category category, int64_t now_s);

/* Backups as they are when all goes well: from just now to some time past each limit; the oldest
 * is pinned. */
void jbi_trial_plan_regular(struct trial_series *series, const struct retention *retention,
                            int64_t now_s);
/* When none was made for so long that all are too old; the newest has a file that is cut off, and
 * the oldest alone has the code. */
void jbi_trial_plan_neglected(struct trial_series *series, const struct retention *retention,
                              int64_t now_s);

/* Compares what cleanup did (or says that it would do) with what is expected; each difference is an
 * ERROR finding. */
void jbi_trial_compare(const struct trial_series *series, const jb_report *cleanup,
                       jb_report *report);

#endif
