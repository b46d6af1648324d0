/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_REUSE_H
#define JBI_SOURCE_CODEBASE_REUSE_H

#include "source/codebase.h"
#include "source/codebase_linked.h"

/* What a restore may take over from the living tree, beside which it lays a backup out. */
struct codebase_reuse {
    const struct codebase_source *live;
    int live_fd;              /* its root */
    int64_t created_us;       /* of the backup, before it looked at any file */
    const char *const *stays; /* as in struct codebase_swap_what */
    struct linked_files *linked;
};

/*
 * As jbi_codebase_stage, but a living file of which all that a backup asks before it copies a
 * member (size, times to the nanosecond, inode, mode, owner, path) says that it still is what was
 * stored is not read from the archive: it gets a second name, and is added to reuse->linked as it
 * is then. It has no other name, belongs to whom a restore could give it, and lies in a folder that
 * is exchanged as a whole. Folders, symbolic links and FIFOs that are unchanged are made from the
 * index. Whatever is in doubt is read. If that is more than a quarter of the archive, or the
 * archive does not have the checksum in the manifest, or the file system does not tell of changes,
 * all is read, and nothing linked.
 */
int jbi_codebase_stage_beside(const struct source_job *job, int category_fd,
                              const struct artifact *archive, const struct artifact *index,
                              int dir_fd, const char *path, const struct codebase_reuse *reuse,
                              struct codebase_staged *staged, struct jb_error *err);

/* Lays those of the files that are wanted out of the archive in the empty folder dir_fd, each with
 * all that belongs to it, under its number in the list. JB_ECORRUPT: one is not in the backup. */
int jbi_codebase_pick(const struct source_job *job, int category_fd, const struct artifact *archive,
                      const struct artifact *index, int dir_fd, const struct linked_files *files,
                      const bool *is_wanted, struct jb_error *err);

#endif
