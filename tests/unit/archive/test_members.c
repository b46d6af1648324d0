/* SPDX-License-Identifier: MIT */
#include "archive/members.h"

#include <errno.h>
#include <sys/resource.h>

#include "adapter/digest.h"
#include "base/error.h"
#include "fixture.h"

static const size_t sizes[] = {0,
                               1,
                               65536,
                               MEMBER_PIECE - 1,
                               MEMBER_PIECE,
                               MEMBER_PIECE + 1,
                               5 * MEMBER_PIECE,
                               20 * MEMBER_PIECE + 77};
static const unsigned jobs[] = {1, 2, 8};

static void digest_of(const void *from, size_t len, char hex[SHA256_HEX_SIZE])
{
    scope_digest *digest = jbi_digest_new();
    jbi_digest_begin(digest);
    jbi_digest_add(digest, from, len);
    jbi_digest_end(digest, hex);
}

/* Packs, compares what is told with what is there, and returns the packed file. */
static int pack(const unsigned char *raw, size_t len, unsigned job_count)
{
    struct members_options options = options_of(job_count);
    struct members_totals totals;
    struct jb_error err = {0};
    char hex[SHA256_HEX_SIZE];
    int in = memory_file_of(raw, len), out = memory_file();
    CHECK(jbi_members_pack(in, out, &options, &totals, &err) == JB_OK);
    close(in);
    size_t packed_len;
    unsigned char *content = file_content(out, &packed_len);
    CHECK(totals.size == packed_len && totals.raw_size == len && packed_len > 0);
    digest_of(content, packed_len, hex);
    CHECK_TEXT(totals.sha256, hex);
    free(content);
    REQUIRE(lseek(out, 0, SEEK_SET) == 0);
    return out;
}

static void round_trips(void)
{
    unsigned char *raw = malloc(21 * MEMBER_PIECE);
    REQUIRE(raw != NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fill(raw, sizes[i], (uint32_t)i);
        int first = pack(raw, sizes[i], jobs[0]);
        for (size_t j = 0; j < 3; j++) {
            struct members_options options = options_of(jobs[j]);
            struct members_totals totals;
            int again = pack(raw, sizes[i], jobs[j]), out = memory_file();
            CHECK(jbi_file_equal(first, again, NULL) == 1);
            CHECK(jbi_members_unpack_to(again, out, &options, &totals, NULL) == JB_OK);
            CHECK(file_size(out) == sizes[i] && totals.raw_size == sizes[i]);
            CHECK(totals.size == file_size(again));
            size_t len;
            unsigned char *content = file_content(out, &len);
            CHECK(len == sizes[i] && memcmp(content, raw, len) == 0);
            free(content);
            close(again);
            close(out);
        }
        close(first);
    }
    free(raw);
}

static void a_full_disk_is_an_error(void)
{
    unsigned char *raw = malloc(6 * MEMBER_PIECE);
    REQUIRE(raw != NULL);
    fill(raw, 6 * MEMBER_PIECE, 1);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC), packed_fd = pack(raw, 6 * MEMBER_PIECE, 2);
    for (size_t j = 0; j < 3; j++) {
        struct members_options options = options_of(jobs[j]);
        struct members_totals totals;
        struct jb_error err = {0};
        int in = memory_file_of(raw, 6 * MEMBER_PIECE);
        CHECK(jbi_members_pack(in, full, &options, &totals, &err) == JB_EIO);
        CHECK(err.sys_errno == ENOSPC);
        CHECK_HAS(err.text, "x.gz");
        close(in);
        err = (struct jb_error){0};
        CHECK(lseek(packed_fd, 0, SEEK_SET) == 0);
        CHECK(jbi_members_unpack_to(packed_fd, full, &options, NULL, &err) == JB_EIO);
        CHECK(err.sys_errno == ENOSPC);
        err = (struct jb_error){0};
        CHECK(jbi_members_pack(-1, full, &options, &totals, &err) == JB_EIO &&
              err.sys_errno == EBADF);
        err = (struct jb_error){0};
        CHECK(jbi_members_unpack_to(-1, full, &options, NULL, &err) == JB_EIO);
    }
    close(full);
    close(packed_fd);
    free(raw);
}

static int cancel_after(void *user, const char *step, uint64_t done, uint64_t total,
                        const char *unit)
{
    int *left = user;
    (void)step, (void)done, (void)total, (void)unit;
    return (*left)-- == 0;
}

