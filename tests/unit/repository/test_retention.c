/* SPDX-License-Identifier: MIT */
#include "repository/retention.h"

#include "fixture.h"

#define MAX 32

/* One line of a table: a backup, and what is expected of it. Newest first, as in a catalog. */
struct line {
    const char *timestamp;
    enum category category;
    const char *holds;  /* databases by letter (capital: PostgreSQL), '$' and '@' for the .sql and
                           the globals of the last one, '+' for the code */
    const char *state;  /* "" or of: pinned 'p', broken 'b' */
    const char *reason; /* part of it; with a leading '-': removed */
    const char *keep_until; /* as a timestamp; NULL: no such time */
};

static struct manifest manifest_of(const struct line *line)
{
    struct manifest m = {.category = line->category,
                         .created_us = jbi_timestamp_unix(line->timestamp) * 1000000,
                         .pinned = strchr(line->state, 'p') != NULL,
                         .keep_until_us =
                             line->keep_until ? jbi_timestamp_unix(line->keep_until) * 1000000 : 0};
    strcpy(m.timestamp, line->timestamp);
    m.artifacts = jbi_arena_alloc(&fixture_arena, 8 * sizeof *m.artifacts);
    for (const char *c = line->holds; *c != '\0'; c++) {
        bool is_companion = *c == '$' || *c == '@';
        m.artifacts[m.artifact_count++] = (struct artifact){
            .kind = *c == '+'                ? ARTIFACT_CODEBASE
                    : *c == '$'              ? ARTIFACT_POSTGRESQL_SQL
                    : *c == '@'              ? ARTIFACT_POSTGRESQL_GLOBALS
                    : *c >= 'A' && *c <= 'Z' ? ARTIFACT_POSTGRESQL
                                             : ARTIFACT_SQLITE,
            .name = is_companion ? m.artifacts[m.artifact_count - 1].name
                    : *c == '+'  ? NULL
                                 : jbi_arena_textn(&fixture_arena, c, 1),
        };
    }
    return m;
}

static void decide(const struct line *lines, size_t count, const char *now,
                   const struct retention *retention)
{
    struct manifest manifests[MAX];
    struct retention_verdict verdicts[MAX];
    bool is_whole[MAX];
    struct jb_error err = {0};
    REQUIRE(count <= MAX);
    for (size_t i = 0; i < count; i++) {
        manifests[i] = manifest_of(&lines[i]);
        is_whole[i] = strchr(lines[i].state, 'b') == NULL;
    }
    struct catalog catalog = {.backups = manifests, .count = count};
    CHECK(jbi_retention_decide(&catalog, is_whole, retention, jbi_timestamp_unix(now) * 1000000,
                               &fixture_arena, verdicts, &err) == JB_OK);
    for (size_t i = 0; i < count && err.code == 0; i++) {
        bool want_kept = lines[i].reason[0] != '-';
        if (verdicts[i].keep != want_kept)
            check_note(false, __FILE__, __LINE__, lines[i].timestamp);
        CHECK_HAS(verdicts[i].reason, lines[i].reason + !want_kept);
    }
}

#define DECIDE(lines, now, ...)                                                                    \
    decide(lines, sizeof(lines) / sizeof *(lines), now, &(const struct retention)__VA_ARGS__)

static void days_and_weeks(void)
{
    static const struct line lines[] = {
        {"20240708_020000", CATEGORY_DAILY, "a", "", "newest good backup of database \"a\""},
        {"20240707_030000", CATEGORY_WEEKLY, "a+", "", "newest good backup of the code"},
        {"20240706_020000", CATEGORY_DAILY, "a", "", "2 days old, kept for 7"},
        {"20240701_020031", CATEGORY_DAILY, "a", "", "6 days old, kept for 7"},
        {"20240701_020030", CATEGORY_DAILY, "a", "", "7 days old, kept for 7"},
        {"20240701_020029", CATEGORY_DAILY, "a", "", "-more than 7 days old"},
        {"20240616_030000", CATEGORY_WEEKLY, "a+", "", "3 weeks old, kept for 4"},
        {"20240610_020030", CATEGORY_WEEKLY, "a+", "", "4 weeks old, kept for 4"},
        {"20240609_030000", CATEGORY_WEEKLY, "a+", "", "-more than 4 weeks old"},
    };
    DECIDE(lines, "20240708_020030", {7, 4, 6, 0});
}

