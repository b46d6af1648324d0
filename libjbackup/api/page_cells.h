/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_VERIFICATION_CELLS_H
#define JBI_API_VERIFICATION_CELLS_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/text.h"

/* The tables of a page and their cells. */

/* The next row of a kind (its field "row") at or after *row. */
bool jbi_table_next(const jb_report *report, const char *kind, size_t *row);

/* class "rows": each row becomes a block on a telephone; "scroll": a wide table, which scrolls
 * within itself. columns: "When|Took#|..."; # is a column of numbers. */
void jbi_table_begin(struct text *out, const char *class, const char *name, const char *caption,
                     const char *columns);
void jbi_table_end(struct text *out, const char *class);
/* "And 3 older ones." if there are more than were shown. */
void jbi_table_more(struct text *out, size_t shown, size_t all, const char *what);

const char *jbi_table_tone(int level);
void jbi_table_badge(struct text *out, const char *tone, const char *raw);

void jbi_cell_head(struct text *out, const char *raw); /* begins the row, too */
void jbi_cell_text(struct text *out, const char *class, const char *raw);
void jbi_cell_time(struct text *out, const char *iso);
void jbi_cell_size(struct text *out, int64_t bytes);
void jbi_cell_duration(struct text *out, int64_t ms);

#endif
