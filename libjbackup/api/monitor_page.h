/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_MONITOR_PAGE_H
#define JBI_API_MONITOR_PAGE_H

#include <jbackup.h>

#include "base/text.h"

/* The report of monitor_check as one HTML page that needs nothing else: no script, no font, no
 * picture from elsewhere. Every text in it is escaped. out->failed: out of memory. */
void jbi_monitor_page(const jb_report *report, struct text *out);

#endif