static void months_are_of_the_calendar(void)
{
    static const struct line lines[] = {
        {"20240831_035900", CATEGORY_MONTHLY, "a+", "", "newest good"},
        {"20240801_040000", CATEGORY_MONTHLY, "a+", "", "0 months old, kept for 6"},
        {"20240731_040000", CATEGORY_MONTHLY, "a+", "", "1 month old, kept for 6"},
        {"20240301_040000", CATEGORY_MONTHLY, "a+", "", "5 months old, kept for 6"},
        {"20240229_040000", CATEGORY_MONTHLY, "a+", "", "6 months old, kept for 6"},
        {"20240229_035959", CATEGORY_MONTHLY, "a+", "", "-more than 6 months old"},
        {"20240201_040000", CATEGORY_MONTHLY, "a+", "", "-more than 6 months old"},
    };
    DECIDE(lines, "20240831_040000", {7, 4, 6, 0});
    static const struct line across_years[] = {
        {"20240115_040000", CATEGORY_MONTHLY, "a", "", "newest good"},
        {"20231031_040000", CATEGORY_MONTHLY, "a", "", "2 months old, kept for 3"},
        {"20231014_040000", CATEGORY_MONTHLY, "a", "", "-more than 3 months old"},
    };
    DECIDE(across_years, "20240115_050000", {7, 4, 3, 0});
}

static void days_are_of_the_calendar_over_a_change_of_clock(void)
{
    static const struct line lines[] = {
        {"20241028_020000", CATEGORY_DAILY, "a", "", "newest good"},
        {"20241026_023000", CATEGORY_DAILY, "a", "", "kept for 2"},
        {"20241026_015900", CATEGORY_DAILY, "a", "", "-more than 2 days old"},
    };
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    DECIDE(lines, "20241028_020000", {2, 4, 6, 0});
    setenv("TZ", "UTC0", 1);
    tzset();
}

static void pinned_ones_stay(void)
{
    static const struct line lines[] = {
        {"20240708_020000", CATEGORY_DAILY, "a+", "p", "pinned"},
        {"20200101_020000", CATEGORY_DAILY, "a", "", "-more than 7 days"},
        {"20190101_020000", CATEGORY_MONTHLY, "a", "pb", "pinned"},
    };
    DECIDE(lines, "20240708_020030", {7, 4, 6, 0});
}

static void those_to_be_kept_until_a_day_stay_until_then(void)
{
    static const struct line lines[] = {
        {"20240708_020000", CATEGORY_DAILY, "a", "", "newest good backup", NULL},
        {"20240610_020000", CATEGORY_DAILY, "a+", "", "to be kept until 2024-07-10",
         "20240710_020000"},
        {"20240608_020031", CATEGORY_DAILY, "a", "b", "to be kept until 2024-07-08",
         "20240708_020031"},
        {"20240608_020030", CATEGORY_DAILY, "a", "", "-more than 7 days", "20240708_020030"},
        {"20240607_020000", CATEGORY_DAILY, "a", "p", "pinned", "20240807_020000"},
        {"20200601_020000", CATEGORY_MONTHLY, "a", "", "-more than 6 months", "20200701_020000"},
    };
    DECIDE(lines, "20240708_020030", {7, 4, 6, 0});
}

static void the_newest_good_one_of_each_component_stays(void)
{
    static const struct line lines[] = {
        {"20240708_020000", CATEGORY_DAILY, "a+", "b", "-more than 0 days"},
        {"20200106_020000", CATEGORY_DAILY, "a", "", "newest good backup of database \"a\""},
        {"20200105_020000", CATEGORY_WEEKLY, "ab", "", "newest good backup of database \"b\""},
        {"20200104_020000", CATEGORY_MONTHLY, "abc+", "b", "-more than 0 months"},
        {"20200103_020000", CATEGORY_DAILY, "+", "", "newest good backup of the code"},
        {"20200102_020000", CATEGORY_DAILY, "ab+", "", "-more than 0 days"},
        {"20200101_020000", CATEGORY_DAILY, "abc+", "", "newest good backup of database \"c\""},
    };
    DECIDE(lines, "20240708_020030", {0, 0, 0, 0});
}

