/* SPDX-License-Identifier: MIT */
#ifndef JBI_BASE_TEXT_H
#define JBI_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growing text. Begin with {0}; at is NULL or NUL-terminated. A failed allocation sets failed
 * and leaves the rest of the calls without effect, so one look at the end is enough.
 */
struct text {
    char *at;
    size_t len;
    size_t room;
    bool failed;
};

void jbi_text_add(struct text *text, const char *add, size_t len);
void jbi_text_adds(struct text *text, const char *add);
void jbi_text_addf(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void jbi_text_free(struct text *text);
#define scope_text __attribute__((cleanup(jbi_text_free))) struct text

/* The length of the valid UTF-8 sequence that begins at s (RFC 3629: no surrogates, no overlong
 * forms), or 0. */
size_t jbi_utf8_len(const char *s, size_t len);
bool jbi_is_utf8(const char *s, size_t len);

/* Whether jbi_escape would leave it as it is. */
bool jbi_is_printable(const char *s, size_t len);

/* Writes a printable form of len bytes: control characters, and bytes that are not UTF-8, as
 * \xNN. Always NUL-terminated; cut at a character if size is too small. Returns to. */
char *jbi_escape(char *to, size_t size, const char *from, size_t len);

/* "12.3 MB": powers of 1000, at most 8 characters. Returns to, of at least 16 bytes. */
char *jbi_human_size(char *to, uint64_t bytes);

/* Lower-case hexadecimal; to has 2 * len + 1 bytes. Returns to. */
char *jbi_hex(char *to, const unsigned char *from, size_t len);

bool jbi_starts_with(const char *s, const char *prefix);
bool jbi_ends_with(const char *s, const char *suffix);

#endif
