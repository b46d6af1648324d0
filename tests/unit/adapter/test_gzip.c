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

int main(void)
{
    RUN(round_trips_at_each_size);
    RUN(refuses_more_than_a_reader_would_take);
    RUN(refuses_a_flipped_bit_anywhere);
    RUN(refuses_wrong_lengths);
    RUN(refuses_a_member_that_lies_about_its_content);
    RUN(equal_content_gives_equal_bytes);
    return check_end();
}
