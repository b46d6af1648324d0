/* SPDX-License-Identifier: MIT */
/* Times: instants are UTC microseconds since 1970; people see local time with its offset. */
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t jbi_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t jbi_monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t jbi_time_us(int64_t unix_s, uint32_t ns)
{
    int64_t us;
    if (__builtin_mul_overflow(unix_s, 1000000, &us) ||
        __builtin_add_overflow(us, (int64_t)(ns / 1000), &us))
        return unix_s < 0 ? INT64_MIN : INT64_MAX;
    return us;
}

void jbi_timestamp(char to[TIMESTAMP_SIZE], int64_t unix_s)
{
    struct tm tm = {0};
    time_t at = (time_t)unix_s;
    localtime_r(&at, &tm);
    if (strftime(to, TIMESTAMP_SIZE, "%Y%m%d_%H%M%S", &tm) != TIMESTAMP_SIZE - 1)
        memcpy(to, "19700101_000000", TIMESTAMP_SIZE); /* a year of more than four digits */
}

static bool number_at(const char *text, int from, int len, int least, int most, int *out)
{
    int value = 0;
    for (int i = from; i < from + len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *out = value;
    return value >= least && value <= most;
}

/* year from 1900, month from 0 */
static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y = year + 1900;
    bool is_leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    return month == 1 && is_leap ? 29 : days[month];
}

static bool date_split(const char *text, int month_at, int day_at, int year_least, struct tm *tm)
{
    *tm = (struct tm){.tm_isdst = -1};
    if (!number_at(text, 0, 4, year_least, 9999, &tm->tm_year) ||
        !number_at(text, month_at, 2, 1, 12, &tm->tm_mon))
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return number_at(text, day_at, 2, 1, days_of_month(tm->tm_year, tm->tm_mon), &tm->tm_mday);
}

static bool timestamp_split(const char *text, struct tm *tm)
{
    return strlen(text) == TIMESTAMP_SIZE - 1 && text[8] == '_' &&
           date_split(text, 4, 6, 1970, tm) && number_at(text, 9, 2, 0, 23, &tm->tm_hour) &&
           number_at(text, 11, 2, 0, 59, &tm->tm_min) && number_at(text, 13, 2, 0, 60, &tm->tm_sec);
}

bool jbi_is_timestamp(const char *text)
{
    struct tm tm;
    return timestamp_split(text, &tm);
}

/* The instant at which the clock, in summer or in normal time, shows tm; -1: it never does. */
static int64_t instant_of(const struct tm *tm, int is_dst)
{
    struct tm shown = *tm;
    shown.tm_isdst = is_dst;
    time_t at = mktime(&shown);
    return shown.tm_isdst == is_dst && shown.tm_hour == tm->tm_hour ? (int64_t)at : -1;
}

int64_t jbi_timestamp_unix(const char *timestamp)
{
    struct tm tm;
    if (!timestamp_split(timestamp, &tm))
        return 0;
    int64_t summer = instant_of(&tm, 1), normal = instant_of(&tm, 0);
    if (summer >= 0 && normal >= 0)
        return summer < normal ? summer : normal;
    if (summer >= 0 || normal >= 0)
        return summer >= 0 ? summer : normal;
    return (int64_t)mktime(&tm); /* skipped by the clock */
}

void jbi_iso_time(char to[ISO_TIME_SIZE], int64_t unix_us, bool micros)
{
    int64_t s = unix_us / 1000000, us = unix_us % 1000000;
    if (us < 0) {
        us += 1000000;
        s -= 1;
    }
    /* The offset is written in minutes; where it had seconds, the time must fit what is written. */
    struct tm tm = {0};
    time_t at = (time_t)s;
    localtime_r(&at, &tm);
    long offset = tm.tm_gmtoff / 60;
    at += offset * 60;
    gmtime_r(&at, &tm);
    char fraction[16] = "";
    if (micros)
        snprintf(fraction, sizeof fraction, ".%06d", (int)us);
    snprintf(to, ISO_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d%s%c%02ld:%02ld", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, fraction,
             offset < 0 ? '-' : '+', labs(offset) / 60, labs(offset) % 60);
}

/* ".123456"; without it micros is 0. Moves on to what follows. */
static bool fraction_split(const char **text, int *micros)
{
    *micros = 0;
    if (**text != '.')
        return true;
    if (!number_at(*text, 1, 6, 0, 999999, micros))
        return false;
    *text += 7;
    return true;
}

bool jbi_iso_time_parse(const char *text, int64_t *unix_us)
{
    struct tm tm;
    int micros, hours, minutes;
    if (strlen(text) < strlen("2024-07-08T14:30:22+02:00") || text[4] != '-' || text[7] != '-' ||
        text[10] != 'T' || text[13] != ':' || text[16] != ':' || !date_split(text, 5, 8, 0, &tm) ||
        !number_at(text, 11, 2, 0, 23, &tm.tm_hour) || !number_at(text, 14, 2, 0, 59, &tm.tm_min) ||
        !number_at(text, 17, 2, 0, 60, &tm.tm_sec))
        return false;
    text += strlen("2024-07-08T14:30:22");
    if (!fraction_split(&text, &micros) || strlen(text) != strlen("+02:00") ||
        (text[0] != '+' && text[0] != '-') || !number_at(text, 1, 2, 0, 99, &hours) ||
        text[3] != ':' || !number_at(text, 4, 2, 0, 59, &minutes))
        return false;
    int64_t offset = ((int64_t)hours * 60 + minutes) * 60;
    *unix_us = ((int64_t)timegm(&tm) - (text[0] == '+' ? offset : -offset)) * 1000000 + micros;
    return true;
}
