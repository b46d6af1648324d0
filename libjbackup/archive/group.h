/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_GROUP_H
#define JBI_ARCHIVE_GROUP_H

#include "archive/index.h"
#include "archive/piece.h"
#include "base/arena.h"

/* The entries of a member under construction: the cargo of a piece of the archive writer. */
struct group_record {
    struct index_entry entry;
    size_t content_at;              /* in the raw bytes */
    bool has_content;               /* its digest is to be taken */
    bool is_large;                  /* the last piece of a large file, whose digest is known */
    bool is_fetched;                /* its content was taken from the archive before */
    char expected[SHA256_HEX_SIZE]; /* what the archive before has of it; "": nothing is expected */
};

/* Where a member lies that is copied from the archive before. */
struct group_copy {
    int fd; /* -1: not copied */
    uint64_t offset;
    uint32_t packed, raw;
    struct index_row row; /* of which it is one; checked with the last */
};

struct group {
    struct arena arena; /* the texts of the entries */
    struct group_record *records;
    size_t count, room;
    bool begins_large;
    struct group_copy copy;
};

/* Makes *cargo an empty group, reusing what is there. */
int jbi_group_begin(void **cargo, struct jb_error *err);
/* Each copies the entry's texts and returns the new record, NULL if out of memory. */
struct group_record *jbi_group_add(struct group *group, const struct index_entry *entry);
/* A piece_work: takes the digests of the small files in the piece, or reads the member that is
 * copied (packed_len 0: it is not what it was). */
void jbi_group_work(void *user, struct piece *piece, struct digest *digest);
void jbi_group_free(void *cargo); /* NULL is fine */

#endif
