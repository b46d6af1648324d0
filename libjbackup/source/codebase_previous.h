/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_PREVIOUS_H
#define JBI_SOURCE_CODEBASE_PREVIOUS_H

#include "archive/previous.h"
#include "source/codebase.h"

/* The archive before, open. */
struct codebase_before {
    struct previous previous;
    int archive_fd, index_fd;
    dev_t device; /* that was asked of last */
    bool has_device, is_relied_upon;
};

/* What was changed from there on may have changed again after a backup that was made then read it,
 * without another time. */
int64_t jbi_before_us(int64_t created_us);

/* 1; or 0: there is none from which anything could be copied, which is a finding where it should
 * be. Ended in any case. */
int jbi_before_begin(struct codebase_before *before, const struct codebase_previous *from,
                     const struct source_job *job, const char *recipe, struct jb_error *err);
void jbi_before_end(struct codebase_before *before);

/* Puts the archive before in the place of the file of this name in the folder, open and empty: as a
 * hard link, or as a copy where the file system refuses that. */
int jbi_before_put(const struct codebase_before *before, const struct codebase_previous *from,
                   int dir_fd, const char *name, int archive_fd, bool *is_linked,
                   struct jb_error *err);

/* Whether the times of what lies in the open folder, on this device, tell that it is unchanged. */
bool jbi_before_is_relied_upon(struct codebase_before *before, int dir_fd, dev_t device);

#endif
