/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_PREVIOUS_H
#define JBI_ARCHIVE_PREVIOUS_H

#include <sys/stat.h>

#include "archive/index.h"

/*
 * The archive before, as its index tells of it, for a writer that copies from it the members of
 * which no entry has changed. The caller sees to it that the index is the one that belongs to the
 * archive; what is copied is compared with the lengths and checksums in the index.
 */
struct previous {
    int archive_fd;
    uint64_t archive_size;
    const char *name;  /* of the archive, for error texts */
    int64_t before_us; /* what has changed from there on may have changed again at the same time */
    bool only_compare; /* nothing is copied: what was read is held against the index */
    struct index_reader *index;
    struct index_entry entry; /* the next that was not asked for */
    int state;                /* 1: there is one; 0: at the end; negative: the index is damaged */
    uint64_t count;           /* of entries up to that one */
};

int jbi_previous_open(struct previous *previous, int index_fd, const char *index_name,
                      struct jb_error *err);
void jbi_previous_close(struct previous *previous); /* after {0}, too */

/* Whether all that is known of an entry without reading it is the same as when it was stored: type,
 * size, mode, owner, times, inode and device; before_us as above. Not asked: where a link leads. */
bool jbi_index_is_unchanged(const struct index_entry *entry, enum tar_type type,
                            const struct stat *st, int64_t before_us);

/* The entry of this path if all that is known of it without reading it is the same: type, size,
 * mode, owner, times, inode and device, and of a hard link (whose name is link) its target; else
 * NULL. Paths are asked for in the order of a walk. Valid until the next call. */
const struct index_entry *jbi_previous_unchanged(struct previous *previous, enum tar_type type,
                                                 const char *path, const char *link,
                                                 const struct stat *st);
/* Whether the index has just count entries. */
bool jbi_previous_ends_at(struct previous *previous, uint64_t count);

#endif
