/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_MONITOR_METRICS_H
#define JBI_API_MONITOR_METRICS_H

#include <jbackup.h>

#include "base/text.h"

/* The report of monitor_check in the text format of Prometheus, for the textfile collector of the
 * node exporter. What the report does not have is left out. out->failed: out of memory. */
void jbi_monitor_metrics(const jb_report *report, struct text *out);

#endif
