/* SPDX-License-Identifier: MIT */
/* Writing members in order. An entry's line is made when its member is written: before that, the
 * member's offset is not known. */
#include "archive/output.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "archive/group.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

#define WRITEBACK_STEP (16u << 20)
#define COPY_STEP      (64u << 10)

int jbi_output_begin(struct archive_output *output, int archive_fd, int index_fd,
                     const struct members_options *options, struct jb_error *err)
{
    *output = (struct archive_output){
        .archive_fd = archive_fd,
        .index_fd = index_fd,
        .index_gzip = jbi_gzip_new(options->compression),
        .index_sum = jbi_digest_new(),
    };
    if (output->index_gzip == NULL || output->index_sum == NULL)
        return jbi_fail_memory(err);
    jbi_digest_begin(output->index_sum);
    return jbi_readback_begin(&output->readback, archive_fd, options->name, err);
}

void jbi_output_free(struct archive_output *output)
{
    jbi_gzip_free(output->index_gzip);
    jbi_readback_free(output->readback);
    jbi_digest_free(output->index_sum);
    jbi_text_free(&output->lines);
}

static void count_written(struct members_totals *totals, size_t len, uint32_t crc32, size_t raw_len)
{
    totals->crc32 = jbi_crc32_join(totals->crc32, crc32, len);
    totals->size += len;
    totals->raw_size += raw_len;
}

