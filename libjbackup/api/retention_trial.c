/* SPDX-License-Identifier: MIT */
/* What retention ought to do with made-up backups. Invariant: nothing here asks the code that
 * decides it in earnest, and no backup is nearer to a limit than what a run or a clock change may
 * take. */
#include "api/retention_trial.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/report.h"

#define HOUR_S     3600
#define DAY_S      (24 * HOUR_S)
#define MARGIN_S   (3 * HOUR_S)
#define EARLIEST_S (365 * DAY_S) /* timestamps begin with 1970 */

static int limit_of(const struct retention *retention, enum category category)
{
    const int limits[CATEGORY_COUNT] = {retention->daily_days, retention->weekly_weeks,
                                        retention->monthly_months};
    return limits[category];
}

/* So many days, weeks or months before now; a day that a month lacks is its last one. */
static int64_t before(int64_t now_s, enum category category, int units)
{
    struct tm tm = {0};
    time_t now = (time_t)now_s;
    if (category == CATEGORY_DAILY)
        return now_s - (int64_t)units * DAY_S;
    if (category == CATEGORY_WEEKLY)
        return now_s - (int64_t)units * 7 * DAY_S;
    localtime_r(&now, &tm);
    int day = tm.tm_mday;
    tm.tm_mon -= units;
    tm.tm_isdst = -1;
    struct tm shown = tm;
    time_t at = mktime(&shown);
    if (shown.tm_mday != day) { /* it ran over into the next month: back to day 0 of that */
        shown.tm_mday = 0;
        shown.tm_isdst = -1;
        at = mktime(&shown);
    }
    return (int64_t)at;
}

int64_t jbi_trial_limit(const struct retention *retention, enum category category, int64_t now_s)
{
    return before(now_s, category, limit_of(retention, category));
}

static bool is_taken(const struct trial_series *series, const char *timestamp)
{
    for (size_t i = 0; i < series->count; i++) {
        if (strcmp(series->backups[i].timestamp, timestamp) == 0)
            return true;
    }
    return false;
}

static void add(struct trial_series *series, enum category category, int64_t created_s)
{
    char timestamp[TIMESTAMP_SIZE];
    if (created_s < EARLIEST_S || series->count == TRIAL_BACKUPS_MAX)
        return;
    for (jbi_timestamp(timestamp, created_s); is_taken(series, timestamp);
         jbi_timestamp(timestamp, --created_s))
        ;
    struct trial_backup *added = &series->backups[series->count++];
    *added = (struct trial_backup){.category = category, .created_s = created_s, .has_code = true};
    memcpy(added->timestamp, timestamp, sizeof timestamp);
}

static int oldest_first(const void *left, const void *right)
{
    const struct trial_backup *a = left, *b = right;
    return (a->created_s > b->created_s) - (a->created_s < b->created_s);
}

/* Whether a newer whole backup has the code, too, or at least a database. */
static bool is_outdone(const struct trial_series *series, size_t index, bool with_code)
{
    for (size_t i = index + 1; i < series->count; i++) {
        if (!series->backups[i].is_cut && (series->backups[i].has_code || !with_code))
            return true;
    }
    return false;
}

static int newer_of_category(const struct trial_series *series, size_t index)
{
    int count = 0;
    for (size_t i = index + 1; i < series->count; i++)
        count += !series->backups[i].is_cut &&
                 series->backups[i].category == series->backups[index].category;
    return count;
}

/* Kept is what is pinned, young enough, the newest good one of the database or the code, or one of
 * the newest good ones of its category. */
static void expect(struct trial_series *series)
{
    const struct retention *retention = &series->retention;
    for (size_t i = 0; i < series->count; i++) {
        struct trial_backup *backup = &series->backups[i];
        bool is_young =
            backup->created_s >= jbi_trial_limit(retention, backup->category, series->now_s);
        bool is_newest =
            !is_outdone(series, i, false) || (backup->has_code && !is_outdone(series, i, true));
        bool is_minimum = newer_of_category(series, i) < retention->keep_min;
        backup->is_kept =
            backup->is_pinned || is_young || (!backup->is_cut && (is_newest || is_minimum));
    }
}

