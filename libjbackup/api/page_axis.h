/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_VERIFICATION_AXIS_H
#define JBI_API_VERIFICATION_AXIS_H

#include <stdint.h>

#include "base/text.h"

/* Where the ticks of a chart stand: at round values, at beginnings of hours, days or months. */

#define AXIS_MOST      ((int64_t)1 << 60)   /* the largest value */
#define AXIS_LAST      INT64_C(32503680000) /* the last instant: the year 3000 */
#define AXIS_TICKS_MAX 8

/* The distance of ticks for values from 0 to largest: at most five steps. */
int64_t jbi_axis_size_step(int64_t largest);     /* bytes */
int64_t jbi_axis_duration_step(int64_t largest); /* milliseconds */

struct time_axis {
    enum { AXIS_SECONDS, AXIS_DAYS, AXIS_MONTHS, AXIS_ONE } unit;
    int64_t step;
};

/* Chooses at most five ticks between two instants, and returns the first one. */
int64_t jbi_axis_begin(struct time_axis *axis, int64_t from, int64_t to);
int64_t jbi_axis_next(const struct time_axis *axis, int64_t tick);
/* "14:00", "23 Nov", "Nov 2026" or "2026", in local time */
void jbi_axis_label(struct text *out, const struct time_axis *axis, int64_t tick);

#endif