/* Compresses the lines gathered so far into one member of the index. */
static int index_flush(struct archive_output *output, struct jb_error *err)
{
    scope_free unsigned char *packed = malloc(jbi_gzip_bound(output->lines.len));
    if (packed == NULL || output->lines.failed)
        return jbi_fail_memory(err);
    size_t len = jbi_gzip_member(output->index_gzip, output->lines.at, output->lines.len, packed);
    if (len == 0)
        return jbi_fail_memory(err);
    jbi_digest_add(output->index_sum, packed, len);
    count_written(&output->index, len, jbi_crc32(0, packed, len), output->lines.len);
    output->lines.len = 0;
    if (jbi_write_full(output->index_fd, packed, len) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the index of the code archive");
    return JB_OK;
}

static int copy_damaged(struct archive_output *output, struct jb_error *err)
{
    output->is_copy_damaged = true;
    return jbi_fail(err, JB_ECORRUPT, "the archive before is not what its index says");
}

/* Content that differs from what was expected: of a file that was read, its times don't tell; of
 * one that was taken from the archive before, that archive or its index lies. */
static int check_expected(struct archive_output *output, const struct group_record *record,
                          struct jb_error *err)
{
    if (record->expected[0] == '\0' || strcmp(record->expected, record->entry.sha256) == 0)
        return JB_OK;
    if (record->is_fetched)
        return copy_damaged(output, err);
    if (output->differs != NULL)
        output->differs(output->user, record->entry.path);
    return JB_OK;
}

static int index_add(struct archive_output *output, const struct piece *piece, struct jb_error *err)
{
    const struct group *group = piece->cargo;
    int code = JB_OK;
    for (size_t i = 0; i < group->count && code == JB_OK; i++) {
        struct index_entry entry = group->records[i].entry;
        entry.member = output->row_offset;
        if (i == 0)
            entry.row = output->row;
        code = check_expected(output, &group->records[i], err);
        if (code < 0)
            return code;
        jbi_index_line(&output->lines, &entry);
        if (output->lines.len >= MEMBER_PIECE)
            code = index_flush(output, err);
    }
    return code;
}

/* Lets the kernel begin to write early, so that the fsync at the end has little left to do. */
static void write_back(struct archive_output *output)
{
    uint64_t size = output->archive.size;
    if (size - output->written_back < WRITEBACK_STEP)
        return;
    sync_file_range(output->archive_fd, (off_t)output->written_back,
                    (off_t)(size - output->written_back), SYNC_FILE_RANGE_WRITE);
    output->written_back = size;
}

/* Adds the member to its row. The pieces of a large file have no record but the last. */
static void row_add(struct archive_output *output, const struct piece *piece)
{
    const struct group *group = piece->cargo;
    struct index_row *row = &output->row;
    bool goes_on = !group->begins_large && (group->count == 0 || group->records[0].is_large);
    if (!goes_on) {
        output->row_offset = piece->offset;
        *row = (struct index_row){0};
    }
    row->crc32 = jbi_crc32_join(row->crc32, piece->crc32, piece->packed_len);
    row->packed += piece->packed_len;
    row->raw += piece->raw_len;
}

static bool is_expected_row(const struct archive_output *output, const struct group *group)
{
    const struct index_row *got = &output->row, *want = &group->copy.row;
    return group->copy.fd < 0 || group->count == 0 ||
           (got->packed == want->packed && got->raw == want->raw && got->crc32 == want->crc32);
}

/* Copies the first bytes of the archive before: without reading them where the file system shares
 * blocks. */
static int copy_range(const struct archive_output *output, struct jb_error *err)
{
    unsigned char buffer[COPY_STEP];
    off_t at = 0, end = (off_t)output->archive.size;
    while (at < end) {
        size_t left = (size_t)(end - at), want = left < sizeof buffer ? left : sizeof buffer;
        if (copy_file_range(output->same->archive_fd, &at, output->archive_fd, NULL, left, 0) > 0)
            continue;
        if (jbi_pread_full(output->same->archive_fd, buffer, want, (uint64_t)at) != (ssize_t)want ||
            jbi_write_full(output->archive_fd, buffer, want) < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot copy from the archive before");
        at += (off_t)want;
    }
    return JB_OK;
}

/* The archive differs from the one before from here on: writes what was the same so far. */
static int catch_up(struct archive_output *output, struct jb_error *err)
{
    int code = copy_range(output, err);
    output->same = NULL;
    if (code == JB_OK)
        jbi_readback_tell(output->readback, output->archive.size);
    return code;
}

/* Nothing is written as long as it would be what the archive before has at the same place. */
static int piece_write(struct archive_output *output, const struct piece *piece,
                       struct jb_error *err)
{
    const struct group_copy *copy = &((const struct group *)piece->cargo)->copy;
    int code = JB_OK;
    if (output->same != NULL && (copy->fd < 0 || copy->offset != output->archive.size))
        code = catch_up(output, err);
    if (code < 0 || output->same != NULL)
        return code;
    if (jbi_write_full(output->archive_fd, piece->packed, piece->packed_len) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the code archive");
    return JB_OK;
}

int jbi_output_member(struct archive_output *output, struct piece *piece, struct jb_error *err)
{
    const struct group *group = piece->cargo;
    if (piece->packed_len == 0)
        return group->copy.fd >= 0 ? copy_damaged(output, err) : jbi_fail_memory(err);
    int code = piece_write(output, piece, err);
    if (code < 0)
        return code;
    piece->offset = output->archive.size;
    row_add(output, piece);
    if (!is_expected_row(output, group))
        return copy_damaged(output, err);
    count_written(&output->archive, piece->packed_len, piece->crc32, piece->raw_len);
    output->copied += group->copy.fd >= 0 ? piece->packed_len : 0;
    if (output->same == NULL) {
        jbi_readback_tell(output->readback, output->archive.size);
        write_back(output);
    }
    return index_add(output, piece, err);
}

int jbi_output_end(struct archive_output *output, struct jb_error *err)
{
    int code = index_flush(output, err);
    if (code == JB_OK && output->same != NULL && output->archive.size != output->same->archive_size)
        code = catch_up(output, err);
    jbi_digest_end(output->index_sum, output->index.sha256);
    if (code < 0 || output->same != NULL)
        return code;
    return jbi_readback_end(output->readback, output->archive.crc32, output->archive.sha256, err);
}
