/* SPDX-License-Identifier: MIT */
/* What a schedule does and records, when it is due, and the same for cron. */
#include <sys/file.h>
#include <sys/wait.h>

#include "api/line_diff.h"
#include "api/schedule_calendar.h"
#include "api/schedule_lock.h"
#include "base/clock.h"
#include "fixture.h"

#define DAY_S  INT64_C(86400)
#define HOUR_S INT64_C(3600)

static struct arena arena;

/* ---- Calendar expressions ---- */

static int64_t newest(const char *at, const char *now)
{
    struct calendar calendar;
    if (!jbi_calendar_parse(&calendar, at))
        return -1;
    return jbi_calendar_newest(&calendar, jbi_timestamp_unix(now));
}

static const char *newest_text(const char *at, const char *now)
{
    static char text[TIMESTAMP_SIZE];
    int64_t found = newest(at, now);
    if (found <= 0)
        return found < 0 ? "refused" : "never";
    jbi_timestamp(text, found);
    return text;
}

static void the_newest_time_is_found(void)
{
    static const struct {
        const char *at, *now, *want;
    } cases[] = {
        /* 2024-07-08 is a Monday. */
        {"*-*-* 02:00:00", "20240708_143022", "20240708_020000"},
        {"*-*-* 02:00", "20240708_015959", "20240707_020000"},
        {"*-*-* 02:00", "20240708_020000", "20240708_020000"},
        {"02:00", "20240708_143022", "20240708_020000"},
        {"Sun *-*-* 03:00:00", "20240708_143022", "20240707_030000"},
        {"Sunday 03:00", "20240707_025959", "20240630_030000"},
        {"Mon..Fri *-*-* 22:30", "20240707_120000", "20240705_223000"},
        {"Sat,Sun 01:05", "20240708_143022", "20240707_010500"},
        {"Sat..Mon 01:05", "20240709_143022", "20240708_010500"},
        {"*-*-01 04:00:00", "20240708_143022", "20240701_040000"},
        {"*-*-1,15 04:00", "20240716_000000", "20240715_040000"},
        {"*-02-29 00:00", "20270101_000000", "20240229_000000"},
        {"*-*-* *:00/15:00", "20240708_143022", "20240708_143000"},
        {"*:0/20", "20240708_001959", "20240708_000000"},
        {"*-*-* 8..18/2:30", "20240708_070000", "20240707_183000"},
        {"Mon *-*-01 00:00", "20240708_000000", "20240701_000000"},
        {"daily", "20240708_143022", "20240708_000000"},
        {"hourly", "20240708_143022", "20240708_140000"},
        {"weekly", "20240709_143022", "20240708_000000"},
        {"monthly", "20240708_143022", "20240701_000000"},
        {"*-02-30 00:00", "20240708_143022", "never"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_TEXT(newest_text(cases[i].at, cases[i].now), cases[i].want);
}

static void what_cron_cannot_be_told_is_refused(void)
{
    static const char *const texts[] = {
        "",        "nonsense",      "*-*-* 02:00:30",    "*-*-* 02:00 UTC", "2024-*-* 02:00",
        "25:00",   "02:60",         "*-*~3 02:00",       "*-*-* 2..1:00",   "02",
        "*-13-01", "Sun Mon 02:00", "*-*-* 02:00:00/10", "*-*-32 01:00",    "minutely",
        "1/0:00",  "quarterly",     "*-*-* 02:00 x",     "Sunny 02:00",     "*-*-* 02:0o",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct calendar calendar;
        if (jbi_calendar_parse(&calendar, texts[i]))
            check_note(false, __FILE__, __LINE__, texts[i]);
    }
}

/* Berlin, 2024: 31 March has no 02:30, 27 October has two. */
static void the_change_of_the_clock_neither_loses_nor_doubles(void)
{
    const char *at = "*-*-* 02:30";
    int64_t gap = jbi_timestamp_unix("20240331_033000");
    struct calendar calendar;
    REQUIRE(jbi_calendar_parse(&calendar, at));
    int64_t after = jbi_calendar_newest(&calendar, gap + HOUR_S);
    int64_t before = jbi_calendar_newest(&calendar, gap - 4 * HOUR_S);
    CHECK(before == jbi_timestamp_unix("20240330_023000"));
    CHECK(after > before && after <= gap);
    CHECK(jbi_calendar_newest(&calendar, gap + 20 * HOUR_S) == after);
    int64_t first = jbi_timestamp_unix("20241027_023000");
    CHECK(jbi_calendar_newest(&calendar, first) == first);
    CHECK(jbi_calendar_newest(&calendar, first + HOUR_S) == first);
    CHECK(jbi_calendar_newest(&calendar, first + 5 * HOUR_S) == first);
}

/* ---- Differences ---- */

static void lines_that_differ_are_told(void)
{
    CHECK_TEXT(jbi_line_diff("a\nb\n", "x", "a\nb\n", "y", &arena), "");
    CHECK_TEXT(jbi_line_diff("a\nb\nc\n", "x", "a\nB\nc\n", "y", &arena),
               "--- x\n+++ y\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    CHECK_TEXT(jbi_line_diff("", "x", "a\n", "y", &arena), "--- x\n+++ y\n@@ -0,0 +1,1 @@\n+a\n");
    CHECK_TEXT(jbi_line_diff("a\n", "x", "", "y", &arena), "--- x\n+++ y\n@@ -1,1 +0,0 @@\n-a\n");
    CHECK_TEXT(jbi_line_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n", "x",
                             "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n", "y", &arena),
               "--- x\n+++ y\n@@ -9,4 +9,3 @@\n 9\n 10\n 11\n-12\n");
    CHECK_TEXT(jbi_line_diff("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", "x",
                             "1\n2\n3\n4\n5\n6\n7\n8\n9\nn\n", "y", &arena),
               "--- x\n+++ y\n@@ -1,4 +1,3 @@\n-0\n 1\n 2\n 3\n@@ -8,3 +7,4 @@\n 7\n 8\n 9\n+n\n");
}

/* ---- Performing ---- */

static int perform(const char *schedule, int if_due, const char *by)
{
    struct jb_perform_options options = JB_PERFORM_OPTIONS_INIT;
    free_report();
    options.schedule = schedule;
    options.if_due = if_due;
    options.by = by;
    return jb_schedule_perform(project, &options, &report, &err);
}

static bool performed(void)
{
    return report != NULL && jb_report_number(report, JB_FIGURES, "performed") == 1;
}

static struct schedule_record recorded(const char *schedule)
{
    struct repository repository;
    struct schedule_record record;
    REQUIRE(jbi_repository_open(&repository, in_folder("backups"), false, NULL, &err) == JB_OK);
    REQUIRE(jbi_schedule_record_load(&record, &repository, schedule, &arena, NULL, &err) == JB_OK);
    jbi_repository_close(&repository);
    return record;
}

/* As if a run had begun then. */
static void record_run(const char *schedule, int64_t began_s, const char *result)
{
    struct repository repository;
    struct schedule_record record = {0};
    struct schedule_run run = {.began_us = began_s * 1000000, .by = "timer", .result = result};
    run.ended_us = strcmp(result, "running") == 0 ? 0 : run.began_us + 1;
    REQUIRE(jbi_repository_open(&repository, in_folder("backups"), true, NULL, &err) == JB_OK);
    REQUIRE(jbi_schedule_record_load(&record, &repository, schedule, &arena, NULL, &err) == JB_OK);
    REQUIRE(jbi_schedule_record_write(&record, &repository, schedule, &run, true, &arena, &err) ==
            JB_OK);
    jbi_repository_close(&repository);
}

/* A time of day that passed so long ago, as an expression. */
static const char *time_ago(int64_t seconds)
{
    char timestamp[TIMESTAMP_SIZE];
    jbi_timestamp(timestamp, jbi_now_us() / 1000000 - seconds);
    return textf("*-*-* %.2s:%.2s", timestamp + 9, timestamp + 11);
}

static void open_daily(const char *at)
{
    open_with(textf("{\"name\": \"journal\", \"backup_dir\": \"../backups\", \"schedule\": "
                    "{\"daily\": {\"at\": \"%s\", \"cleanup\": true}, \"weekly\": false},\n"
                    " \"databases\": [\"sqlite:///instance/journal.db\"]}\n",
                    at));
}

static void a_run_makes_a_backup_of_its_category_and_is_recorded(void)
{
    make_app();
    open_daily("*-*-* 02:00");
    CHECK(perform("daily", 0, NULL) == JB_OK && performed());
    const char *timestamp = jb_report_text(report, JB_FIGURES, "timestamp");
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "schedule"), "daily");
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "category"), "daily");
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "type"), "database");
    CHECK(jb_report_number(report, JB_FIGURES, "kept") == 1);
    struct schedule_record record = recorded("daily");
    REQUIRE(record.count == 1);
    CHECK_TEXT(record.runs[0].timestamp, timestamp ? timestamp : "");
    CHECK_TEXT(record.runs[0].result, "ok");
    CHECK_TEXT(record.runs[0].by, "hand");
    CHECK(record.runs[0].ended_us >= record.runs[0].began_us && record.runs[0].exit_status == 0);
    CHECK(perform("monthly", 0, "cron") == JB_OK);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "category"), "monthly");
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "type"), "full");
    CHECK(perform("verify", 0, "timer") == JB_OK);
    record = recorded("verify");
    REQUIRE(record.count == 1);
    CHECK_TEXT(record.runs[0].timestamp, recorded("monthly").runs[0].timestamp);
    CHECK_TEXT(record.runs[0].by, "timer");
    end();
}

