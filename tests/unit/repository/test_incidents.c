/* SPDX-License-Identifier: MIT */
/* Incidents over simulated time: who is told what when, and what a file of theirs may hold. */
#include "repository/incidents.h"

#include "base/error.h"
#include "base/report.h"
#include "base/text.h"
#include "fixture.h"

#define MINUTE ((int64_t)60 * 1000000)
#define HOUR   (60 * MINUTE)
#define START  ((int64_t)1750000000 * 1000000)

static struct arena arena;
static struct incidents all;
static struct incident_news *news;
static size_t news_count;
static struct incident_rules rules;
static int64_t now;
static struct repository repository;
static struct jb_error err;
/* Events told of one key since begin(). */
static int told[INCIDENT_RESOLVED + 1];

static void begin(void)
{
    jbi_arena_free(&arena);
    all = (struct incidents){0};
    rules = (struct incident_rules){.cooldown_us = HOUR, .min_level = JB_WARNING};
    now = START;
    err = (struct jb_error){0};
    memset(told, 0, sizeof told);
}

static void update(const struct incident_sight *sights, size_t count, const char *const *checks,
                   size_t check_count)
{
    CHECK(jbi_incidents_update(&all, sights, count, checks, check_count, &rules, now, &arena, &news,
                               &news_count, &err) == JB_OK);
    for (size_t i = 0; i < news_count; i++)
        told[news[i].event]++;
}

/* One run of "freshness" and "disk"; level JB_INFO: nothing was found. */
static void run(int level)
{
    static const char *const checks[] = {"disk", "freshness"};
    struct incident_sight sight = {"freshness", "journal", level, "no backup", "make one"};
    update(&sight, level > JB_INFO, checks, 2);
}

static bool told_are(int opened, int escalated, int reminded, int resolved)
{
    bool same =
        told[0] == opened && told[1] == escalated && told[2] == reminded && told[3] == resolved;
    if (!same)
        printf("#   told: %d %d %d %d\n", told[0], told[1], told[2], told[3]);
    return same;
}

static void restart(void)
{
    struct incidents read;
    jb_report *report = jbi_report_new();
    CHECK(jbi_incidents_save(&all, &repository, &err) == JB_OK);
    CHECK(jbi_incidents_load(&read, &repository, &arena, report, &err) == JB_OK);
    CHECK(jb_report_finding_count(report) == 0);
    char *before = jbi_incidents_print(&all), *after = jbi_incidents_print(&read);
    CHECK_TEXT(after, before);
    free(before);
    free(after);
    jb_report_free(report);
    all = read;
}

/* A day in steps: WARNING, from the 10th hour and 7th minute on CRITICAL, well at the end. */
static void day(int64_t step, bool with_restarts)
{
    begin();
    open_repository(&repository);
    for (; now < START + 24 * HOUR; now += step) {
        run(now < START + 10 * HOUR + 7 * MINUTE ? JB_WARNING : JB_CRITICAL);
        for (size_t i = 0; i < news_count; i++)
            if (news[i].event == INCIDENT_ESCALATED)
                CHECK(news[i].previous_level == JB_WARNING &&
                      news[i].incident->level == JB_CRITICAL);
        if (with_restarts)
            restart();
    }
    for (int i = 0; i < 30; i++, now += step)
        run(JB_INFO);
    CHECK(all.open_count == 0 && all.ended_count == 1);
    CHECK(all.ended[0].opened_us == START && all.ended[0].ended_us == START + 24 * HOUR);
    CHECK(all.ended[0].worst_told == JB_CRITICAL);
    jbi_repository_close(&repository);
}

static void a_day_is_told_of_exactly(void)
{
    /* Reminders at 1:00 ... 10:00, escalated at 10:07 (10:10), reminders at 11:07 ... 23:07. */
    day(MINUTE, false);
    CHECK(told_are(1, 1, 10 + 13, 1));
    day(5 * MINUTE, false);
    CHECK(told_are(1, 1, 10 + 13, 1));
    /* 0:07 and every hour: the escalation is one of these. */
    day(HOUR, false);
    CHECK(told_are(1, 1, 22, 1));
}

static void restarts_change_nothing(void)
{
    day(5 * MINUTE, true);
    CHECK(told_are(1, 1, 10 + 13, 1));
}

static void checkers_need_not_be_on_the_second(void)
{
    begin();
    for (int i = 0; i < 11; i++) {
        now = START + i * HOUR + (i % 2 ? -20 : 20) * 1000000;
        run(JB_ERROR);
    }
    CHECK(told_are(1, 0, 10, 0));
}

