/* SPDX-License-Identifier: MIT */
/* Base64. */
#include "base/base64.h"

char *jbi_base64(char *to, const void *from, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = from;
    char *end = to;
    for (size_t i = 0; i < len; i += 3) {
        unsigned long bits = (unsigned long)at[i] << 16;
        bits |= i + 1 < len ? (unsigned long)at[i + 1] << 8 : 0;
        bits |= i + 2 < len ? at[i + 2] : 0;
        *end++ = digits[bits >> 18];
        *end++ = digits[bits >> 12 & 63];
        *end++ = i + 1 < len ? digits[bits >> 6 & 63] : '=';
        *end++ = i + 2 < len ? digits[bits & 63] : '=';
    }
    *end = '\0';
    return to;
}
