/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_COMPARE_H
#define JBI_SOURCE_CODEBASE_COMPARE_H

#include "source/source.h"

/* How much was compared, and what differed. */
struct codebase_compared {
    uint64_t files, folders, links, others; /* as in struct artifact */
    uint64_t bytes;                         /* of the files */
    uint64_t differences;
};

/*
 * Holds a tree on disk against the index: every entry with its type, mode, time, size, content,
 * link target and which names are hard links of one file; and that nothing else is there.
 * with_owners: owners, too; without, a file that belongs to another than recorded counts as right
 * without its setuid and setgid bits, as a restore leaves it. Differences are ERROR findings
 * "archive: path"; many of them are counted only. A damaged index is JB_ECORRUPT. Modes of files
 * and folders that their owner can't read are changed on the way.
 */
int jbi_codebase_compare(const struct source_job *job, int root_fd, int index_fd,
                         const struct artifact *archive, const struct artifact *index,
                         bool with_owners, struct codebase_compared *compared,
                         struct jb_error *err);

#endif
