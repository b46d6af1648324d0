/* SPDX-License-Identifier: MIT */
#include "adapter/gzip.h"

#include <zlib.h>

#include "../check.h"

static const enum compression levels[] = {COMPRESSION_FAST, COMPRESSION_BALANCED, COMPRESSION_BEST};

/* Not compressible, and always the same. */
static void fill_noise(unsigned char *to, size_t len)
{
    uint32_t x = 2463534242u;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        to[i] = (unsigned char)(x >> 11);
    }
}

static void fill_text(unsigned char *to, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (unsigned char)"the quick brown fox "[(i + i / 997) % 20];
}

/* What any gzip reader would make of the member. */
static bool stock_reads(const unsigned char *member, size_t total, const unsigned char *raw,
                        size_t raw_len)
{
    unsigned char *out = malloc(raw_len + 1);
    z_stream stream = {0};
    REQUIRE(out != NULL && inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
    stream.next_in = (unsigned char *)(uintptr_t)member;
    stream.avail_in = (unsigned)total;
    stream.next_out = out;
    stream.avail_out = (unsigned)raw_len + 1;
    bool is_same = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0 &&
                   stream.total_out == raw_len && memcmp(out, raw, raw_len) == 0;
    inflateEnd(&stream);
    free(out);
    return is_same;
}

static void round_trip(struct gzip *gzip, const unsigned char *raw, size_t raw_len)
{
    unsigned char *member = malloc(jbi_gzip_bound(raw_len)), *again = malloc(raw_len + 1);
    uint32_t total, told_raw;
    REQUIRE(member != NULL && again != NULL);
    size_t len = jbi_gzip_member(gzip, raw, raw_len, member);
    CHECK(len > GZIP_HEADER_SIZE + GZIP_TRAILER_SIZE && len <= jbi_gzip_bound(raw_len));
    CHECK(jbi_gzip_lengths(member, &total, &told_raw) && total == len && told_raw == raw_len);
    again[raw_len] = 0x5a;
    CHECK(jbi_gzip_inflate(gzip, member, len, again, raw_len));
    CHECK(memcmp(again, raw, raw_len) == 0 && again[raw_len] == 0x5a);
    CHECK(stock_reads(member, len, raw, raw_len));
    free(member);
    free(again);
}

static void round_trips_at_each_size(void)
{
    static const size_t sizes[] = {0,     1,     2,       511,     512,         513,
                                   32767, 32768, 1048575, 1048576, GZIP_RAW_MAX};
    unsigned char *raw = malloc(GZIP_RAW_MAX);
    REQUIRE(raw != NULL);
    for (size_t l = 0; l < 3; l++) {
        struct gzip *gzip = jbi_gzip_new(levels[l]);
        REQUIRE(gzip != NULL);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            if (l > 0 && sizes[i] == GZIP_RAW_MAX)
                continue;
            fill_noise(raw, sizes[i]);
            round_trip(gzip, raw, sizes[i]);
            fill_text(raw, sizes[i]);
            round_trip(gzip, raw, sizes[i]);
            memset(raw, 0, sizes[i]);
            round_trip(gzip, raw, sizes[i]);
        }
        jbi_gzip_free(gzip);
    }
    free(raw);
    jbi_gzip_free(NULL);
}

static void refuses_more_than_a_reader_would_take(void)
{
    struct gzip *gzip = jbi_gzip_new(COMPRESSION_FAST);
    unsigned char *raw = calloc(1, GZIP_RAW_MAX + 1),
                  *out = malloc(jbi_gzip_bound(GZIP_RAW_MAX + 1));
    REQUIRE(gzip != NULL && raw != NULL && out != NULL);
    CHECK(jbi_gzip_member(gzip, raw, GZIP_RAW_MAX + 1, out) == 0);
    free(raw);
    free(out);
    jbi_gzip_free(gzip);
}

/* A flipped bit is refused, or it is one of the few that say nothing (after the last code of the
 * deflate data): then the content must be the same. */
