/* SPDX-License-Identifier: MIT */
/* The files to which the hard links of an archive lead: what is in them, and whether they are there
 * at all, for else the links could not be restored. */
#include "source/codebase_links.h"

#include <stdlib.h>
#include <string.h>

#include "archive/index.h"
#include "base/arena.h"
#include "base/error.h"

struct link_targets {
    struct arena arena;
    struct link_target *at;
    size_t count, room;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct link_target *)a)->path, ((const struct link_target *)b)->path);
}

static int target_add(struct link_targets *targets, const char *path, struct jb_error *err)
{
    if (targets->count > 0 && strcmp(targets->at[targets->count - 1].path, path) == 0)
        return JB_OK;
    if (targets->count == targets->room) {
        size_t room = targets->room ? 2 * targets->room : 64;
        struct link_target *grown = realloc(targets->at, room * sizeof *grown);
        if (grown == NULL)
            return jbi_fail_memory(err);
        targets->at = grown;
        targets->room = room;
    }
    const char *copy = jbi_arena_text(&targets->arena, path);
    if (copy == NULL)
        return jbi_fail_memory(err);
    targets->at[targets->count++] = (struct link_target){.path = copy};
    return JB_OK;
}

static struct link_target *find(const struct link_targets *targets, const char *path)
{
    struct link_target wanted = {.path = path};
    return targets->count > 0
               ? bsearch(&wanted, targets->at, targets->count, sizeof *targets->at, compare)
               : NULL;
}

static void mark_stored(struct link_targets *targets, const struct index_entry *entry)
{
    struct link_target *found = find(targets, entry->path);
    if (found == NULL)
        return;
    found->is_stored = true;
    found->size = entry->size;
    memcpy(found->sha256, entry->sha256, sizeof found->sha256);
}

/* In order, each once. */
static void sort_unique(struct link_targets *targets)
{
    size_t kept = 0;
    if (targets->count > 0)
        qsort(targets->at, targets->count, sizeof *targets->at, compare);
    for (size_t i = 0; i < targets->count; i++) {
        if (kept == 0 || compare(&targets->at[kept - 1], &targets->at[i]) != 0)
            targets->at[kept++] = targets->at[i];
    }
    targets->count = kept;
}

/* One pass over the index: collects the targets, or marks those that are stored. */
static int pass(struct link_targets *targets, int index_fd, const char *index_name, bool is_marking,
                struct jb_error *err)
{
    struct index_reader *index;
    struct index_entry entry;
    int found, code = jbi_index_open(&index, index_fd, index_name, err);
    if (code < 0)
        return code;
    while ((found = jbi_index_next(index, &entry, err)) == 1 && code == JB_OK) {
        if (is_marking && entry.type == TAR_FILE)
            mark_stored(targets, &entry);
        else if (!is_marking && entry.type == TAR_HARDLINK)
            code = target_add(targets, entry.link, err);
    }
    jbi_index_close(index);
    return found < 0 ? found : code;
}

int jbi_links_load(struct link_targets **out, int index_fd, const char *index_name,
                   struct jb_error *err)
{
    struct link_targets *targets = calloc(1, sizeof *targets);
    if (targets == NULL)
        return jbi_fail_memory(err);
    int code = pass(targets, index_fd, index_name, false, err);
    sort_unique(targets);
    if (code == JB_OK && targets->count > 0)
        code = pass(targets, index_fd, index_name, true, err);
    if (code < 0)
        jbi_links_free(targets);
    else
        *out = targets;
    return code;
}

const struct link_target *jbi_links_find(const struct link_targets *targets, const char *path)
{
    return find(targets, path);
}

void jbi_links_free(struct link_targets *targets)
{
    if (targets == NULL)
        return;
    free(targets->at);
    jbi_arena_free(&targets->arena);
    free(targets);
}

int jbi_links_check(int index_fd, const char *index_name, missing_target say, void *user,
                    struct jb_error *err)
{
    struct link_targets *targets;
    int code = jbi_links_load(&targets, index_fd, index_name, err);
    if (code < 0)
        return code;
    for (size_t i = 0; i < targets->count; i++) {
        if (!targets->at[i].is_stored)
            say(user, targets->at[i].path);
    }
    jbi_links_free(targets);
    return JB_OK;
}
