/* SPDX-License-Identifier: MIT */
/*
 * Entries that are kept from the archive before. As long as all entries of a group are, it has no
 * bytes, only lengths: if it ends where the old member ends, that is copied; if an entry comes that
 * must be read, or the member had more, what is kept so far is fetched out of the old member.
 */
#include <stdlib.h>
#include <string.h>

#include "archive/reader.h"
#include "archive/writer_parts.h"
#include "base/error.h"
#include "base/scope.h"

void jbi_archive_follow(struct archive_writer *writer, struct previous *previous,
                        void (*differs)(void *user, const char *path), void *user)
{
    writer->previous = previous;
    writer->output.same = previous->only_compare ? NULL : previous;
    writer->output.differs = differs;
    writer->output.user = user;
}

bool jbi_archive_copy_failed(const struct archive_writer *writer)
{
    return writer->output.is_copy_damaged;
}

static int damaged(struct archive_writer *writer, struct jb_error *err)
{
    writer->output.is_copy_damaged = true;
    return jbi_fail(err, JB_ECORRUPT, "%s is not what its index says", writer->previous->name);
}

bool jbi_writer_copy(struct archive_writer *writer)
{
    struct piece *piece = writer->piece;
    const struct index_row *row = &writer->kept_row;
    if (row->raw != piece->raw_len || row->packed > UINT32_MAX)
        return false;
    ((struct group *)piece->cargo)->copy = (struct group_copy){
        .fd = writer->previous->archive_fd,
        .offset = writer->kept_member,
        .packed = (uint32_t)row->packed,
        .raw = (uint32_t)row->raw,
        .row = *row,
    };
    return true;
}

bool jbi_writer_end_mark_kept(struct archive_writer *writer)
{
    if (!writer->is_kept || writer->piece->raw_len + TAR_END_SIZE > GROUP_MAX ||
        writer->kept_row.raw != writer->piece->raw_len + TAR_END_SIZE ||
        !jbi_previous_ends_at(writer->previous, writer->kept_count))
        return false;
    writer->piece->raw_len += TAR_END_SIZE;
    return true;
}

int jbi_writer_fetch(struct archive_writer *writer, struct jb_error *err)
{
    struct piece *piece = writer->piece;
    struct group *group = piece->cargo;
    struct jb_error why = {0};
    scope_free unsigned char *raw = NULL;
    uint32_t packed, raw_len;
    if (writer->gzip == NULL && (writer->gzip = jbi_gzip_new(COMPRESSION_FAST)) == NULL)
        return jbi_fail_memory(err);
    int code = jbi_member_read(writer->previous->archive_fd, writer->previous->name, writer->gzip,
                               writer->kept_member, &packed, &raw, &raw_len, &why);
    if (code == JB_ENOMEM || !jbi_piece_extend(piece, piece->raw_len))
        return jbi_fail_memory(err);
    if (code < 0 || raw_len < piece->raw_len)
        return damaged(writer, err);
    memcpy(piece->raw, raw, piece->raw_len);
    for (size_t i = 0; i < group->count; i++)
        group->records[i].has_content = group->records[i].entry.type == TAR_FILE;
    writer->is_kept = false;
    return JB_OK;
}

/* Whether the entry can be the next of the group: the first of a member of the archive before, or
 * behind those that are kept of one. */
static bool is_next(const struct archive_writer *writer, const struct index_entry *old)
{
    if (writer->piece == NULL || writer->piece->raw_len == 0)
        return old->member_skip == 0 && old->row.packed > 0;
    return writer->is_kept && old->member == writer->kept_member &&
           old->member_skip == writer->piece->raw_len;
}

static int add_kept(struct archive_writer *writer, const struct index_entry *old, size_t header_len,
                    struct jb_error *err)
{
    struct piece *piece = writer->piece;
    struct index_entry entry = *old;
    entry.offset = writer->tar_offset + piece->raw_len;
    struct group_record *record = jbi_group_add(piece->cargo, &entry);
    if (record == NULL)
        return jbi_fail_memory(err);
    record->content_at = piece->raw_len + header_len;
    record->is_fetched = true;
    memcpy(record->expected, old->sha256, sizeof record->expected);
    piece->raw_len += (size_t)old->span;
    writer->kept_count = writer->previous->count;
    return jbi_writer_group_cut(writer, entry.path, (size_t)old->span, err);
}

