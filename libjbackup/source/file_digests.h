/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_FILE_DIGESTS_H
#define JBI_SOURCE_FILE_DIGESTS_H

#include <jbackup.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/artifact.h"

/*
 * The SHA-256 of many files, taken by several threads. Both callbacks run in the caller's thread:
 * read after so many bytes were read, also within a large file; done for each file, in the order
 * in which they were added. What they return but JB_OK ends the call under way.
 */
struct file_digests;

/* A file that was read to its end, or as far as that went. */
struct file_digest {
    const char *path;
    uint64_t size; /* when it was looked at */
    bool is_as_expected;
    bool has_changed; /* since it was looked at: it is another file, or has other times or size */
    int sys_errno;    /* it could not be read: why; 0: it was */
};

struct file_digests_user {
    int (*read)(void *user, uint64_t len, struct jb_error *err);
    int (*done)(void *user, const struct file_digest *file, struct jb_error *err);
    void *user;
};

int jbi_file_digests_new(struct file_digests **out, unsigned jobs,
                         const struct file_digests_user *user, struct jb_error *err);
/* Takes over fd, which is read from its offset; st is what the file was when it was looked at. */
int jbi_file_digests_add(struct file_digests *digests, int fd, const char *path,
                         const struct stat *st, const char expected[SHA256_HEX_SIZE],
                         struct jb_error *err);
/* Waits for all that were added. */
int jbi_file_digests_finish(struct file_digests *digests, struct jb_error *err);
void jbi_file_digests_free(
    struct file_digests *digests); /* stops what is under way; NULL is fine */

#endif
