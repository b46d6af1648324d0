/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_FOLLOW_H
#define JBI_SOURCE_CODEBASE_FOLLOW_H

#include "adapter/digest.h"
#include "archive/reader.h"

/* An archive being read, held against its index entry by entry. */
struct follow {
    struct index_reader *index;
    struct digest *digest;
    const char *below; /* only entries of this path and below it; "." for all */
    struct index_entry expected;
    struct text last; /* the path before; "": none was */
    bool last_is_folder;
};

/* The index decides what counts as right, so it must be the one that the manifest names:
 * JB_ECORRUPT if it does not have that checksum. */
int jbi_follow_check_index(int index_fd, const struct artifact *index, struct jb_error *err);

int jbi_follow_begin(struct follow *follow, int index_fd, const char *index_name, const char *below,
                     struct jb_error *err);
void jbi_follow_end(struct follow *follow);

/* Moves expected to the next entry of the index: 1, 0 at its end, or a negative code. JB_ECORRUPT
 * if the entry is not behind the one before in the order of a walk (so a path comes once), or lies
 * in what is no folder of the archive's. */
int jbi_follow_next(struct follow *follow, struct jb_error *err);

/* What differs between the archive's entry and the expected one: "size, mode", or "" if nothing. */
#define FOLLOW_DIFFERENCE_SIZE 128
void jbi_follow_compare(const struct follow *follow, const struct tar_entry *entry,
                        char difference[FOLLOW_DIFFERENCE_SIZE]);

/* The content of the expected file: begin, add, and whether it was the right one. */
void jbi_follow_content_begin(struct follow *follow);
void jbi_follow_content_add(struct follow *follow, const unsigned char *from, size_t len);
bool jbi_follow_content_is_right(struct follow *follow);

#endif
