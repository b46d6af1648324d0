/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_GROUP_H
#define JBI_ARCHIVE_GROUP_H

#include "archive/index.h"
#include "archive/piece.h"
#include "base/arena.h"

/* The entries of a member under construction: the cargo of a piece of the archive writer. */
struct group_record {
    struct index_entry entry;
    size_t content_at; /* in the raw bytes; digest to be taken */
    bool has_content;
    bool is_large; /* the last piece of a large file: its digest is known, its member is another */
};

struct group {
    struct arena arena; /* the texts of the entries */
    struct group_record *records;
    size_t count, room;
    bool begins_large;
};

/* Makes *cargo an empty group, reusing what is there. */
int jbi_group_begin(void **cargo, struct jb_error *err);
/* Each copies the entry's texts. */
int jbi_group_add(struct group *group, const struct index_entry *entry, struct jb_error *err);
int jbi_group_add_content(struct group *group, const struct index_entry *entry, size_t content_at,
                          struct jb_error *err);
int jbi_group_add_large(struct group *group, const struct index_entry *entry, struct jb_error *err);
/* A piece_work: takes the digests of the small files in the piece. */
void jbi_group_digests(void *user, struct piece *piece, struct digest *digest);
void jbi_group_free(void *cargo); /* NULL is fine */

#endif
