/* SPDX-License-Identifier: MIT */
#ifndef JBI_BASE_CLOCK_H
#define JBI_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define TIMESTAMP_SIZE 16 /* YYYYMMDD_HHMMSS and NUL */
#define ISO_TIME_SIZE  128

int64_t jbi_now_us(void);       /* since 1970, UTC, microseconds */
int64_t jbi_monotonic_ms(void); /* for durations */

/* Microseconds of a time of a file, which may lie beyond their range: then the nearest end. */
int64_t jbi_time_us(int64_t unix_s, uint32_t ns);

/* Local time of an instant as YYYYMMDD_HHMMSS. */
void jbi_timestamp(char to[TIMESTAMP_SIZE], int64_t unix_s);
/* Whether text is a timestamp: its form, and a date and time that exist. */
bool jbi_is_timestamp(const char *text);
/* The instant of a timestamp in local time; the first one where the clock passed it twice. */
int64_t jbi_timestamp_unix(const char *timestamp);

/* "2024-07-08T14:30:22.123456+02:00"; without the fraction if micros is false. */
void jbi_iso_time(char to[ISO_TIME_SIZE], int64_t unix_us, bool micros);
/* Reads what jbi_iso_time writes; false if text is anything else. */
bool jbi_iso_time_parse(const char *text, int64_t *unix_us);

#endif