static void refuses_a_flipped_bit_anywhere(void)
{
    unsigned char raw[700], member[4096], again[701];
    fill_text(raw, 350);
    fill_noise(raw + 350, 350);
    for (size_t l = 0; l < 3; l++) {
        struct gzip *gzip = jbi_gzip_new(levels[l]);
        size_t len = jbi_gzip_member(gzip, raw, sizeof raw, member);
        int silent = 0;
        REQUIRE(len > 0);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            member[bit / 8] ^= (unsigned char)(1u << bit % 8);
            if (jbi_gzip_inflate(gzip, member, len, again, sizeof raw)) {
                silent++;
                CHECK(memcmp(again, raw, sizeof raw) == 0);
                CHECK(bit / 8 == len - GZIP_TRAILER_SIZE - 1);
            }
            member[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        CHECK(silent < 8);
        for (size_t at = 0; at < len; at++) {
            member[at] ^= 0xff;
            CHECK(!jbi_gzip_inflate(gzip, member, len, again, sizeof raw));
            member[at] ^= 0xff;
        }
        CHECK(jbi_gzip_inflate(gzip, member, len, again, sizeof raw));
        jbi_gzip_free(gzip);
    }
}

static void refuses_wrong_lengths(void)
{
    unsigned char raw[100], again[200], member[4096];
    uint32_t total, told;
    fill_text(raw, sizeof raw);
    struct gzip *gzip = jbi_gzip_new(COMPRESSION_FAST);
    size_t len = jbi_gzip_member(gzip, raw, sizeof raw, member);
    for (size_t cut = 0; cut < len; cut++)
        CHECK(!jbi_gzip_inflate(gzip, member, cut, again, sizeof raw));
    CHECK(!jbi_gzip_inflate(gzip, member, len + 1, again, sizeof raw));
    CHECK(!jbi_gzip_inflate(gzip, member, len, again, sizeof raw - 1));
    CHECK(!jbi_gzip_inflate(gzip, member, len, again, sizeof raw + 1));
    memset(member + 16, 0xff, 8);
    CHECK(!jbi_gzip_lengths(member, &total, &told));
    memset(member + 16, 0, 8);
    CHECK(!jbi_gzip_lengths(member, &total, &told));
    jbi_gzip_free(gzip);
}

/* A member whose lengths, CRC and frame were all made to fit, but whose deflate data gives more or
 * less than it says. */
static void refuses_a_member_that_lies_about_its_content(void)
{
    unsigned char raw[100], again[300], member[4096];
    fill_text(raw, sizeof raw);
    for (size_t l = 0; l < 2; l++) {
        struct gzip *gzip = jbi_gzip_new(levels[l]);
        size_t len = jbi_gzip_member(gzip, raw, sizeof raw, member);
        for (unsigned told = 0; told < 300; told++) {
            if (told == sizeof raw)
                continue;
            for (size_t i = 0; i < 4; i++)
                member[20 + i] = member[len - 4 + i] = (unsigned char)(told >> 8 * i);
            CHECK(!jbi_gzip_inflate(gzip, member, len, again, told));
        }
        jbi_gzip_free(gzip);
    }
}

static void equal_content_gives_equal_bytes(void)
{
    static unsigned char raw[100000], first[200000], second[200000];
    for (size_t l = 0; l < 3; l++) {
        struct gzip *a = jbi_gzip_new(levels[l]), *b = jbi_gzip_new(levels[l]);
        fill_noise(raw, sizeof raw);
        jbi_gzip_member(b, raw, sizeof raw, second); /* what was before must not matter */
        fill_text(raw, sizeof raw);
        size_t len = jbi_gzip_member(a, raw, sizeof raw, first);
        CHECK(jbi_gzip_member(b, raw, sizeof raw, second) == len &&
              memcmp(first, second, len) == 0);
        CHECK(jbi_gzip_inflate(b, first, len, raw, sizeof raw));
        jbi_gzip_free(a);
        jbi_gzip_free(b);
    }
    CHECK_TEXT(jbi_gzip_library(COMPRESSION_BEST), "zlib");
}

/* ---- Pieces of a zlib stream ---- */

/* Compresses to a block of exactly the bound, and decompresses in one with exactly the slack, so
 * that a byte more is seen. Returns the piece, malloc'd. */
static unsigned char *piece_of(struct gzip *gzip, const unsigned char *raw, size_t raw_len,
                               size_t *len)
{
    unsigned char *out = malloc(jbi_gzip_bound(raw_len));
    REQUIRE(out != NULL);
    *len = jbi_deflate_piece(gzip, raw, raw_len, out);
    REQUIRE(*len > 0 && *len <= jbi_gzip_bound(raw_len));
    unsigned char *piece = realloc(out, *len + PIECE_SLACK);
    REQUIRE(piece != NULL);
    return piece;
}

static void piece_round_trip(struct gzip *gzip, const unsigned char *raw, size_t raw_len)
{
    size_t len, got;
    unsigned char *piece = piece_of(gzip, raw, raw_len, &len);
    unsigned char *kept = malloc(len), *again = malloc(raw_len + 1);
    REQUIRE(kept != NULL && again != NULL);
    memcpy(kept, piece, len);
    for (size_t more = 0; more < 2; more++) { /* as much room as needed, and more */
        again[raw_len] = 0x5a;
        CHECK(jbi_inflate_piece(gzip, piece, len, again, raw_len + more, &got));
        CHECK(got == raw_len && memcmp(again, raw, raw_len) == 0);
        CHECK(more == 1 || again[raw_len] == 0x5a);
        CHECK(memcmp(piece, kept, len) == 0);
    }
    if (raw_len > 0)
        CHECK(!jbi_inflate_piece(gzip, piece, len, again, raw_len - 1, &got));
    free(piece);
    free(kept);
    free(again);
}

static void pieces_round_trip_at_each_size(void)
{
    static const size_t sizes[] = {1,     2,     511,   512,     513,     32767,
                                   32768, 65535, 65536, 1048575, 1048576, GZIP_RAW_MAX};
    unsigned char *raw = malloc(GZIP_RAW_MAX);
    REQUIRE(raw != NULL);
    for (size_t l = 0; l < 3; l++) {
        struct gzip *gzip = jbi_gzip_new(levels[l]);
        REQUIRE(gzip != NULL);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            if (l > 0 && sizes[i] == GZIP_RAW_MAX)
                continue;
            fill_noise(raw, sizes[i]);
            piece_round_trip(gzip, raw, sizes[i]);
            fill_text(raw, sizes[i]);
            piece_round_trip(gzip, raw, sizes[i]);
            memset(raw, 0, sizes[i]);
            piece_round_trip(gzip, raw, sizes[i]);
        }
        unsigned char *out = malloc(jbi_gzip_bound(GZIP_RAW_MAX + 1));
        unsigned char *large = calloc(1, GZIP_RAW_MAX + 1);
        REQUIRE(out != NULL && large != NULL);
        CHECK(jbi_deflate_piece(gzip, large, GZIP_RAW_MAX + 1, out) == 0);
        free(out);
        free(large);
        jbi_gzip_free(gzip);
    }
    free(raw);
}