static void falls_silently_and_rises(void)
{
    begin();
    run(JB_CRITICAL);
    now += MINUTE;
    run(JB_WARNING);
    CHECK(news_count == 0 && all.open[0].level == JB_WARNING && all.open[0].changed_us == now);
    now += MINUTE;
    run(JB_CRITICAL);
    CHECK(news_count == 0 && all.open[0].opened_us == START);
    CHECK(all.open[0].told_us == START && all.open[0].seen_us == now);
    now += MINUTE;
    run(JB_INFO);
    CHECK(told_are(1, 0, 0, 1));
    CHECK(news[0].event == INCIDENT_RESOLVED && news[0].incident == &all.ended[0]);
    CHECK_TEXT(news[0].incident->message, "no backup");
}

static void below_the_least_level(void)
{
    begin();
    rules.min_level = JB_ERROR;
    run(JB_WARNING);
    CHECK(news_count == 0 && all.open_count == 1 && all.open[0].told_us == 0);
    CHECK_TEXT(all.open[0].thread, "");
    now += 5 * HOUR;
    run(JB_WARNING);
    CHECK(news_count == 0);
    now += MINUTE;
    run(JB_ERROR);
    CHECK(told_are(1, 0, 0, 0) && news[0].incident->opened_us == START);
    now += 2 * HOUR;
    run(JB_WARNING);
    CHECK(news_count == 0); /* no reminder of what would not be told */
    now += MINUTE;
    run(JB_INFO);
    CHECK(told_are(1, 0, 0, 1));
    now += 9 * HOUR;
    run(JB_WARNING);
    now += MINUTE;
    run(JB_INFO);
    CHECK(told_are(1, 0, 0, 1)); /* nothing was told of it, nor is its end */
    CHECK(all.open_count == 0 && all.ended_count == 2);
}

static void a_check_that_did_not_run_keeps_its_own(void)
{
    static const char *const disk[] = {"disk"};
    begin();
    run(JB_ERROR);
    now += 3 * HOUR;
    update(NULL, 0, disk, 1);
    CHECK(news_count == 0 && all.open_count == 1 && all.open[0].seen_us == START);
    update(NULL, 0, NULL, 0);
    CHECK(news_count == 0 && all.open_count == 1);
    now += MINUTE;
    run(JB_ERROR);
    CHECK(told_are(1, 0, 1, 0));
}

static void by_word(void)
{
    struct incident_sight sights[] = {{"job", "backup.service", JB_ERROR, "exit status 1", ""},
                                      {"job", "cron", JB_CRITICAL, "killed", NULL}};
    begin();
    update(sights, 1, NULL, 0);
    update(sights + 1, 1, NULL, 0);
    CHECK(told_are(2, 0, 0, 0) && all.open_count == 2);
    CHECK_TEXT(all.open[1].hint, "");
    sights[0].level = JB_INFO;
    for (int i = 0; i < 3; i++) /* also a flapping one: it is somebody's word */
        for (int level = JB_INFO; level <= JB_ERROR; level += JB_ERROR) {
            now += MINUTE;
            sights[0].level = level;
            update(sights, 1, NULL, 0);
            CHECK(news_count == 1);
        }
    CHECK(told_are(2 + 3, 0, 0, 3) && all.open_count == 2);
    sights[0] = (struct incident_sight){"job", "unknown", JB_INFO, "", ""};
    update(sights, 1, NULL, 0);
    CHECK(news_count == 0 && all.open_count == 2);
}

/* Every 5 minutes the other way. */
static void flapping(void)
{
    begin();
    for (int i = 0; i < 24 * 12; i++, now += 5 * MINUTE)
        run(i % 2 == 0 ? JB_ERROR : JB_INFO);
    /* opened 0:00, resolved 0:05, opened 0:10, reminded 1:10, 2:10 ... */
    CHECK(told_are(2, 0, 23, 1));
    CHECK(all.open_count == 1);
    int64_t last_seen = all.open[0].seen_us;
    for (; all.open_count > 0 && now < START + 48 * HOUR; now += 5 * MINUTE)
        run(JB_INFO);
    CHECK(told_are(2, 0, 23, 2) && all.ended[0].ended_us == last_seen + HOUR);
    now += 2 * HOUR;
    run(JB_ERROR);
    now += MINUTE;
    run(JB_INFO);
    CHECK(told_are(3, 0, 23, 3));
}

