/* SPDX-License-Identifier: MIT */
/* Growing texts, UTF-8 and printable forms. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_reserve(struct text *text, size_t more)
{
    if (text->failed)
        return false;
    if (text->room - text->len > more)
        return true;
    if (more > SIZE_MAX / 4 - text->len) {
        text->failed = true;
        return false;
    }
    size_t room = text->room ? text->room : 64;
    while (room - text->len <= more)
        room *= 2;
    char *at = realloc(text->at, room);
    if (at == NULL) {
        text->failed = true;
        return false;
    }
    text->at = at;
    text->room = room;
    return true;
}

void jbi_text_add(struct text *text, const char *add, size_t len)
{
    if (!text_reserve(text, len))
        return;
    memcpy(text->at + text->len, add, len);
    text->len += len;
    text->at[text->len] = '\0';
}

void jbi_text_adds(struct text *text, const char *add)
{
    jbi_text_add(text, add, strlen(add));
}

void jbi_text_addf(struct text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !text_reserve(text, (size_t)len + 1)) {
        text->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(text->at + text->len, (size_t)len + 1, format, args);
    va_end(args);
    text->len += (size_t)len;
}

void jbi_text_free(struct text *text)
{
    free(text->at);
    *text = (struct text){0};
}

size_t jbi_utf8_len(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    size_t need;
    uint32_t point, least;

    if (len == 0)
        return 0;
    if (u[0] < 0x80)
        return 1;
    if (u[0] >= 0xc2 && u[0] < 0xe0) {
        need = 2, least = 0x80, point = u[0] & 0x1f;
    } else if (u[0] >= 0xe0 && u[0] < 0xf0) {
        need = 3, least = 0x800, point = u[0] & 0x0f;
    } else if (u[0] >= 0xf0 && u[0] < 0xf5) {
        need = 4, least = 0x10000, point = u[0] & 0x07;
    } else {
        return 0;
    }
    if (len < need)
        return 0;
    for (size_t i = 1; i < need; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (u[i] & 0x3f);
    }
    bool is_surrogate = point >= 0xd800 && point < 0xe000;
    return point < least || point > 0x10ffff || is_surrogate ? 0 : need;
}

bool jbi_is_utf8(const char *s, size_t len)
{
    while (len > 0) {
        size_t step = jbi_utf8_len(s, len);
        if (step == 0)
            return false;
        s += step;
        len -= step;
    }
    return true;
}

/* C0, DEL, and the C1 controls (U+0080..U+009F), which some terminals obey. */
static bool is_control(const char *s, size_t step)
{
    unsigned char c = (unsigned char)s[0];
    if (step == 1)
        return c < 0x20 || c == 0x7f;
    return step == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0;
}

bool jbi_is_printable(const char *s, size_t len)
{
    while (len > 0) {
        size_t step = jbi_utf8_len(s, len);
        if (step == 0 || is_control(s, step))
            return false;
        s += step;
        len -= step;
    }
    return true;
}

char *jbi_escape(char *to, size_t size, const char *from, size_t len)
{
    size_t at = 0;
    while (len > 0) {
        size_t step = jbi_utf8_len(from, len);
        char piece[16];
        if (step == 0 || is_control(from, step)) {
            step = step ? step : 1;
            for (size_t i = 0; i < step; i++)
                snprintf(piece + 4 * i, 5, "\\x%02x", (unsigned char)from[i]);
        } else {
            memcpy(piece, from, step);
            piece[step] = '\0';
        }
        size_t add = strlen(piece);
        if (at + add >= size)
            break;
        memcpy(to + at, piece, add);
        at += add;
        from += step;
        len -= step;
    }
    to[at] = '\0';
    return to;
}

char *jbi_human_size(char *to, uint64_t bytes)
{
    static const char units[][3] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit < 6) {
        value /= 1000;
        unit++;
    }
    snprintf(to, 16, unit == 0 || value >= 99.95 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return to;
}

char *jbi_hex(char *to, const unsigned char *from, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    to[2 * len] = '\0';
    return to;
}

bool jbi_starts_with(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool jbi_ends_with(const char *s, const char *suffix)
{
    size_t len = strlen(s), n = strlen(suffix);
    return len >= n && memcmp(s + len - n, suffix, n) == 0;
}