/* Decompresses a zlib stream with zlib, fed in parts. */
static bool zlib_reads(const unsigned char *stream, size_t len, size_t part,
                       const unsigned char *raw, size_t raw_len)
{
    unsigned char *out = malloc(raw_len + 1);
    z_stream z = {.next_out = out, .avail_out = (unsigned)raw_len + 1};
    int code = Z_OK;
    REQUIRE(out != NULL && inflateInit(&z) == Z_OK);
    for (size_t at = 0; at < len && code == Z_OK; at += part) {
        z.next_in = (unsigned char *)(uintptr_t)stream + at;
        z.avail_in = (unsigned)(len - at < part ? len - at : part);
        code = inflate(&z, Z_NO_FLUSH);
    }
    bool is_same = code == Z_STREAM_END && z.avail_in == 0 && z.total_in == len &&
                   z.total_out == raw_len && memcmp(out, raw, raw_len) == 0;
    inflateEnd(&z);
    free(out);
    return is_same;
}

/* Pieces of any level, mixed, are one stream; also none at all. */
static void joined_pieces_are_a_zlib_stream(void)
{
    static const size_t sizes[] = {1, 100000, 7, 65536, 1, 40000, 300000};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    static unsigned char raw[600000], stream[1200000];
    struct gzip *gzips[3];
    fill_text(raw, sizeof raw / 2);
    fill_noise(raw + sizeof raw / 2, sizeof raw / 2);
    for (size_t l = 0; l < 3; l++)
        gzips[l] = jbi_gzip_new(levels[l]);
    for (size_t mix = 0; mix < 4; mix++) {
        for (size_t count = 0; count <= COUNT; count++) {
            uint32_t adler = 1;
            size_t at = 0, len = ZLIB_HEADER_SIZE;
            memcpy(stream, ZLIB_HEADER, ZLIB_HEADER_SIZE);
            for (size_t i = 0; i < count; at += sizes[i++]) {
                struct gzip *gzip = gzips[mix == 3 ? i % 3 : mix];
                len += jbi_deflate_piece(gzip, raw + at, sizes[i], stream + len);
                adler = jbi_adler32_join(adler, jbi_adler32(1, raw + at, sizes[i]), sizes[i]);
            }
            CHECK(adler == adler32(1, raw, (unsigned)at));
            jbi_zlib_trailer(stream + len, adler);
            len += ZLIB_TRAILER_SIZE;
            CHECK(zlib_reads(stream, len, len, raw, at) && zlib_reads(stream, len, 1, raw, at));
            stream[len - 1] ^= 1;
            CHECK(!zlib_reads(stream, len, len, raw, at));
        }
    }
    for (size_t l = 0; l < 3; l++)
        jbi_gzip_free(gzips[l]);
}

