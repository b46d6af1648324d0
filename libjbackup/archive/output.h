/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_OUTPUT_H
#define JBI_ARCHIVE_OUTPUT_H

#include "archive/members.h"
#include "archive/piece.h"
#include "base/text.h"

/* Where finished members of an archive go, and the lines of its index with them. */
struct archive_output {
    int archive_fd, index_fd;
    struct gzip *index_gzip;
    struct digest *archive_sum, *index_sum;
    struct text lines;     /* of the index, not yet compressed */
    uint64_t large_offset; /* in the archive: of the member that begins the large file under way */
    uint64_t written_back;
    struct members_totals archive, index;
};

int jbi_output_begin(struct archive_output *output, int archive_fd, int index_fd,
                     enum compression compression, struct jb_error *err);
/* Writes a packed piece, whose cargo is a group. */
int jbi_output_member(struct archive_output *output, struct piece *piece, struct jb_error *err);
/* Writes the rest of the index and completes the totals. */
int jbi_output_end(struct archive_output *output, struct jb_error *err);
void jbi_output_free(struct archive_output *output);

#endif