static void the_worst_finding_of_a_subject_counts(void)
{
    static const char *const checks[] = {"integrity"};
    const struct incident_sight sights[] = {
        {"integrity", "b", JB_WARNING, "old", "x"},
        {"integrity", "a", JB_ERROR, "damaged", "y"},
        {"integrity", "b", JB_CRITICAL, "gone", "z"},
        {"integrity", "b", JB_CRITICAL, "gone, too", "z"},
        {"integrity", "c", JB_INFO, "well", ""},
    };
    begin();
    update(sights, 5, checks, 1);
    CHECK(all.open_count == 2 && news_count == 2);
    CHECK_TEXT(news[0].incident->key, "integrity: b");
    CHECK_TEXT(news[0].incident->message, "gone");
    CHECK_TEXT(jbi_incident_subject(news[1].incident), "a");
    CHECK(news[0].incident->thread[0] != '\0' && strchr(news[0].incident->thread, ' ') == NULL);
    CHECK_TEXT(news[1].incident->thread, news[0].incident->thread);
}

static void order_of_news(void)
{
    static const char *const checks[] = {"c"};
    struct incident_sight sights[] = {
        {"c", "ends", JB_CRITICAL, "m", ""}, {"c", "lasts", JB_WARNING, "m", ""},
        {"c", "rises", JB_WARNING, "m", ""}, {"c", "new", JB_WARNING, "m", ""},
        {"c", "new too", JB_ERROR, "m", ""},
    };
    static const char *const want[] = {"c: new too", "c: new", "c: rises", "c: lasts", "c: ends"};
    begin();
    update(sights, 3, checks, 1);
    now += 2 * HOUR;
    sights[2].level = JB_ERROR;
    update(sights + 1, 4, checks, 1);
    CHECK(news_count == 5);
    for (size_t i = 0; i < news_count && i < 5; i++)
        CHECK_TEXT(news[i].incident->key, want[i]);
    CHECK(told_are(3 + 2, 1, 1, 1));
}

static void clock_that_jumps(void)
{
    begin();
    now = START + 400000 * HOUR;
    run(JB_ERROR);
    now = START;
    run(JB_ERROR);
    CHECK(told_are(1, 0, 1, 0)); /* not silent until that year comes */
    run(JB_ERROR);
    CHECK(told_are(1, 0, 1, 0));
    run(JB_INFO);
    CHECK(told_are(1, 0, 1, 1));
}

static void limits(void)
{
    enum { MANY = 2000 };
    static struct incident_sight sights[MANY];
    static const char *const checks[] = {"integrity", "freshness"};
    begin();
    open_repository(&repository);
    for (int i = 0; i < MANY; i++)
        sights[i] = (struct incident_sight){"integrity", jbi_arena_printf(&arena, "file %d", i),
                                            JB_WARNING, "damaged", "x"};
    update(sights, MANY, checks, 2);
    CHECK(all.open_count == 400 && news_count == 400);
    sights[MANY - 2].level = JB_ERROR;
    sights[MANY - 1].level = JB_CRITICAL;
    now += MINUTE;
    update(sights, MANY, checks, 2);
    CHECK(all.open_count == 402 && news_count == 2);
    CHECK(news[0].incident->level == JB_CRITICAL);
    for (int i = 0; i < MANY; i++)
        sights[i].level = JB_CRITICAL;
    update(sights, MANY, checks, 2);
    CHECK(all.open_count == INCIDENTS_OPEN_MAX);
    restart();
    update(NULL, 0, checks, 2);
    CHECK(all.open_count == 0 && all.ended_count == INCIDENTS_ENDED_KEPT);
    CHECK(news_count == INCIDENTS_OPEN_MAX);
    restart();
    now += HOUR;
    run(JB_ERROR);
    now += HOUR;
    run(JB_INFO);
    CHECK(all.ended_count == INCIDENTS_ENDED_KEPT);
    CHECK_TEXT(all.ended[0].key, "freshness: journal");
    jbi_repository_close(&repository);
}

static void texts_from_outside(void)
{
    static char longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    struct incident_sight sights[] = {{"job", longest, JB_ERROR, longest, longest},
                                      {"job", "a\nb\xff", JB_ERROR, "c\r\n\x1b[0m", "<>&"}};
    begin();
    open_repository(&repository);
    update(sights, 2, NULL, 0);
    CHECK_TEXT(all.open[1].key, "job: a\\x0ab\\xff");
    CHECK_TEXT(all.open[1].message, "c\\x0d\\x0a\\x1b[0m");
    CHECK(strlen(all.open[0].message) < INCIDENT_TEXT_SIZE);
    restart();
    now += MINUTE;
    update(sights, 2, NULL, 0); /* the same subjects as before */
    CHECK(all.open_count == 2 && news_count == 0);
    jbi_repository_close(&repository);
}

