/* SPDX-License-Identifier: MIT */
/* The records of schedules: what is written is read back, whatever it is; what is damaged is told.
 */
#include "repository/schedule_record.h"

#include "base/report.h"
#include "base/text.h"
#include "fixture.h"

#define FILE_NAME "schedule_daily.json"
#define MINUTE_US INT64_C(60000000)

static struct repository repository;
static struct schedule_record record;
static struct jb_error err;

static void begin(void)
{
    err = (struct jb_error){0};
    record = (struct schedule_record){0};
    open_repository(&repository);
}

static void end(void)
{
    jbi_repository_close(&repository);
}

static void write_run(const struct schedule_run *run, bool is_new)
{
    if (jbi_schedule_record_write(&record, &repository, "daily", run, is_new, &fixture_arena,
                                  &err) != JB_OK)
        check_note(false, __FILE__, __LINE__, err.text);
}

/* How many findings the loading brought. */
static size_t load(void)
{
    jb_report *report = jbi_report_new();
    REQUIRE(report != NULL);
    CHECK(jbi_schedule_record_load(&record, &repository, "daily", &fixture_arena, report, &err) ==
          JB_OK);
    size_t count = jb_report_finding_count(report);
    if (count > 0)
        CHECK_HAS(jb_report_finding(report, 0)->subject, FILE_NAME);
    jb_report_free(report);
    return count;
}

static void what_is_written_is_read_back(void)
{
    begin();
    struct schedule_run run = {
        .began_us = 10 * MINUTE_US + 123456, .by = "timer", .result = "running"};
    CHECK(load() == 0 && record.count == 0);
    write_run(&run, true);
    CHECK(load() == 0 && record.count == 1);
    CHECK(record.runs[0].began_us == run.began_us && record.runs[0].ended_us == 0);
    CHECK(record.runs[0].timestamp == NULL && record.runs[0].error == NULL);
    run.ended_us = 12 * MINUTE_US;
    run.result = "failed";
    run.exit_status = 75;
    run.timestamp = "20240708_143022";
    run.error = "odd \"text\"\n\xff";
    write_run(&run, false);
    CHECK(load() == 0 && record.count == 1);
    CHECK(record.runs[0].ended_us == run.ended_us && record.runs[0].exit_status == 75);
    CHECK_TEXT(record.runs[0].by, "timer");
    CHECK_TEXT(record.runs[0].result, "failed");
    CHECK_TEXT(record.runs[0].timestamp, "20240708_143022");
    CHECK_TEXT(record.runs[0].error, "odd \"text\"\\x0a\\xff");
    struct stat st;
    CHECK(fstatat(repository.state_fd, FILE_NAME, &st, 0) == 0 && (st.st_mode & 0777) == 0600);
    end();
}

static void the_newest_stand_first_and_are_kept(void)
{
    begin();
    for (int i = 1; i <= SCHEDULE_RUNS_KEPT + 5; i++) {
        struct schedule_run run = {.began_us = i * MINUTE_US, .by = "cron", .result = "running"};
        write_run(&run, true);
        run.ended_us = run.began_us + 1;
        run.result = "ok";
        write_run(&run, false);
    }
    CHECK(load() == 0 && record.count == SCHEDULE_RUNS_KEPT);
    for (size_t i = 0; i < record.count; i++)
        CHECK(record.runs[i].began_us == (SCHEDULE_RUNS_KEPT + 5 - (int64_t)i) * MINUTE_US);
    CHECK_TEXT(record.runs[0].result, "ok");
    end();
}

static void schedules_do_not_mix(void)
{
    begin();
    struct schedule_run run = {.began_us = MINUTE_US, .by = "hand", .result = "ok"};
    write_run(&run, true);
    CHECK(jbi_schedule_record_load(&record, &repository, "weekly", &fixture_arena, NULL, &err) ==
          JB_OK);
    CHECK(record.count == 0);
    end();
}

static void what_is_no_run_is_not_written(void)
{
    begin();
    struct schedule_run run = {.began_us = MINUTE_US, .by = "nobody", .result = "ok"};
    CHECK(jbi_schedule_record_write(&record, &repository, "daily", &run, true, &fixture_arena,
                                    &err) == JB_EINVAL);
    run.by = "hand";
    run.result = "fine";
    CHECK(jbi_schedule_record_write(&record, &repository, "daily", &run, true, &fixture_arena,
                                    &err) == JB_EINVAL);
    CHECK(load() == 0 && record.count == 0);
    end();
}

#define RUN_WITH(by, result, status, timestamp)                                                    \
    "{\"runs\": [{\"began_at\": \"2024-07-08T14:30:22.000000+00:00\", \"ended_at\": null, "        \
    "\"by\": " by ", \"result\": " result ", \"exit_status\": " status                             \
    ", \"timestamp\": " timestamp ", \"error\": null}]}"

static void damaged_ones_are_empty_and_told(void)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"runs\": 1}",
        "{\"runs\": [1]}",
        RUN_WITH("\"me\"", "\"ok\"", "0", "null"),
        RUN_WITH("\"timer\"", "\"fine\"", "0", "null"),
        RUN_WITH("\"timer\"", "\"ok\"", "256", "null"),
        RUN_WITH("\"timer\"", "\"ok\"", "-1", "null"),
        RUN_WITH("\"timer\"", "\"ok\"", "0", "\"20241350_000000\""),
        RUN_WITH("7", "\"ok\"", "0", "null"),
        RUN_WITH("\"timer\"", "\"ok\"", "0", "null") "x",
    };
    begin();
    write_file(repository.state_fd, FILE_NAME, RUN_WITH("\"timer\"", "\"ok\"", "0", "null"));
    CHECK(load() == 0 && record.count == 1);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_file(repository.state_fd, FILE_NAME, texts[i]);
        if (load() != 1 || record.count != 0)
            check_note(false, __FILE__, __LINE__, texts[i]);
    }
    struct schedule_run run = {.began_us = MINUTE_US, .by = "hand", .result = "ok"};
    write_run(&run, true);
    CHECK(load() == 0 && record.count == 1);
    end();
}

static void too_many_are_refused(void)
{
    begin();
    struct text text = {0};
    jbi_text_adds(&text, "{\"runs\": [");
    for (int i = 0; i <= SCHEDULE_RUNS_KEPT; i++)
        jbi_text_addf(&text, "%s{}", i > 0 ? ", " : "");
    jbi_text_adds(&text, "]}");
    write_file(repository.state_fd, FILE_NAME, text.at);
    CHECK(load() == 1 && record.count == 0);
    jbi_text_free(&text);
    end();
}

int main(void)
{
    RUN(what_is_written_is_read_back);
    RUN(the_newest_stand_first_and_are_kept);
    RUN(schedules_do_not_mix);
    RUN(what_is_no_run_is_not_written);
    RUN(damaged_ones_are_empty_and_told);
    RUN(too_many_are_refused);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
