/* SPDX-License-Identifier: MIT */
/* Roles in a dump. Invariant: what stands in quotes is a name, never a word of a statement. */
#include "archive/dump_roles.h"

#include <string.h>

#define FIRST_ROOM 16

bool jbi_roles_add(struct dump_roles *roles, const char *name, struct arena *arena)
{
    if (name == NULL || *name == '\0')
        return true;
    for (size_t i = 0; i < roles->count; i++) {
        if (strcmp(roles->names[i], name) == 0)
            return true;
    }
    if (roles->count == roles->room) {
        size_t size = sizeof *roles->names, room = roles->room ? 2 * roles->room : FIRST_ROOM;
        const char **grown = jbi_arena_grow(arena, roles->names, roles->count * size, room * size);
        if (grown == NULL)
            return false;
        roles->names = grown;
        roles->room = room;
    }
    roles->names[roles->count] = jbi_arena_text(arena, name);
    return roles->names[roles->count] != NULL && ++roles->count > 0;
}

static bool is_of_word(char c)
{
    return c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* The length of the word, or of the text in quotes, that begins here; at least 1. */
static size_t token_len(const char *at)
{
    size_t len = 1;
    if (*at != '"' && *at != '\'') {
        while (is_of_word(*at) && is_of_word(at[len]))
            len++;
        return len;
    }
    for (; at[len] != '\0'; len++) {
        if (at[len] == *at && at[len + 1] != *at)
            return len + 1;
        if (at[len] == *at)
            len++;
    }
    return len;
}

/* A role follows these: in capitals, which no name without quotes is written in. */
static bool is_before_role(const char *at, size_t len)
{
    static const char *const words[] = {"TO", "FROM", "AUTHORIZATION", "ROLE"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == len && memcmp(at, words[i], len) == 0)
            return true;
    }
    return false;
}

/* A token as a name: without its quotes. */
static char *name_of(const char *at, size_t len, struct arena *arena)
{
    char *name = jbi_arena_textn(arena, at, len);
    if (name == NULL || *at != '"')
        return name;
    size_t to = 0;
    for (size_t i = 1; i + 1 < len; i++) {
        name[to++] = at[i];
        i += at[i] == '"';
    }
    name[to] = '\0';
    return name;
}

bool jbi_roles_of_grants(struct dump_roles *roles, const char *statements, struct arena *arena)
{
    bool is_role = false, ok = true;
    for (const char *at = statements ? statements : ""; *at != '\0' && ok;) {
        size_t len = token_len(at);
        bool is_space = strchr(" \t\n", *at) != NULL;
        bool is_name = *at == '"' || is_of_word(*at);
        if (is_role && is_name && !(len == 6 && memcmp(at, "PUBLIC", 6) == 0)) {
            const char *name = name_of(at, len, arena);
            ok = name != NULL && jbi_roles_add(roles, name, arena);
        }
        if (!is_space)
            is_role = is_before_role(at, len);
        at += len;
    }
    return ok;
}
