/* SPDX-License-Identifier: MIT */
/* Stored artifacts brought out of the repository unchanged. */
#include "repository/lay_out.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

#define CHUNK (256u << 10)

static int fail_damaged(const struct artifact *artifact, const char *why, struct jb_error *err)
{
    jbi_fail(err, JB_ECORRUPT, "\"%s\" is not what was backed up: %s", artifact->path, why);
    jbi_hint(err, "restore from another backup; verify tells which ones are sound");
    return JB_ECORRUPT;
}

static int copy(const struct hooks *hooks, int in_fd, int out_fd, const struct artifact *artifact,
                const char *name, struct jb_error *err)
{
    scope_free char *chunk = malloc(CHUNK);
    scope_digest *digest = jbi_digest_new();
    char sha256[SHA256_HEX_SIZE];
    uint64_t done = 0;
    if (chunk == NULL || digest == NULL)
        return jbi_fail_memory(err);
    jbi_digest_begin(digest);
    for (;;) {
        ssize_t got = jbi_read_full(in_fd, chunk, CHUNK);
        if (got < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", artifact->path);
        if (got == 0)
            break;
        done += (uint64_t)got;
        if (done > artifact->size)
            return fail_damaged(artifact, "it is longer", err);
        jbi_digest_add(digest, chunk, (size_t)got);
        if (jbi_write_full(out_fd, chunk, (size_t)got) < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", name);
        int code = jbi_progress(hooks, "restore database", done, artifact->size, "bytes", err);
        if (code < 0)
            return code;
    }
    jbi_digest_end(digest, sha256);
    if (done != artifact->size)
        return fail_damaged(artifact, "it is cut short", err);
    return strcmp(sha256, artifact->sha256) == 0
               ? JB_OK
               : fail_damaged(artifact, "its checksum differs", err);
}

int jbi_artifact_lay_out(const struct hooks *hooks, int category_fd,
                         const struct artifact *artifact, int dir_fd, const char *name,
                         struct jb_error *err)
{
    scope_fd int in_fd = -1;
    int code = jbi_open_regular(category_fd, artifact->path, &in_fd, err);
    if (code < 0)
        return code;
    scope_fd int out_fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", name);
    code = copy(hooks, in_fd, out_fd, artifact, name, err);
    if (code == JB_OK && (fchmod(out_fd, 0600) < 0 || fsync(out_fd) < 0 || fsync(dir_fd) < 0))
        code = jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", name);
    if (code < 0)
        unlinkat(dir_fd, name, 0);
    return code;
}
