/* SPDX-License-Identifier: MIT */
/* The second time of day, and that with it a year of any zone has one run a day: none is lost when
 * the clock goes forward, none is doubled when it goes back. */
#include <sys/wait.h>
#include <time.h>

#include "../check.h"
#include "api/schedule_units.h"
#include "base/clock.h"

static struct arena arena;

static const struct {
    const char *at, *second;
} times[] = {
    {"02:00", "03:00"},
    {"2:5", "03:5"},
    {"*-*-* 02:00:00", "*-*-* 03:00:00"},
    {"02:00:10.5", "03:00:10.5"},
    {"Sun *-*-* 03:00", "Sun *-*-* 04:00"},
    {"Mon..Fri 02:30", "Mon..Fri 03:30"},
    {"Sun,Mon *-1,2-* 00:30", "Sun,Mon *-1,2-* 01:30"},
    {"*-*~1 01:00", "*-*~1 02:00"},
    {"*-*-01 04:00:00", NULL},
    {"23:00", NULL},
    {"daily", "*-*-* 01:00:00"},
    {"DAILY", "*-*-* 01:00:00"},
    {"weekly", "Mon *-*-* 01:00:00"},
    {"monthly", "*-*-01 01:00:00"},
    {"semi-annually", "*-01,07-01 01:00:00"},
    {"Sun", "Sun 01:00:00"},
    {"Tuesday", "Tuesday 01:00:00"},
    {"Mon..Fri", "Mon..Fri 01:00:00"},
    {"*-*-15", "*-*-15 01:00:00"},
    {"Sun *-*-15", "Sun *-*-15 01:00:00"},
    {"02:00 UTC", NULL},
    {"daily UTC", NULL},
    {"Sun *-*-* 03:00 utc", NULL},
    {"02:30 Europe/Berlin", "03:30 Europe/Berlin"},
    {"Sun *-*-* 03:00 EET", "Sun *-*-* 04:00 EET"},
    {"daily America/New_York", "*-*-* 01:00:00 America/New_York"},
    {"Sun America/New_York", "Sun 01:00:00 America/New_York"},
    {"hourly", NULL},
    {"minutely", NULL},
    {"hourly Europe/Berlin", NULL},
    {"*:00", NULL},
    {"*-*-* *:0/5", NULL},
    {"02:00,30", NULL},
    {"02,03:00", NULL},
    {"0/2:00", NULL},
    {"1..3:00", NULL},
    {"02:00:00/10", NULL},
    {"02:*", NULL},
    {"24:00", NULL},
    {"02:60", NULL},
    {"002:00", NULL},
    {"02:", NULL},
    {":", NULL},
    {"", NULL},
    {" ", NULL},
    {"@1234", NULL},
    {"nonsense", NULL},
    {"02:00:00.000000000000000000000000000000000000000000000000000", NULL},
};

static void a_fixed_time_of_day_has_a_second_one(void)
{
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        bool failed = true;
        const char *second = jbi_schedule_second_time(times[i].at, &arena, &failed);
        CHECK(!failed);
        if (times[i].second != NULL)
            CHECK_TEXT(second, times[i].second);
        else if (second != NULL)
            CHECK_TEXT(second, times[i].at);
    }
}

static void in_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

/* How often the two times of a day start something in 2026 that is due; they begin 17 s late. A
 * timer never knows whether the clock passes a time for the second time: it may start then, too. */
static int runs_in(const char *zone, int hour, int minute, const char *at)
{
    int runs = 0;
    int64_t last = 0;
    in_zone(zone);
    int64_t begin = jbi_timestamp_unix("20260101_000000"),
            end = jbi_timestamp_unix("20270101_000000");
    for (int64_t now = begin; now < end; now += 60) {
        time_t instant = (time_t)now;
        struct tm shown;
        localtime_r(&instant, &shown);
        bool is_time =
            shown.tm_min == minute && (shown.tm_hour == hour || shown.tm_hour == hour + 1);
        if (is_time && jbi_schedule_is_due(at, last, now + 17)) {
            last = now + 17;
            runs++;
        }
    }
    return runs;
}

/* The same in a process of its own, so that the zone is only there. */
static int count_runs(const char *zone, int hour, int minute, const char *at)
{
    int ends[2], runs = -1;
    REQUIRE(pipe(ends) == 0);
    fflush(stdout);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        runs = runs_in(zone, hour, minute, at);
        _exit(write(ends[1], &runs, sizeof runs) == sizeof runs ? 0 : 1);
    }
    close(ends[1]);
    CHECK(read(ends[0], &runs, sizeof runs) == sizeof runs);
    close(ends[0]);
    CHECK(waitpid(child, NULL, 0) == child);
    return runs;
}