static void who_asks_for_what_is_not_is_told(void)
{
    make_app();
    open_daily("*-*-* 02:00");
    CHECK(perform(NULL, 0, NULL) == JB_EINVAL);
    CHECK(perform("yearly", 0, NULL) == JB_EINVAL);
    CHECK_HAS(err.text, "yearly");
    CHECK(perform("monitor", 0, NULL) == JB_EINVAL);
    CHECK_HAS(err.hint, "jbackup-monitor");
    CHECK(perform("daily", 0, "me") == JB_EINVAL);
    CHECK(!is_there("backups"));
    end();
}

/* The first run waits for its time; after it what was missed is made up for, once. */
static void cron_makes_up_for_what_was_missed_once(void)
{
    int64_t now = jbi_now_us() / 1000000;
    make_app();
    open_daily(time_ago(2 * HOUR_S));
    CHECK(perform("daily", 1, "cron") == JB_OK && !performed());
    CHECK(recorded("daily").count == 0);
    record_run("daily", now - DAY_S, "ok");
    CHECK(perform("daily", 1, "cron") == JB_OK && performed());
    CHECK(perform("daily", 1, "cron") == JB_OK && !performed());
    CHECK(recorded("daily").count == 2);
    end();
    open_daily(time_ago(60));
    CHECK(shell(textf("rm -r %s", in_folder("backups"))));
    CHECK(perform("daily", 1, "cron") == JB_OK && performed());
    CHECK(perform("weekly", 1, "cron") == JB_OK && !performed());
    end();
}

