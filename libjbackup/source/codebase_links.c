/* SPDX-License-Identifier: MIT */
/* Hard links whose target is not in the archive could not be restored. */
#include "source/codebase_links.h"

#include <stdlib.h>
#include <string.h>

#include "archive/index.h"
#include "base/arena.h"
#include "base/error.h"

struct target {
    const char *path;
    bool is_stored;
};

struct targets {
    struct arena arena;
    struct target *at;
    size_t count, room;
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct target *)a)->path, ((const struct target *)b)->path);
}

static int target_add(struct targets *targets, const char *path, struct jb_error *err)
{
    if (targets->count > 0 && strcmp(targets->at[targets->count - 1].path, path) == 0)
        return JB_OK;
    if (targets->count == targets->room) {
        size_t room = targets->room ? 2 * targets->room : 64;
        struct target *grown = realloc(targets->at, room * sizeof *grown);
        if (grown == NULL)
            return jbi_fail_memory(err);
        targets->at = grown;
        targets->room = room;
    }
    const char *copy = jbi_arena_text(&targets->arena, path);
    if (copy == NULL)
        return jbi_fail_memory(err);
    targets->at[targets->count++] = (struct target){copy, false};
    return JB_OK;
}

static void mark_stored(struct targets *targets, const char *path)
{
    struct target wanted = {path, false};
    struct target *found =
        bsearch(&wanted, targets->at, targets->count, sizeof *targets->at, compare);
    if (found != NULL)
        found->is_stored = true;
}

/* In order, each once. */
static void sort_unique(struct targets *targets)
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
static int pass(struct targets *targets, int index_fd, const char *index_name, bool is_marking,
                struct jb_error *err)
{
    struct index_reader *index;
    struct index_entry entry;
    int found, code = jbi_index_open(&index, index_fd, index_name, err);
    if (code < 0)
        return code;
    while ((found = jbi_index_next(index, &entry, err)) == 1 && code == JB_OK) {
        if (is_marking && entry.type == TAR_FILE)
            mark_stored(targets, entry.path);
        else if (!is_marking && entry.type == TAR_HARDLINK)
            code = target_add(targets, entry.link, err);
    }
    jbi_index_close(index);
    return found < 0 ? found : code;
}

int jbi_links_check(int index_fd, const char *index_name, missing_target say, void *user,
                    struct jb_error *err)
{
    struct targets targets = {0};
    int code = pass(&targets, index_fd, index_name, false, err);
    sort_unique(&targets);
    if (code == JB_OK && targets.count > 0)
        code = pass(&targets, index_fd, index_name, true, err);
    for (size_t i = 0; code == JB_OK && i < targets.count; i++) {
        if (!targets.at[i].is_stored)
            say(user, targets.at[i].path);
    }
    free(targets.at);
    jbi_arena_free(&targets.arena);
    return code;
}
