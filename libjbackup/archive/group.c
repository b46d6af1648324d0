/* SPDX-License-Identifier: MIT */
/* The entries of one member. */
#include "archive/group.h"

#include <stdlib.h>

#include "base/error.h"

int jbi_group_begin(void **cargo, struct jb_error *err)
{
    struct group *group = *cargo;
    if (group == NULL)
        *cargo = group = calloc(1, sizeof *group);
    if (group == NULL)
        return jbi_fail_memory(err);
    jbi_arena_free(&group->arena);
    group->count = 0;
    group->begins_large = false;
    return JB_OK;
}

static struct group_record *record_new(struct group *group, const struct index_entry *entry)
{
    if (group->count == group->room) {
        size_t room = group->room ? 2 * group->room : 64;
        struct group_record *grown = realloc(group->records, room * sizeof *grown);
        if (grown == NULL)
            return NULL;
        group->records = grown;
        group->room = room;
    }
    struct group_record *record = &group->records[group->count];
    *record = (struct group_record){.entry = *entry};
    record->entry.path = jbi_arena_text(&group->arena, entry->path);
    if (entry->link != NULL)
        record->entry.link = jbi_arena_text(&group->arena, entry->link);
    if (record->entry.path == NULL || (entry->link != NULL && record->entry.link == NULL))
        return NULL;
    group->count++;
    return record;
}

int jbi_group_add(struct group *group, const struct index_entry *entry, struct jb_error *err)
{
    return record_new(group, entry) ? JB_OK : jbi_fail_memory(err);
}

int jbi_group_add_content(struct group *group, const struct index_entry *entry, size_t content_at,
                          struct jb_error *err)
{
    struct group_record *record = record_new(group, entry);
    if (record == NULL)
        return jbi_fail_memory(err);
    record->content_at = content_at;
    record->has_content = true;
    return JB_OK;
}

int jbi_group_add_large(struct group *group, const struct index_entry *entry, struct jb_error *err)
{
    struct group_record *record = record_new(group, entry);
    if (record == NULL)
        return jbi_fail_memory(err);
    record->is_large = true;
    return JB_OK;
}

void jbi_group_digests(void *user, struct piece *piece, struct digest *digest)
{
    (void)user;
    struct group *group = piece->cargo;
    for (size_t i = 0; i < group->count; i++) {
        struct group_record *record = &group->records[i];
        if (!record->has_content)
            continue;
        jbi_digest_begin(digest);
        jbi_digest_add(digest, piece->raw + record->content_at, (size_t)record->entry.size);
        jbi_digest_end(digest, record->entry.sha256);
    }
}

void jbi_group_free(void *cargo)
{
    struct group *group = cargo;
    if (group == NULL)
        return;
    jbi_arena_free(&group->arena);
    free(group->records);
    free(group);
}
