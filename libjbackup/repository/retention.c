/* SPDX-License-Identifier: MIT */
/* What to keep. Invariant: no reason ever turns a "keep" into a "remove", so the order of the
 * rules decides only which reason is given. */
#include "repository/retention.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"

struct deciding {
    const struct catalog *catalog;
    const bool *is_whole;
    const struct retention *retention;
    int64_t now_s;
    struct arena *arena;
    struct retention_verdict *verdicts;
    bool failed;
};

static void keep(struct deciding *d, size_t index, const char *reason)
{
    if (reason == NULL)
        d->failed = true;
    else if (!d->verdicts[index].keep)
        d->verdicts[index] = (struct retention_verdict){true, reason};
}

static void keep_pinned(struct deciding *d)
{
    for (size_t i = 0; i < d->catalog->count; i++)
        if (d->catalog->backups[i].pinned)
            keep(d, i, "pinned");
}

static void keep_until(struct deciding *d)
{
    for (size_t i = 0; i < d->catalog->count; i++) {
        int64_t until_us = d->catalog->backups[i].keep_until_us;
        char until[ISO_TIME_SIZE];
        if (until_us / 1000000 <= d->now_s)
            continue;
        jbi_iso_time(until, until_us, false);
        keep(d, i, jbi_arena_printf(d->arena, "to be kept until %.10s", until));
    }
}

/* A component is the code, or one database by its kind and name. */
static bool is_same_component(const struct artifact *a, const struct artifact *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->name == NULL || b->name == NULL)
        return a->name == b->name;
    return strcmp(a->name, b->name) == 0;
}

static bool is_component(const struct artifact *artifact)
{
    return artifact->kind == ARTIFACT_CODEBASE || jbi_artifact_kind_is_database(artifact->kind);
}

static const char *newest_reason(struct deciding *d, const struct artifact *artifact)
{
    if (artifact->kind == ARTIFACT_CODEBASE)
        return "newest good backup of the code";
    return jbi_arena_printf(d->arena, "newest good backup of database \"%s\"", artifact->name);
}

static void keep_newest_of_components(struct deciding *d)
{
    const struct artifact **seen = NULL;
    size_t count = 0, room = 0;
    for (size_t i = 0; i < d->catalog->count && !d->failed; i++) {
        const struct manifest *backup = &d->catalog->backups[i];
        for (size_t j = 0; d->is_whole[i] && j < backup->artifact_count; j++) {
            const struct artifact *artifact = &backup->artifacts[j];
            size_t k = 0;
            while (k < count && !is_same_component(seen[k], artifact))
                k++;
            if (k < count || !is_component(artifact))
                continue;
            if (count == room) {
                room = room ? 2 * room : 16;
                seen =
                    jbi_arena_grow(d->arena, seen, count * sizeof(void *), room * sizeof(void *));
            }
            if (seen == NULL) {
                d->failed = true;
                return;
            }
            seen[count++] = artifact;
            keep(d, i, newest_reason(d, artifact));
        }
    }
}

/* Only whole backups count: a broken one must not take the place of a good one. */
static void keep_minimum(struct deciding *d)
{
    int kept[CATEGORY_COUNT] = {0};
    for (size_t i = 0; i < d->catalog->count; i++) {
        enum category category = d->catalog->backups[i].category;
        if (!d->is_whole[i] || kept[category] >= d->retention->keep_min)
            continue;
        kept[category]++;
        keep(d, i,
             jbi_arena_printf(d->arena, "one of the newest %d of its category",
                              d->retention->keep_min));
    }
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 1 && is_leap ? 29 : days[month];
}

/* The same time of day so many days and months earlier by the local calendar; one month before the
 * 31st of March is the last of February. */
