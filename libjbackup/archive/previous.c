/* SPDX-License-Identifier: MIT */
/* The index of the archive before, read along the walk: both have the same order, so one entry at
 * a time suffices. What is out of order is not found, so read anew. */
#include "archive/previous.h"

#include <string.h>

#include "os/tree.h"

int jbi_previous_open(struct previous *previous, int index_fd, const char *index_name,
                      struct jb_error *err)
{
    previous->state = 1;
    previous->entry.path = NULL; /* none was read */
    return jbi_index_open(&previous->index, index_fd, index_name, err);
}

void jbi_previous_close(struct previous *previous)
{
    jbi_index_close(previous->index);
    previous->index = NULL;
}

static void advance(struct previous *previous)
{
    struct jb_error unwanted = {0};
    previous->state = jbi_index_next(previous->index, &previous->entry, &unwanted);
    previous->count += previous->state == 1;
}

/* Asked of the change time: whatever writes sets it, and nobody can set it to what he likes, as he
 * can the modification time, to one that is still to come, say. */
static bool is_early(int64_t before_us, const struct timespec *time)
{
    int64_t before_s = before_us / 1000000;
    return time->tv_sec < before_s ||
           (time->tv_sec == before_s && time->tv_nsec / 1000 < before_us % 1000000);
}

static bool is_same(const struct index_entry *entry, const struct stat *st)
{
    return entry->mode == (st->st_mode & 07777) && entry->uid == st->st_uid &&
           entry->gid == st->st_gid && entry->mtime_s == st->st_mtim.tv_sec &&
           entry->mtime_ns == (uint32_t)st->st_mtim.tv_nsec &&
           entry->ctime_s == st->st_ctim.tv_sec &&
           entry->ctime_ns == (uint32_t)st->st_ctim.tv_nsec &&
           entry->inode == (st->st_ino & INT64_MAX) && entry->device == (st->st_dev & INT64_MAX);
}

bool jbi_index_is_unchanged(const struct index_entry *entry, enum tar_type type,
                            const struct stat *st, int64_t before_us)
{
    return entry->type == type && entry->span != 0 && is_same(entry, st) &&
           is_early(before_us, &st->st_ctim) &&
           (type != TAR_FILE || entry->size == (uint64_t)st->st_size);
}

const struct index_entry *jbi_previous_unchanged(struct previous *previous, enum tar_type type,
                                                 const char *path, const char *link,
                                                 const struct stat *st)
{
    const struct index_entry *entry = &previous->entry;
    while (previous->state == 1 && (entry->path == NULL || jbi_tree_order(entry->path, path) < 0))
        advance(previous);
    if (previous->state != 1 || strcmp(entry->path, path) != 0 ||
        !jbi_index_is_unchanged(entry, type, st, previous->before_us))
        return NULL;
    if (type == TAR_HARDLINK && strcmp(entry->link, link) != 0)
        return NULL;
    return entry;
}

bool jbi_previous_ends_at(struct previous *previous, uint64_t count)
{
    if (previous->state == 1 && previous->count == count)
        advance(previous);
    return previous->state == 0 && previous->count == count;
}
