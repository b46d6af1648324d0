/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_SAME_H
#define JBI_ARCHIVE_SAME_H

#include <jbackup.h>

#include "base/artifact.h"

/*
 * Whether two files of this kind are the same but for what is another at each making and says
 * nothing of their content: the time in the header of a dump; the word that guards SQL text from
 * its own data, "\restrict WORD" ... "\unrestrict WORD". Every other byte is compared.
 * 1; 0; or a negative code. Where the bytes do differ there, 1 says that the old file has the
 * digest old_sha256 as well.
 */
int jbi_same_artifact(enum artifact_kind kind, int fd, int old_fd, const char *old_sha256,
                      struct jb_error *err);

#endif