static void equal_content_gives_equal_pieces(void)
{
    static unsigned char raw[100000], first[200000], second[200000];
    for (size_t l = 0; l < 3; l++) {
        struct gzip *a = jbi_gzip_new(levels[l]), *b = jbi_gzip_new(levels[l]);
        fill_noise(raw, sizeof raw);
        jbi_gzip_member(b, raw, sizeof raw, second); /* what was before must not matter */
        jbi_deflate_piece(b, raw, sizeof raw / 2, second);
        fill_text(raw, sizeof raw);
        size_t len = jbi_deflate_piece(a, raw, sizeof raw, first);
        CHECK(jbi_deflate_piece(b, raw, sizeof raw, second) == len);
        CHECK(memcmp(first, second, len) == 0);
        CHECK(jbi_gzip_member(b, raw, sizeof raw, second) > 0); /* nor a piece for a member */
        CHECK(stock_reads(second, jbi_gzip_member(b, raw, sizeof raw, second), raw, sizeof raw));
        jbi_gzip_free(a);
        jbi_gzip_free(b);
    }
}

/* A piece has no checksum of its own: what passes must be what zlib makes of it, too. */
static bool zlib_agrees(const unsigned char *piece, size_t len, const unsigned char *raw,
                        size_t raw_len, size_t room)
{
    unsigned char out[2000];
    z_stream z = {.next_out = out, .avail_out = (unsigned)room + 1};
    REQUIRE(room < sizeof out && inflateInit2(&z, -MAX_WBITS) == Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)piece;
    z.avail_in = (unsigned)len;
    int code = inflate(&z, Z_SYNC_FLUSH);
    bool is_same = (code == Z_OK || code == Z_BUF_ERROR) && z.avail_in == 0 &&
                   z.total_out == raw_len && memcmp(out, raw, raw_len) == 0;
    inflateEnd(&z);
    return is_same;
}

static void damaged_pieces(void)
{
    unsigned char raw[700], again[1500];
    size_t len, got;
    fill_text(raw, 350);
    fill_noise(raw + 350, 350);
    for (size_t l = 0; l < 3; l++) {
        struct gzip *gzip = jbi_gzip_new(levels[l]);
        unsigned char *piece = piece_of(gzip, raw, sizeof raw, &len);
        size_t refused = 0, passed = 0, wrong = 0;
        for (size_t bit = 0; bit < 8 * len; bit++) {
            piece[bit / 8] ^= (unsigned char)(1u << bit % 8);
            bool is_good = jbi_inflate_piece(gzip, piece, len, again, sizeof again, &got);
            refused += !is_good;
            passed += is_good;
            wrong += is_good && !zlib_agrees(piece, len, again, got, sizeof again);
            CHECK(got <= sizeof again);
            piece[bit / 8] ^= (unsigned char)(1u << bit % 8);
        }
        CHECK(refused > 0 && wrong == 0);
        CHECK(jbi_adler32(1, raw, sizeof raw) == adler32(1, raw, sizeof raw));
        for (size_t cut = 1; cut < len; cut++) {
            unsigned char *part = malloc(cut + PIECE_SLACK);
            REQUIRE(part != NULL);
            memcpy(part, piece, cut);
            if (jbi_inflate_piece(gzip, part, cut, again, sizeof again, &got))
                CHECK(zlib_agrees(part, cut, again, got, sizeof again));
            free(part);
        }
        CHECK(jbi_inflate_piece(gzip, piece, len, again, sizeof raw, &got) && got == sizeof raw);
        jbi_gzip_free(gzip);
        free(piece);
    }
}

