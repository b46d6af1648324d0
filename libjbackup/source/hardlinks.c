/* SPDX-License-Identifier: MIT */
/* A hash table with open addressing over the files with several links. */
#include "source/hardlinks.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/error.h"

struct seen {
    const char *path; /* NULL: an empty slot */
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
};

struct hardlinks {
    struct arena arena;
    struct seen *slots;
    size_t count, room; /* room is a power of two */
};

struct hardlinks *jbi_hardlinks_new(void)
{
    struct hardlinks *hardlinks = calloc(1, sizeof *hardlinks);
    if (hardlinks == NULL)
        return NULL;
    hardlinks->room = 64;
    hardlinks->slots = calloc(hardlinks->room, sizeof *hardlinks->slots);
    if (hardlinks->slots != NULL)
        return hardlinks;
    free(hardlinks);
    return NULL;
}

void jbi_hardlinks_free(struct hardlinks *hardlinks)
{
    if (hardlinks == NULL)
        return;
    jbi_arena_free(&hardlinks->arena);
    free(hardlinks->slots);
    free(hardlinks);
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same_state(const struct seen *seen, const struct stat *st)
{
    return seen->size == st->st_size && is_same_time(&seen->mtime, &st->st_mtim) &&
           is_same_time(&seen->ctime, &st->st_ctim);
}

/* The slot of the file, or the empty one where it belongs. */
static struct seen *slot_of(struct seen *slots, size_t room, dev_t dev, ino_t ino)
{
    size_t at = (size_t)((ino ^ dev << 17) * 0x9e3779b97f4a7c15u >> 20) & (room - 1);
    while (slots[at].path != NULL && (slots[at].dev != dev || slots[at].ino != ino))
        at = (at + 1) & (room - 1);
    return &slots[at];
}

static bool grow(struct hardlinks *hardlinks)
{
    size_t room = 2 * hardlinks->room;
    struct seen *slots = calloc(room, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < hardlinks->room; i++) {
        const struct seen *seen = &hardlinks->slots[i];
        if (seen->path != NULL)
            *slot_of(slots, room, seen->dev, seen->ino) = *seen;
    }
    free(hardlinks->slots);
    hardlinks->slots = slots;
    hardlinks->room = room;
    return true;
}

int jbi_hardlinks_find(struct hardlinks *hardlinks, const struct stat *st, const char *path,
                       const char **first, struct jb_error *err)
{
    if (2 * hardlinks->count >= hardlinks->room && !grow(hardlinks))
        return jbi_fail_memory(err);
    struct seen *slot = slot_of(hardlinks->slots, hardlinks->room, st->st_dev, st->st_ino);
    *first = NULL;
    if (slot->path != NULL && is_same_state(slot, st)) {
        *first = slot->path;
        return JB_OK;
    }
    char *copy = jbi_arena_text(&hardlinks->arena, path);
    if (copy == NULL)
        return jbi_fail_memory(err);
    hardlinks->count += slot->path == NULL;
    *slot = (struct seen){copy, st->st_dev, st->st_ino, st->st_size, st->st_mtim, st->st_ctim};
    return JB_OK;
}

void jbi_hardlinks_forget(struct hardlinks *hardlinks, const struct stat *st)
{
    struct seen *slot = slot_of(hardlinks->slots, hardlinks->room, st->st_dev, st->st_ino);
    slot->size = -1; /* no file is the same as this */
}
