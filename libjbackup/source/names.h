/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_NAMES_H
#define JBI_SOURCE_NAMES_H

#include "archive/dump.h"

/* Names are in the encoding of the database; a manifest is UTF-8. One that is not UTF-8 is written
 * with its odd bytes as \xNN, here and so at every comparison. */

/* The name itself, or that form of it in the arena; NULL for NULL, or if out of memory. */
const char *jbi_utf8_name(const char *name, struct arena *arena);
/* All names of tables, columns, definitions and sequences of a dump. */
int jbi_utf8_names(struct dump_contents *contents, struct arena *arena, struct jb_error *err);

#endif
