/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include "../check.h"

static void in_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void timestamps_are_local_time(void)
{
    char to[TIMESTAMP_SIZE];
    in_zone("UTC0");
    jbi_timestamp(to, 1720449022);
    CHECK_TEXT(to, "20240708_143022");
    in_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    jbi_timestamp(to, 1720449022);
    CHECK_TEXT(to, "20240708_163022");
    CHECK(jbi_timestamp_unix(to) == 1720449022);
}

static void a_timestamp_must_exist(void)
{
    static const char *const good[] = {"20240708_143022", "20240229_000000", "20000229_235959",
                                       "19700101_000000", "99991231_235959"};
    static const char *const bad[] = {"",
                                      "20240708",
                                      "20240708-143022",
                                      "20240708_14302",
                                      "20240708_1430222",
                                      "20230229_000000",
                                      "21000229_000000",
                                      "20240431_000000",
                                      "20240732_000000",
                                      "20240700_000000",
                                      "20241301_000000",
                                      "20240001_000000",
                                      "20240708_240000",
                                      "20240708_006000",
                                      "20240708_000061",
                                      "19691231_000000",
                                      "2024070a_143022",
                                      "+0240708_143022",
                                      " 0240708_143022",
                                      "20240708_1430\n2",
                                      "../../../../etc"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(jbi_is_timestamp(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!jbi_is_timestamp(bad[i]));
}

/* 27 October 2024 in Berlin: 02:30 comes twice, first in summer time. */
static void the_first_of_two_hours_is_meant(void)
{
    in_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    CHECK(jbi_timestamp_unix("20241027_023000") == 1729989000);
    CHECK(jbi_timestamp_unix("20241027_033000") == 1729996200);
    /* 31 March 2024, 02:30 never comes; any answer within the hour will do. */
    int64_t skipped = jbi_timestamp_unix("20240331_023000");
    CHECK(skipped >= 1711845000 && skipped <= 1711852200);
}

static void iso_times_say_their_offset(void)
{
    char to[ISO_TIME_SIZE];
    in_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    jbi_iso_time(to, 1720449022123456, true);
    CHECK_TEXT(to, "2024-07-08T16:30:22.123456+02:00");
    jbi_iso_time(to, 1720449022123456, false);
    CHECK_TEXT(to, "2024-07-08T16:30:22+02:00");
    in_zone("NST3:30");
    jbi_iso_time(to, 0, false);
    CHECK_TEXT(to, "1969-12-31T20:30:00-03:30");
    jbi_iso_time(to, -1, true);
    CHECK_TEXT(to, "1969-12-31T20:29:59.999999-03:30");
}

static void iso_times_are_read_back(void)
{
    static const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "NST3:30",
                                        "LMT-0:53:28", "ODD+12:44:59"};
    static const int64_t times[] = {0, -1, 1720449022123456, -2208988800000000, 253402214400000000};
    char to[ISO_TIME_SIZE];
    for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
        in_zone(zones[z]);
        for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
            int64_t back = 42;
            jbi_iso_time(to, times[i], true);
            CHECK(jbi_iso_time_parse(to, &back));
            CHECK(back == times[i]);
        }
    }
}

static void other_texts_are_no_times(void)
{
    static const char *const bad[] = {
        "",
        "2024-07-08",
        "2024-07-08T16:30:22",
        "2024-07-08 16:30:22+02:00",
        "2024-07-08T16:30:22Z",
        "2024-07-08T16:30:22.12345+02:00",
        "2024-07-08T16:30:22.1234567+02:00",
        "2024-07-08T16:30:22.-12345+02:00",
        "2024-07-08T16:30:22+02:00x",
        "2024-07-08T16:30:22+0200",
        "2024-07-08T16:30:22+-2:00",
        "2024-07-32T16:30:22+02:00",
        "2023-02-29T16:30:22+02:00",
        "2024-13-08T16:30:22+02:00",
        "2024-07-08T24:30:22+02:00",
        "2024-07-08T16:60:22+02:00",
        "2024-07-08T16:30:22+02:60",
        "2024-7-08T16:30:22+02:000",
        "+024-07-08T16:30:22+02:00",
        "2024- 7-08T16:30:22+02:00",
    };
    int64_t at;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (jbi_iso_time_parse(bad[i], &at))
            check_note(false, __FILE__, __LINE__, bad[i]);
}

static void clocks_run(void)
{
    int64_t now = jbi_now_us(), steady = jbi_monotonic_ms();
    CHECK(now > 1500000000000000);
    CHECK(jbi_monotonic_ms() >= steady);
}

int main(void)
{
    RUN(timestamps_are_local_time);
    RUN(a_timestamp_must_exist);
    RUN(the_first_of_two_hours_is_meant);
    RUN(iso_times_say_their_offset);
    RUN(iso_times_are_read_back);
    RUN(other_texts_are_no_times);
    RUN(clocks_run);
    return check_end();
}
