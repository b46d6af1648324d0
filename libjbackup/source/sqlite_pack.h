/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SQLITE_PACK_H
#define JBI_SOURCE_SQLITE_PACK_H

#include "archive/members.h"
#include "source/sqlite.h"

struct members_options jbi_sqlite_packing(const struct source_job *job, const char *step,
                                          const char *path);

/* Packs the copy into the artifact's new file and fills in its sizes and digests.
 * Pieces that are in the copy before, too, are taken from there, if it has the artifact's recipe.
 * The job's arena is not touched: the copy is inspected meanwhile. */
int jbi_sqlite_pack(const struct sqlite_source *source, const struct source_job *job, int copy_fd,
                    int category_fd, struct artifact *artifact, struct jb_error *err);

#endif
