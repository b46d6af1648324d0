/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_OUTPUT_H
#define JBI_ARCHIVE_OUTPUT_H

#include "archive/index.h"
#include "archive/members.h"
#include "archive/piece.h"
#include "archive/previous.h"
#include "archive/readback.h"
#include "base/text.h"

/* Where finished members of an archive go, and the lines of its index with them. */
struct archive_output {
    int archive_fd, index_fd;
    struct gzip *index_gzip;
    struct readback *readback; /* of the archive */
    struct digest *index_sum;
    struct text lines;    /* of the index, not yet compressed */
    uint64_t row_offset;  /* in the archive: of the row of members under way */
    struct index_row row; /* the members of a large file, or one */
    uint64_t written_back;
    struct members_totals archive, index;
    const struct previous *same; /* all so far stands there at the same place, and is not written;
                                    NULL: it differs, or there is none */
    uint64_t copied;             /* bytes of members that were copied */
    bool is_copy_damaged; /* after JB_ECORRUPT: the archive before is not what its index says */
    void (*differs)(void *user, const char *path); /* the content is not what was expected */
    void *user;
};

/* name is what error texts call the archive. */
int jbi_output_begin(struct archive_output *output, int archive_fd, int index_fd,
                     const struct members_options *options, struct jb_error *err);
/* Writes a packed piece, whose cargo is a group. */
int jbi_output_member(struct archive_output *output, struct piece *piece, struct jb_error *err);
/* Writes the rest of the index and completes the totals. */
int jbi_output_end(struct archive_output *output, struct jb_error *err);
void jbi_output_free(struct archive_output *output);

#endif
