/* SPDX-License-Identifier: MIT */
/* The test of the installation that lets cleanup work on made-up backups. */
#include "api/retention_trial.h"
#include "base/report.h"
#include "edit.h"
#include "system_fixture.h"

static void what_works_passes_and_leaves_nothing(void)
{
    begin();
    backup();
    char *before = listing("backups"), *app = listing("app");
    CHECK(passes(jbi_test_cleanup, JB_INFO));
    CHECK_HAS(did, "scratch backups over ");
    CHECK_HAS(did, "by retention (7 days, 4 weeks, 6 months, at least 1 of each), as expected");
    CHECK(strstr(did, "removed 0 ") == NULL);
    check_same_listing("backups", before);
    check_same_listing("app", app);
    free(before);
    free(app);
    end();
}

static void no_repository_is_needed(void)
{
    begin();
    CHECK(passes(jbi_test_cleanup, JB_INFO));
    CHECK(!is_there("backups"));
    end();
}

static void any_retention_is_rehearsed(void)
{
    static const struct retention odd[] = {
        {2, 2, 2, 1},   {1, 1, 1, 2},    {3, 1, 1, 2},         {30, 5, 24, 3},
        {9, 4, 13, 12}, {90, 52, 36, 1}, {8000, 1200, 300, 1}, {36400, 5200, 1200, 10000},
    };
    begin();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        project->retention = odd[i];
        CHECK(passes(jbi_test_cleanup, JB_INFO));
        CHECK_HAS(did, textf("%d days", odd[i].daily_days) + (odd[i].daily_days == 1 ? 99 : 0));
    }
    CHECK_HAS(did, "removed 0 by retention");
    CHECK(has_finding(JB_INFO, "retention"));
    end();
}

static void what_keeps_one_backup_only_is_misconfigured(void)
{
    static const struct retention wrong[] = {{1, 4, 6, 1}, {7, 1, 6, 1}, {7, 4, 1, 1}};
    static const char *const keys[] = {"daily_days", "weekly_weeks", "monthly_months"};
    begin();
    for (size_t i = 0; i < 3; i++) {
        project->retention = wrong[i];
        CHECK(fails_with(jbi_test_cleanup, "misconfigured", keys[i]));
        CHECK(jb_report_finding(report, 0) != NULL && !has_finding(JB_ERROR, "cleanup"));
        CHECK_HAS(did, ", as expected");
        project->retention.keep_min = 2;
        CHECK(passes(jbi_test_cleanup, JB_WARNING));
    }
    end();
}

static void a_shorter_life_of_rarer_backups_is_a_warning(void)
{
    begin();
    project->retention = (struct retention){30, 4, 6, 1};
    CHECK(passes(jbi_test_cleanup, JB_WARNING) && has_finding(JB_WARNING, "retention"));
    CHECK_HAS(jb_report_finding(report, 0)->message,
              "weekly backups are kept for 4 weeks, less long than daily ones (30 days)");
    project->retention = (struct retention){7, 40, 6, 1};
    CHECK(passes(jbi_test_cleanup, JB_WARNING));
    CHECK_HAS(jb_report_finding(report, 0)->hint, "monthly_months");
    end();
}

/* A backup that says it is so many days old. */
static void old_backup(int days)
{
    struct manifest manifest = manifest_of(backup());
    manifest.created_us -= days * 86400LL * 1000000;
    manifest_put(&manifest);
}

static void backups_that_should_be_gone_are_told(void)
{
    begin();
    old_backup(45); /* kept for 7 days, so 38 too many */
    old_backup(41);
    backup();
    char *before = listing("backups");
    CHECK(passes(jbi_test_cleanup, JB_WARNING) && jb_report_verdict(report) == JB_WARNING);
    CHECK_HAS(jb_report_finding(report, 0)->message, "1 backup, this one the oldest, should have");
    CHECK_HAS(jb_report_finding(report, 0)->hint, "jbackup cleanup");
    check_same_listing("backups", before);
    free(before);
    project->retention.daily_days = 5;
    CHECK(passes(jbi_test_cleanup, JB_WARNING));
    CHECK_HAS(jb_report_finding(report, 0)->message, "2 backups");
    project->retention.keep_min = 3;
    CHECK(passes(jbi_test_cleanup, JB_INFO));
    end();
}

static void an_unreadable_repository_is_an_error(void)
{
    begin();
    const char *timestamp = backup();
    write_text(textf("backups/daily/manifest_%s.json", timestamp), "{");
    CHECK(passes(jbi_test_cleanup, JB_WARNING) && has_finding(JB_WARNING, timestamp));
    end();
    write_text("file", "");
    open_with("{\"backup_dir\": \"../file\", \"databases\": []}");
    CHECK(fails_with(jbi_test_cleanup, "cannot open the repository", ""));
    end();
}

static void it_can_be_cancelled_anywhere(void)
{
    begin();
    backup();
    project->retention = (struct retention){2, 2, 2, 3};
    CHECK(cancel_everywhere(jbi_test_cleanup, "backups") > 50);
    end();
}

/* ---- What is expected ---- */

static struct manifest manifests[TRIAL_BACKUPS_MAX];

