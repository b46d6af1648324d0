/* SPDX-License-Identifier: MIT */
/* The folder in which a backup is made. Invariant: everything in it may be thrown away. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"
#include "repository/publish.h"

#define LINK_NAME ".linked"

int jbi_staging_begin(struct repository *repository, const char *timestamp, bool with_database,
                      int *out, struct jb_error *err)
{
    char folder[LAYOUT_NAME_SIZE];
    *out = -1;
    int code = jbi_staging_discard(repository, err);
    if (code < 0)
        return code;
    if (mkdirat(repository->state_fd, STATE_STAGING, 0700) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s/.jbackup/" STATE_STAGING "\"",
                              repository->path);
    code = jbi_open_dir(repository->state_fd, STATE_STAGING, out, err);
    if (code < 0)
        return code;
    jbi_database_folder(folder, timestamp);
    if (!with_database || mkdirat(*out, folder, 0700) == 0)
        return JB_OK;
    code = jbi_fail_errno(err, JB_EIO, "cannot make \"%s\" in the staging folder", folder);
    close(*out);
    *out = -1;
    return code;
}

int jbi_staging_discard(struct repository *repository, struct jb_error *err)
{
    return jbi_remove_tree(repository->state_fd, STATE_STAGING, err);
}

/* Opens a regular file of a backup; -1 if it is not there or something else. */
static int open_artifact(int folder_fd, const char *base)
{
    struct stat st;
    int fd = openat(folder_fd, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Puts a link to the compared file in the place of the staged one; false: nothing was changed. */
static bool link_over(int from_folder, const char *from, int compared_fd, int to_folder,
                      const char *to)
{
    struct stat linked, compared;
    if (linkat(from_folder, from, to_folder, LINK_NAME, 0) < 0)
        return false;
    bool ok = fstatat(to_folder, LINK_NAME, &linked, AT_SYMLINK_NOFOLLOW) == 0 &&
              fstat(compared_fd, &compared) == 0 && linked.st_ino == compared.st_ino &&
              linked.st_dev == compared.st_dev &&
              renameat(to_folder, LINK_NAME, to_folder, to) == 0;
    /* Also after success: rename() between two links of one file does nothing. */
    unlinkat(to_folder, LINK_NAME, 0);
    return ok;
}

/* The file in previous that may have the same bytes, or NULL. */
static const struct artifact *counterpart(const struct manifest *previous,
                                          const struct artifact *artifact)
{
    const struct artifact *old = jbi_manifest_artifact(previous, artifact->kind, artifact->name);
    bool may_be =
        old != NULL && old->size == artifact->size && strcmp(old->sha256, artifact->sha256) == 0;
    return may_be ? old : NULL;
}

static int link_one(int staging_fd, struct artifact *artifact, int old_category_fd,
                    const struct artifact *old, struct jb_error *err)
{
    const char *base = NULL, *old_base = NULL;
    struct jb_error why = {0};
    scope_fd int folder = jbi_artifact_folder(staging_fd, artifact->path, &base);
    scope_fd int old_folder = jbi_artifact_folder(old_category_fd, old->path, &old_base);
    if (folder < 0 || old_folder < 0)
        return JB_OK;
    scope_fd int fd = open_artifact(folder, base);
    scope_fd int old_fd = open_artifact(old_folder, old_base);
    if (fd < 0 || old_fd < 0)
        return JB_OK;
    int equal = jbi_file_equal(fd, old_fd, &why);
    if (equal == JB_ENOMEM)
        return jbi_fail_memory(err);
    artifact->linked = equal == 1 && link_over(old_folder, old_base, old_fd, folder, base);
    return JB_OK;
}

int jbi_staging_link_equal(struct repository *repository, int staging_fd, struct manifest *manifest,
                           const struct manifest *previous, struct jb_error *err)
{
    if (previous == NULL || repository->category_fd[previous->category] < 0)
        return JB_OK;
    for (size_t i = 0; i < manifest->artifact_count; i++) {
        struct artifact *artifact = &manifest->artifacts[i];
        if (artifact->linked) /* by its source */
            continue;
        const struct artifact *old = counterpart(previous, artifact);
        if (old == NULL)
            continue;
        int code =
            link_one(staging_fd, artifact, repository->category_fd[previous->category], old, err);
        if (code < 0)
            return code;
    }
    return JB_OK;
}
