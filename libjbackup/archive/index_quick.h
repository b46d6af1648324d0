/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_INDEX_QUICK_H
#define JBI_ARCHIVE_INDEX_QUICK_H

#include "archive/index.h"
#include "base/arena.h"

/* Reads a line that is just as jbi_index_line writes it, with plain ASCII names: nearly all are,
 * and a JSON parser takes many times as long. False: it is not, so it is for the parser to judge.
 * What was read may still be out of its range. */
bool jbi_index_quick(const char *line, size_t len, struct arena *arena, struct index_entry *entry);

#endif