/* Holds the expectation against what the code decides. */
static size_t disagreements(const struct trial_series *series)
{
    static struct artifact both[] = {{.kind = ARTIFACT_SQLITE, .name = "notes"},
                                     {.kind = ARTIFACT_CODEBASE}};
    struct arena arena = {0};
    struct retention_verdict verdicts[TRIAL_BACKUPS_MAX];
    bool is_whole[TRIAL_BACKUPS_MAX] = {false};
    size_t count = series->count, wrong = 0;
    for (size_t i = 0; i < count; i++) {
        const struct trial_backup *backup = &series->backups[count - 1 - i];
        manifests[i] = (struct manifest){.category = backup->category,
                                         .created_us = backup->created_s * 1000000,
                                         .pinned = backup->is_pinned,
                                         .artifacts = both,
                                         .artifact_count = backup->has_code ? 2 : 1};
        is_whole[i] = !backup->is_cut;
    }
    struct catalog catalog = {.backups = manifests, .count = count};
    REQUIRE(jbi_retention_decide(&catalog, is_whole, &series->retention, series->now_s * 1000000,
                                 &arena, verdicts, &err) == JB_OK);
    for (size_t i = 0; i < count; i++) {
        const struct trial_backup *backup = &series->backups[count - 1 - i];
        if (verdicts[i].keep == backup->is_kept)
            continue;
        printf("# now %lld: %s backup %s: %s\n", (long long)series->now_s,
               jbi_category_name(backup->category), backup->timestamp, verdicts[i].reason);
        wrong++;
    }
    jbi_arena_free(&arena);
    return wrong;
}

/* Two years of days, with the last days of months and the changes to and from summer time. */
static void the_expectation_holds_on_any_day(void)
{
    static const struct retention some[] = {{7, 4, 6, 1}, {1, 1, 1, 1}, {31, 52, 12, 4}};
    size_t wrong = 0;
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    for (int day = 0; day < 800; day++) {
        int64_t now_s = jbi_timestamp_unix("20240101_023000") + day * 86400LL;
        for (size_t i = 0; i < 3 && wrong < 10; i++) {
            struct trial_series series;
            jbi_trial_plan_regular(&series, &some[i], now_s);
            CHECK(series.count >= 15 && series.count <= TRIAL_BACKUPS_MAX);
            wrong += disagreements(&series);
            jbi_trial_plan_neglected(&series, &some[i], now_s);
            CHECK(series.count >= 9 && series.count <= 20);
            wrong += disagreements(&series);
        }
    }
    unsetenv("TZ");
    tzset();
    CHECK(wrong == 0);
}

static void each_limit_has_backups_on_both_sides(void)
{
    struct retention retention = {7, 4, 6, 1};
    struct trial_series series;
    int64_t now_s = jbi_timestamp_unix("20260331_120000");
    jbi_trial_plan_regular(&series, &retention, now_s);
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        int64_t limit_s = jbi_trial_limit(&retention, (enum category)i, now_s);
        size_t kept = 0, removed = 0, near = 0;
        for (size_t j = 0; j < series.count; j++) {
            const struct trial_backup *backup = &series.backups[j];
            kept += backup->category == (enum category)i && backup->is_kept;
            removed += backup->category == (enum category)i && !backup->is_kept;
            near += backup->category == (enum category)i &&
                    llabs(backup->created_s - limit_s) < 4 * 3600;
        }
        CHECK(kept >= 4 && removed >= 4 && near == 2);
    }
    char limit[TIMESTAMP_SIZE];
    retention.monthly_months = 1;
    jbi_timestamp(limit, jbi_trial_limit(&retention, CATEGORY_MONTHLY, now_s));
    CHECK_TEXT(limit, "20260228_120000");
}

/* What a cleanup would tell that does just what is expected, but for one backup. */
static jb_report *told(const struct trial_series *series, size_t wrong)
{
    jb_report *cleanup = jbi_report_new();
    int64_t kept = 0;
    REQUIRE(cleanup != NULL);
    for (size_t i = series->count; i-- > 0;) {
        struct record *row = jbi_report_row(cleanup);
        bool keep = series->backups[i].is_kept != (i == wrong);
        jbi_row_text(cleanup, row, "timestamp", series->backups[i].timestamp);
        jbi_row_bool(cleanup, row, "keep", keep);
        jbi_row_text(cleanup, row, "reason", "because");
        kept += keep;
    }
    jbi_row_number(cleanup, &cleanup->figures, "kept", kept);
    jbi_row_number(cleanup, &cleanup->figures, "removed", (int64_t)series->count - kept);
    return cleanup;
}

static void a_cleanup_that_does_otherwise_is_found(void)
{
    struct retention retention = {7, 4, 6, 1};
    struct trial_series series;
    jbi_trial_plan_regular(&series, &retention, jbi_now_us() / 1000000);
    for (size_t wrong = 0; wrong <= series.count; wrong++) {
        free_report();
        report = jbi_report_new();
        jb_report *cleanup = told(&series, wrong);
        jbi_trial_compare(&series, cleanup, report);
        jb_report_free(cleanup);
        CHECK(jb_report_finding_count(report) == (wrong < series.count ? 2 : 0));
        CHECK(jb_report_verdict(report) == (wrong < series.count ? JB_ERROR : JB_INFO));
        if (wrong == 0)
            CHECK_HAS(jb_report_finding(report, 0)->message, "removes a monthly backup that is");
    }
    jb_report *none = jbi_report_new();
    jbi_trial_compare(&series, none, report);
    CHECK(jb_report_finding_count(report) == series.count + 1);
    jb_report_free(none);
    free_report();
}

int main(void)
{
    RUN(what_works_passes_and_leaves_nothing);
    RUN(no_repository_is_needed);
    RUN(any_retention_is_rehearsed);
    RUN(what_keeps_one_backup_only_is_misconfigured);
    RUN(a_shorter_life_of_rarer_backups_is_a_warning);
    RUN(backups_that_should_be_gone_are_told);
    RUN(an_unreadable_repository_is_an_error);
    RUN(it_can_be_cancelled_anywhere);
    RUN(the_expectation_holds_on_any_day);
    RUN(each_limit_has_backups_on_both_sides);
    RUN(a_cleanup_that_does_otherwise_is_found);
    jbi_arena_free(&edit_arena);
    return check_end();
}
