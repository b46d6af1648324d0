/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_VERIFICATION_FRAME_H
#define JBI_API_VERIFICATION_FRAME_H

#include <jbackup.h>

#include "base/text.h"

/* What the pages of reports have in common, from these figures: at, host, tool, project,
 * repository, duration_ms, json. */

/* All up to and with <main>; verdict writes the words that the title begins with. */
void jbi_page_head(const jb_report *report, struct text *out,
                   void (*verdict)(const jb_report *report, struct text *out));
void jbi_page_facts(const jb_report *report, struct text *out);
void jbi_page_foot(const jb_report *report, struct text *out);

void jbi_page_code(struct text *out, const char *raw);

#endif
