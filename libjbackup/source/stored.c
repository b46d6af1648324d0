/* SPDX-License-Identifier: MIT */
/* Stored artifacts as bytes. */
#include "source/stored.h"

#include <stdlib.h>

#include "adapter/digest.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"

#define READ_SIZE (1u << 20)

int jbi_stored_read(const struct source_job *job, int fd, const struct artifact *artifact,
                    struct source_checked *checked, struct jb_error *err)
{
    scope_free unsigned char *buffer = malloc(READ_SIZE);
    scope_digest *digest = jbi_digest_new();
    if (buffer == NULL || digest == NULL)
        return jbi_fail_memory(err);
    jbi_digest_begin(digest);
    for (;;) {
        ssize_t len = jbi_read_full(fd, buffer, READ_SIZE);
        if (len < 0) {
            struct jb_error reason = {0};
            jbi_fail_errno(&reason, JB_EIO, "cannot read it");
            jbi_finding(job->report, JB_ERROR, artifact->path, "%s", reason.text);
            return JB_OK;
        }
        jbi_digest_add(digest, buffer, (size_t)len);
        checked->bytes_read += (uint64_t)len;
        int code = jbi_progress(job->hooks, "read stored files", checked->bytes_read,
                                artifact->size, "bytes", err);
        if (code < 0)
            return code;
        if ((size_t)len < READ_SIZE)
            break;
    }
    jbi_digest_end(digest, checked->sha256);
    checked->sha256_known = true;
    return JB_OK;
}

int jbi_stored_check(const struct source_job *job, int category_fd, const struct artifact *artifact,
                     struct source_checked *checked, struct jb_error *err)
{
    struct jb_error reason = {0};
    scope_fd int fd = -1;
    if (jbi_open_regular(category_fd, artifact->path, &fd, &reason) < 0) {
        jbi_finding(job->report, JB_ERROR, artifact->path, "%s", reason.text);
        return JB_OK;
    }
    return jbi_stored_read(job, fd, artifact, checked, err);
}
