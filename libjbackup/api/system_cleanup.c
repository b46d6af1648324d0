/* SPDX-License-Identifier: MIT */
/* The test "cleanup": whether retention does what it should, on made-up backups in a scratch
 * place; and whether it is set and used so that it helps. The user's repository is only read. */
#include <stdio.h>
#include <unistd.h>

#include "api/retention_rehearsal.h"
#include "api/system.h"

#define DAY_S        (24 * 3600LL)
#define OVERDUE_DAYS 35 /* the schedule cleans up each month */

static const char *plural(int number)
{
    return number == 1 ? "" : "s";
}

/* ---- The rehearsal ---- */

static void say_span(struct text *did, int64_t seconds)
{
    int64_t days = seconds / DAY_S;
    if (days >= 2 * 365)
        jbi_text_addf(did, "%lld years", (long long)(days / 365));
    else if (days >= 60)
        jbi_text_addf(did, "%lld months", (long long)(days / 30));
    else
        jbi_text_addf(did, "%lld days", (long long)days);
}

static void say_rehearsal(struct system_test *test, const struct rehearsal *done)
{
    const struct retention *r = &test->project->retention;
    bool is_fine = jb_report_verdict(test->report) < JB_ERROR;
    jbi_text_addf(&test->did, "made %zu scratch backups over ", done->made);
    say_span(&test->did, jbi_now_us() / 1000000 - done->oldest_s);
    jbi_text_addf(&test->did,
                  ", removed %zu by retention (%d day%s, %d week%s, %d month%s, at least %d of "
                  "each), %s",
                  done->removed, r->daily_days, plural(r->daily_days), r->weekly_weeks,
                  plural(r->weekly_weeks), r->monthly_months, plural(r->monthly_months),
                  r->keep_min, is_fine ? "as expected" : "not as expected");
    if (done->removed == 0)
        jbi_finding(test->report, JB_INFO, "retention",
                    "so much is kept that nothing was to be removed of %zu backups", done->made);
}

static int rehearse(struct system_test *test, struct jb_error *err)
{
    struct repository repository;
    struct scratch scratch = SCRATCH_INIT;
    struct rehearsal done;
    struct jb_error why = {0};
    int code = jbi_repository_open(&repository, test->project->backup_dir, false, NULL, &why);
    if (code == JB_OK || code == JB_ENOTFOUND)
        code = jbi_scratch_begin(&scratch, repository.state_fd, err);
    else
        *err = why;
    jbi_repository_close(&repository);
    if (code == JB_OK)
        code = jbi_rehearse_cleanup(test->project, &scratch, test->report, &done, err);
    if (code == JB_OK)
        say_rehearsal(test, &done);
    jbi_scratch_end(&scratch);
    return code;
}

/* ---- The settings ---- */

struct setting {
    enum category category;
    const char *key, *unit;
    int limit, days, usual;
};

/* Where a backup goes as soon as the next of its kind is made, there is never more than one: what
 * was wrong with the data a day (a week, a month) ago has by then replaced the last good one. */
static void check_alone(struct system_test *test, const struct setting *setting)
{
    int keep_min = test->project->retention.keep_min;
    if (setting->limit > 1 || keep_min > 1)
        return;
    jbi_finding(test->report, JB_ERROR, "retention",
                "misconfigured: with %s %d and keep_min %d a %s backup is too old when the next "
                "one is made, so cleanup leaves no more than one",
                setting->key, setting->limit, keep_min, jbi_category_name(setting->category));
    jbi_finding_hint(test->report,
                     "in jbackup.json: \"retention\": {\"%s\": %d}, or \"keep_min\": 2",
                     setting->key, setting->usual);
}

static void check_order(struct system_test *test, const struct setting *shorter,
                        const struct setting *longer)
{
    if (longer->limit * longer->days >= shorter->limit * shorter->days)
        return;
    jbi_finding(test->report, JB_WARNING, "retention",
                "%s backups are kept for %d %s%s, less long than %s ones (%d %s%s)",
                jbi_category_name(longer->category), longer->limit, longer->unit,
                plural(longer->limit), jbi_category_name(shorter->category), shorter->limit,
                shorter->unit, plural(shorter->limit));
    jbi_finding_hint(test->report, "in jbackup.json: raise \"%s\" in \"retention\"", longer->key);
}

static void check_settings(struct system_test *test)
{
    const struct retention *r = &test->project->retention;
    const struct setting settings[CATEGORY_COUNT] = {
        {CATEGORY_DAILY, "daily_days", "day", r->daily_days, 1, 7},
        {CATEGORY_WEEKLY, "weekly_weeks", "week", r->weekly_weeks, 7, 4},
        {CATEGORY_MONTHLY, "monthly_months", "month", r->monthly_months, 31, 6},
    };
    for (int i = 0; i < CATEGORY_COUNT; i++)
        check_alone(test, &settings[i]);
    for (int i = 1; i < CATEGORY_COUNT; i++)
        check_order(test, &settings[i - 1], &settings[i]);
}

/* ---- The user's backups ---- */

static const struct manifest *backup_of(const struct catalog *catalog, const char *timestamp)
{
    for (size_t i = 0; timestamp != NULL && i < catalog->count; i++) {
        if (strcmp(catalog->backups[i].timestamp, timestamp) == 0)
            return &catalog->backups[i];
    }
    return NULL;
}

static void count_overdue(struct system_test *test, const jb_report *dry)
{
    const struct retention *retention = &test->project->retention;
    int64_t now_s = jbi_now_us() / 1000000;
    const struct manifest *oldest = NULL;
    size_t count = 0;
    for (size_t row = 0; row < jb_report_row_count(dry); row++) {
        const struct manifest *backup =
            backup_of(test->catalog, jb_report_text(dry, row, "timestamp"));
        if (backup == NULL || jb_report_number(dry, row, "keep") != 0)
            continue;
        int64_t limit_s = jbi_trial_limit(retention, backup->category, now_s);
        if (backup->created_us / 1000000 >= limit_s - OVERDUE_DAYS * DAY_S)
            continue;
        count++;
        if (oldest == NULL || backup->created_us < oldest->created_us)
            oldest = backup;
    }
    if (oldest == NULL)
        return;
    jbi_finding(
        test->report, JB_WARNING, oldest->timestamp,
        "%zu backup%s, this one the oldest, should have been removed more than %d days ago: "
        "cleanup does not run",
        count, count == 1 ? "" : "s", OVERDUE_DAYS);
    jbi_finding_hint(test->report, "\"jbackup cleanup --dry-run\" shows them, \"jbackup cleanup\" "
                                   "removes them");
}

static int look_at_backups(struct system_test *test, struct jb_error *err)
{
    struct jb_cleanup_options options = JB_CLEANUP_OPTIONS_INIT;
    jb_report *dry = NULL;
    options.dry_run = 1;
    int code = jb_cleanup(test->project, &options, &dry, err);
    if (code < 0)
        return code;
    jbi_report_merge(test->report, dry, "");
    count_overdue(test, dry);
    jb_report_free(dry);
    return JB_OK;
}

int jbi_test_cleanup(struct system_test *test, struct jb_error *err)
{
    int code = rehearse(test, err);
    if (code == JB_OK)
        check_settings(test);
    return code < 0 ? code : look_at_backups(test, err);
}
