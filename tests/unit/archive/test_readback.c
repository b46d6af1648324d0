/* SPDX-License-Identifier: MIT */
#include "archive/readback.h"

#include <fcntl.h>

#include "../check.h"
#include "adapter/digest.h"
#include "adapter/gzip.h"
#include "os/file.h"

#define SIZE (3u << 20)

static int make(unsigned char *content)
{
    char path[128];
    snprintf(path, sizeof path, "%s/file", check_folder());
    for (size_t i = 0; i < SIZE; i++)
        content[i] = (unsigned char)(i * 2654435761u >> 24);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && jbi_write_full(fd, content, SIZE) == 0);
    return fd;
}

static int read_back(int fd, uint64_t size, uint32_t crc32, char sha256[SHA256_HEX_SIZE],
                     struct jb_error *err)
{
    struct readback *readback;
    REQUIRE(jbi_readback_begin(&readback, fd, "it", err) == JB_OK);
    for (uint64_t at = 0; at <= size; at += 65537)
        jbi_readback_tell(readback, at);
    jbi_readback_tell(readback, size);
    int code = jbi_readback_end(readback, crc32, sha256, err);
    jbi_readback_free(readback);
    return code;
}

static void tells_what_is_in_the_file(void)
{
    static unsigned char content[SIZE];
    char sha256[SHA256_HEX_SIZE], expected[SHA256_HEX_SIZE];
    struct jb_error err = {0};
    int fd = make(content);
    uint32_t crc32 = jbi_crc32(0, content, SIZE);
    scope_digest *digest = jbi_digest_new();
    REQUIRE(digest != NULL);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, content, SIZE);
    jbi_digest_end(digest, expected);
    CHECK(read_back(fd, SIZE, crc32, sha256, &err) == JB_OK);
    CHECK_TEXT(sha256, expected);

    REQUIRE(pwrite(fd, "#", 1, SIZE / 2) == 1 && content[SIZE / 2] != '#');
    CHECK(read_back(fd, SIZE, crc32, sha256, &err) == JB_EIO);
    CHECK_TEXT(err.text, "\"it\" was read back with other content than was written");
    close(fd);
}

static void misses_what_is_not_there(void)
{
    static unsigned char content[SIZE];
    char sha256[SHA256_HEX_SIZE];
    struct jb_error err = {0};
    int fd = make(content);
    CHECK(read_back(fd, SIZE + 1, 0, sha256, &err) == JB_EIO);
    CHECK(strstr(err.text, "cannot read back \"it\"") != NULL);
    close(fd);
    jbi_readback_free(NULL);
}

int main(void)
{
    RUN(tells_what_is_in_the_file);
    RUN(misses_what_is_not_there);
    return check_end();
}
