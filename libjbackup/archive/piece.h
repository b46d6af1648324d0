/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_PIECE_H
#define JBI_ARCHIVE_PIECE_H

#include <jbackup.h>
#include <stdbool.h>

#include "adapter/digest.h"
#include "adapter/gzip.h"

/* A member of another file that may be the packed form of a piece already. */
struct piece_old {
    int fd;
    uint64_t offset;
    uint32_t packed, raw; /* as its header tells; packed 0: there is none */
    bool is_taken;        /* the packed form is that member: unpacked, it is the content */
    bool is_damaged;
};

/* One member, or one piece of a zlib stream, under way: its content and its packed form. */
struct piece {
    unsigned char *raw;
    size_t raw_len, raw_room;
    unsigned char *packed;
    size_t packed_len, packed_room;
    uint64_t offset; /* of the member in the packed file */
    uint32_t crc32;  /* packing: of the packed form */
    bool is_packed;  /* packing: the work beside it has made the packed form; not packed again */
    struct piece_old old; /* packing: offered by the user */
    bool is_good;         /* unpacking: the content agrees with the member's CRC and lengths */
    uint32_t adler;       /* of the content, for pieces of a zlib stream */
    struct piece *next_free;
    void *cargo; /* the user's, kept with the piece over its lives */
};

/* Gzip members, or pieces of zlib streams; of the latter an empty one passes as it is, and raw_len
 * says on submitting PIECES_INFLATE how much the content may be, then how much it is. */
enum pieces_direction { PIECES_PACK, PIECES_UNPACK, PIECES_DEFLATE, PIECES_INFLATE };

/*
 * A fixed stock of pieces and the threads that pack or unpack them, given back in order:
 *
 *     free_one() -> fill -> submit() ... next() -> use -> fill anew -> submit(), or give_back()
 *
 * What next() returned belongs to the caller again, as if free_one() had returned it.
 */
struct pieces;

/* Each piece has room for raw_room bytes to begin with. */
int jbi_pieces_new(struct pieces **out, enum pieces_direction direction, unsigned jobs,
                   enum compression compression, size_t raw_room, struct jb_error *err);
/* A piece that is not in use; NULL: all are under way, take next(). */
struct piece *jbi_pieces_free_one(struct pieces *pieces);
void jbi_pieces_give_back(struct pieces *pieces, struct piece *piece);
/* Packing makes packed from raw (packed_len 0: out of memory), unless is_packed; unpacking the
 * other way. */
void jbi_pieces_submit(struct pieces *pieces, struct piece *piece);
struct piece *jbi_pieces_next(struct pieces *pieces); /* NULL: none is under way */
void jbi_pieces_end(struct pieces *pieces);           /* NULL is fine */

/* Work that runs in the thread, before packing: e.g. the digests of the files in the piece. */
typedef void (*piece_work)(void *user, struct piece *piece, struct digest *digest);
void jbi_pieces_also(struct pieces *pieces, piece_work work, void *user);

/* Called for each piece's cargo at the end. */
typedef void (*piece_cargo_free)(void *cargo);
void jbi_pieces_cargo(struct pieces *pieces, piece_cargo_free free_cargo);

/* Room for raw_len raw bytes and their packed form; false if out of memory. */
bool jbi_piece_reserve(struct piece *piece, size_t raw_len);
/* Room for len packed bytes; false if out of memory. */
bool jbi_piece_reserve_packed(struct piece *piece, size_t len);
/* Room for raw_len raw bytes, keeping the raw_len that are there; false if out of memory. */
bool jbi_piece_extend(struct piece *piece, size_t raw_len);

#endif