/* A last block within or at the end of a piece would end the stream there. */
static void a_piece_that_ends_the_stream_is_refused(void)
{
    static const unsigned char last_blocks[][7] = {
        {2, 3, 0},                     /* empty, fixed codes */
        {5, 1, 0, 0, 0xff, 0xff},      /* empty, stored */
        {6, 1, 1, 0, 0xfe, 0xff, 'a'}, /* a byte, stored */
    };
    unsigned char raw[300], again[1000];
    size_t len, got;
    fill_text(raw, sizeof raw);
    for (size_t l = 0; l < 3; l++) {
        struct gzip *gzip = jbi_gzip_new(levels[l]);
        unsigned char *piece = piece_of(gzip, raw, sizeof raw, &len);
        for (size_t i = 0; i < sizeof last_blocks / sizeof *last_blocks; i++) {
            size_t more = last_blocks[i][0];
            for (size_t twice = 0; twice < 2; twice++) {
                unsigned char *ended = malloc(len * 2 + more + PIECE_SLACK);
                REQUIRE(ended != NULL);
                memcpy(ended, piece, len);
                memcpy(ended + len, last_blocks[i] + 1, more);
                memcpy(ended + len + more, piece, len);
                CHECK(!jbi_inflate_piece(gzip, ended, len + more + twice * len, again, sizeof again,
                                         &got));
                free(ended);
            }
        }
        free(piece);
        jbi_gzip_free(gzip);
    }
}

/* Small on disk, large in memory: more than the room is refused, and nothing behind it written. */
static void a_piece_of_too_much_is_refused(void)
{
    enum { LARGE = 1 << 20, ROOM = 1000 };
    unsigned char *raw = calloc(1, LARGE), *again = malloc(ROOM);
    size_t len, got;
    REQUIRE(raw != NULL && again != NULL);
    for (size_t l = 0; l < 3; l++) {
        struct gzip *gzip = jbi_gzip_new(levels[l]);
        unsigned char *piece = piece_of(gzip, raw, LARGE, &len);
        CHECK(len < LARGE / 50);
        CHECK(!jbi_inflate_piece(gzip, piece, len, again, ROOM, &got));
        CHECK(!jbi_inflate_piece(gzip, piece, len, again, 0, &got));
        free(piece);
        jbi_gzip_free(gzip);
    }
    free(raw);
    free(again);
}

static void adler_sums_join(void)
{
    static unsigned char raw[200000];
    static const size_t cuts[] = {0, 1, 5551, 5552, 65520, 65521, 65522, 131042, 199999, 200000};
    fill_noise(raw, sizeof raw);
    uint32_t whole = jbi_adler32(1, raw, sizeof raw);
    CHECK(whole == adler32(1, raw, sizeof raw));
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        uint32_t first = jbi_adler32(1, raw, cuts[i]);
        uint32_t second = jbi_adler32(1, raw + cuts[i], sizeof raw - cuts[i]);
        CHECK(jbi_adler32_join(first, second, sizeof raw - cuts[i]) == whole);
        CHECK(jbi_adler32(first, raw + cuts[i], sizeof raw - cuts[i]) == whole);
    }
    /* 6 GB of zero bytes: b grows by a = 1 for each */
    uint32_t zeros = 1;
    for (int i = 0; i < 6; i++)
        zeros = jbi_adler32_join(zeros, (uint32_t)(1000000000 % 65521) << 16 | 1, 1000000000);
    CHECK(zeros == ((uint32_t)(6000000000 % 65521) << 16 | 1));
    CHECK(jbi_adler32_join(1, (uint32_t)(6000000000 % 65521) << 16 | 1, 6000000000) == zeros);
    unsigned char trailer[ZLIB_TRAILER_SIZE];
    jbi_zlib_trailer(trailer, 0x01020304);
    CHECK(memcmp(trailer, "\3\0\1\2\3\4", ZLIB_TRAILER_SIZE) == 0);
}

int main(void)
{
    RUN(round_trips_at_each_size);
    RUN(refuses_more_than_a_reader_would_take);
    RUN(refuses_a_flipped_bit_anywhere);
    RUN(refuses_wrong_lengths);
    RUN(refuses_a_member_that_lies_about_its_content);
    RUN(equal_content_gives_equal_bytes);
    RUN(pieces_round_trip_at_each_size);
    RUN(joined_pieces_are_a_zlib_stream);
    RUN(equal_content_gives_equal_pieces);
    RUN(damaged_pieces);
    RUN(a_piece_that_ends_the_stream_is_refused);
    RUN(a_piece_of_too_much_is_refused);
    RUN(adler_sums_join);
    return check_end();
}
