/* SPDX-License-Identifier: MIT */
#ifndef JBI_BASE_BASE64_H
#define JBI_BASE_BASE64_H

#include <stddef.h>

#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1) /* with NUL */

/* RFC 4648, with padding, on one line. Returns to, of BASE64_SIZE(len) bytes. */
char *jbi_base64(char *to, const void *from, size_t len);

#endif
