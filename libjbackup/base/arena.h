/* SPDX-License-Identifier: MIT */
#ifndef JBI_BASE_ARENA_H
#define JBI_BASE_ARENA_H

#include <stddef.h>

/* Memory that is released as a whole. Begin with {0}. A failed allocation returns NULL. */
struct arena {
    struct arena_block *blocks;
};

void *jbi_arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type */
char *jbi_arena_text(struct arena *arena, const char *text);
char *jbi_arena_textn(struct arena *arena, const char *text, size_t len);
char *jbi_arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A copy of old's len bytes in a place of size bytes, for arrays that grow. */
void *jbi_arena_grow(struct arena *arena, const void *old, size_t len, size_t size);
void jbi_arena_free(struct arena *arena);

#endif
