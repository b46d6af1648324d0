/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_VERIFICATION_TABLES_H
#define JBI_API_VERIFICATION_TABLES_H

#include <jbackup.h>

#include "base/text.h"

/* How much of each table the page shows; the rest is counted. */
#define PAGE_FINDINGS 200
#define PAGE_RUNS     25
#define PAGE_BACKUPS  50

void jbi_tables_failed(const jb_report *report, struct text *out); /* the names, if any; a line */
void jbi_tables_tests(const jb_report *report, struct text *out);
void jbi_tables_findings(const jb_report *report, struct text *out);
void jbi_tables_runs(const jb_report *report, struct text *out);
void jbi_tables_backups(const jb_report *report, struct text *out);

#endif
