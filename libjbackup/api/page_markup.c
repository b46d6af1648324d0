/* SPDX-License-Identifier: MIT */
/* Texts, sizes and times for HTML. Whatever is written here is safe within an element and within a
 * quoted attribute. */
#include "api/page_markup.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"

/* How many bytes of raw are one character that reverses what follows, U+202A..U+202E or
 * U+2066..U+2069; *point is its number. */
static size_t direction_len(const char *raw, unsigned *point)
{
    const unsigned char *u = (const unsigned char *)raw;
    if (u[0] != 0xe2 || (u[1] != 0x80 && u[1] != 0x81) || (u[2] & 0xc0) != 0x80)
        return 0;
    *point = 0x2000U | (u[1] & 0x3fU) << 6 | (u[2] & 0x3fU);
    bool is_direction =
        (*point >= 0x202a && *point <= 0x202e) || (*point >= 0x2066 && *point <= 0x2069);
    return is_direction ? 3 : 0;
}

void jbi_markup_text(struct text *out, const char *raw)
{
    unsigned point = 0;
    while (raw != NULL && *raw != '\0') {
        size_t plain = strcspn(raw, "&<>\"'\xe2");
        jbi_text_add(out, raw, plain);
        raw += plain;
        size_t turn = *raw != '\0' ? direction_len(raw, &point) : 0;
        if (turn > 0)
            jbi_text_addf(out, "\\u%04x", point);
        else if ((unsigned char)*raw == 0xe2)
            jbi_text_add(out, raw, 1);
        else if (*raw != '\0')
            jbi_text_addf(out, "&#%d;", *raw);
        raw += turn > 0 ? turn : *raw != '\0';
    }
}

/* value / 10 with one decimal, if it is not 0 and value is small. */
static void add_tenths(struct text *out, uint64_t tenths, const char *unit)
{
    if (tenths >= 1000)
        tenths = (tenths + 5) / 10 * 10;
    if (tenths % 10 == 0)
        jbi_text_addf(out, "%" PRIu64 " %s", tenths / 10, unit);
    else
        jbi_text_addf(out, "%" PRIu64 ".%u %s", tenths / 10, (unsigned)(tenths % 10), unit);
}

void jbi_markup_size(struct text *out, int64_t bytes)
{
    static const char units[][3] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    uint64_t value = bytes > 0 ? (uint64_t)bytes : 0, scale = 1, tenths = value * 10;
    size_t unit = 0;
    if (value >= 1000) {
        do {
            scale *= 1000;
            unit++;
            tenths = (value + scale / 20) / (scale / 10);
        } while (tenths >= 9995 && unit < 6);
    }
    add_tenths(out, tenths, units[unit]);
}

/* "2 h 5 min"; the smaller unit is left out if it is 0. */
static void add_two(struct text *out, int64_t n, int64_t per_large, const char *large,
                    const char *small)
{
    jbi_text_addf(out, "%" PRId64 " %s", n / per_large, large);
    if (n % per_large != 0)
        jbi_text_addf(out, " %" PRId64 " %s", n % per_large, small);
}

void jbi_markup_duration(struct text *out, int64_t ms)
{
    int64_t s = ms / 1000;
    if (ms < 1000)
        jbi_text_addf(out, "%d ms", ms > 0 ? (int)ms : 0);
    else if (s < 60)
        add_tenths(out, (uint64_t)ms / 100, "s");
    else if (s < 3600)
        add_two(out, s, 60, "min", "s");
    else if (s < 86400)
        add_two(out, s / 60, 60, "h", "min");
    else
        add_two(out, s / 3600, 24, "d", "h");
}

void jbi_markup_count(struct text *out, int64_t count, const char *noun)
{
    jbi_text_addf(out, "%" PRId64 " %s%s", count, noun, count == 1 ? "" : "s");
}

void jbi_markup_age(struct text *out, int64_t s)
{
    if (s < 60)
        jbi_text_adds(out, "less than a minute");
    else if (s < 3600)
        jbi_markup_count(out, s / 60, "minute");
    else if (s < 2 * 86400)
        jbi_markup_count(out, s / 3600, "hour");
    else
        jbi_markup_count(out, s / 86400, "day");
}

void jbi_markup_time(struct text *out, const char *iso)
{
    int64_t unix_us;
    if (iso == NULL || !jbi_iso_time_parse(iso, &unix_us)) {
        jbi_markup_text(out, iso);
        return;
    }
    /* 2026-11-23T14:30:22.123456+01:00: what follows the seconds is for machines, but the offset.
     */
    const char *offset = iso + strlen(iso) - strlen("+01:00");
    jbi_text_addf(out, "<time datetime='%s'>%.10s %.8s <small>%s</small></time>", iso, iso,
                  iso + 11, offset);
}

/* The month's name of YYYYMM...; day is a timestamp as jbi_timestamp writes it. */
static const char *month_name(const char *day)
{
    static const char names[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int month = (day[4] - '0') * 10 + (day[5] - '0');
    return names[month >= 1 && month <= 12 ? month - 1 : 0];
}

void jbi_markup_month(struct text *out, const char *day)
{
    jbi_text_addf(out, "%s %.4s", month_name(day), day);
}

void jbi_markup_day(struct text *out, const char *day)
{
    bool is_short = day[6] == '0';
    jbi_text_addf(out, "%.*s %s", is_short ? 1 : 2, day + 6 + is_short, month_name(day));
}

void jbi_markup_date(struct text *out, const char *day)
{
    jbi_markup_day(out, day);
    jbi_text_addf(out, " %.4s", day);
}
