/* SPDX-License-Identifier: MIT */
/* A bump allocator: blocks of at least 4 KiB, each larger than the one before. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    size_t used;
    size_t size;
    _Alignas(max_align_t) unsigned char at[];
};

static struct arena_block *block_new(struct arena *arena, size_t size)
{
    size_t room = arena->blocks ? 2 * arena->blocks->size : 4096;
    if (room > 256 * 1024)
        room = 256 * 1024;
    if (room < size)
        room = size;
    if (room > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    struct arena_block *block = malloc(sizeof *block + room);
    if (block == NULL)
        return NULL;
    block->next = arena->blocks;
    block->used = 0;
    block->size = room;
    arena->blocks = block;
    return block;
}

void *jbi_arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (size > SIZE_MAX - align)
        return NULL;
    size = (size + align - 1) / align * align;
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < size)
        block = block_new(arena, size);
    if (block == NULL)
        return NULL;
    void *at = block->at + block->used;
    block->used += size;
    return memset(at, 0, size);
}

char *jbi_arena_textn(struct arena *arena, const char *text, size_t len)
{
    char *copy = jbi_arena_alloc(arena, len + 1);
    if (copy != NULL)
        memcpy(copy, text, len);
    return copy;
}

char *jbi_arena_text(struct arena *arena, const char *text)
{
    return jbi_arena_textn(arena, text, strlen(text));
}

char *jbi_arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return NULL;
    char *text = jbi_arena_alloc(arena, (size_t)len + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void *jbi_arena_grow(struct arena *arena, const void *old, size_t len, size_t size)
{
    void *at = jbi_arena_alloc(arena, size);
    if (at != NULL && len > 0)
        memcpy(at, old, len);
    return at;
}

void jbi_arena_free(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}
