/* SPDX-License-Identifier: MIT */
/* Error texts. Invariant: what leaves here is printable UTF-8 and NUL-terminated. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void text_set(char *to, size_t size, const char *format, va_list args)
{
    char raw[2048];
    vsnprintf(raw, sizeof raw, format, args);
    jbi_escape(to, size, raw, strlen(raw));
}

static void append_errno(struct jb_error *err, int number)
{
    char reason[128];
    size_t len = strlen(err->text);
    snprintf(err->text + len, sizeof err->text - len, ": %s",
             strerror_r(number, reason, sizeof reason));
}

int jbi_fail(struct jb_error *err, int code, const char *format, ...)
{
    if (err == NULL || err->code != 0)
        return code;
    va_list args;
    va_start(args, format);
    text_set(err->text, sizeof err->text, format, args);
    va_end(args);
    err->code = code;
    return code;
}

int jbi_fail_errno(struct jb_error *err, int code, const char *format, ...)
{
    int number = errno;
    if (err == NULL || err->code != 0)
        return code;
    va_list args;
    va_start(args, format);
    text_set(err->text, sizeof err->text - 128, format, args);
    va_end(args);
    append_errno(err, number);
    err->code = code;
    err->sys_errno = number;
    if (number == ENOSPC || number == EDQUOT)
        jbi_hint(err,
                 "free space there (\"jbackup cleanup\" removes what retention no longer keeps)");
    return code;
}

int jbi_fail_memory(struct jb_error *err)
{
    return jbi_fail(err, JB_ENOMEM, "out of memory");
}

void jbi_hint(struct jb_error *err, const char *format, ...)
{
    if (err == NULL || err->code == 0 || err->hint[0] != '\0')
        return;
    va_list args;
    va_start(args, format);
    text_set(err->hint, sizeof err->hint, format, args);
    va_end(args);
}
