/* SPDX-License-Identifier: MIT */
/*
 * Packing and unpacking a row of members with a pipeline. A piece carries its raw bytes and its
 * packed ones; which of the two is made from the other is the only difference between directions.
 */
#include "archive/members.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "archive/piece.h"
#include "base/error.h"
#include "os/file.h"

/* The file that was packed before, walked from member to member beside the pieces. */
struct walk {
    int fd; /* -1: none, or nothing more of it is offered */
    uint64_t at, size;
};

static struct walk walk_begin(const int *fd)
{
    struct stat st;
    if (fd == NULL || fstat(*fd, &st) < 0)
        return (struct walk){.fd = -1};
    return (struct walk){*fd, 0, (uint64_t)st.st_size};
}

/* Offers the piece the member at its place: each piece but the last has the same length. */
static void offer_old(struct walk *walk, struct piece *piece, struct members_totals *totals)
{
    unsigned char header[GZIP_HEADER_SIZE];
    struct piece_old old = {.fd = walk->fd, .offset = walk->at};
    piece->old = (struct piece_old){0};
    if (walk->fd < 0 || walk->at >= walk->size)
        return;
    if (jbi_pread_full(walk->fd, header, sizeof header, walk->at) != GZIP_HEADER_SIZE ||
        !jbi_gzip_lengths(header, &old.packed, &old.raw)) {
        totals->is_previous_damaged = true;
        walk->fd = -1;
        return;
    }
    walk->at += old.packed;
    piece->old = old;
}

