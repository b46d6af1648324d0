/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_CALENDAR_H
#define JBI_API_SCHEDULE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

/* The OnCalendar expressions that are read here, without systemd: weekdays, months, days, hours and
 * minutes as lists, ranges and steps; "hourly", "daily", "weekly", "monthly". A bit for each. */
struct calendar {
    uint64_t minutes;  /* 0 to 59 */
    uint64_t hours;    /* 0 to 23 */
    uint64_t days;     /* 1 to 31 */
    uint64_t months;   /* 1 to 12 */
    uint64_t weekdays; /* 0, Sunday, to 6 */
};

/* False: it has what only systemd can tell: years, seconds, a time zone, days from the end. */
bool jbi_calendar_parse(struct calendar *out, const char *at);

/* The newest time at or before now, in local time; of one that the clock passes twice the first, of
 * one that it passes over one at the change. 0: there was none in the last years. */
int64_t jbi_calendar_newest(const struct calendar *calendar, int64_t now_unix_s);

#endif
