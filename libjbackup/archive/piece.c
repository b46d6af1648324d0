/* SPDX-License-Identifier: MIT */
/* The stock of pieces. Its size bounds the memory: workers * 2 + 2 pieces of about two
 * MEMBER_PIECE. */
#include "archive/piece.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "os/file.h"
#include "os/pipeline.h"

struct worker {
    struct gzip *gzip;
    unsigned char *again; /* content that is compared */
    size_t again_room;
    struct digest *digest;
};

struct pieces {
    enum pieces_direction direction;
    struct pipeline *pipeline;
    struct worker *workers;
    unsigned worker_count;
    struct piece *stock;
    unsigned stock_count;
    struct piece *free_list;
    piece_work also;
    void *also_user;
    piece_cargo_free free_cargo;
};

/* Content is overwritten as a whole, so nothing is kept when growing. */
static bool buffer_reserve(unsigned char **at, size_t *room, size_t need)
{
    if (need <= *room)
        return true;
    unsigned char *grown = malloc(need);
    if (grown == NULL)
        return false;
    free(*at);
    *at = grown;
    *room = need;
    return true;
}

bool jbi_piece_reserve(struct piece *piece, size_t raw_len)
{
    return buffer_reserve(&piece->raw, &piece->raw_room, raw_len) &&
           buffer_reserve(&piece->packed, &piece->packed_room,
                          jbi_gzip_bound(raw_len) + PIECE_SLACK);
}

bool jbi_piece_reserve_packed(struct piece *piece, size_t len)
{
    return buffer_reserve(&piece->packed, &piece->packed_room, len);
}

bool jbi_piece_extend(struct piece *piece, size_t raw_len)
{
    if (raw_len <= piece->raw_room)
        return true;
    unsigned char *grown = realloc(piece->raw, raw_len);
    if (grown == NULL)
        return false;
    piece->raw = grown;
    piece->raw_room = raw_len;
    return true;
}

/* Takes the old member if it unpacks to the content. Its CRC tells most changes at once. */
static bool take_old(struct worker *worker, struct piece *piece)
{
    unsigned char told[GZIP_TRAILER_SIZE];
    struct piece_old *old = &piece->old;
    old->is_taken = old->is_damaged = false;
    if (old->packed <= GZIP_HEADER_SIZE + GZIP_TRAILER_SIZE || old->raw != piece->raw_len)
        return false;
    uint64_t told_at = old->offset + old->packed - GZIP_TRAILER_SIZE;
    if (jbi_pread_full(old->fd, told, sizeof told, told_at) != (ssize_t)sizeof told ||
        jbi_gzip_told_crc32(told) != jbi_crc32(0, piece->raw, piece->raw_len) ||
        !jbi_piece_reserve_packed(piece, old->packed) ||
        !buffer_reserve(&worker->again, &worker->again_room, old->raw + 1))
        return false;
    ssize_t got = jbi_pread_full(old->fd, piece->packed, old->packed, old->offset);
    old->is_damaged =
        got != (ssize_t)old->packed ||
        !jbi_gzip_inflate(worker->gzip, piece->packed, old->packed, worker->again, old->raw);
    old->is_taken = !old->is_damaged && memcmp(worker->again, piece->raw, piece->raw_len) == 0;
    if (old->is_taken)
        piece->packed_len = old->packed;
    return old->is_taken;
}

static void pack(struct pieces *pieces, struct worker *worker, struct piece *piece)
{
    struct gzip *gzip = worker->gzip;
    bool is_member = pieces->direction == PIECES_PACK;
    piece->packed_len = 0;
    if (is_member && take_old(worker, piece))
        return;
    if ((!is_member && piece->raw_len == 0) ||
        !buffer_reserve(&piece->packed, &piece->packed_room, jbi_gzip_bound(piece->raw_len)))
        return;
    if (is_member) {
        piece->packed_len = jbi_gzip_member(gzip, piece->raw, piece->raw_len, piece->packed);
        return;
    }
    piece->adler = jbi_adler32(1, piece->raw, piece->raw_len);
    piece->packed_len = jbi_deflate_piece(gzip, piece->raw, piece->raw_len, piece->packed);
}

static void unpack(struct pieces *pieces, struct gzip *gzip, struct piece *piece)
{
    if (pieces->direction == PIECES_UNPACK) {
        piece->is_good =
            jbi_gzip_inflate(gzip, piece->packed, piece->packed_len, piece->raw, piece->raw_len);
        return;
    }
    piece->is_good = piece->packed_len == 0;
    if (piece->is_good) {
        piece->raw_len = 0;
        return;
    }
    piece->is_good = jbi_inflate_piece(gzip, piece->packed, piece->packed_len, piece->raw,
                                       piece->raw_len, &piece->raw_len);
    if (piece->is_good)
        piece->adler = jbi_adler32(1, piece->raw, piece->raw_len);
}

