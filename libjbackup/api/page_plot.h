/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_PAGE_PLOT_H
#define JBI_API_PAGE_PLOT_H

#include <jbackup.h>

#include "base/text.h"

/* Two charts as inline SVG, of the size and of the making of each backup over time, from the rows
 * with row = "backup"; without one a sentence that says so. Each mark has the class "mark". */
void jbi_verification_plot(const jb_report *report, struct text *out);

/* A chart's frame, within an <svg class='plot'>: instants (seconds since 1970, at most AXIS_LAST)
 * from left to right, values from 0 at the bottom to at most AXIS_MOST. */
struct plot_frame {
    struct text *out;
    int64_t from, to;
    int64_t top; /* set by jbi_plot_begin */
    void (*print)(struct text *out, int64_t value);
};

/* Draws both axes for values up to largest, one line for each step. */
void jbi_plot_begin(struct plot_frame *frame, int64_t largest, int64_t step);
/* Adds two attributes, of these names, that place something. */
void jbi_plot_place(const struct plot_frame *frame, int64_t at, int64_t value, const char *x,
                    const char *y);

#endif
