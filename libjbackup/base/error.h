/* SPDX-License-Identifier: MIT */
#ifndef JBI_BASE_ERROR_H
#define JBI_BASE_ERROR_H

#include <jbackup.h>

/*
 * Filling a struct jb_error. The first error wins: a filled err is left as it is. err may be NULL.
 * Texts are "verb object" in lower case without a full stop; bytes that are not printable UTF-8
 * are escaped here, so names can be passed as they are. Both return code.
 */
int jbi_fail(struct jb_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends ": " and the text of errno. */
int jbi_fail_errno(struct jb_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int jbi_fail_memory(struct jb_error *err);

/* Sets the hint if err has an error and no hint yet. */
void jbi_hint(struct jb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
