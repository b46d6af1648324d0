/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_LINE_DIFF_H
#define JBI_API_LINE_DIFF_H

#include "base/arena.h"

/* What differs between two texts, line by line, as "diff -u" tells it; "" if nothing does. Texts of
 * very many different lines are told as one removed and the other added. NULL: out of memory. */
const char *jbi_line_diff(const char *from, const char *from_name, const char *to,
                          const char *to_name, struct arena *arena);

#endif
