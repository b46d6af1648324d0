/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_RETENTION_H
#define JBI_REPOSITORY_RETENTION_H

#include "repository/catalog.h"

struct retention {
    int daily_days, weekly_weeks, monthly_months;
    int keep_min; /* of each category, the newest whole ones, whatever their age */
};

struct retention_verdict {
    bool keep;
    const char *reason; /* "2 days old, kept for 7", "pinned", "newest good backup of the code" */
};

/*
 * What to keep: a pure function of the catalog. is_whole[i] says whether backup i can still be
 * restored. Kept are, in this order of reasons: pinned ones, those that are to be kept until a time
 * to come, the newest whole backup of each database (by name) and of the code, keep_min of each
 * category, those within the category's age (months by calendar), those from the future. verdicts
 * has catalog->count elements; reasons belong to arena.
 */
int jbi_retention_decide(const struct catalog *catalog, const bool *is_whole,
                         const struct retention *retention, int64_t now_us, struct arena *arena,
                         struct retention_verdict *verdicts, struct jb_error *err);

#endif
