/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_MONITOR_PLOT_H
#define JBI_API_MONITOR_PLOT_H

#include <jbackup.h>

#include "base/text.h"

/* Two charts as inline SVG from a report of monitor_check, each left out if there is nothing to
 * draw: how old the newest backup had become before each new one (and is now), and how full the
 * disk was. Each mark has the class "mark". */
void jbi_monitor_plot(const jb_report *report, struct text *out);

#endif
