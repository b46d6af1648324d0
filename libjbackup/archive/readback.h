/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_READBACK_H
#define JBI_ARCHIVE_READBACK_H

#include <jbackup.h>

#include "base/artifact.h"

/* A file that is being written, read back by a thread of its own, close behind: its SHA-256 and its
 * CRC-32 are of what is in the file, not of what was to be written. */
struct readback;

/* name is for error texts; it must live as long as the readback. */
int jbi_readback_begin(struct readback **out, int fd, const char *name, struct jb_error *err);
/* So many bytes of the file have been written. */
void jbi_readback_tell(struct readback *readback, uint64_t written);
/* Waits for the rest. JB_EIO if the file can't be read, or has another CRC-32 than what was
 * written. */
int jbi_readback_end(struct readback *readback, uint32_t written_crc32,
                     char sha256[SHA256_HEX_SIZE], struct jb_error *err);
void jbi_readback_free(struct readback *readback); /* NULL is fine */

#endif
