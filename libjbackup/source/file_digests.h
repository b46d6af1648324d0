/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_FILE_DIGESTS_H
#define JBI_SOURCE_FILE_DIGESTS_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/artifact.h"

/*
 * The SHA-256 of many files, taken by several threads. Both callbacks run in the caller's thread:
 * read after so many bytes were read, also within a large file; done for each file, in the order
 * in which they were added. What they return but JB_OK ends the call under way.
 */
struct file_digests;

struct file_digests_user {
    int (*read)(void *user, uint64_t len, struct jb_error *err);
    int (*done)(void *user, const char *path, bool is_as_expected, struct jb_error *err);
    void *user;
};

int jbi_file_digests_new(struct file_digests **out, unsigned jobs,
                         const struct file_digests_user *user, struct jb_error *err);
/* Takes over fd, which is read from its offset. */
int jbi_file_digests_add(struct file_digests *digests, int fd, const char *path, uint64_t size,
                         const char expected[SHA256_HEX_SIZE], struct jb_error *err);
/* Waits for all that were added. */
int jbi_file_digests_finish(struct file_digests *digests, struct jb_error *err);
void jbi_file_digests_free(
    struct file_digests *digests); /* stops what is under way; NULL is fine */

#endif
