/* SPDX-License-Identifier: MIT */
/*
 * The caller's thread reads files into groups and writes finished members in order; the threads
 * of the stock take digests and compress. A group's entries travel with it as its cargo, because
 * their index lines need the member's offset, which is known when it is written.
 */
#include "archive/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/writer_parts.h"
#include "base/error.h"
#include "os/file.h"

#define GROUP_MIN     (32u << 10)
#define GROUP_USUAL   (224u << 10) /* with GROUP_MIN before it: about every 256 KiB */
#define READ_ATTEMPTS 3

int jbi_archive_begin(struct archive_writer **out, int archive_fd, int index_fd,
                      const struct members_options *options, struct jb_error *err)
{
    struct archive_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return jbi_fail_memory(err);
    writer->options = options;
    writer->tar = jbi_tar_new();
    writer->file_sum = jbi_digest_new();
    int code = jbi_output_begin(&writer->output, archive_fd, index_fd, options, err);
    if (code == JB_OK && (writer->tar == NULL || writer->file_sum == NULL))
        code = jbi_fail_memory(err);
    if (code == JB_OK)
        code = jbi_pieces_new(&writer->pieces, PIECES_PACK, options->jobs, options->compression,
                              MEMBER_PIECE, err);
    if (code < 0) {
        jbi_archive_free(writer);
        return code;
    }
    jbi_pieces_also(writer->pieces, jbi_group_work, NULL);
    jbi_pieces_cargo(writer->pieces, jbi_group_free);
    *out = writer;
    return JB_OK;
}

void jbi_archive_free(struct archive_writer *writer)
{
    if (writer == NULL)
        return;
    jbi_pieces_end(writer->pieces);
    jbi_output_free(&writer->output);
    jbi_tar_free(writer->tar);
    jbi_digest_free(writer->file_sum);
    jbi_gzip_free(writer->gzip);
    jbi_text_free(&writer->header);
    free(writer);
}

int jbi_writer_member(struct archive_writer *writer, struct piece **out, struct jb_error *err)
{
    *out = jbi_pieces_next(writer->pieces);
    if (*out == NULL)
        return JB_OK;
    int code = jbi_output_member(&writer->output, *out, err);
    if (code < 0)
        return code;
    return jbi_progress(writer->options->hooks, writer->options->step,
                        writer->output.archive.raw_size, 0, "bytes", err);
}

int jbi_writer_group_begin(struct archive_writer *writer, struct jb_error *err)
{
    struct piece *piece = jbi_pieces_free_one(writer->pieces);
    int code = piece == NULL ? jbi_writer_member(writer, &piece, err) : JB_OK;
    if (code < 0 || piece == NULL) /* pieces are free or under way, so one is there */
        return code < 0 ? code : jbi_fail_memory(err);
    writer->piece = piece;
    piece->raw_len = 0;
    return jbi_group_begin(&piece->cargo, err);
}

int jbi_writer_group_end(struct archive_writer *writer, struct jb_error *err)
{
    if (writer->is_kept && !jbi_writer_copy(writer)) {
        int code = jbi_writer_fetch(writer, err);
        if (code < 0)
            return code;
    }
    writer->is_kept = false;
    writer->tar_offset += writer->piece->raw_len;
    jbi_pieces_submit(writer->pieces, writer->piece);
    writer->piece = NULL;
    return JB_OK;
}

int jbi_writer_make_room(struct archive_writer *writer, size_t more, struct jb_error *err)
{
    if (writer->piece != NULL && writer->piece->raw_len > 0 &&
        writer->piece->raw_len + more > GROUP_MAX)
        return jbi_writer_group_end(writer, err);
    return JB_OK;
}

/* Sees to it that a group is open with room for more bytes. */
static int group_reserve(struct archive_writer *writer, size_t more, struct jb_error *err)
{
    int code = jbi_writer_make_room(writer, more, err);
    if (code == JB_OK && writer->piece == NULL)
        code = jbi_writer_group_begin(writer, err);
    if (code == JB_OK && writer->is_kept)
        code = jbi_writer_fetch(writer, err);
    if (code == JB_OK && !jbi_piece_extend(writer->piece, writer->piece->raw_len + more))
        code = jbi_fail_memory(err);
    return code;
}

