/* SPDX-License-Identifier: MIT */
/* Ticks. Days and months are those of local time, whose days have 23 to 25 hours. */
#include "api/page_axis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/page_markup.h"
#include "base/clock.h"

#define HOUR  3600
#define DAY   (24 * HOUR)
#define STEPS 3 /* between ticks of time: four labels fit side by side on a telephone */

int64_t jbi_axis_size_step(int64_t largest)
{
    int64_t step = 1;
    while (largest / 5 >= step) {
        if (largest / 5 < 2 * step)
            return 2 * step;
        if (largest / 5 < 5 * step)
            return 5 * step;
        step *= 10;
    }
    return step;
}

int64_t jbi_axis_duration_step(int64_t largest)
{
    static const int seconds[] = {1,    2,        5,        10,       15,        30,
                                  60,   2 * 60,   5 * 60,   10 * 60,  15 * 60,   30 * 60,
                                  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY};
    int64_t least = largest / 5 + 1;
    if (least <= 500)
        return jbi_axis_size_step(largest);
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        if (seconds[i] * INT64_C(1000) >= least)
            return seconds[i] * INT64_C(1000);
    }
    return DAY * INT64_C(1000) * jbi_axis_size_step(largest / (DAY * INT64_C(1000)) + 1);
}

static int64_t midnight_of(int64_t at)
{
    char timestamp[TIMESTAMP_SIZE];
    jbi_timestamp(timestamp, at);
    memcpy(timestamp + 9, "000000", 6);
    return jbi_timestamp_unix(timestamp);
}

/* Months since the year 0. */
static int month_of(int64_t at)
{
    char timestamp[TIMESTAMP_SIZE];
    jbi_timestamp(timestamp, at);
    int month = (timestamp[4] - '0') * 10 + (timestamp[5] - '0');
    timestamp[4] = '\0';
    return atoi(timestamp) * 12 + month - 1;
}

static int64_t month_begin(int64_t month)
{
    char timestamp[64];
    snprintf(timestamp, sizeof timestamp, "%04d%02d01_000000", (int)(month / 12),
             (int)(month % 12) + 1);
    return jbi_timestamp_unix(timestamp);
}

static bool choose(struct time_axis *axis, int unit, int64_t span, const int *steps, size_t count,
                   int seconds)
{
    for (size_t i = 0; i < count; i++) {
        if (span / seconds < (int64_t)STEPS * steps[i] + 2) {
            axis->unit = unit;
            axis->step = steps[i];
            return true;
        }
    }
    return false;
}

static void choose_step(struct time_axis *axis, int64_t span)
{
    static const int seconds[] = {1,    2,        5,        10,       15,       30,
                                  60,   2 * 60,   5 * 60,   10 * 60,  15 * 60,  30 * 60,
                                  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR};
    static const int days[] = {1, 2, 3, 7, 14};
    static const int months[] = {1, 2, 3, 4, 6, 12, 24, 60, 120, 240, 600, 1200, 2400, 6000};
    if (!choose(axis, AXIS_SECONDS, span, seconds, sizeof seconds / sizeof *seconds, 1) &&
        !choose(axis, AXIS_DAYS, span, days, sizeof days / sizeof *days, DAY) &&
        !choose(axis, AXIS_MONTHS, span, months, sizeof months / sizeof *months, 30 * DAY))
        axis->unit = AXIS_ONE;
}

/* The last tick that is not after an instant. */
static int64_t tick_before(const struct time_axis *axis, int64_t at)
{
    int64_t midnight = midnight_of(at);
    switch (axis->unit) {
    case AXIS_SECONDS:
        return midnight + (at - midnight) / axis->step * axis->step;
    case AXIS_DAYS:
        return midnight;
    case AXIS_MONTHS:
        return month_begin(month_of(at) / axis->step * axis->step);
    default:
        return at;
    }
}

int64_t jbi_axis_next(const struct time_axis *axis, int64_t tick)
{
    switch (axis->unit) {
    case AXIS_SECONDS:
        return tick + axis->step;
    case AXIS_DAYS:
        return midnight_of(tick + axis->step * DAY + 2 * HOUR);
    case AXIS_MONTHS:
        return month_begin(month_of(tick + HOUR) + axis->step);
    default:
        return INT64_MAX;
    }
}

int64_t jbi_axis_begin(struct time_axis *axis, int64_t from, int64_t to)
{
    *axis = (struct time_axis){AXIS_ONE, 0};
    if (from == to)
        return from;
    choose_step(axis, to - from);
    int64_t tick = tick_before(axis, from);
    while (tick < from) {
        int64_t next = jbi_axis_next(axis, tick);
        if (next <= tick)
            break;
        tick = next;
    }
    if (tick >= from && tick <= to)
        return tick;
    axis->unit = AXIS_ONE;
    return from;
}

void jbi_axis_label(struct text *out, const struct time_axis *axis, int64_t tick)
{
    char at[TIMESTAMP_SIZE];
    jbi_timestamp(at, tick);
    bool is_midnight = strcmp(at + 9, "000000") == 0;
    if (axis->unit == AXIS_ONE)
        jbi_markup_date(out, at);
    else if (axis->unit == AXIS_MONTHS && axis->step >= 12)
        jbi_text_addf(out, "%.4s", at);
    else if (axis->unit == AXIS_MONTHS)
        jbi_markup_month(out, at);
    else if (axis->unit == AXIS_DAYS || is_midnight)
        jbi_markup_day(out, at);
    else if (axis->step < 60)
        jbi_text_addf(out, "%.2s:%.2s:%.2s", at + 9, at + 11, at + 13);
    else
        jbi_text_addf(out, "%.2s:%.2s", at + 9, at + 11);
}
