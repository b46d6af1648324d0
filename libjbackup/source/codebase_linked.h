/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_LINKED_H
#define JBI_SOURCE_CODEBASE_LINKED_H

#include <jbackup.h>
#include <sys/stat.h>

#include "adapter/digest.h"
#include "base/arena.h"
#include "base/artifact.h"

/*
 * Files with all that tells, without reading them, that nobody has touched them since: those that
 * an old and a new tree share. On the disk each is a line of numbers, its path and a NUL:
 *
 *      INODE SIZE MODE UID GID MTIME NANOSECONDS CTIME NANOSECONDS PATH
 *
 * in the order of a walk, so that no path comes twice.
 */
struct linked_file {
    const char *path;
    uint64_t inode, size, mode, uid, gid;
    int64_t mtime_s, ctime_s;
    uint32_t mtime_ns, ctime_ns;
};

struct linked_files {
    struct arena *arena; /* of paths and items */
    struct linked_file *items;
    size_t count, room;
    size_t text_size; /* of all, as on the disk */
};

#define LINKED_SIZE_MAX (256u << 20) /* on the disk */

/* In the order of a walk. */
int jbi_linked_add(struct linked_files *files, const char *path, const struct stat *st,
                   struct jb_error *err);
/* Whether all of it is as it was. */
bool jbi_linked_is(const struct linked_file *file, const struct stat *st);
/* NULL: it is none of them. */
const struct linked_file *jbi_linked_find(const struct linked_files *files, const char *path);

/* Atomically, fsynced; sha256 gets the digest of what was written. */
int jbi_linked_write(const struct linked_files *files, int dir_fd, const char *name,
                     char sha256[SHA256_HEX_SIZE], struct jb_error *err);
/* Adds what is in the file, which is hostile: JB_ECORRUPT if it is malformed or has another digest
 * (NULL: any), JB_ENOTFOUND if it is absent. */
int jbi_linked_read(struct linked_files *files, int dir_fd, const char *name, const char *sha256,
                    struct jb_error *err);

#endif
