/* SPDX-License-Identifier: MIT */
/* The changes that a restore would make, collected as they are found: contents are compared behind
 * the walk. */
#include <stdlib.h>
#include <string.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/report.h"
#include "source/codebase_live_parts.h"

int jbi_live_add(struct live *live, const struct codebase_change *change, struct jb_error *err)
{
    if (live->change_count == live->change_room) {
        size_t room = live->change_room ? 2 * live->change_room : 64;
        live->changes = jbi_arena_grow(live->job->arena, live->changes,
                                       live->change_count * sizeof *live->changes,
                                       room * sizeof *live->changes);
        if (live->changes == NULL)
            return jbi_fail_memory(err);
        live->change_room = room;
    }
    struct codebase_change *added = &live->changes[live->change_count];
    *added = *change;
    added->path = jbi_arena_text(live->job->arena, change->path);
    if (added->path == NULL)
        return jbi_fail_memory(err);
    live->change_count++;
    return JB_OK;
}

int jbi_live_leaves(struct live *live, struct jb_error *err)
{
    if (live->leaving_count == live->leaving_room) {
        size_t room = live->leaving_room ? 2 * live->leaving_room : 16;
        struct leaving_folder *grown = realloc(live->leaving, room * sizeof *grown);
        if (grown == NULL)
            return jbi_fail_memory(err);
        live->leaving = grown;
        live->leaving_room = room;
    }
    size_t change = live->change_count - 1;
    live->leaving[live->leaving_count++] =
        (struct leaving_folder){live->changes[change].path, change};
    return JB_OK;
}

void jbi_live_come_to(struct live *live, const char *path)
{
    while (live->leaving_count > 0 &&
           !jbi_is_below(path, live->leaving[live->leaving_count - 1].path))
        live->leaving_count--;
}

void jbi_live_keep_leaving(struct live *live, const char *path)
{
    for (size_t i = 0; i < live->leaving_count; i++) {
        struct codebase_change *change = &live->changes[live->leaving[i].change];
        if (change->kind == CODE_REMOVED) {
            change->path = NULL; /* none: it stays */
            continue;
        }
        jbi_finding(live->job->report, JB_WARNING, path,
                    "is in no backup and must stay, but the backup has no folder where it lies: a "
                    "restore would refuse");
        jbi_finding_hint(live->job->report, "move it elsewhere before the restore");
    }
    live->leaving_count = 0;
}

static int compare(const void *a, const void *b)
{
    const struct codebase_change *x = a, *y = b;
    return jbi_tree_order(x->path, y->path);
}

void jbi_live_finish(struct live *live)
{
    struct codebase_change *changes = live->changes;
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < live->change_count; i++) {
        if (changes[i].path != NULL)
            changes[count++] = changes[i];
    }
    if (count > 0)
        qsort(changes, count, sizeof *changes, compare);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && strcmp(changes[kept - 1].path, changes[i].path) == 0)
            changes[kept - 1].what |= changes[i].what;
        else
            changes[kept++] = changes[i];
    }
    live->found->changes = changes;
    live->found->count = kept;
}
