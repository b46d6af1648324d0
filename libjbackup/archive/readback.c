/* SPDX-License-Identifier: MIT */
/* What was written is digested where it lies. Only the follower's thread touches the sums, until
 * it has been waited for. */
#include "archive/readback.h"

#include <errno.h>
#include <stdlib.h>

#include "adapter/digest.h"
#include "adapter/gzip.h"
#include "base/error.h"
#include "os/file.h"
#include "os/follower.h"

#define STEP (256u << 10)

struct readback {
    int fd;
    const char *name;
    struct digest *digest;
    uint32_t crc32;
    struct follower *follower;
    unsigned char buffer[STEP];
};

static int read_range(void *user, uint64_t from, uint64_t to)
{
    struct readback *readback = user;
    size_t len = (size_t)(to - from);
    ssize_t got = jbi_pread_full(readback->fd, readback->buffer, len, from);
    if (got != (ssize_t)len)
        return got < 0 ? errno : ENODATA;
    jbi_digest_add(readback->digest, readback->buffer, len);
    readback->crc32 = jbi_crc32(readback->crc32, readback->buffer, len);
    return 0;
}

int jbi_readback_begin(struct readback **out, int fd, const char *name, struct jb_error *err)
{
    struct readback *readback = calloc(1, sizeof *readback);
    if (readback == NULL)
        return jbi_fail_memory(err);
    readback->fd = fd;
    readback->name = name;
    readback->digest = jbi_digest_new();
    int code = readback->digest == NULL ? jbi_fail_memory(err) : JB_OK;
    if (code == JB_OK) {
        jbi_digest_begin(readback->digest);
        code = jbi_follower_new(&readback->follower, STEP, read_range, readback, err);
    }
    if (code < 0)
        jbi_readback_free(readback);
    else
        *out = readback;
    return code;
}

void jbi_readback_tell(struct readback *readback, uint64_t written)
{
    jbi_follower_tell(readback->follower, written);
}

int jbi_readback_end(struct readback *readback, uint32_t written_crc32,
                     char sha256[SHA256_HEX_SIZE], struct jb_error *err)
{
    int why = jbi_follower_wait(readback->follower);
    if (why != 0) {
        errno = why;
        return jbi_fail_errno(err, JB_EIO, "cannot read back \"%s\"", readback->name);
    }
    jbi_digest_end(readback->digest, sha256);
    if (readback->crc32 == written_crc32)
        return JB_OK;
    jbi_fail(err, JB_EIO, "\"%s\" was read back with other content than was written",
             readback->name);
    jbi_hint(err, "suspect the disk or the memory of this machine");
    return JB_EIO;
}

void jbi_readback_free(struct readback *readback)
{
    if (readback == NULL)
        return;
    jbi_follower_free(readback->follower);
    jbi_digest_free(readback->digest);
    free(readback);
}
