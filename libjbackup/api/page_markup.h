/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_PAGE_MARKUP_H
#define JBI_API_PAGE_MARKUP_H

#include <stdint.h>

#include "base/text.h"

/* What the page is written with. None of it looks at the locale. */

/* The style sheet of the page. */
extern const char jbi_verification_style[];

/* A text from outside, for element content and for quoted attributes: & < > " ' become references,
 * characters that reverse the direction of reading become visible. NULL adds nothing. */
void jbi_markup_text(struct text *out, const char *raw);

void jbi_markup_size(struct text *out, int64_t bytes);    /* "12.3 MB"; negative counts as 0 */
void jbi_markup_duration(struct text *out, int64_t ms);   /* "640 ms", "3.2 s", "1 min 12 s" */
void jbi_markup_age(struct text *out, int64_t s);         /* "3 hours", "less than a minute" */
void jbi_markup_time(struct text *out, const char *iso);  /* as <time>; other texts as they are */
void jbi_markup_date(struct text *out, const char *day);  /* "23 Nov 2026" of YYYYMMDD... */
void jbi_markup_month(struct text *out, const char *day); /* "Nov 2026" */
void jbi_markup_day(struct text *out, const char *day);   /* "23 Nov" */

/* "1 backup", "2 backups" */
void jbi_markup_count(struct text *out, int64_t count, const char *noun);

#endif
