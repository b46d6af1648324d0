/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_WALK_H
#define JBI_SOURCE_CODEBASE_WALK_H

#include "archive/writer.h"
#include "source/codebase_previous.h"
#include "source/codebase_rules.h"
#include "source/hardlinks.h"
#include "source/xattrs.h"

/* One tree on its way into an archive. */
struct capture {
    const struct codebase_source *source;
    struct codebase_rules rules;
    const struct source_job *job;
    struct archive_writer *writer;
    struct hardlinks *hardlinks;
    struct xattrs *xattrs;
    struct artifact *archive;
    struct codebase_before *before; /* NULL: there is none */
    bool copy_failed;
};

/* Walks the tree into capture->writer, an archive that has begun; says what is not stored as it is,
 * and counts in capture->archive. */
int jbi_capture_tree(struct capture *capture, int root_fd, struct jb_error *err);

#endif