static void work(void *user, unsigned number, void *job)
{
    struct pieces *pieces = user;
    struct worker *worker = &pieces->workers[number];
    struct piece *piece = job;
    piece->is_packed = false;
    if (pieces->also != NULL)
        pieces->also(pieces->also_user, piece, worker->digest);
    if (pieces->direction == PIECES_UNPACK || pieces->direction == PIECES_INFLATE)
        unpack(pieces, worker->gzip, piece);
    else if (!piece->is_packed)
        pack(pieces, worker, piece);
    if (pieces->direction == PIECES_PACK && piece->packed_len > 0)
        piece->crc32 = jbi_crc32(0, piece->packed, piece->packed_len);
}

static bool workers_begin(struct pieces *pieces, enum compression compression)
{
    for (unsigned i = 0; i < pieces->worker_count; i++) {
        pieces->workers[i].gzip = jbi_gzip_new(compression);
        pieces->workers[i].digest = jbi_digest_new();
        if (pieces->workers[i].gzip == NULL || pieces->workers[i].digest == NULL)
            return false;
    }
    return true;
}

static bool stock_begin(struct pieces *pieces, size_t raw_room)
{
    for (unsigned i = 0; i < pieces->stock_count; i++) {
        if (!buffer_reserve(&pieces->stock[i].raw, &pieces->stock[i].raw_room, raw_room))
            return false;
        jbi_pieces_give_back(pieces, &pieces->stock[i]);
    }
    return true;
}

int jbi_pieces_new(struct pieces **out, enum pieces_direction direction, unsigned jobs,
                   enum compression compression, size_t raw_room, struct jb_error *err)
{
    struct pieces *pieces = calloc(1, sizeof *pieces);
    if (pieces == NULL)
        return jbi_fail_memory(err);
    pieces->direction = direction;
    pieces->worker_count = jbi_worker_count(jobs);
    pieces->stock_count = 2 * pieces->worker_count + 2;
    pieces->workers = calloc(pieces->worker_count, sizeof *pieces->workers);
    pieces->stock = calloc(pieces->stock_count, sizeof *pieces->stock);
    bool has_memory = pieces->workers != NULL && pieces->stock != NULL &&
                      workers_begin(pieces, compression) && stock_begin(pieces, raw_room);
    int code = has_memory ? jbi_pipeline_new(&pieces->pipeline, pieces->worker_count,
                                             pieces->stock_count, work, pieces, err)
                          : jbi_fail_memory(err);
    if (code < 0)
        jbi_pieces_end(pieces);
    else
        *out = pieces;
    return code;
}

void jbi_pieces_also(struct pieces *pieces, piece_work also, void *user)
{
    pieces->also = also;
    pieces->also_user = user;
}

void jbi_pieces_cargo(struct pieces *pieces, piece_cargo_free free_cargo)
{
    pieces->free_cargo = free_cargo;
}

struct piece *jbi_pieces_free_one(struct pieces *pieces)
{
    struct piece *piece = pieces->free_list;
    if (piece != NULL)
        pieces->free_list = piece->next_free;
    return piece;
}

void jbi_pieces_give_back(struct pieces *pieces, struct piece *piece)
{
    piece->next_free = pieces->free_list;
    pieces->free_list = piece;
}

void jbi_pieces_submit(struct pieces *pieces, struct piece *piece)
{
    jbi_pipeline_submit(pieces->pipeline, piece);
}

struct piece *jbi_pieces_next(struct pieces *pieces)
{
    return jbi_pipeline_next(pieces->pipeline);
}

void jbi_pieces_end(struct pieces *pieces)
{
    if (pieces == NULL)
        return;
    jbi_pipeline_free(pieces->pipeline);
    for (unsigned i = 0; pieces->workers != NULL && i < pieces->worker_count; i++) {
        jbi_gzip_free(pieces->workers[i].gzip);
        jbi_digest_free(pieces->workers[i].digest);
        free(pieces->workers[i].again);
    }
    for (unsigned i = 0; pieces->stock != NULL && i < pieces->stock_count; i++) {
        if (pieces->free_cargo != NULL)
            pieces->free_cargo(pieces->stock[i].cargo);
        free(pieces->stock[i].raw);
        free(pieces->stock[i].packed);
    }
    free(pieces->workers);
    free(pieces->stock);
    free(pieces);
}