static void hostile_files(void)
{
    static const char *const edits[][2] = {
        {"\"format\": 1", "\"format\": 2"},
        {"\"ERROR\"", "\"INFO\""},
        {"\"ERROR\"", "\"TERRIBLE\""},
        {"\"ERROR\"", "3"},
        {"\"worst_told\": \"ERROR\"", "\"worst_told\": null"},
        {"\"key\": \"freshness: ", "\"key\": \"freshness"},
        {"\"check\": \"freshness\"", "\"check\": \"disk\""},
        {"\"message\": \"no backup\"", "\"message\": \"no\\nbackup\""},
        {"\"message\": \"no backup\"", "\"message\": null"},
        {"\"thread\": \"jbackup", "\"thread\": \"> jbackup"},
        {"\"thread\": \"jbackup", "\"thread\": \"jbackup\\r\\nBcc: x"},
        {"\"seen_at\": \"20", "\"seen_at\": \"XX"},
        {"\"ended_at\": null", "\"ended_at\": \"2026-01-01T00:00:00Z\""},
        {"\"ended_at\": null", "\"ended_at\": 0"},
        {"\"open\": [", "\"open\": [{},"},
        {"\"open\": [", "\"open\": ["}, /* as it is */
    };
    begin();
    open_repository(&repository);
    run(JB_ERROR);
    char *text = jbi_incidents_print(&all);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        scope_text changed = {0};
        char *at = strstr(text, edits[i][0]);
        REQUIRE(at != NULL);
        jbi_text_add(&changed, text, (size_t)(at - text));
        jbi_text_adds(&changed, edits[i][1]);
        jbi_text_adds(&changed, at + strlen(edits[i][0]));
        struct incidents read;
        struct jb_error why = {0};
        bool is_last = i == sizeof edits / sizeof *edits - 1;
        int code = jbi_incidents_parse(&read, changed.at, changed.len, "file", &arena, &why);
        CHECK(code == (is_last ? JB_OK : JB_ECORRUPT) && read.open_count == is_last);
        if (code != JB_ECORRUPT && !is_last)
            printf("#   %s\n", edits[i][1]);
    }
    free(text);
    jb_report *report = jbi_report_new();
    write_file(repository.state_fd, "incidents.json", "{\"format\": 1, \"open\": [");
    CHECK(jbi_incidents_load(&all, &repository, &arena, report, &err) == JB_OK);
    CHECK(all.open_count == 0 && jb_report_verdict(report) == JB_WARNING);
    CHECK(unlinkat(repository.state_fd, "incidents.json", 0) == 0);
    CHECK(mkdirat(repository.state_fd, "incidents.json", 0700) == 0);
    CHECK(jbi_incidents_load(&all, &repository, &arena, NULL, &err) < 0);
    jb_report_free(report);
    jbi_repository_close(&repository);
}

static void doubles_are_refused(void)
{
    begin();
    run(JB_ERROR);
    struct incident twice[2] = {all.open[0], all.open[0]};
    struct incidents doubled = {.open = twice, .open_count = 2}, read;
    char *text = jbi_incidents_print(&doubled);
    CHECK(jbi_incidents_parse(&read, text, strlen(text), "file", &arena, &err) == JB_ECORRUPT);
    CHECK_HAS(err.text, "stands there twice");
    free(text);
}

static void the_lock(void)
{
    int first = -1, second = -1;
    begin();
    open_repository(&repository);
    CHECK(jbi_monitor_lock(&repository, 0, &first, &err) == JB_OK);
    CHECK(jbi_monitor_lock(&repository, 0, &second, &err) == JB_ELOCKED && second == -1);
    CHECK_HAS(err.text, "the monitor of repository");
    close(first);
    err = (struct jb_error){0};
    CHECK(jbi_monitor_lock(&repository, 1, &second, &err) == JB_OK);
    close(second);
    jbi_repository_close(&repository);
}

int main(void)
{
    RUN(a_day_is_told_of_exactly);
    RUN(restarts_change_nothing);
    RUN(checkers_need_not_be_on_the_second);
    RUN(falls_silently_and_rises);
    RUN(below_the_least_level);
    RUN(a_check_that_did_not_run_keeps_its_own);
    RUN(by_word);
    RUN(flapping);
    RUN(the_worst_finding_of_a_subject_counts);
    RUN(order_of_news);
    RUN(clock_that_jumps);
    RUN(limits);
    RUN(texts_from_outside);
    RUN(hostile_files);
    RUN(doubles_are_refused);
    RUN(the_lock);
    jbi_arena_free(&arena);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
