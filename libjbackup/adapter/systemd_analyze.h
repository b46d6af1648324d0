/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_SYSTEMD_ANALYZE_H
#define JBI_ADAPTER_SYSTEMD_ANALYZE_H

#include <stddef.h>

#include "adapter/systemd.h"

/* What systemd's own parsers say, asked by the program systemd-analyze; systemd need not run. Both:
 * JB_EUNSUPPORTED where there is no such program. */

/* Of an OnCalendar expression its normal form, and when it comes next, in local time ("": never).
 * JB_EINVAL: it is none, in systemd's words. */
int jbi_systemd_calendar(const char *expression, struct arena *arena, const char **normalized,
                         const char **next, struct jb_error *err);

/* Reads unit files as that manager would. *faults is what it finds fault with, in its words, a line
 * each without the last line's end; "": nothing. */
int jbi_systemd_verify_units(enum systemd_manager manager, const char *const paths[], size_t count,
                             struct arena *arena, const char **faults, struct jb_error *err);

#endif