static void the_progress_hook_cancels(void)
{
    size_t len = 8 * MEMBER_PIECE;
    unsigned char *raw = malloc(len);
    REQUIRE(raw != NULL);
    fill(raw, len, 3);
    int packed_fd = pack(raw, len, 2);
    for (int after = 0; after < 8; after++) {
        int left = after;
        struct hooks hooks = {.progress = cancel_after, .user = &left};
        struct members_options options = options_of(2);
        struct members_totals totals;
        struct jb_error err = {0};
        options.hooks = &hooks;
        int in = memory_file_of(raw, len), out = memory_file();
        CHECK(jbi_members_pack(in, out, &options, &totals, &err) == JB_ECANCELED);
        CHECK(err.code == JB_ECANCELED);
        left = after;
        err = (struct jb_error){0};
        CHECK(lseek(packed_fd, 0, SEEK_SET) == 0);
        CHECK(jbi_members_unpack_to(packed_fd, out, &options, &totals, &err) == JB_ECANCELED);
        close(in);
        close(out);
    }
    close(packed_fd);
    free(raw);
}

static int collect(void *user, const unsigned char *raw, size_t len, struct jb_error *err)
{
    (void)err;
    jbi_text_add(user, (const char *)raw, len);
    return JB_OK;
}

static int stop(void *user, const unsigned char *raw, size_t len, struct jb_error *err)
{
    (void)raw, (void)len, (void)err;
    return *(int *)user;
}

static void the_consumer_stops_it(void)
{
    unsigned char raw[100] = {0};
    int fd = pack(raw, sizeof raw, 1);
    struct members_options options = options_of(2);
    for (int answer = -5; answer < 3; answer++) {
        struct members_totals totals;
        CHECK(lseek(fd, 0, SEEK_SET) == 0);
        CHECK(jbi_members_unpack(fd, &options, stop, &answer, &totals, NULL) == answer);
    }
    close(fd);
}

static int unpack_bytes(const unsigned char *content, size_t len, struct text *out,
                        struct members_totals *totals, struct jb_error *err)
{
    struct members_options options = options_of(2);
    int fd = memory_file_of(content, len);
    int code = jbi_members_unpack(fd, &options, collect, out, totals, err);
    close(fd);
    return code;
}

/* Two members: a cut between them leaves a whole row, which is shorter. */
static void a_file_cut_at_any_byte_is_noticed(void)
{
    static unsigned char raw[300];
    struct members_totals totals;
    fill(raw, sizeof raw, 5);
    int first = pack(raw, sizeof raw, 1), second = pack(raw, 100, 1);
    size_t first_len, second_len;
    unsigned char *a = file_content(first, &first_len), *b = file_content(second, &second_len);
    unsigned char *row = malloc(first_len + second_len);
    REQUIRE(row != NULL);
    memcpy(row, a, first_len);
    memcpy(row + first_len, b, second_len);
    for (size_t cut = 0; cut <= first_len + second_len; cut++) {
        struct jb_error err = {0};
        scope_text out = {0};
        char hex[SHA256_HEX_SIZE], offset[32];
        int code = unpack_bytes(row, cut, &out, &totals, &err);
        bool is_whole = cut == first_len || cut == first_len + second_len;
        CHECK(code == (is_whole ? JB_OK : JB_ECORRUPT) && err.code == code);
        digest_of(row, cut, hex);
        CHECK_TEXT(totals.sha256, hex);
        CHECK(totals.size == cut);
        if (is_whole)
            continue;
        CHECK(totals.damage_offset == (cut < first_len ? 0 : first_len));
        snprintf(offset, sizeof offset, "offset %llu:", (unsigned long long)totals.damage_offset);
        CHECK_HAS(err.text, offset);
    }
    free(row);
    free(a);
    free(b);
    close(first);
    close(second);
}

static void a_flipped_byte_anywhere_is_noticed(void)
{
    static unsigned char raw[300];
    fill(raw, sizeof raw, 6);
    int fd = pack(raw, sizeof raw, 1);
    size_t len;
    unsigned char *content = file_content(fd, &len);
    for (size_t at = 0; at < len; at++) {
        struct members_totals totals;
        struct jb_error err = {0};
        scope_text out = {0};
        content[at] ^= 0xff;
        CHECK(unpack_bytes(content, len, &out, &totals, &err) == JB_ECORRUPT);
        CHECK(totals.size == len && totals.damage_offset == 0);
        content[at] ^= 0xff;
    }
    free(content);
    close(fd);
}

static void a_large_file_needs_little_memory(void)
{
    struct members_options options = options_of(2);
    struct members_totals totals;
    struct rusage before, after;
    int in = memory_file(), out = memory_file();
    REQUIRE(ftruncate(in, 256 << 20) == 0);
    getrusage(RUSAGE_SELF, &before);
    CHECK(jbi_members_pack(in, out, &options, &totals, NULL) == JB_OK);
    CHECK(totals.raw_size == 256u << 20);
    getrusage(RUSAGE_SELF, &after);
    CHECK(after.ru_maxrss - before.ru_maxrss < 64 * 1024);
    close(in);
    close(out);
}

