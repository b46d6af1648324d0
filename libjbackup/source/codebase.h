/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_H
#define JBI_SOURCE_CODEBASE_H

#include "source/exclude.h"
#include "source/source.h"

/* The backup from which unchanged members are copied. */
struct codebase_previous {
    int category_fd;
    const struct artifact *archive, *index;
    int64_t created_us; /* before it looked at any file */
    bool only_compare;  /* all is read; what differs, though it looks unchanged, is an ERROR finding
                         */
};

/* A tree of files. Its artifacts are the archive and its index. */
struct codebase_source {
    const char *root; /* absolute */
    const struct exclude *exclude;
    bool one_file_system;
    const char *const *repositories; /* absolute; left out of the archive, wherever they lie */
    size_t repository_count;
    const char *const *database_files; /* absolute; left out, with -wal, -shm, -journal */
    size_t database_count;
    const struct codebase_previous *previous; /* NULL: all is read */
};

/* What a restore in place keeps beside the code; such names are in no backup, at any depth. */
#define CODEBASE_SWAP_PREFIX ".jbackup-restore-"

extern const struct source_ops jbi_codebase_source;

struct codebase_staged {
    uint64_t files, file_bytes;
};

/*
 * Lays the code of an artifact out below dir_fd, an empty folder: everything, or only path and
 * what lies below it (then just the members that hold it are read). Every file is compared with
 * its digest in the index. Owners are set where the rights suffice; what could not be set is one
 * WARNING finding. path absent in the backup: JB_ENOTFOUND. The caller clears the folder after a
 * failure.
 */
int jbi_codebase_stage(const struct source_job *job, int category_fd,
                       const struct artifact *archive, const struct artifact *index, int dir_fd,
                       const char *path, struct codebase_staged *staged, struct jb_error *err);

#endif
