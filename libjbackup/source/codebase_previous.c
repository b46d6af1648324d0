/* SPDX-License-Identifier: MIT */
/* From which archive members may be copied, and which times are relied upon. Whatever is in doubt
 * is read. */
#include "source/codebase_previous.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "os/ctimes.h"
#include "os/file.h"
#include "source/codebase_follow.h"

/* Before a backup begins: what was changed within this time may have changed again after it was
 * read, without another time. Some file systems count whole seconds. */
#define SETTLED_US 2000000

#define LINK_NAME ".same"

int64_t jbi_before_us(int64_t created_us)
{
    return created_us - SETTLED_US;
}

static int open_artifact(int category_fd, const struct artifact *artifact, int *out,
                         struct jb_error *err)
{
    struct stat st;
    int code = jbi_open_regular(category_fd, artifact->path, out, err);
    if (code == JB_OK && (fstat(*out, &st) < 0 || (uint64_t)st.st_size != artifact->size))
        code = jbi_fail(err, JB_ECORRUPT, "\"%s\" does not have the size in the manifest",
                        artifact->path);
    return code;
}

static int open_both(struct codebase_before *before, const struct codebase_previous *from,
                     struct jb_error *err)
{
    struct previous *previous = &before->previous;
    int code = open_artifact(from->category_fd, from->archive, &before->archive_fd, err);
    if (code == JB_OK)
        code = open_artifact(from->category_fd, from->index, &before->index_fd, err);
    if (code == JB_OK)
        code = jbi_follow_check_index(before->index_fd, from->index, err);
    previous->archive_fd = before->archive_fd;
    previous->archive_size = from->archive->size;
    previous->name = from->archive->path;
    previous->before_us = jbi_before_us(from->created_us);
    previous->only_compare = from->only_compare;
    return code < 0 ? code : jbi_previous_open(previous, before->index_fd, from->index->path, err);
}

int jbi_before_begin(struct codebase_before *before, const struct codebase_previous *from,
                     const struct source_job *job, const char *recipe, struct jb_error *err)
{
    struct jb_error why = {0};
    *before = (struct codebase_before){.archive_fd = -1, .index_fd = -1};
    if (from == NULL || from->archive->recipe == NULL ||
        (!from->only_compare && strcmp(from->archive->recipe, recipe) != 0))
        return 0;
    int code = open_both(before, from, &why);
    if (code == JB_OK)
        return 1;
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    jbi_finding(job->report, JB_WARNING, from->archive->path, "nothing was copied from it: %s",
                why.text);
    jbi_finding_hint(job->report, "\"jbackup verify\" tells what is the matter with it");
    return 0;
}

void jbi_before_end(struct codebase_before *before)
{
    jbi_previous_close(&before->previous);
    if (before->archive_fd >= 0)
        close(before->archive_fd);
    if (before->index_fd >= 0)
        close(before->index_fd);
}

/* Puts a link to the open file in the place of the other; false: nothing was changed. */
static bool link_over(const struct codebase_before *before, const struct codebase_previous *from,
                      int dir_fd, const char *name)
{
    struct stat linked, open;
    if (linkat(from->category_fd, from->archive->path, dir_fd, LINK_NAME, 0) < 0)
        return false;
    bool ok = fstatat(dir_fd, LINK_NAME, &linked, AT_SYMLINK_NOFOLLOW) == 0 &&
              fstat(before->archive_fd, &open) == 0 && linked.st_ino == open.st_ino &&
              linked.st_dev == open.st_dev && renameat(dir_fd, LINK_NAME, dir_fd, name) == 0;
    if (!ok)
        unlinkat(dir_fd, LINK_NAME, 0);
    return ok;
}

int jbi_before_put(const struct codebase_before *before, const struct codebase_previous *from,
                   int dir_fd, const char *name, int archive_fd, bool *is_linked,
                   struct jb_error *err)
{
    unsigned char buffer[64 * 1024];
    uint64_t at = 0;
    ssize_t got;
    *is_linked = link_over(before, from, dir_fd, name);
    if (*is_linked)
        return JB_OK;
    while ((got = jbi_pread_full(before->archive_fd, buffer, sizeof buffer, at)) > 0) {
        if (jbi_write_full(archive_fd, buffer, (size_t)got) < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot write the code archive");
        at += (uint64_t)got;
    }
    if (got < 0 || fsync(archive_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot copy \"%s\"", from->archive->path);
    return JB_OK;
}

bool jbi_before_is_relied_upon(struct codebase_before *before, int dir_fd, dev_t device)
{
    if (!before->has_device || before->device != device) {
        struct stat st;
        before->has_device = true;
        before->device = device;
        before->is_relied_upon =
            fstat(dir_fd, &st) == 0 && st.st_dev == device && jbi_has_ctimes(dir_fd);
    }
    return before->is_relied_upon;
}
