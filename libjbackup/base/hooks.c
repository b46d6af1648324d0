/* SPDX-License-Identifier: MIT */
/* Calls of the caller's hooks; the library itself never prints. */
#include "base/hooks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

void jbi_log(const struct hooks *hooks, int level, const char *format, ...)
{
    if (hooks->log == NULL)
        return;
    char raw[2048], line[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    hooks->log(hooks->user, level, jbi_escape(line, sizeof line, raw, strlen(raw)));
}

int jbi_progress(const struct hooks *hooks, const char *step, uint64_t done, uint64_t total,
                 const char *unit, struct jb_error *err)
{
    if (hooks->progress == NULL || hooks->progress(hooks->user, step, done, total, unit) == 0)
        return JB_OK;
    return jbi_fail(err, JB_ECANCELED, "canceled while working on: %s", step);
}