/* FNV-1a (Fowler, Noll, Vo), 32 bits. */
static uint32_t path_hash(const char *path)
{
    uint32_t hash = 2166136261u;
    for (; *path != '\0'; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619u;
    return hash ^ hash >> 15;
}

int jbi_writer_group_cut(struct archive_writer *writer, const char *path, size_t entry_len,
                         struct jb_error *err)
{
    uint64_t chance = ((uint64_t)entry_len << 32) / GROUP_USUAL;
    if (writer->piece->raw_len >= GROUP_MIN && path_hash(path) < chance)
        return jbi_writer_group_end(writer, err);
    return JB_OK;
}

static void raw_add(struct piece *piece, const void *from, size_t len)
{
    memcpy(piece->raw + piece->raw_len, from, len);
    piece->raw_len += len;
}

static void raw_zeros(struct piece *piece, size_t len)
{
    memset(piece->raw + piece->raw_len, 0, len);
    piece->raw_len += len;
}

/* Encodes the header of the item with this stat into writer->header. */
static int header_encode(struct archive_writer *writer, const struct archive_item *item,
                         const struct stat *st, struct jb_error *err)
{
    struct tar_entry entry = {
        .type = item->type,
        .path = item->path,
        .link = item->link,
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .size = item->type == TAR_FILE ? (uint64_t)st->st_size : 0,
        .mtime_s = st->st_mtim.tv_sec,
        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
        .xattrs = item->xattrs,
        .xattr_count = item->xattr_count,
    };
    writer->header.len = 0;
    jbi_tar_encode(writer->tar, &entry, &writer->header);
    return writer->header.failed ? jbi_fail_memory(err) : JB_OK;
}

/* What the index says of the item; its digest and member come later. */
static struct index_entry index_entry_of(const struct archive_item *item, const struct stat *st,
                                         uint64_t tar_offset)
{
    return (struct index_entry){
        .type = item->type,
        .path = item->path,
        .link = item->link,
        .size = item->type == TAR_FILE ? (uint64_t)st->st_size : 0,
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .mtime_s = st->st_mtim.tv_sec,
        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
        .ctime_s = st->st_ctim.tv_sec,
        .ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
        .inode = st->st_ino & INT64_MAX, /* JSON's integers are signed */
        .device = st->st_dev & INT64_MAX,
        .offset = tar_offset,
    };
}

static int add_without_content(struct archive_writer *writer, const struct archive_item *item,
                               struct jb_error *err)
{
    int code = header_encode(writer, item, &item->st, err);
    if (code == JB_OK)
        code = group_reserve(writer, writer->header.len, err);
    if (code < 0)
        return code;
    struct piece *piece = writer->piece;
    struct index_entry entry = index_entry_of(item, &item->st, writer->tar_offset + piece->raw_len);
    entry.member_skip = piece->raw_len;
    entry.span = writer->header.len;
    if (jbi_group_add(piece->cargo, &entry) == NULL)
        return jbi_fail_memory(err);
    raw_add(piece, writer->header.at, writer->header.len);
    return jbi_writer_group_cut(writer, item->path, writer->header.len, err);
}

static bool is_same_content(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* What was read of the item is to be compared, if nothing of it has changed since it was asked
 * whether it can be kept. */
static void expect(const struct archive_writer *writer, const struct stat *st,
                   struct group_record *record)
{
    const struct stat *asked = &writer->expected_of;
    if (asked->st_ino == st->st_ino && asked->st_size == st->st_size && is_same_content(asked, st))
        memcpy(record->expected, writer->expected, sizeof record->expected);
}

/* One reading of at most room bytes, or -1: short only at the file's end. */
static ssize_t read_small(int fd, unsigned char *to, size_t room)
{
    ssize_t got = pread(fd, to, room, 0);
    if (got < 0 || (size_t)got >= room - 1)
        return got;
    ssize_t more = jbi_pread_full(fd, to + got, room - (size_t)got, (uint64_t)got);
    return more < 0 ? -1 : got + more;
}

enum small_result { SMALL_STABLE, SMALL_CHANGED, SMALL_LARGE, SMALL_UNREADABLE };

/* Reads the file behind the place of its header in the group. *st becomes that of the content. */
static int small_read(struct archive_writer *writer, const struct archive_item *item, int fd,
                      struct stat *st, size_t *got, enum small_result *result, struct jb_error *err)
{
    for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
        struct stat after;
        if (st->st_size > SMALL_MAX) {
            *result = SMALL_LARGE;
            return JB_OK;
        }
        size_t size = (size_t)st->st_size;
        int code = header_encode(writer, item, st, err);
        if (code == JB_OK)
            code = group_reserve(writer, writer->header.len + size + TAR_BLOCK, err);
        if (code < 0)
            return code;
        struct piece *piece = writer->piece;
        /* One byte more than expected is asked for, to see a file that grows. */
        ssize_t n = read_small(fd, piece->raw + piece->raw_len + writer->header.len, size + 1);
        if (n < 0 || fstat(fd, &after) < 0) {
            *result = SMALL_UNREADABLE;
            return JB_OK;
        }
        *got = (size_t)n < size ? (size_t)n : size;
        *result = (size_t)n == size && is_same_content(st, &after) ? SMALL_STABLE : SMALL_CHANGED;
        if (*result == SMALL_STABLE)
            return JB_OK;
        if (attempt + 1 < READ_ATTEMPTS)
            *st = after;
    }
    return JB_OK;
}

static int add_large(struct archive_writer *writer, const struct archive_item *item, int fd,
                     const struct stat *st, struct archive_outcome *outcome, struct jb_error *err);

static int add_small(struct archive_writer *writer, const struct archive_item *item, int fd,
                     struct archive_outcome *outcome, struct jb_error *err)
{
    struct stat st = item->st;
    size_t got = 0;
    enum small_result result = SMALL_STABLE;
    int code = small_read(writer, item, fd, &st, &got, &result, err);
    if (code < 0)
        return code;
    if (result == SMALL_LARGE)
        return add_large(writer, item, fd, &st, outcome, err);
    if (result == SMALL_UNREADABLE) {
        outcome->is_missing = true;
        outcome->sys_errno = errno;
        return JB_OK;
    }
    outcome->has_changed = result == SMALL_CHANGED;
    if (got != (size_t)st.st_size) {
        st.st_size = (off_t)got;
        code = header_encode(writer, item, &st, err); /* of the same length as before */
        if (code < 0)
            return code;
    }
    struct piece *piece = writer->piece;
    size_t entry_begin = piece->raw_len;
    struct index_entry entry = index_entry_of(item, &st, writer->tar_offset + entry_begin);
    entry.member_skip = entry_begin;
    if (result == SMALL_STABLE)
        entry.span = writer->header.len + got + jbi_tar_padding(got);
    struct group_record *record = jbi_group_add(piece->cargo, &entry);
    if (record == NULL)
        return jbi_fail_memory(err);
    raw_add(piece, writer->header.at, writer->header.len);
    record->content_at = piece->raw_len;
    record->has_content = true;
    expect(writer, &st, record);
    piece->raw_len += got;
    raw_zeros(piece, jbi_tar_padding(got));
    outcome->size = got;
    return jbi_writer_group_cut(writer, item->path, piece->raw_len - entry_begin, err);
}

/* Fills the piece with the next bytes of the file; what can't be read becomes zeros. */
static void large_read(struct archive_writer *writer, int fd, uint64_t offset, size_t want,
                       struct archive_outcome *outcome)
{
    struct piece *piece = writer->piece;
    unsigned char *to = piece->raw + piece->raw_len;
    ssize_t got = 0;
    if (!outcome->is_cut && !outcome->has_shrunk) {
        got = jbi_pread_full(fd, to, want, offset);
        outcome->is_cut = got < 0;
        outcome->sys_errno = got < 0 ? errno : 0;
        outcome->has_shrunk = got >= 0 && (size_t)got < want;
    }
    size_t have = got > 0 ? (size_t)got : 0;
    memset(to + have, 0, want - have);
    jbi_digest_add(writer->file_sum, to, want);
    piece->raw_len += want;
}

static int add_large(struct archive_writer *writer, const struct archive_item *item, int fd,
                     const struct stat *st, struct archive_outcome *outcome, struct jb_error *err)
{
    uint64_t size = (uint64_t)st->st_size;
    int code = JB_OK;
    if (writer->piece != NULL && writer->piece->raw_len > 0)
        code = jbi_writer_group_end(writer, err);
    if (code == JB_OK)
        code = header_encode(writer, item, st, err);
    if (code == JB_OK)
        code = group_reserve(writer, writer->header.len + MEMBER_PIECE + TAR_BLOCK, err);
    if (code < 0)
        return code;
    struct index_entry entry = index_entry_of(item, st, writer->tar_offset);
    entry.span = writer->header.len + size + jbi_tar_padding(size);
    ((struct group *)writer->piece->cargo)->begins_large = true;
    raw_add(writer->piece, writer->header.at, writer->header.len);
    jbi_digest_begin(writer->file_sum);
    for (uint64_t offset = 0; offset < size; offset += MEMBER_PIECE) {
        size_t want = size - offset < MEMBER_PIECE ? (size_t)(size - offset) : MEMBER_PIECE;
        if (writer->piece == NULL)
            code = group_reserve(writer, want + TAR_BLOCK, err);
        if (code < 0)
            return code;
        large_read(writer, fd, offset, want, outcome);
        if (offset + want < size)
            code = jbi_writer_group_end(writer, err);
    }
    if (code < 0)
        return code;
    raw_zeros(writer->piece, jbi_tar_padding(size));
    jbi_digest_end(writer->file_sum, entry.sha256);
    struct stat after;
    outcome->has_changed = fstat(fd, &after) == 0 && !is_same_content(st, &after);
    outcome->size = size;
    bool is_stable = !outcome->has_changed && !outcome->is_cut && !outcome->has_shrunk;
    entry.span = is_stable ? entry.span : 0;
    struct group_record *record = jbi_group_add(writer->piece->cargo, &entry);
    if (record == NULL)
        return jbi_fail_memory(err);
    record->is_large = true;
    if (is_stable)
        expect(writer, st, record);
    return jbi_writer_group_end(writer, err);
}

int jbi_archive_add(struct archive_writer *writer, const struct archive_item *item, int content_fd,
                    struct archive_outcome *outcome, struct jb_error *err)
{
    *outcome = (struct archive_outcome){0};
    if (item->type != TAR_FILE)
        return add_without_content(writer, item, err);
    if (item->st.st_size > SMALL_MAX)
        return add_large(writer, item, content_fd, &item->st, outcome, err);
    return add_small(writer, item, content_fd, outcome, err);
}

static int end_mark_add(struct archive_writer *writer, struct jb_error *err)
{
    int code = group_reserve(writer, TAR_END_SIZE, err);
    if (code == JB_OK)
        raw_zeros(writer->piece, TAR_END_SIZE);
    return code;
}

int jbi_archive_end(struct archive_writer *writer, struct archive_totals *totals,
                    struct jb_error *err)
{
    struct piece *piece;
    int code = jbi_writer_end_mark_kept(writer) ? JB_OK : end_mark_add(writer, err);
    if (code == JB_OK)
        code = jbi_writer_group_end(writer, err);
    if (code < 0)
        return code;
    do {
        code = jbi_writer_member(writer, &piece, err);
    } while (code == JB_OK && piece != NULL);
    if (code == JB_OK)
        code = jbi_output_end(&writer->output, err);
    totals->archive = writer->output.archive;
    totals->index = writer->output.index;
    totals->copied = writer->output.copied;
    totals->is_same = writer->output.same != NULL;
    return code;
}
