/* SPDX-License-Identifier: MIT */
/* Texts as systemd's syntax asks, and the two lines by which a unit of ours is known. Invariant: no
 * byte of a text ends its line, its word or its quotes. */
#include <string.h>

#include "adapter/digest.h"
#include "api/schedule_units.h"
#include "base/text.h"

#define DIGEST_LINE "# sha256 "

/* ---- Writing ---- */

static const char *keep(const struct text *text, struct arena *arena)
{
    return text->failed ? NULL : jbi_arena_text(arena, text->at != NULL ? text->at : "");
}

static bool is_plain(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "/._-=:,@+";
    return *text != '\0' && text[strspn(text, letters)] == '\0';
}

/* Doubled is what is so besides "%". */
static const char *word(const char *text, const char *doubled, struct arena *arena)
{
    scope_text out = {0};
    if (is_plain(text))
        return jbi_arena_text(arena, text);
    jbi_text_adds(&out, "\"");
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            jbi_text_addf(&out, "\\x%02x", (unsigned)(unsigned char)*at);
        else if (*at == '"' || *at == '\\')
            jbi_text_addf(&out, "\\%c", *at);
        else if (*at == '%' || strchr(doubled, *at) != NULL)
            jbi_text_addf(&out, "%c%c", *at, *at);
        else
            jbi_text_add(&out, at, 1);
    }
    jbi_text_adds(&out, "\"");
    return keep(&out, arena);
}

const char *jbi_unit_word(const char *text, struct arena *arena)
{
    return word(text, "$", arena);
}

const char *jbi_unit_path(const char *text, struct arena *arena)
{
    return word(text, "", arena);
}

const char *jbi_unit_text(const char *text, struct arena *arena)
{
    scope_text out = {0};
    size_t len = strlen(text);
    char *shown = jbi_arena_alloc(arena, 4 * len + 1);
    if (shown == NULL)
        return NULL;
    for (const char *at = jbi_escape(shown, 4 * len + 1, text, len); *at != '\0'; at++)
        jbi_text_addf(&out, *at == '%' ? "%%%%" : "%c", *at);
    return keep(&out, arena);
}

/* ---- The mark ---- */

const char *jbi_unit_marked(const char *body, const char *folder, struct arena *arena)
{
    scope_text out = {0};
    scope_digest *digest = jbi_digest_new();
    char hex[SHA256_HEX_SIZE];
    if (digest == NULL)
        return NULL;
    jbi_digest_begin(digest);
    jbi_digest_add(digest, body, strlen(body));
    jbi_digest_end(digest, hex);
    jbi_text_adds(&out, SCHEDULE_MARK);
    for (const char *at = folder; *at != '\0'; at++) {
        if (*at == '\\' || (unsigned char)*at < ' ')
            jbi_text_addf(&out, "\\x%02x", (unsigned)(unsigned char)*at);
        else
            jbi_text_add(&out, at, 1);
    }
    jbi_text_addf(&out, "\n" DIGEST_LINE "%s\n%s", hex, body);
    return keep(&out, arena);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL: that is no folder, or out of memory. */
static const char *unescaped(const char *from, size_t len, struct arena *arena)
{
    char *to = jbi_arena_alloc(arena, len + 1), *at = to;
    for (size_t i = 0; to != NULL && i < len; i++) {
        if (from[i] != '\\') {
            *at++ = from[i];
            continue;
        }
        int high = i + 3 < len ? hex_digit(from[i + 2]) : -1;
        int low = i + 3 < len ? hex_digit(from[i + 3]) : -1;
        if (high < 0 || low < 0 || from[i + 1] != 'x' || (high == 0 && low == 0))
            return NULL;
        *at++ = (char)(high * 16 + low);
        i += 3;
    }
    return to;
}

/* Whether the rest is what the line says. */
static bool is_rest_as_made(const char *line, size_t len)
{
    const size_t prefix = sizeof DIGEST_LINE - 1, digits = SHA256_HEX_SIZE - 1;
    scope_digest *digest = jbi_digest_new();
    char hex[SHA256_HEX_SIZE];
    if (digest == NULL || len < prefix + digits + 1 || memcmp(line, DIGEST_LINE, prefix) != 0 ||
        line[prefix + digits] != '\n')
        return false;
    jbi_digest_begin(digest);
    jbi_digest_add(digest, line + prefix + digits + 1, len - prefix - digits - 1);
    jbi_digest_end(digest, hex);
    return memcmp(line + prefix, hex, digits) == 0;
}

bool jbi_unit_is_ours(const char *text, size_t len, struct arena *arena, const char **folder,
                      bool *is_as_made)
{
    const size_t prefix = sizeof SCHEDULE_MARK - 1;
    const char *end = len > prefix ? memchr(text, '\n', len) : NULL;
    *is_as_made = false;
    if (end == NULL || (size_t)(end - text) <= prefix || memcmp(text, SCHEDULE_MARK, prefix) != 0)
        return false;
    const char *of = unescaped(text + prefix, (size_t)(end - text) - prefix, arena);
    if (of == NULL || *of != '/')
        return false;
    if (folder != NULL)
        *folder = of;
    *is_as_made = is_rest_as_made(end + 1, len - (size_t)(end + 1 - text));
    return true;
}
