/* SPDX-License-Identifier: MIT */
/* The entries of one member. */
#include "archive/group.h"

#include <stdlib.h>

#include "base/error.h"
#include "os/file.h"

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
    group->copy = (struct group_copy){.fd = -1};
    return JB_OK;
}

struct group_record *jbi_group_add(struct group *group, const struct index_entry *entry)
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
    record->entry.row = (struct index_row){0}; /* known when the member is written */
    record->entry.path = jbi_arena_text(&group->arena, entry->path);
    if (entry->link != NULL)
        record->entry.link = jbi_arena_text(&group->arena, entry->link);
    if (record->entry.path == NULL || (entry->link != NULL && record->entry.link == NULL))
        return NULL;
    group->count++;
    return record;
}

/* The index says which lengths the member has, and the member must say the same. */
static void read_copy(const struct group_copy *copy, struct piece *piece)
{
    uint32_t packed, raw;
    piece->is_packed = true;
    piece->packed_len = 0;
    if (copy->packed < GZIP_HEADER_SIZE || !jbi_piece_reserve_packed(piece, copy->packed) ||
        jbi_pread_full(copy->fd, piece->packed, copy->packed, copy->offset) !=
            (ssize_t)copy->packed ||
        !jbi_gzip_lengths(piece->packed, &packed, &raw) || packed != copy->packed ||
        raw != copy->raw)
        return;
    piece->packed_len = copy->packed;
}

void jbi_group_work(void *user, struct piece *piece, struct digest *digest)
{
    (void)user;
    struct group *group = piece->cargo;
    if (group->copy.fd >= 0) {
        read_copy(&group->copy, piece);
        return;
    }
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
