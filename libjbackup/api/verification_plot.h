/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_VERIFICATION_PLOT_H
#define JBI_API_VERIFICATION_PLOT_H

#include <jbackup.h>

#include "base/text.h"

/* Two charts as inline SVG, of the size and of the making of each backup over time, from the rows
 * with row = "backup"; without one a sentence that says so. Each mark has the class "mark". */
void jbi_verification_plot(const jb_report *report, struct text *out);

#endif