/* Takes the oldest piece back and writes it; JB_OK with *piece NULL when none is left. */
static int pack_next(struct pieces *pieces, int out_fd, const struct members_options *options,
                     struct digest *sum, struct members_totals *totals, struct piece **piece,
                     struct jb_error *err)
{
    *piece = jbi_pieces_next(pieces);
    if (*piece == NULL)
        return JB_OK;
    if ((*piece)->packed_len == 0)
        return jbi_fail_memory(err);
    jbi_digest_add(sum, (*piece)->packed, (*piece)->packed_len);
    totals->crc32 = jbi_crc32_join(totals->crc32, (*piece)->crc32, (*piece)->packed_len);
    totals->size += (*piece)->packed_len;
    totals->copied += (*piece)->old.is_taken ? (*piece)->packed_len : 0;
    totals->is_previous_damaged |= (*piece)->old.is_damaged;
    if (jbi_write_full(out_fd, (*piece)->packed, (*piece)->packed_len) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write %s", options->name);
    return jbi_progress(options->hooks, options->step, totals->raw_size, 0, "bytes", err);
}

static int pack_all(struct pieces *pieces, int in_fd, int out_fd,
                    const struct members_options *options, struct digest *sum,
                    struct members_totals *totals, struct jb_error *err)
{
    struct piece *piece;
    struct walk walk = walk_begin(options->previous_fd);
    bool is_first = true;
    for (;;) {
        piece = jbi_pieces_free_one(pieces);
        while (piece == NULL) {
            int code = pack_next(pieces, out_fd, options, sum, totals, &piece, err);
            if (code < 0)
                return code;
        }
        ssize_t got = jbi_read_full(in_fd, piece->raw, MEMBER_PIECE);
        if (got < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot read what goes into %s", options->name);
        if (got == 0 && !is_first)
            break;
        is_first = false;
        piece->raw_len = (size_t)got;
        totals->raw_size += (size_t)got;
        offer_old(&walk, piece, totals);
        jbi_pieces_submit(pieces, piece);
    }
    do {
        int code = pack_next(pieces, out_fd, options, sum, totals, &piece, err);
        if (code < 0)
            return code;
    } while (piece != NULL);
    return JB_OK;
}

int jbi_members_pack(int in_fd, int out_fd, const struct members_options *options,
                     struct members_totals *totals, struct jb_error *err)
{
    *totals = (struct members_totals){0};
    scope_digest *sum = jbi_digest_new();
    if (sum == NULL)
        return jbi_fail_memory(err);
    jbi_digest_begin(sum);
    struct pieces *pieces;
    int code = jbi_pieces_new(&pieces, PIECES_PACK, options->jobs, options->compression,
                              MEMBER_PIECE, err);
    if (code < 0)
        return code;
    code = pack_all(pieces, in_fd, out_fd, options, sum, totals, err);
    jbi_pieces_end(pieces);
    jbi_digest_end(sum, totals->sha256);
    return code;
}

struct unpacking {
    int in_fd;
    const struct members_options *options;
    struct digest *sum;
    members_consume consume;
    void *user;
    struct members_totals *totals;
    struct pieces *pieces;
};

static int damaged(const struct unpacking *u, uint64_t offset, const char *what,
                   struct jb_error *err)
{
    u->totals->damage_offset = offset;
    return jbi_fail(err, JB_ECORRUPT, "%s is damaged at offset %llu: %s", u->options->name,
                    (unsigned long long)offset, what);
}

/* Reads the next member into the piece; *is_end where the file ends cleanly. */
static int member_read(struct unpacking *u, struct piece *piece, bool *is_end, struct jb_error *err)
{
    unsigned char header[GZIP_HEADER_SIZE];
    uint32_t total, raw;
    piece->offset = u->totals->size;
    ssize_t got = jbi_read_full(u->in_fd, header, sizeof header);
    if (got < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read %s", u->options->name);
    *is_end = got == 0;
    if (*is_end)
        return JB_OK;
    if (got < GZIP_HEADER_SIZE || !jbi_gzip_lengths(header, &total, &raw))
        return damaged(u, piece->offset, "no gzip member of jbackup's begins there", err);
    if (!jbi_piece_reserve(piece, raw))
        return jbi_fail_memory(err);
    memcpy(piece->packed, header, sizeof header);
    size_t rest = total - GZIP_HEADER_SIZE;
    got = jbi_read_full(u->in_fd, piece->packed + GZIP_HEADER_SIZE, rest);
    if (got < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read %s", u->options->name);
    if ((size_t)got < rest)
        return damaged(u, piece->offset, "the file ends within a member", err);
    piece->packed_len = total;
    piece->raw_len = raw;
    u->totals->size += total;
    jbi_digest_add(u->sum, piece->packed, total);
    return JB_OK;
}

static int unpack_next(struct unpacking *u, struct piece **piece, struct jb_error *err)
{
    *piece = jbi_pieces_next(u->pieces);
    if (*piece == NULL)
        return JB_OK;
    if (!(*piece)->is_good)
        return damaged(u, (*piece)->offset, "the member's content does not match its checksum",
                       err);
    u->totals->raw_size += (*piece)->raw_len;
    int code = u->consume(u->user, (*piece)->raw, (*piece)->raw_len, err);
    if (code == JB_ECORRUPT)
        u->totals->damage_offset = (*piece)->offset;
    if (code != JB_OK)
        return code;
    return jbi_progress(u->options->hooks, u->options->step, u->totals->raw_size, 0, "bytes", err);
}

static int unpack_all(struct unpacking *u, struct jb_error *err)
{
    struct piece *piece;
    bool is_end = false;
    while (!is_end) {
        piece = jbi_pieces_free_one(u->pieces);
        int code = piece == NULL ? unpack_next(u, &piece, err) : JB_OK;
        if (code == JB_OK)
            code = member_read(u, piece, &is_end, err);
        if (code != JB_OK)
            return code;
        if (!is_end)
            jbi_pieces_submit(u->pieces, piece);
    }
    do {
        int code = unpack_next(u, &piece, err);
        if (code != JB_OK)
            return code;
    } while (piece != NULL);
    if (u->totals->size == 0)
        return damaged(u, 0, "the file is empty", err);
    return JB_OK;
}

/* After damage the digest of the whole file is still wanted: it says whether the file differs from
 * what was stored or was stored so. */
static void digest_rest(struct unpacking *u)
{
    unsigned char buffer[64 * 1024];
    ssize_t got;
    if (lseek(u->in_fd, 0, SEEK_SET) < 0)
        return;
    jbi_digest_begin(u->sum);
    u->totals->size = 0;
    while ((got = jbi_read_full(u->in_fd, buffer, sizeof buffer)) > 0) {
        jbi_digest_add(u->sum, buffer, (size_t)got);
        u->totals->size += (size_t)got;
    }
}

int jbi_members_unpack(int in_fd, const struct members_options *options, members_consume consume,
                       void *user, struct members_totals *totals, struct jb_error *err)
{
    struct members_totals unwanted;
    struct unpacking u = {
        .in_fd = in_fd,
        .options = options,
        .consume = consume,
        .user = user,
        .totals = totals ? totals : &unwanted,
    };
    *u.totals = (struct members_totals){0};
    scope_digest *sum = jbi_digest_new();
    if (sum == NULL)
        return jbi_fail_memory(err);
    jbi_digest_begin(sum);
    u.sum = sum;
    int code = jbi_pieces_new(&u.pieces, PIECES_UNPACK, options->jobs, options->compression,
                              MEMBER_PIECE, err);
    if (code < 0)
        return code;
    code = unpack_all(&u, err);
    jbi_pieces_end(u.pieces);
    if (code == JB_ECORRUPT && totals != NULL)
        digest_rest(&u);
    jbi_digest_end(sum, u.totals->sha256);
    return code;
}

struct target {
    int fd;
    const char *name;
};

static int write_raw(void *user, const unsigned char *raw, size_t len, struct jb_error *err)
{
    const struct target *target = user;
    if (jbi_write_full(target->fd, raw, len) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the content of %s", target->name);
    return JB_OK;
}

int jbi_members_unpack_to(int in_fd, int out_fd, const struct members_options *options,
                          struct members_totals *totals, struct jb_error *err)
{
    struct target target = {out_fd, options->name};
    return jbi_members_unpack(in_fd, options, write_raw, &target, totals, err);
}
