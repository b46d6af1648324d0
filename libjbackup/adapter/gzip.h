/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_GZIP_H
#define JBI_ADAPTER_GZIP_H

#include <jbackup.h>
#include <stddef.h>
#include <stdint.h>

/*
 * gzip members (RFC 1952) that know their lengths, so that a reader can hop from one to the next.
 * No clock and no name in them: equal content gives equal bytes (with ISA-L, but for about one
 * member in 30,000, see gzip.c).
 *
 *     1f 8b 08 04  00 00 00 00  XFL 03   12 00   'J' 'B' 08 00   total:4   raw:4
 *     magic, FEXTRA  no mtime      unix  extra   subfield        little endian
 *     deflate data (RFC 1951)   CRC-32:4   raw:4
 *
 * total is the length of the whole member in bytes, raw that of its content.
 */
#define GZIP_HEADER_SIZE  24
#define GZIP_TRAILER_SIZE 8
/* A member of more content is refused: bounded memory on hostile input. */
#define GZIP_RAW_MAX (4u << 20)

enum compression { COMPRESSION_FAST = 0, COMPRESSION_BALANCED = 1, COMPRESSION_BEST = 2 };

/* What one thread needs to compress and decompress. */
struct gzip;

struct gzip *jbi_gzip_new(enum compression compression); /* NULL if out of memory */
void jbi_gzip_free(struct gzip *gzip);                   /* NULL is fine */

size_t jbi_gzip_bound(size_t raw_len);
/* Writes one member to out, which has jbi_gzip_bound(raw_len) bytes. Returns its length, or 0. */
size_t jbi_gzip_member(struct gzip *gzip, const void *raw, size_t raw_len, unsigned char *out);

/* Reads a member's lengths from its first GZIP_HEADER_SIZE bytes; false: not a member of ours. */
_Bool jbi_gzip_lengths(const unsigned char header[GZIP_HEADER_SIZE], uint32_t *total,
                       uint32_t *raw);
/* The CRC-32 of the content, as a member's last GZIP_TRAILER_SIZE bytes tell it. */
uint32_t jbi_gzip_told_crc32(const unsigned char trailer[GZIP_TRAILER_SIZE]);
/* Decompresses one whole member of total bytes into raw_len bytes; false if damaged (also when
 * its CRC or lengths disagree). */
_Bool jbi_gzip_inflate(struct gzip *gzip, const unsigned char *member, size_t total, void *raw,
                       size_t raw_len);

/*
 * A zlib stream (RFC 1950) in pieces that are compressed and decompressed each on its own:
 *
 *     78 01 | piece | piece | ... | 03 00 | Adler-32:4
 *     zlib    deflate blocks that      last, of all raw bytes,
 *     header  look back at nothing     empty most significant first
 *             before; end on a byte    block
 */
#define ZLIB_HEADER       "\x78\x01"
#define ZLIB_HEADER_SIZE  2
#define ZLIB_TRAILER_SIZE 6
/* What jbi_inflate_piece may write behind a piece. */
#define PIECE_SLACK 2

/* Writes one piece to out, which has jbi_gzip_bound(raw_len) bytes. Returns its length, or 0. */
size_t jbi_deflate_piece(struct gzip *gzip, const void *raw, size_t raw_len, unsigned char *out);
/* Decompresses a piece into raw, of room bytes; *raw_len is what it held. PIECE_SLACK bytes behind
 * the piece are overwritten. False if it is damaged or too large. */
_Bool jbi_inflate_piece(struct gzip *gzip, unsigned char *piece, size_t len, void *raw, size_t room,
                        size_t *raw_len);
/* The last six bytes of a stream of this Adler-32. */
void jbi_zlib_trailer(unsigned char to[ZLIB_TRAILER_SIZE], uint32_t adler);

/* Adler-32 (RFC 1950) of what before is the sum of, followed by len bytes; begin with 1. */
uint32_t jbi_adler32(uint32_t before, const void *from, size_t len);
/* The sum of two parts after another, the second of len bytes. */
uint32_t jbi_adler32_join(uint32_t first, uint32_t second, uint64_t len);

/* CRC-32 (ISO 3309, as in gzip) of what before is the CRC of, followed by len bytes; begin with 0.
 */
uint32_t jbi_crc32(uint32_t before, const void *from, size_t len);
/* The CRC of two parts after another, the second of len bytes. */
uint32_t jbi_crc32_join(uint32_t first, uint32_t second, uint64_t len);

/* "ISA-L" or "zlib": what compresses at this level in this build. */
const char *jbi_gzip_library(enum compression compression);

#endif
