/* SPDX-License-Identifier: MIT */
/* The frame of a member, and zlib's deflate in it; ISA-L's where it is built in and fits. */
#include "adapter/gzip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "adapter/gzip_isal.h"

struct gzip {
    enum compression compression;
    struct isal *isal; /* NULL: not built in */
    z_stream deflate;  /* not begun where ISA-L does its work */
    z_stream inflate;
    bool deflate_begun, inflate_begun;
};

static bool is_isal_level(enum compression compression)
{
#ifdef HAVE_ISAL
    return compression == COMPRESSION_FAST;
#else
    (void)compression;
    return false;
#endif
}

#ifndef HAVE_ISAL
struct isal *jbi_isal_new(void)
{
    return NULL;
}

void jbi_isal_free(struct isal *isal)
{
    (void)isal;
}

size_t jbi_isal_deflate(struct isal *isal, bool is_last, const void *raw, size_t len, void *out,
                        size_t room)
{
    (void)isal, (void)is_last, (void)raw, (void)len, (void)out, (void)room;
    return 0;
}

bool jbi_isal_inflate(struct isal *isal, const void *in, size_t len, void *raw, size_t room,
                      size_t *raw_len)
{
    (void)isal, (void)in, (void)len, (void)raw, (void)room, (void)raw_len;
    return false;
}

uint32_t jbi_isal_crc32(uint32_t before, const void *from, size_t len)
{
    return (uint32_t)crc32_z(before, from, len);
}
#endif

static int zlib_level(enum compression compression)
{
    return compression == COMPRESSION_BEST ? 9 : compression == COMPRESSION_BALANCED ? 6 : 1;
}

