/* SPDX-License-Identifier: MIT */
/* The one time of day of an OnCalendar expression, and the day on which the clock passes it over.
 * Invariant: an expression that is not understood has no second time, and is always due. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/schedule_units.h"
#include "base/clock.h"

#define LAST_GAP_HOUR 3 /* no zone passes over a later one, or over one late at night */
#define TIME_MAX      32
/* Where the hour is another zone's, two starts within this are one time of day: an hour and, on the
 * day when the clock goes back, two lie between them. */
#define ANOTHERS_S 10800
#define DAY_S      86400

enum zone { ZONE_LOCAL, ZONE_UTC, ZONE_OTHER };

/* What an expression says: "date time zone", date and zone perhaps empty. */
struct moment {
    const char *date, *zone;
    int date_len, hour, minute, second;
    char minutes[TIME_MAX]; /* the time as it stands, from its first colon */
    enum zone zone_kind;
};

/* ---- Reading ---- */

static const char *whole_word(const char *word, size_t len)
{
    static const struct {
        const char *name, *date;
    } words[] = {
        {"daily", "*-*-*"},
        {"weekly", "Mon *-*-*"},
        {"monthly", "*-*-01"},
        {"yearly", "*-01-01"},
        {"annually", "*-01-01"},
        {"quarterly", "*-01,04,07,10-01"},
        {"biannually", "*-01,07-01"},
        {"semiannually", "*-01,07-01"},
        {"bi-annually", "*-01,07-01"},
        {"semi-annually", "*-01,07-01"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].name) == len && strncasecmp(words[i].name, word, len) == 0)
            return words[i].date;
    }
    return NULL;
}

/* Up to two digits; -1: there are none, or more. */
static int two_digits(const char **at)
{
    size_t len = strspn(*at, "0123456789");
    int value = len == 1 ? (*at)[0] - '0' : len == 2 ? ((*at)[0] - '0') * 10 + (*at)[1] - '0' : -1;
    *at += len;
    return value;
}

/* "H:M", "H:M:S" or "H:M:S.fraction", all fixed. */
static bool read_time(const char *word, size_t len, struct moment *m)
{
    char text[TIME_MAX];
    if (len >= sizeof text)
        return false;
    memcpy(text, word, len);
    text[len] = '\0';
    const char *at = text;
    m->hour = two_digits(&at);
    snprintf(m->minutes, sizeof m->minutes, "%s", at);
    m->minute = *at++ == ':' ? two_digits(&at) : -1;
    m->second = 0;
    if (m->minute >= 0 && *at == ':') {
        at++;
        m->second = two_digits(&at);
        if (*at == '.')
            at += 1 + strspn(at + 1, "0123456789");
    }
    return *at == '\0' && m->hour >= 0 && m->hour < 24 && m->minute >= 0 && m->minute < 60 &&
           m->second >= 0 && m->second < 60;
}

/* Days of the week: "Sun", "Sunday", "Mon..Fri", "Mon,Thu". */
static bool is_days(const char *word, size_t len)
{
    static const char days[] = "sunmontuewedthufrisat";
    for (const char *day = days; len >= 3 && *day != '\0'; day += 3) {
        if (strncasecmp(word, day, 3) == 0)
            return len == 3 || strchr(".-,", word[3]) != NULL ||
                   strncasecmp(word + len - 3, "day", 3) == 0;
    }
    return false;
}

static bool is_zone(const char *word, size_t len)
{
    bool is_name = (*word >= 'a' && *word <= 'z') || (*word >= 'A' && *word <= 'Z');
    return is_name && !is_days(word, len) && memchr(word, ':', len) == NULL;
}

static void read_zone(const char *at, size_t *len, struct moment *m)
{
    size_t begin = *len;
    while (begin > 0 && at[begin - 1] != ' ')
        begin--;
    m->zone = at + *len;
    m->zone_kind = ZONE_LOCAL;
    if (begin == 0 || begin == *len || !is_zone(at + begin, *len - begin))
        return;
    m->zone = at + begin;
    m->zone_kind = strcasecmp(m->zone, "UTC") == 0 ? ZONE_UTC : ZONE_OTHER;
    *len = begin;
    while (*len > 0 && at[*len - 1] == ' ')
        (*len)--;
}

/* Whether it comes at most once a day, at a time that is fixed. */
static bool read_moment(const char *at, struct moment *m)
{
    size_t len = strlen(at), begin;
    read_zone(at, &len, m);
    begin = len;
    while (begin > 0 && at[begin - 1] != ' ')
        begin--;
    m->date = at;
    m->date_len = (int)len;
    if (memchr(at + begin, ':', len - begin) != NULL) {
        m->date_len = (int)begin;
        return read_time(at + begin, len - begin, m);
    }
    /* A date alone means midnight. */
    const char *date = whole_word(at, len);
    if (date != NULL) {
        m->date = date;
        m->date_len = (int)strlen(date);
    }
    m->hour = m->minute = m->second = 0;
    snprintf(m->minutes, sizeof m->minutes, ":00:00");
    return date != NULL || is_days(at + begin, len - begin) ||
           memchr(at + begin, '-', len - begin) != NULL;
}

static bool has_second_time(const char *at, struct moment *m)
{
    return read_moment(at, m) && m->zone_kind != ZONE_UTC && m->hour <= LAST_GAP_HOUR;
}

/* ---- Answers ---- */

const char *jbi_schedule_second_time(const char *at, struct arena *arena, bool *failed)
{
    struct moment m;
    *failed = false;
    if (!has_second_time(at, &m))
        return NULL;
    bool is_apart = m.date_len > 0 && m.date[m.date_len - 1] != ' ';
    const char *second =
        jbi_arena_printf(arena, "%.*s%s%02d%s%s%s", m.date_len, m.date, is_apart ? " " : "",
                         m.hour + 1, m.minutes, *m.zone != '\0' ? " " : "", m.zone);
    *failed = second == NULL;
    return second;
}

/* The time of day on the day of an instant, the first one if it comes twice. */
static int64_t time_of_day(const struct moment *m, int64_t unix_s)
{
    const int parts[] = {m->hour, m->minute, m->second};
    char text[TIMESTAMP_SIZE];
    jbi_timestamp(text, unix_s);
    for (int i = 0; i < 3; i++) {
        text[9 + 2 * i] = (char)('0' + parts[i] / 10);
        text[10 + 2 * i] = (char)('0' + parts[i] % 10);
    }
    return jbi_timestamp_unix(text);
}

bool jbi_schedule_is_due(const char *at, int64_t last_unix_s, int64_t now_unix_s)
{
    struct moment m;
    if (!has_second_time(at, &m) || last_unix_s > now_unix_s) /* it is of a clock that was wrong */
        return true;
    if (m.zone_kind == ZONE_OTHER)
        return now_unix_s - last_unix_s > ANOTHERS_S;
    int64_t newest = time_of_day(&m, now_unix_s);
    if (newest > now_unix_s)
        newest = time_of_day(&m, now_unix_s - DAY_S);
    return last_unix_s < newest;
}