void jbi_trial_plan_regular(struct trial_series *series, const struct retention *retention,
                            int64_t now_s)
{
    *series = (struct trial_series){.retention = *retention, .now_s = now_s};
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        enum category category = (enum category)i;
        int limit = limit_of(retention, category);
        int64_t limit_s = jbi_trial_limit(retention, category, now_s);
        for (int age = 0; age < 4 && age < limit; age++)
            add(series, category, before(now_s, category, age) - HOUR_S);
        if (limit > 8)
            add(series, category, before(now_s, category, limit / 2));
        add(series, category, limit_s + MARGIN_S);
        add(series, category, limit_s - MARGIN_S);
        for (int over = 1; over <= 4; over++)
            add(series, category, before(now_s, category, limit + over));
    }
    qsort(series->backups, series->count, sizeof *series->backups, oldest_first);
    if (series->count > 0)
        series->backups[0].is_pinned = true;
    expect(series);
}

void jbi_trial_plan_neglected(struct trial_series *series, const struct retention *retention,
                              int64_t now_s)
{
    *series = (struct trial_series){.retention = *retention, .now_s = now_s};
    int each = (retention->keep_min < 4 ? retention->keep_min : 4) + 2;
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        enum category category = (enum category)i;
        int limit = limit_of(retention, category);
        for (int over = 1; over <= each; over++)
            add(series, category, before(now_s, category, limit + over));
    }
    qsort(series->backups, series->count, sizeof *series->backups, oldest_first);
    for (size_t i = 1; i < series->count; i++)
        series->backups[i].has_code = false;
    if (series->count > 0)
        series->backups[series->count - 1].is_cut = true;
    expect(series);
}

static size_t row_of(const jb_report *cleanup, const char *timestamp)
{
    size_t row = 0, count = jb_report_row_count(cleanup);
    for (; row < count; row++) {
        const char *text = jb_report_text(cleanup, row, "timestamp");
        if (text != NULL && strcmp(text, timestamp) == 0)
            break;
    }
    return row;
}

static void compare_one(const struct trial_series *series, const struct trial_backup *backup,
                        const jb_report *cleanup, jb_report *report)
{
    size_t row = row_of(cleanup, backup->timestamp);
    const char *category = jbi_category_name(backup->category);
    const char *when = jb_report_number(cleanup, JB_FIGURES, "dry_run") ? "a dry run of " : "";
    long days = (long)((series->now_s - backup->created_s) / DAY_S);
    if (row == jb_report_row_count(cleanup)) {
        jbi_finding(report, JB_ERROR, "retention",
                    "%scleanup says nothing of a %s backup that is %ld days old", when, category,
                    days);
        return;
    }
    bool is_kept = jb_report_number(cleanup, row, "keep") != 0;
    const char *reason = jb_report_text(cleanup, row, "reason");
    if (is_kept != backup->is_kept)
        jbi_finding(report, JB_ERROR, "retention",
                    "%scleanup %s a %s backup that is %ld days old%s%s (\"%s\")", when,
                    is_kept ? "keeps" : "removes", category, days,
                    backup->is_pinned ? ", pinned" : "", backup->is_cut ? ", damaged" : "",
                    reason ? reason : "");
}

void jbi_trial_compare(const struct trial_series *series, const jb_report *cleanup,
                       jb_report *report)
{
    int64_t kept = 0;
    for (size_t i = 0; i < series->count; i++) {
        compare_one(series, &series->backups[i], cleanup, report);
        kept += series->backups[i].is_kept;
    }
    if (jb_report_row_count(cleanup) != series->count ||
        jb_report_number(cleanup, JB_FIGURES, "kept") != kept ||
        jb_report_number(cleanup, JB_FIGURES, "removed") != (int64_t)series->count - kept)
        jbi_finding(report, JB_ERROR, "retention",
                    "cleanup counts %lld kept and %lld removed, which should be %lld and %lld",
                    (long long)jb_report_number(cleanup, JB_FIGURES, "kept"),
                    (long long)jb_report_number(cleanup, JB_FIGURES, "removed"), (long long)kept,
                    (long long)series->count - (long long)kept);
}
