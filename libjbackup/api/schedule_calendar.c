/* SPDX-License-Identifier: MIT */
/* Calendar expressions where there is no systemd to ask. Invariant: what is not understood in full
 * is not understood at all. */
#include "api/schedule_calendar.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"

#define DAYS_BACK (366 * 8 + 1) /* a leap year is at most eight years ago */

static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};

static uint64_t bits(unsigned from, unsigned to, unsigned step)
{
    uint64_t mask = 0;
    for (unsigned i = from; i <= to; i += step)
        mask |= UINT64_C(1) << i;
    return mask;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static bool take_number(const char **at, unsigned *out)
{
    size_t len = strspn(*at, "0123456789");
    if (len == 0 || len > 4 || sscanf(*at, "%4u", out) != 1)
        return false;
    *at += len;
    return true;
}

/* "*", "5", "1..5", "0/15", a step from "*", and lists of these, up to the character end or the
 * end. */
static bool take_field(const char **at, unsigned least, unsigned most, uint64_t *out)
{
    *out = 0;
    for (;;) {
        unsigned from = least, to = most, step = 1;
        bool is_any = **at == '*';
        if (is_any)
            (*at)++;
        else if (!take_number(at, &from))
            return false;
        bool is_range = !is_any && strncmp(*at, "..", 2) == 0;
        if (is_range)
            *at += 2;
        if (is_range && !take_number(at, &to))
            return false;
        bool is_step = **at == '/';
        if (is_step)
            (*at)++;
        if (is_step && !take_number(at, &step))
            return false;
        if (!is_any && !is_range && !is_step)
            to = from;
        if (from < least || to > most || from > to || step == 0)
            return false;
        *out |= bits(from, to, step);
        if (**at != ',')
            return true;
        (*at)++;
    }
}

/* A weekday's name, in full or its first three letters. */
static bool take_weekday(const char **at, unsigned *out)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t len = strspn(*at, letters);
    for (unsigned i = 0; i < 7; i++) {
        if ((len == 3 || len == strlen(weekdays[i])) && strncasecmp(*at, weekdays[i], len) == 0) {
            *at += len;
            *out = i;
            return true;
        }
    }
    return false;
}

static bool take_weekdays(const char **at, uint64_t *out)
{
    *out = 0;
    for (;;) {
        unsigned from, to;
        if (!take_weekday(at, &from))
            return false;
        to = from;
        if (strncmp(*at, "..", 2) == 0) {
            *at += 2;
            if (!take_weekday(at, &to))
                return false;
        }
        for (unsigned i = from;; i = (i + 1) % 7) {
            *out |= UINT64_C(1) << i;
            if (i == to)
                break;
        }
        if (**at != ',')
            return true;
        (*at)++;
    }
}

static bool take(const char **at, char wanted)
{
    bool is_there = **at == wanted;
    *at += is_there;
    return is_there;
}

static void skip_spaces(const char **at)
{
    *at += strspn(*at, " ");
}

/* "*-*-01", "*-01": the year is any. */
static bool take_date(const char **at, struct calendar *out)
{
    const char *begin = *at, *dash = strchr(begin, '-');
    if (dash != NULL && strchr(dash + 1, '-') != NULL && !(take(at, '*') && take(at, '-')))
        return false;
    return take_field(at, 1, 12, &out->months) && take(at, '-') &&
           take_field(at, 1, 31, &out->days);
}

static bool take_time(const char **at, struct calendar *out)
{
    uint64_t seconds;
    return take_field(at, 0, 23, &out->hours) && take(at, ':') &&
           take_field(at, 0, 59, &out->minutes) &&
           (!take(at, ':') || (take_field(at, 0, 59, &seconds) && seconds == 1));
}

static const char *in_full(const char *at)
{
    static const char *const words[][2] = {
        {"hourly", "*-*-* *:00:00"},
        {"daily", "*-*-* 00:00:00"},
        {"weekly", "Mon *-*-* 00:00:00"},
        {"monthly", "*-*-01 00:00:00"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(at, words[i][0]) == 0)
            return words[i][1];
    }
    return at;
}

bool jbi_calendar_parse(struct calendar *out, const char *at)
{
    *out = (struct calendar){.minutes = 1,
                             .hours = 1,
                             .days = bits(1, 31, 1),
                             .months = bits(1, 12, 1),
                             .weekdays = bits(0, 6, 1)};
    at = in_full(at);
    skip_spaces(&at);
    if (*at == '\0')
        return false;
    bool ok = strchr("*0123456789", *at) != NULL || take_weekdays(&at, &out->weekdays);
    skip_spaces(&at);
    size_t len = strcspn(at, " ");
    if (ok && memchr(at, '-', len) != NULL)
        ok = take_date(&at, out) && (*at == '\0' || *at == ' ');
    skip_spaces(&at);
    if (ok && *at != '\0')
        ok = take_time(&at, out);
    skip_spaces(&at);
    return ok && *at == '\0';
}

/* ---- Its times ------------------------------------------------------------------------------ */

static bool has(uint64_t mask, int bit)
{
    return (mask >> bit & 1) != 0;
}

/* The newest time of one day at or before now; 0: none. */
static int64_t newest_of_day(const struct calendar *c, const struct tm *day, int64_t now)
{
    char timestamp[TIMESTAMP_SIZE + 48];
    for (int hour = 23; hour >= 0; hour--) {
        for (int minute = 59; minute >= 0 && has(c->hours, hour); minute--) {
            if (!has(c->minutes, minute))
                continue;
            snprintf(timestamp, sizeof timestamp, "%04d%02d%02d_%02d%02d00", day->tm_year + 1900,
                     day->tm_mon + 1, day->tm_mday, hour, minute);
            int64_t at = jbi_timestamp_unix(timestamp);
            if (at > 0 && at <= now)
                return at;
        }
    }
    return 0;
}

int64_t jbi_calendar_newest(const struct calendar *c, int64_t now_unix_s)
{
    struct tm day = {0};
    time_t now = (time_t)now_unix_s;
    localtime_r(&now, &day);
    for (int i = 0; i < DAYS_BACK; i++) {
        int64_t at = 0;
        if (has(c->weekdays, day.tm_wday) && has(c->days, day.tm_mday) &&
            has(c->months, day.tm_mon + 1))
            at = newest_of_day(c, &day, now_unix_s);
        if (at > 0)
            return at;
        /* Noon of the day before, which exists everywhere. */
        day = (struct tm){.tm_year = day.tm_year,
                          .tm_mon = day.tm_mon,
                          .tm_mday = day.tm_mday - 1,
                          .tm_hour = 12,
                          .tm_isdst = -1};
        if (mktime(&day) == (time_t)-1)
            return 0;
    }
    return 0;
}
