/* SPDX-License-Identifier: MIT */
/* Takes backups away. Invariant: the manifest goes first, so there is never a backup that is listed
 * and not whole; only files that the manifest or a note names, and their proof, are removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "repository/pending.h"
#include "repository/publish.h"

/* The size if this is the last link of a regular file, else 0. */
static uint64_t last_link_size(int folder_fd, const char *base)
{
    struct stat st;
    bool is_last = fstatat(folder_fd, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
                   st.st_nlink == 1;
    return is_last ? (uint64_t)st.st_size : 0;
}

static int sweep_file(int category_fd, const char *path, uint64_t *freed, jb_report *report,
                      struct jb_error *err)
{
    const char *base = NULL;
    scope_fd int folder = jbi_artifact_folder(category_fd, path, &base);
    if (folder < 0 && errno == ENOENT)
        return JB_OK;
    if (folder < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        jbi_finding(report, JB_WARNING, path, "left where it is: its folder is not a folder");
        return JB_OK;
    }
    if (folder < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open the folder of \"%s\"", path);
    uint64_t size = last_link_size(folder, base);
    if (unlinkat(folder, base, 0) == 0) {
        *freed += size;
        return JB_OK;
    }
    if (errno == EISDIR) {
        jbi_finding(report, JB_WARNING, path, "left where it is: it is a folder");
        return JB_OK;
    }
    if (errno == EPERM || errno == EACCES) { /* would be so at each further try, too */
        jbi_finding(report, JB_WARNING, path, "left where it is: %s", strerrordesc_np(errno));
        jbi_finding_hint(report, "it belongs to no backup any more; remove it by hand");
        return JB_OK;
    }
    return errno == ENOENT ? JB_OK : jbi_fail_errno(err, JB_EIO, "cannot remove \"%s\"", path);
}

static int sweep_database_folder(int category_fd, const char *timestamp, jb_report *report,
                                 struct jb_error *err)
{
    char name[LAYOUT_NAME_SIZE];
    jbi_database_folder(name, timestamp);
    if (unlinkat(category_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTDIR)
        return JB_OK;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return jbi_fail_errno(err, JB_EIO, "cannot remove folder \"%s\"", name);
    jbi_finding(report, JB_WARNING, name,
                "the folder has files that are not of the backup; they were left");
    jbi_finding_hint(report, "move them away, then remove the folder by hand");
    return JB_OK;
}

int jbi_pending_sweep(const struct repository *repository, const struct pending *pending,
                      uint64_t *freed, jb_report *report, struct jb_error *err)
{
    int category_fd = repository->category_fd[pending->category], code = JB_OK;
    uint64_t bytes = 0;
    char proof[LAYOUT_NAME_SIZE];
    jbi_proof_name(proof, pending->timestamp);
    for (size_t i = 0; i < pending->count && code == JB_OK; i++)
        code = sweep_file(category_fd, pending->files[i], &bytes, report, err);
    if (code == JB_OK) /* also if the note does not name it */
        code = sweep_file(category_fd, proof, &bytes, report, err);
    if (code == JB_OK)
        code = sweep_database_folder(category_fd, pending->timestamp, report, err);
    if (code == JB_OK && fsync(category_fd) < 0)
        code = jbi_fail_errno(err, JB_EIO, "cannot sync \"%s/%s\"", repository->path,
                              jbi_category_name(pending->category));
    if (freed != NULL)
        *freed += bytes;
    return code;
}

static int remove_manifest(const struct repository *repository, const struct manifest *manifest,
                           struct jb_error *err)
{
    char name[LAYOUT_NAME_SIZE];
    int category_fd = repository->category_fd[manifest->category];
    jbi_manifest_name(name, manifest->timestamp);
    if (unlinkat(category_fd, name, 0) < 0)
        return jbi_fail_errno(err, errno == ENOENT ? JB_ENOTFOUND : JB_EIO,
                              "cannot remove \"%s/%s\"", jbi_category_name(manifest->category),
                              name);
    if (fsync(category_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot sync \"%s/%s\"", repository->path,
                              jbi_category_name(manifest->category));
    return JB_OK;
}

int jbi_repository_remove(struct repository *repository, const struct manifest *manifest,
                          uint64_t *freed, jb_report *report, struct jb_error *err)
{
    struct arena arena = {0};
    struct pending pending;
    *freed = 0;
    if (manifest->pinned) {
        jbi_fail(err, JB_EINVAL, "backup %s is pinned", manifest->timestamp);
        jbi_hint(err, "unpin it first: jbackup unpin %s", manifest->timestamp);
        return JB_EINVAL;
    }
    int code = jbi_pending_of(&pending, PENDING_REMOVE, manifest, &arena, err);
    if (code == JB_OK)
        code = jbi_pending_save(repository, &pending, err);
    if (code == JB_OK)
        code = remove_manifest(repository, manifest, err);
    if (code == JB_OK) {
        code = jbi_pending_sweep(repository, &pending, freed, report, err);
        if (code == JB_OK)
            code = jbi_pending_drop(repository, err);
        if (code < 0)
            jbi_hint(err, "the next backup or cleanup finishes the removal");
    }
    jbi_arena_free(&arena);
    return code;
}

/* Adds the files of the folder that have the name of an artifact of this backup. */
static int artifacts_find(struct manifest *found, int folder_fd, const char *prefix, size_t room,
                          struct arena *arena)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL && found->artifact_count < room) {
        const char *path = jbi_arena_printf(arena, "%s%s", prefix, entry->d_name);
        if (path == NULL)
            return JB_ENOMEM;
        if (jbi_is_artifact_path(path, found->timestamp))
            found->artifacts[found->artifact_count++].path = path;
    }
    return JB_OK;
}

int jbi_repository_remove_damaged(struct repository *repository, enum category category,
                                  const char *timestamp, uint64_t *freed, jb_report *report,
                                  struct jb_error *err)
{
    struct arena arena = {0};
    struct manifest found = {.category = category};
    char folder[LAYOUT_NAME_SIZE], prefix[LAYOUT_NAME_SIZE + 1];
    int category_fd = repository->category_fd[category];
    memcpy(found.timestamp, timestamp, TIMESTAMP_SIZE);
    found.artifacts = jbi_arena_alloc(&arena, MANIFEST_ARTIFACTS_MAX * sizeof *found.artifacts);
    jbi_database_folder(folder, timestamp);
    snprintf(prefix, sizeof prefix, "%s/", folder);
    scope_fd int folder_fd =
        openat(category_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int code = found.artifacts ? JB_OK : JB_ENOMEM;
    if (code == JB_OK)
        code = artifacts_find(&found, category_fd, "", MANIFEST_ARTIFACTS_MAX, &arena);
    if (code == JB_OK && folder_fd >= 0)
        code = artifacts_find(&found, folder_fd, prefix, MANIFEST_ARTIFACTS_MAX, &arena);
    code = code < 0 ? jbi_fail_memory(err)
                    : jbi_repository_remove(repository, &found, freed, report, err);
    jbi_arena_free(&arena);
    return code;
}
