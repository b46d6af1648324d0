/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SOURCE_H
#define JBI_SOURCE_SOURCE_H

#include <jbackup.h>

#include "adapter/gzip.h"
#include "base/arena.h"
#include "base/artifact.h"
#include "base/hooks.h"

/*
 * What can be backed up. A source is a configuration (its own struct) and these operations on it.
 * capture makes artifacts in a staging folder and says what is in them; check reads a stored
 * artifact in full and compares it with that; stage lays the content out in an empty place.
 */
struct source_job {
    const struct hooks *hooks;
    jb_report *report;   /* gets the findings */
    struct arena *arena; /* owns what is put into artifacts */
    enum compression compression;
    unsigned jobs;
    const char *timestamp;
    int scratch_fd; /* an open folder (0700, on the repository's disk) for temporary files; what is
                       made there is removed by its maker */
    /* stage only: called before each time a living file gets a second name, which dates it anew;
     * NULL: nobody wants to know. */
    int (*before_linking)(void *user, struct jb_error *err);
    void *linking_user;
};

/* How much a check compared; 0 everywhere is never a pass. */
struct source_checked {
    uint64_t bytes_read; /* of the stored artifact */
    uint64_t files, tables;
    size_t not_compared; /* of the ERROR findings those that tell what could not be compared */
    bool sha256_known;   /* the check read all stored bytes and this is their digest */
    char sha256[SHA256_HEX_SIZE];
};

struct source_ops {
    const char *name;
    /* Makes artifacts in category_fd, a folder that stands for the category folder: database
     * artifacts go into the existing folder db_TS/ in it. Fills artifacts[0..*count), at most
     * SOURCE_ARTIFACTS_MAX. Files are fsynced, mode 0600. A failure leaves nothing that matters:
     * the caller throws the folder away. */
    int (*capture)(const void *config, const struct source_job *job, int category_fd,
                   struct artifact *artifacts, size_t *count, struct jb_error *err);
    /* Differences are ERROR findings whose subject is the artifact's path (and the file or table
     * in it). Sets what was compared. A negative code only if it could not be done. */
    int (*check)(const struct source_job *job, int category_fd, const struct artifact *artifact,
                 struct source_checked *checked, struct jb_error *err);
};

#define SOURCE_ARTIFACTS_MAX 3

#endif
