/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_ARCHIVE_FIXTURE_H
#define TESTS_UNIT_ARCHIVE_FIXTURE_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../check.h"
#include "archive/members.h"
#include "base/text.h"
#include "os/file.h"

/* What tests of archives share: files in memory and content that is always the same. */

static const struct hooks no_hooks = {0};

__attribute__((unused)) static int memory_file(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

/* A file in memory with this content, its offset at the beginning. */
__attribute__((unused)) static int memory_file_of(const void *content, size_t len)
{
    int fd = memory_file();
    REQUIRE(jbi_write_full(fd, content, len) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

__attribute__((unused)) static size_t file_size(int fd)
{
    struct stat st;
    REQUIRE(fstat(fd, &st) == 0);
    return (size_t)st.st_size;
}

/* All of a file, malloc'd. */
__attribute__((unused)) static unsigned char *file_content(int fd, size_t *len)
{
    *len = file_size(fd);
    unsigned char *content = malloc(*len + 1);
    REQUIRE(content != NULL && jbi_pread_full(fd, content, *len, 0) == (ssize_t)*len);
    return content;
}

/* Half of it compresses well, half not at all. */
__attribute__((unused)) static void fill(unsigned char *to, size_t len, uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        to[i] = i / 4096 % 2 ? (unsigned char)(x >> 11) : (unsigned char)('a' + (i + seed) % 23);
    }
}

__attribute__((unused)) static struct members_options options_of(unsigned jobs)
{
    return (struct members_options){
        .jobs = jobs, .hooks = &no_hooks, .step = "test", .name = "x.gz"};
}

/* Packs a tar stream made by hand, as a hostile archive would be. */
__attribute__((unused)) static int packed(const struct text *stream)
{
    struct members_options options = options_of(1);
    struct members_totals totals;
    int in = memory_file_of(stream->at, stream->len), out = memory_file();
    REQUIRE(jbi_members_pack(in, out, &options, &totals, NULL) == JB_OK);
    close(in);
    REQUIRE(lseek(out, 0, SEEK_SET) == 0);
    return out;
}

#endif