struct gzip *jbi_gzip_new(enum compression compression)
{
    struct gzip *gzip = calloc(1, sizeof *gzip);
    if (gzip == NULL)
        return NULL;
    gzip->compression = compression;
    gzip->isal = jbi_isal_new();
    int level = zlib_level(compression);
    gzip->deflate_begun =
        deflateInit2(&gzip->deflate, level, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK;
    gzip->inflate_begun = inflateInit2(&gzip->inflate, -MAX_WBITS) == Z_OK;
    bool has_isal = gzip->isal != NULL || !is_isal_level(COMPRESSION_FAST);
    if (gzip->deflate_begun && gzip->inflate_begun && has_isal)
        return gzip;
    jbi_gzip_free(gzip);
    return NULL;
}

void jbi_gzip_free(struct gzip *gzip)
{
    if (gzip == NULL)
        return;
    if (gzip->deflate_begun)
        deflateEnd(&gzip->deflate);
    if (gzip->inflate_begun)
        inflateEnd(&gzip->inflate);
    jbi_isal_free(gzip->isal);
    free(gzip);
}

const char *jbi_gzip_library(enum compression compression)
{
    return is_isal_level(compression) ? "ISA-L" : "zlib";
}

size_t jbi_gzip_bound(size_t raw_len)
{
    return compressBound(raw_len) + raw_len / 16 + 1024;
}

static void put32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

static uint32_t get32(const unsigned char *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static const unsigned char frame[16] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 3, 12, 0, 'J', 'B', 8, 0};

uint32_t jbi_crc32(uint32_t before, const void *from, size_t len)
{
    return jbi_isal_crc32(before, from, len);
}

uint32_t jbi_crc32_join(uint32_t first, uint32_t second, uint64_t len)
{
    return (uint32_t)crc32_combine64(first, second, (off64_t)len);
}

static size_t zlib_deflate(z_stream *stream, bool is_last, const void *raw, size_t len, void *out,
                           size_t room)
{
    deflateReset(stream);
    stream->next_in = (unsigned char *)(uintptr_t)raw;
    stream->avail_in = (unsigned)len;
    stream->next_out = out;
    stream->avail_out = (unsigned)room;
    int code = deflate(stream, is_last ? Z_FINISH : Z_FULL_FLUSH);
    /* A flush that filled all the room may not be complete. */
    bool is_whole = is_last ? code == Z_STREAM_END : code == Z_OK && stream->avail_out > 0;
    return is_whole ? stream->total_out : 0;
}

/*
 * ISA-L 2.30 puts one of its first positions into its table by a hash of where its state lies in
 * memory. Once in as many times as the table has slots that is the right one, and the output
 * another, as good: equal content then does not give equal bytes. Its table is smaller for little
 * content, so that goes to zlib, whose output never depends on addresses.
 */
#define ISAL_RAW_MIN (32u << 10)

static size_t deflate_with_either(struct gzip *gzip, bool is_last, const void *raw, size_t len,
                                  void *out, size_t room)
{
    size_t packed = 0;
    if (is_isal_level(gzip->compression) && len >= ISAL_RAW_MIN)
        packed = jbi_isal_deflate(gzip->isal, is_last, raw, len, out, room);
    return packed ? packed : zlib_deflate(&gzip->deflate, is_last, raw, len, out, room);
}

size_t jbi_gzip_member(struct gzip *gzip, const void *raw, size_t raw_len, unsigned char *out)
{
    if (raw_len > GZIP_RAW_MAX)
        return 0;
    unsigned char *body = out + GZIP_HEADER_SIZE;
    size_t room = jbi_gzip_bound(raw_len) - GZIP_HEADER_SIZE - GZIP_TRAILER_SIZE;
    size_t len = deflate_with_either(gzip, true, raw, raw_len, body, room);
    if (len == 0)
        return 0;
    size_t total = GZIP_HEADER_SIZE + len + GZIP_TRAILER_SIZE;
    memcpy(out, frame, sizeof frame);
    put32(out + 16, (uint32_t)total);
    put32(out + 20, (uint32_t)raw_len);
    put32(body + len, jbi_crc32(0, raw, raw_len));
    put32(body + len + 4, (uint32_t)raw_len);
    return total;
}

bool jbi_gzip_lengths(const unsigned char header[GZIP_HEADER_SIZE], uint32_t *total, uint32_t *raw)
{
    if (memcmp(header, frame, sizeof frame) != 0)
        return false;
    *total = get32(header + 16);
    *raw = get32(header + 20);
    bool is_sane = *raw <= GZIP_RAW_MAX && *total <= jbi_gzip_bound(*raw) &&
                   *total > GZIP_HEADER_SIZE + GZIP_TRAILER_SIZE;
    return is_sane;
}

uint32_t jbi_gzip_told_crc32(const unsigned char trailer[GZIP_TRAILER_SIZE])
{
    return get32(trailer);
}

static bool zlib_inflate(z_stream *stream, const void *in, size_t len, void *raw, size_t room,
                         size_t *raw_len)
{
    unsigned char beyond; /* zlib wants somewhere to point even for no content */
    inflateReset(stream);
    stream->next_in = (unsigned char *)(uintptr_t)in;
    stream->avail_in = (unsigned)len;
    stream->next_out = room ? raw : &beyond;
    stream->avail_out = (unsigned)room;
    int code = inflate(stream, Z_FINISH);
    *raw_len = stream->total_out;
    return code == Z_STREAM_END && stream->avail_in == 0;
}

static bool inflate_with_either(struct gzip *gzip, const void *in, size_t len, void *raw,
                                size_t room, size_t *raw_len)
{
    return gzip->isal != NULL ? jbi_isal_inflate(gzip->isal, in, len, raw, room, raw_len)
                              : zlib_inflate(&gzip->inflate, in, len, raw, room, raw_len);
}

bool jbi_gzip_inflate(struct gzip *gzip, const unsigned char *member, size_t total, void *raw,
                      size_t raw_len)
{
    uint32_t told_total, told_raw;
    if (total < GZIP_HEADER_SIZE || !jbi_gzip_lengths(member, &told_total, &told_raw) ||
        told_total != total || told_raw != raw_len)
        return false;
    const unsigned char *body = member + GZIP_HEADER_SIZE;
    size_t len = total - GZIP_HEADER_SIZE - GZIP_TRAILER_SIZE;
    size_t got = 0;
    bool is_whole = inflate_with_either(gzip, body, len, raw, raw_len, &got) && got == raw_len;
    return is_whole && get32(body + len + 4) == raw_len &&
           get32(body + len) == jbi_crc32(0, raw, raw_len);
}

/* ---- Pieces of a zlib stream ---- */

static const unsigned char empty_last_block[PIECE_SLACK] = {3, 0};

size_t jbi_deflate_piece(struct gzip *gzip, const void *raw, size_t raw_len, unsigned char *out)
{
    if (raw_len > GZIP_RAW_MAX)
        return 0;
    return deflate_with_either(gzip, false, raw, raw_len, out, jbi_gzip_bound(raw_len));
}

bool jbi_inflate_piece(struct gzip *gzip, unsigned char *piece, size_t len, void *raw, size_t room,
                       size_t *raw_len)
{
    *raw_len = 0;
    memcpy(piece + len, empty_last_block, PIECE_SLACK);
    return inflate_with_either(gzip, piece, len + PIECE_SLACK, raw, room, raw_len);
}

void jbi_zlib_trailer(unsigned char to[ZLIB_TRAILER_SIZE], uint32_t adler)
{
    memcpy(to, empty_last_block, PIECE_SLACK);
    for (int i = 0; i < 4; i++)
        to[PIECE_SLACK + i] = (unsigned char)(adler >> (24 - 8 * i));
}

uint32_t jbi_adler32(uint32_t before, const void *from, size_t len)
{
    return (uint32_t)adler32_z(before, from, len);
}

uint32_t jbi_adler32_join(uint32_t first, uint32_t second, uint64_t len)
{
    return (uint32_t)adler32_combine64(first, second, (off64_t)len);
}