/* Packs with the other file as the one that was packed before. */
static int pack_after(const unsigned char *raw, size_t len, int previous_fd, unsigned job_count,
                      struct members_totals *totals)
{
    struct members_options options = options_of(job_count);
    options.previous_fd = &previous_fd;
    int in = memory_file_of(raw, len), out = memory_file();
    CHECK(jbi_members_pack(in, out, &options, totals, NULL) == JB_OK);
    close(in);
    return out;
}

static void unchanged_members_are_taken(void)
{
    const size_t len = 5 * MEMBER_PIECE + 77;
    unsigned char *raw = malloc(len);
    struct members_totals totals;
    REQUIRE(raw != NULL);
    fill(raw, len, 4);
    int before = pack(raw, len, 2);
    for (size_t j = 0; j < 3; j++) {
        int same = pack_after(raw, len, before, jobs[j], &totals);
        CHECK(totals.copied == totals.size && !totals.is_previous_damaged);
        CHECK(jbi_file_equal(before, same, NULL) == 1);
        close(same);
    }
    for (size_t piece = 0; piece < 6; piece++) { /* each piece in turn, and longer and shorter */
        raw[piece * MEMBER_PIECE + 5] ^= 1;
        const size_t lens[] = {len, len - 78, len - 1};
        for (size_t i = 0; i < 3 && lens[i] > piece * MEMBER_PIECE + 5; i++) {
            int want = pack(raw, lens[i], 2);
            int got = pack_after(raw, lens[i], before, 2, &totals);
            CHECK(jbi_file_equal(want, got, NULL) == 1);
            CHECK(totals.copied > 0 && totals.copied < totals.size);
            CHECK(!totals.is_previous_damaged);
            close(want);
            close(got);
        }
        raw[piece * MEMBER_PIECE + 5] ^= 1;
    }
    close(before);
    free(raw);
}

/* Whatever is wrong with the file before, the new one is what it would be without it. */
static void damage_before_is_not_taken(void)
{
    const size_t len = 2 * MEMBER_PIECE + 99;
    unsigned char *raw = malloc(len);
    size_t packed_len, told = 0;
    REQUIRE(raw != NULL);
    fill(raw, len, 6);
    int want = pack(raw, len, 2);
    unsigned char *packed = file_content(want, &packed_len);
    for (size_t at = 0; at < packed_len; at += at < 64 ? 1 : packed_len / 60) {
        struct members_totals totals;
        packed[at] ^= 4;
        int damaged = memory_file_of(packed, packed_len);
        packed[at] ^= 4;
        int got = pack_after(raw, len, damaged, 2, &totals);
        CHECK(jbi_file_equal(want, got, NULL) == 1);
        CHECK(totals.copied < totals.size);
        told += totals.is_previous_damaged;
        close(damaged);
        close(got);
    }
    CHECK(told > 60);
    for (size_t cut = 0; cut < packed_len; cut += packed_len / 7) {
        struct members_totals totals;
        int damaged = memory_file_of(packed, cut);
        int got = pack_after(raw, len, damaged, 2, &totals);
        CHECK(jbi_file_equal(want, got, NULL) == 1 && totals.copied < totals.size);
        close(damaged);
        close(got);
    }
    free(packed);
    close(want);
    free(raw);
}

/* A member of other content with the same CRC-32: the CRC is a glance, not a proof. */
static void an_equal_crc_is_not_enough(void)
{
    unsigned char *raw = malloc(MEMBER_PIECE);
    struct members_totals totals;
    REQUIRE(raw != NULL);
    fill(raw, MEMBER_PIECE, 8);
    uint32_t crc = jbi_crc32(0, raw, MEMBER_PIECE);
    int before = pack(raw, MEMBER_PIECE, 1);
    uint64_t polynomial = 1 | (uint64_t)0xedb88320 << 1;
    for (size_t i = 0; i < 5; i++)
        raw[1000 + i] ^= (unsigned char)(polynomial >> (8 * i));
    REQUIRE(jbi_crc32(0, raw, MEMBER_PIECE) == crc);
    int want = pack(raw, MEMBER_PIECE, 1);
    int got = pack_after(raw, MEMBER_PIECE, before, 1, &totals);
    CHECK(jbi_file_equal(want, got, NULL) == 1 && jbi_file_equal(before, got, NULL) == 0);
    CHECK(totals.copied == 0 && !totals.is_previous_damaged);
    close(before);
    close(want);
    close(got);
    free(raw);
}

int main(void)
{
    RUN(a_large_file_needs_little_memory);
    RUN(round_trips);
    RUN(a_full_disk_is_an_error);
    RUN(the_progress_hook_cancels);
    RUN(the_consumer_stops_it);
    RUN(a_file_cut_at_any_byte_is_noticed);
    RUN(a_flipped_byte_anywhere_is_noticed);
    RUN(unchanged_members_are_taken);
    RUN(damage_before_is_not_taken);
    RUN(an_equal_crc_is_not_enough);
    return check_end();
}
