/* SPDX-License-Identifier: MIT */
/*
 * The unpacking of rows of gzip members, by the thread of the caller and one more. What is told of
 * the packed file must be so, whatever it holds, and so must the place of the damage.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "archive/members.h"
#include "os/file.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void expect(_Bool is_so)
{
    if (!is_so)
        abort();
}

static int count(void *user, const unsigned char *raw, size_t len, struct jb_error *err)
{
    (void)err;
    (void)raw;
    *(uint64_t *)user += len;
    return JB_OK;
}

static void check_digest(const unsigned char *data, size_t size, const char *told)
{
    char hex[SHA256_HEX_SIZE];
    struct digest *digest = jbi_digest_new();
    expect(digest != NULL);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, data, size);
    jbi_digest_end(digest, hex);
    jbi_digest_free(digest);
    expect(strcmp(hex, told) == 0);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const struct hooks no_hooks;
    struct members_options options = {
        .jobs = 1, .hooks = &no_hooks, .step = "fuzz", .name = "fuzz"};
    struct members_totals totals;
    struct jb_error err = {0};
    uint64_t raw_len = 0;
    int fd = memfd_create("members", MFD_CLOEXEC);
    expect(fd >= 0 && jbi_write_full(fd, data, size) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    int code = jbi_members_unpack(fd, &options, count, &raw_len, &totals, &err);
    expect(code == err.code && (code == JB_OK || code == JB_ECORRUPT));
    expect(totals.size == size && totals.raw_size == raw_len);
    expect(totals.damage_offset <= size);
    check_digest(data, size, totals.sha256);
    close(fd);
    return 0;
}