static const struct {
    const char *name, *zone;
} zones[] = {
    {"Berlin, from 02 to 03", "CET-1CEST,M3.5.0,M10.5.0/3"},
    {"Athens, from 03 to 04", "EET-2EEST,M3.5.0/3,M10.5.0/4"},
    {"New York, from 02 to 03", "EST5EDT,M3.2.0,M11.1.0"},
    {"Cairo, from 00 to 01", "EET-2EEST,M4.5.5/0,M10.5.4/24"},
    {"Lord Howe, half an hour", "LHST-10:30LHDT-11,M10.1.0,M4.1.0"},
    {"Lisbon, from 01 to 02", "WET0WEST,M3.5.0/1,M10.5.0"},
    {"UTC", "UTC0"},
};

static void a_year_has_one_run_a_day(void)
{
    static const struct {
        const char *at, *elsewhere;
        int hour, minute;
    } at[] = {{"00:00", "daily Some/Where", 0, 0},  {"*-*-* 00:30:00", "00:30 Some/Where", 0, 30},
              {"01:15", "01:15 Some/Where", 1, 15}, {"02:00", "02:00 Some/Where", 2, 0},
              {"02:30", "02:30 Some/Where", 2, 30}, {"03:00", "03:00 Some/Where", 3, 0}};
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++) {
        for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
            int runs = count_runs(zones[i].zone, at[k].hour, at[k].minute, at[k].at);
            int elsewhere = count_runs(zones[i].zone, at[k].hour, at[k].minute, at[k].elsewhere);
            CHECK(runs == 365 && elsewhere == 365);
            if (runs != 365 || elsewhere != 365)
                printf("#   %s, %s: %d and %d runs\n", zones[i].name, at[k].at, runs, elsewhere);
        }
    }
}

static int64_t at_time(const char *timestamp)
{
    return jbi_timestamp_unix(timestamp);
}

static void what_was_missed_is_due_once(void)
{
    in_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    static const char weekly[] = "Sun *-*-* 03:00";
    int64_t week_ago = at_time("20260510_030012");
    CHECK(jbi_schedule_is_due(weekly, week_ago, at_time("20260519_101500")));
    CHECK(!jbi_schedule_is_due(weekly, at_time("20260517_030012"), at_time("20260517_040012")));
    /* Made up for just before the second time. */
    CHECK(!jbi_schedule_is_due(weekly, at_time("20260517_035959"), at_time("20260517_040012")));
    CHECK(jbi_schedule_is_due(weekly, week_ago, at_time("20260517_030000")));
    CHECK(jbi_schedule_is_due(weekly, 0, at_time("20260517_030000")));
    /* A last run in the future is of a clock that was wrong. */
    CHECK(jbi_schedule_is_due(weekly, at_time("20300101_030012"), at_time("20260517_030000")));
    /* What has no second time is always due. */
    CHECK(jbi_schedule_is_due("hourly", at_time("20260517_030000"), at_time("20260517_030001")));
    CHECK(jbi_schedule_is_due("02:00 UTC", at_time("20260517_030000"), at_time("20260517_030001")));
}

static void the_first_of_two_times_counts(void)
{
    in_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    int64_t first = at_time("20261025_020000"), second = first + 3600;
    CHECK(jbi_schedule_is_due("02:00", at_time("20261024_020010"), first));
    CHECK(!jbi_schedule_is_due("02:00", first, second));
    CHECK(!jbi_schedule_is_due("02:00", first + 20, second + 3600));
    CHECK(jbi_schedule_is_due("02:00", at_time("20261024_020010"), second));
    CHECK(jbi_schedule_is_due("02:00", at_time("20260328_020010"), at_time("20260329_030012")));
    CHECK(jbi_schedule_is_due("02:30", at_time("20260328_023010"), at_time("20260329_033012")));
    in_zone("UTC0");
}

int main(void)
{
    RUN(a_fixed_time_of_day_has_a_second_one);
    RUN(a_year_has_one_run_a_day);
    RUN(what_was_missed_is_due_once);
    RUN(the_first_of_two_times_counts);
    jbi_arena_free(&arena);
    return check_end();
}
