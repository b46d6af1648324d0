/* SPDX-License-Identifier: MIT */
/* The packed copy of a database. Invariant: nothing is believed of the copy before but what it has
 * been unpacked to and compared with. */
#include "source/sqlite_pack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"

struct members_options jbi_sqlite_packing(const struct source_job *job, const char *step,
                                          const char *path)
{
    return (struct members_options){
        .compression = job->compression,
        .jobs = job->jobs,
        .hooks = job->hooks,
        .step = step,
        .name = path,
    };
}

/* The copy before, open; -1: there is none, or of another recipe, or it can't be read, which is a
 * finding. */
static int open_previous(const struct sqlite_previous *previous, const struct source_job *job,
                         const char *recipe)
{
    struct jb_error why = {0};
    struct stat st;
    int fd = -1;
    if (previous == NULL || previous->artifact->recipe == NULL ||
        strcmp(previous->artifact->recipe, recipe) != 0)
        return -1;
    const char *path = previous->artifact->path;
    int code = jbi_open_regular(previous->category_fd, path, &fd, &why);
    if (code == JB_OK && (fstat(fd, &st) < 0 || (uint64_t)st.st_size != previous->artifact->size)) {
        jbi_fail(&why, JB_ECORRUPT, "\"%s\" does not have the size in the manifest", path);
        close(fd);
        code = JB_ECORRUPT;
    }
    if (code == JB_OK)
        return fd;
    jbi_finding(job->report, JB_WARNING, path, "nothing was copied from it: %s", why.text);
    jbi_finding_hint(job->report, "\"jbackup verify\" tells what is the matter with it");
    return -1;
}

int jbi_sqlite_pack(const struct sqlite_source *source, const struct source_job *job, int copy_fd,
                    int category_fd, struct artifact *artifact, struct jb_error *err)
{
    struct members_options options = jbi_sqlite_packing(job, "pack database", artifact->path);
    struct members_totals totals;
    scope_fd int out = openat(category_fd, artifact->path,
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", artifact->path);
    scope_fd int previous_fd = open_previous(source->previous, job, artifact->recipe);
    options.previous_fd = previous_fd >= 0 ? &previous_fd : NULL;
    int code = jbi_members_pack(copy_fd, out, &options, &totals, err);
    if (code < 0)
        return code;
    if (fsync(out) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", artifact->path);
    if (totals.is_previous_damaged) {
        jbi_finding(job->report, JB_WARNING, source->previous->artifact->path,
                    "it is damaged: what is damaged was not copied from it");
        jbi_finding_hint(job->report, "\"jbackup verify\" tells what is the matter with it");
    }
    artifact->size = totals.size;
    artifact->raw_size = totals.raw_size;
    artifact->crc32 = totals.crc32;
    artifact->copied_bytes = totals.copied;
    memcpy(artifact->sha256, totals.sha256, sizeof artifact->sha256);
    return JB_OK;
}
