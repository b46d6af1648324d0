/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_WRITER_PARTS_H
#define JBI_ARCHIVE_WRITER_PARTS_H

#include "adapter/digest.h"
#include "archive/group.h"
#include "archive/output.h"
#include "archive/writer.h"

/* What the files of the archive writer share. */
#define SMALL_MAX    MEMBER_PIECE
#define GROUP_MAX    MEMBER_PIECE
#define TAR_END_SIZE (2 * (size_t)TAR_BLOCK)

struct archive_writer {
    const struct members_options *options;
    struct archive_output output;
    struct pieces *pieces;
    struct tar *tar;
    struct digest *file_sum; /* of the large file under way */
    struct piece *piece;     /* the group under construction; NULL: none */
    struct text header;
    uint64_t tar_offset;

    struct previous *previous; /* NULL: nothing is kept */
    struct gzip *gzip;         /* reads its members */
    bool is_kept;              /* all entries of the group are, and its bytes not there yet */
    uint64_t kept_count;       /* of the entries of the index before up to the one kept last */
    uint64_t kept_member;      /* where that member lies, and its row */
    struct index_row kept_row;
    struct stat expected_of; /* the item that was not kept, though unchanged, and its content */
    char expected[SHA256_HEX_SIZE]; /* "": none */
};

/* Takes the oldest member back and writes it; *piece is NULL when none was under way. */
int jbi_writer_member(struct archive_writer *writer, struct piece **out, struct jb_error *err);
/* Begins a group in a piece that is free, or becomes so. */
int jbi_writer_group_begin(struct archive_writer *writer, struct jb_error *err);
/* Ends the group; what is kept of it is copied if it is a whole member, else fetched. */
int jbi_writer_group_end(struct archive_writer *writer, struct jb_error *err);
/* Ends the group if it has no room for so many more bytes. */
int jbi_writer_make_room(struct archive_writer *writer, size_t more, struct jb_error *err);
/* Ends the group if the entry just added says so: the larger it is, the likelier. */
int jbi_writer_group_cut(struct archive_writer *writer, const char *path, size_t entry_len,
                         struct jb_error *err);

/* Makes the group one that is copied, if what is kept is a whole member. */
bool jbi_writer_copy(struct archive_writer *writer);
/* Makes the end mark part of what is kept of the last member, where it is in the archive before. */
bool jbi_writer_end_mark_kept(struct archive_writer *writer);
/* Puts the bytes of what is kept into the group, which goes on with files that are read. */
int jbi_writer_fetch(struct archive_writer *writer, struct jb_error *err);

#endif
