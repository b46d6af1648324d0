/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_LIVE_H
#define JBI_SOURCE_CODEBASE_LIVE_H

#include "source/codebase.h"

enum codebase_change_kind { CODE_ADDED, CODE_REMOVED, CODE_CHANGED };

/* What of a changed entry is other than in the backup. */
enum {
    CODE_TYPE = 1,
    CODE_CONTENT = 2,
    CODE_LINK = 4, /* where a symbolic link leads, or which names are one file */
    CODE_MODE = 8,
    CODE_OWNER = 16,
    CODE_TIME = 32,
    CODE_WHAT_COUNT = 6
};

/* An entry that a restore in place would add, remove or change; the root is ".". */
struct codebase_change {
    enum codebase_change_kind kind;
    unsigned what; /* CODE_CHANGED: of the above, else 0 */
    const char *path;
    uint64_t live_size, backup_size; /* of files, else 0 */
};

struct codebase_live_what {
    const struct codebase_source *live;
    int category_fd;
    const struct artifact *archive, *index;
    const char *path;         /* only this file or folder of the code; NULL: all */
    const char *const *stays; /* as in struct codebase_swap_what */
};

struct codebase_live_found {
    const struct codebase_change *changes; /* in the order of a walk; of the job's arena */
    size_t count;
    uint64_t files, bytes; /* whose content was compared */
    uint64_t not_compared; /* entries that could not be read, or changed on the way */
};

/*
 * Tells what jbi_codebase_swap_begin and its exchange would change in the live tree: contents by
 * their digests in the index, all files of the right size being read; owners as far as this user
 * could set them; times not of folders that hold a
 * database file, where SQLite makes and removes others. What a restore leaves alone is no change.
 * Extended attributes are not in the index, so not compared. Only reads, and does not wait:
 * findings tell what can't be read (ERROR), what changed or vanished meanwhile (WARNING), what a
 * restore would refuse (WARNING), and what stays though the backup has it (INFO). JB_ENOTFOUND: the
 * backup does not have path; JB_ECORRUPT: a damaged index.
 */
int jbi_codebase_compare_live(const struct source_job *job, const struct codebase_live_what *what,
                              struct codebase_live_found *found, struct jb_error *err);

#endif
