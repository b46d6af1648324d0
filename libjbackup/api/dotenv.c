/* SPDX-License-Identifier: MIT */
/* .env files: KEY=VALUE lines, "export " before, quotes around, "#" after a space begins a comment.
 */
#include <string.h>

#include "api/project.h"

#define SPACES " \t\r"

/* The value of an assignment to key in the line, or NULL. */
static const char *value_of(const char *line, size_t len, const char *key, size_t *value_len)
{
    const char *end = line + len;
    line += strspn(line, SPACES);
    if (line < end && strncmp(line, "export ", 7) == 0)
        line += 7 + strspn(line + 7, SPACES);
    size_t key_len = strlen(key);
    if (line + key_len >= end || strncmp(line, key, key_len) != 0)
        return NULL;
    line += key_len + strspn(line + key_len, SPACES);
    if (line >= end || *line != '=')
        return NULL;
    line += 1 + strspn(line + 1, SPACES);
    if (line > end)
        return NULL;
    *value_len = (size_t)(end - line);
    return line;
}

/* Without its quotes, or without comment and trailing space. */
static const char *unquote(const char *value, size_t *len)
{
    if (*len > 0 && (*value == '"' || *value == '\'')) {
        const char *end = memchr(value + 1, *value, *len - 1);
        if (end != NULL) {
            *len = (size_t)(end - value - 1);
            return value + 1;
        }
    }
    for (size_t i = 1; i < *len; i++) {
        if (value[i] == '#' && strchr(SPACES, value[i - 1]) != NULL)
            *len = i;
    }
    while (*len > 0 && strchr(SPACES, value[*len - 1]) != NULL)
        --*len;
    return value;
}

const char *jbi_dotenv_find(const char *text, const char *key, struct arena *arena)
{
    const char *found = NULL;
    while (*text != '\0') {
        size_t len = strcspn(text, "\n"), value_len;
        const char *value = value_of(text, len, key, &value_len);
        if (value != NULL) {
            value = unquote(value, &value_len);
            found = jbi_arena_textn(arena, value, value_len); /* the last assignment holds */
        }
        text += len + (text[len] == '\n');
    }
    return found;
}