static int keep_small(struct archive_writer *writer, const struct index_entry *old, bool *is_kept,
                      struct jb_error *err)
{
    size_t size = (size_t)old->size, content = size + jbi_tar_padding(size);
    if (old->span % TAR_BLOCK != 0 || old->span < content + TAR_BLOCK ||
        old->span - content > GROUP_MAX)
        return JB_OK;
    size_t header_len = (size_t)old->span - content;
    bool is_file = old->type == TAR_FILE; /* as much room as if it were read */
    int code = jbi_writer_make_room(writer, header_len + (is_file ? size + TAR_BLOCK : 0), err);
    if (code < 0 || !is_next(writer, old))
        return code;
    if (writer->piece == NULL)
        code = jbi_writer_group_begin(writer, err);
    if (code < 0)
        return code;
    if (writer->piece->raw_len == 0) {
        writer->is_kept = true;
        writer->kept_member = old->member;
        writer->kept_row = old->row;
    }
    *is_kept = true;
    return add_kept(writer, old, header_len, err);
}

/* The next member of a large file, copied in a piece of its own. */
static int copy_large_piece(struct archive_writer *writer, const struct index_entry *old,
                            struct index_row *left, struct jb_error *err)
{
    struct jb_error why = {0};
    struct group_copy copy = {.fd = writer->previous->archive_fd, .row = old->row};
    copy.offset = old->member + (old->row.packed - left->packed);
    int code = jbi_member_lengths(copy.fd, writer->previous->name, copy.offset, &copy.packed,
                                  &copy.raw, &why);
    if (code < 0 || copy.packed > left->packed || copy.raw > left->raw)
        return damaged(writer, err);
    left->packed -= copy.packed;
    left->raw -= copy.raw;
    if ((left->packed == 0) != (left->raw == 0))
        return damaged(writer, err);
    code = writer->piece == NULL ? jbi_writer_group_begin(writer, err) : JB_OK;
    if (code < 0)
        return code;
    struct group *group = writer->piece->cargo;
    group->copy = copy;
    group->begins_large = copy.offset == old->member;
    writer->piece->raw_len = copy.raw;
    return JB_OK;
}

static int keep_large(struct archive_writer *writer, const struct index_entry *old, bool *is_kept,
                      struct jb_error *err)
{
    struct index_row left = old->row;
    struct index_entry entry = *old;
    uint64_t content = old->size + jbi_tar_padding(old->size);
    int code = JB_OK;
    if (old->member_skip != 0 || left.packed == 0 || left.raw != old->span || old->span < content)
        return JB_OK;
    if (writer->piece != NULL && writer->piece->raw_len > 0)
        code = jbi_writer_group_end(writer, err);
    entry.offset = writer->tar_offset;
    while (code == JB_OK && left.packed > 0) {
        code = copy_large_piece(writer, old, &left, err);
        if (code == JB_OK && left.packed == 0) {
            struct group_record *record = jbi_group_add(writer->piece->cargo, &entry);
            if (record == NULL)
                return jbi_fail_memory(err);
            record->is_large = true;
        }
        if (code == JB_OK)
            code = jbi_writer_group_end(writer, err);
    }
    *is_kept = code == JB_OK;
    return code;
}

int jbi_archive_keep(struct archive_writer *writer, const struct archive_item *item, bool *is_kept,
                     struct jb_error *err)
{
    struct previous *previous = writer->previous;
    *is_kept = false;
    writer->expected[0] = '\0';
    const struct index_entry *old =
        previous ? jbi_previous_unchanged(previous, item->type, item->path, item->link, &item->st)
                 : NULL;
    if (old == NULL)
        return JB_OK;
    bool is_large = old->type == TAR_FILE && old->size > SMALL_MAX;
    int code = previous->only_compare ? JB_OK
               : is_large             ? keep_large(writer, old, is_kept, err)
                                      : keep_small(writer, old, is_kept, err);
    if (code == JB_OK && !*is_kept) {
        writer->expected_of = item->st;
        memcpy(writer->expected, old->sha256, sizeof writer->expected);
    }
    return code;
}