static int64_t earlier(int64_t unix_s, int days, int months)
{
    struct tm tm = {0};
    time_t at = (time_t)unix_s;
    localtime_r(&at, &tm);
    int64_t month = ((int64_t)tm.tm_year + 1900) * 12 + tm.tm_mon - months;
    if (month < 0)
        return INT64_MIN;
    tm.tm_year = (int)(month / 12) - 1900;
    tm.tm_mon = (int)(month % 12);
    int last = days_of_month((int)(month / 12), tm.tm_mon);
    if (tm.tm_mday > last)
        tm.tm_mday = last;
    tm.tm_mday -= days;
    tm.tm_isdst = -1;
    return (int64_t)mktime(&tm);
}

/* How many whole months lie between two instants, by the local calendar. */
static int months_between(int64_t from, int64_t to)
{
    int months = 0;
    while (months < 12000 && earlier(to, 0, months + 1) >= from)
        months++;
    return months;
}

static const char *age_reason(struct deciding *d, const struct manifest *backup, bool is_kept,
                              int limit)
{
    static const char *const units[] = {"day", "week", "month"};
    const char *unit = units[backup->category];
    if (!is_kept)
        return jbi_arena_printf(d->arena, "more than %d %s%s old", limit, unit,
                                limit == 1 ? "" : "s");
    int64_t created_s = backup->created_us / 1000000, days = (d->now_s - created_s) / 86400;
    int64_t age = backup->category == CATEGORY_DAILY ? days : days / 7;
    if (backup->category == CATEGORY_MONTHLY)
        age = months_between(created_s, d->now_s);
    return jbi_arena_printf(d->arena, "%lld %s%s old, kept for %d", (long long)age, unit,
                            age == 1 ? "" : "s", limit);
}

static void decide_by_age(struct deciding *d)
{
    const struct retention *r = d->retention;
    const int limits[] = {r->daily_days, r->weekly_weeks, r->monthly_months};
    const int64_t oldest[] = {
        [CATEGORY_DAILY] = earlier(d->now_s, r->daily_days, 0),
        [CATEGORY_WEEKLY] = earlier(d->now_s, 7 * r->weekly_weeks, 0),
        [CATEGORY_MONTHLY] = earlier(d->now_s, 0, r->monthly_months),
    };
    for (size_t i = 0; i < d->catalog->count; i++) {
        const struct manifest *backup = &d->catalog->backups[i];
        int64_t created_s = backup->created_us / 1000000;
        if (d->verdicts[i].keep)
            continue;
        bool is_future = created_s > d->now_s, is_kept = created_s >= oldest[backup->category];
        const char *reason = is_future ? "dated in the future"
                                       : age_reason(d, backup, is_kept, limits[backup->category]);
        if (is_future || is_kept)
            keep(d, i, reason);
        else if (reason == NULL)
            d->failed = true;
        else
            d->verdicts[i].reason = reason;
    }
}

/* 100 years: more than that is a slip, and would overflow the calendar. */
static bool is_sensible(const struct retention *r)
{
    const int days_max = 36525;
    return r->daily_days >= 0 && r->daily_days <= days_max && r->weekly_weeks >= 0 &&
           r->weekly_weeks <= days_max / 7 && r->monthly_months >= 0 && r->monthly_months <= 1200 &&
           r->keep_min >= 0;
}

int jbi_retention_decide(const struct catalog *catalog, const bool *is_whole,
                         const struct retention *retention, int64_t now_us, struct arena *arena,
                         struct retention_verdict *verdicts, struct jb_error *err)
{
    struct deciding d = {catalog, is_whole, retention, now_us / 1000000, arena, verdicts, false};
    if (!is_sensible(retention))
        return jbi_fail(err, JB_EINVAL, "retention is negative or longer than 100 years");
    for (size_t i = 0; i < catalog->count; i++)
        verdicts[i] = (struct retention_verdict){false, ""};
    keep_pinned(&d);
    keep_until(&d);
    keep_newest_of_components(&d);
    keep_minimum(&d);
    decide_by_age(&d);
    return d.failed ? jbi_fail_memory(err) : JB_OK;
}
