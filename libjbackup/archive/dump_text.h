/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_DUMP_TEXT_H
#define JBI_ARCHIVE_DUMP_TEXT_H

#include "archive/dump.h"

/* Takes the tables' rows and digests, as in dump.h, from the text that pg_restore --data-only
 * makes of a dump: for dumps in a version of the custom format that archive/dump does not know.
 * Sets tables, table_count and raw_size of the contents. JB_ECORRUPT: a table is cut short. */
int jbi_dump_text_digest(dump_read read, void *user, const struct dump_options *options,
                         struct dump_contents *contents, struct jb_error *err);

#endif