static void what_goes_with_a_dump_is_no_component(void)
{
    static const struct line lines[] = {
        {"20200109_020000", CATEGORY_DAILY, "aA$", "", "newest good backup of database \"a\""},
        {"20200108_020000", CATEGORY_DAILY, "A$@", "", "-more than 0 days"},
        {"20200107_020000", CATEGORY_DAILY, "aB$@+", "", "newest good backup of database \"B\""},
        {"20200106_020000", CATEGORY_DAILY, "B@", "", "-more than 0 days"},
    };
    DECIDE(lines, "20240708_020030", {0, 0, 0, 0});
}

static void a_minimum_of_whole_ones_stays(void)
{
    static const struct line lines[] = {
        {"20200109_020000", CATEGORY_DAILY, "a+", "", "newest good"},
        {"20200108_020000", CATEGORY_DAILY, "a", "b", "-more than 7 days"},
        {"20200107_020000", CATEGORY_DAILY, "a", "", "one of the newest 2"},
        {"20200106_020000", CATEGORY_DAILY, "a", "", "-more than 7 days"},
        {"20200105_020000", CATEGORY_WEEKLY, "a", "", "one of the newest 2"},
        {"20200104_020000", CATEGORY_WEEKLY, "a", "", "one of the newest 2"},
        {"20200103_020000", CATEGORY_WEEKLY, "a", "", "-more than 4 weeks"},
    };
    DECIDE(lines, "20240708_020030", {7, 4, 6, 2});
}

static void the_future_stays(void)
{
    static const struct line lines[] = {
        {"20240707_020000", CATEGORY_DAILY, "a+", "", "newest good"},
        {"20380101_020000", CATEGORY_DAILY, "a+", "", "dated in the future"},
        {"20240601_020000", CATEGORY_DAILY, "a+", "", "-more than 7 days"},
    };
    DECIDE(lines, "20240708_020030", {7, 4, 6, 0});
}

static void damaged_ones_go_by_their_age(void)
{
    static const struct line lines[] = {
        {"20240707_020000", CATEGORY_DAILY, "a+", "b", "1 day old, kept for 7"},
        {"20240601_020000", CATEGORY_DAILY, "a+", "b", "-more than 7 days"},
    };
    DECIDE(lines, "20240708_020030", {7, 4, 6, 3});
}

static void nonsense_is_refused(void)
{
    static const struct retention nonsense[] = {
        {-1, 4, 6, 1},         {7, -1, 6, 1},         {7, 4, -1, 1},         {7, 4, 6, -1},
        {2000000000, 4, 6, 1}, {7, 2000000000, 6, 1}, {7, 4, 2000000000, 1},
    };
    struct catalog catalog = {0};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        CHECK(jbi_retention_decide(&catalog, NULL, &nonsense[i], 0, &fixture_arena, NULL, NULL) ==
              JB_EINVAL);
    CHECK(jbi_retention_decide(&catalog, NULL, &(struct retention){7, 4, 6, 1}, 0, &fixture_arena,
                               NULL, NULL) == JB_OK);
}

int main(void)
{
    setenv("TZ", "UTC0", 1);
    tzset();
    RUN(days_and_weeks);
    RUN(months_are_of_the_calendar);
    RUN(days_are_of_the_calendar_over_a_change_of_clock);
    RUN(pinned_ones_stay);
    RUN(those_to_be_kept_until_a_day_stay_until_then);
    RUN(the_newest_good_one_of_each_component_stays);
    RUN(what_goes_with_a_dump_is_no_component);
    RUN(a_minimum_of_whole_ones_stays);
    RUN(the_future_stays);
    RUN(damaged_ones_go_by_their_age);
    RUN(nonsense_is_refused);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