/* A time that a timer has twice is used once; also where the first run was killed. */
static void a_timer_does_it_once(void)
{
    int64_t now = jbi_now_us() / 1000000;
    make_app();
    open_daily("*-*-* 00:00");
    record_run("daily", now - 2 * DAY_S, "ok");
    CHECK(perform("daily", 1, "timer") == JB_OK && performed());
    CHECK(perform("daily", 1, "timer") == JB_OK && !performed());
    record_run("daily", now, "running");
    CHECK(perform("daily", 1, "timer") == JB_OK);
    CHECK(!performed());
    end();
    CHECK(shell(textf("rm -r %s", in_folder("backups"))));
    open_daily("*-*-* 00:00");
    record_run("daily", now - 2 * DAY_S, "ok");
    record_run("daily", now, "running");
    CHECK(perform("daily", 1, "timer") == JB_OK && performed());
    struct schedule_record record = recorded("daily");
    REQUIRE(record.count == 3);
    CHECK_TEXT(record.runs[1].result, "failed");
    CHECK_HAS(record.runs[1].error, "killed");
    end();
}

static void a_failure_is_recorded(void)
{
    make_app();
    open_daily("*-*-* 02:00");
    CHECK(shell(textf("mv %s %s.away", in_folder("app/instance/journal.db"),
                      in_folder("app/instance/journal.db"))));
    int code = perform("daily", 0, "timer");
    CHECK(code < 0 && err.code == code && report == NULL);
    char text[sizeof err.text];
    snprintf(text, sizeof text, "%s", err.text);
    struct schedule_record record = recorded("daily");
    REQUIRE(record.count == 1);
    CHECK_TEXT(record.runs[0].result, "failed");
    CHECK_TEXT(record.runs[0].error, text);
    CHECK(record.runs[0].exit_status == jb_exit_status(code, NULL));
    CHECK(record.runs[0].timestamp == NULL && record.runs[0].ended_us > 0);
    CHECK(perform("verify", 0, NULL) == JB_OK && jb_report_verdict(report) >= JB_ERROR);
    record = recorded("verify");
    REQUIRE(record.count == 1);
    CHECK_TEXT(record.runs[0].result, "findings");
    CHECK(record.runs[0].exit_status == 1 && record.runs[0].error != NULL);
    end();
}

static void two_runs_of_one_schedule_do_not_meet(void)
{
    struct repository repository;
    struct hooks hooks = {0};
    int fd;
    make_app();
    open_daily("*-*-* 00:00");
    REQUIRE(jbi_repository_open(&repository, in_folder("backups"), true, NULL, &err) == JB_OK);
    CHECK(!jbi_schedule_is_running(&repository, "daily", &hooks));
    REQUIRE(jbi_schedule_lock(&repository, "daily", 0, &hooks, &fd, &err) == JB_OK);
    CHECK(jbi_schedule_is_running(&repository, "daily", &hooks));
    CHECK(perform("daily", 0, NULL) == JB_ELOCKED);
    CHECK_HAS(err.text, "\"daily\"");
    CHECK(perform("daily", 1, "timer") == JB_OK && !performed());
    CHECK(perform("weekly", 0, NULL) == JB_OK && performed());
    flock(fd, LOCK_UN);
    close(fd);
    CHECK(perform("daily", 0, NULL) == JB_OK && performed());
    jbi_repository_close(&repository);
    end();
}

int main(void)
{
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    RUN(the_newest_time_is_found);
    RUN(what_cron_cannot_be_told_is_refused);
    RUN(the_change_of_the_clock_neither_loses_nor_doubles);
    RUN(lines_that_differ_are_told);
    RUN(a_run_makes_a_backup_of_its_category_and_is_recorded);
    RUN(who_asks_for_what_is_not_is_told);
    RUN(cron_makes_up_for_what_was_missed_once);
    RUN(a_timer_does_it_once);
    RUN(a_failure_is_recorded);
    RUN(two_runs_of_one_schedule_do_not_meet);
    jbi_arena_free(&arena);
    return check_end();
}
