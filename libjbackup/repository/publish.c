/* SPDX-License-Identifier: MIT */
/* Makes a staged backup appear. Invariant: the manifest is renamed into the category last, when all
 * that it names is there, on the disk, and has been read back. */
#include "repository/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "adapter/gzip.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "repository/pending.h"

#define RESERVE_TRIES 86400

/* One backup on its way from the staging folder to its category. */
struct publishing {
    const struct repository *repository;
    int staging_fd;
    int category_fd;
    struct manifest *manifest;
    char database_folder[LAYOUT_NAME_SIZE]; /* "" if the backup has none */
    char checksums_name[LAYOUT_NAME_SIZE];
    char manifest_name[LAYOUT_NAME_SIZE];
};

/* CRC-32 and not SHA-256: against a fault of the disk or memory it is as good, and many times
 * faster. The SHA-256 of what was written was taken on the way. */
static int crc_of_file(int fd, const char *path, uint64_t *size, uint32_t *crc,
                       struct jb_error *err)
{
    enum { PIECE = 256 * 1024 };
    scope_free char *buffer = malloc(PIECE);
    ssize_t got;
    if (buffer == NULL)
        return jbi_fail_memory(err);
    *size = 0;
    *crc = 0;
    while ((got = jbi_read_full(fd, buffer, PIECE)) > 0) {
        *crc = jbi_crc32(*crc, buffer, (size_t)got);
        *size += (uint64_t)got;
    }
    return got < 0 ? jbi_fail_errno(err, JB_EIO, "cannot read back \"%s\"", path) : JB_OK;
}

static int check_artifact(const struct publishing *p, const struct artifact *artifact,
                          struct jb_error *err)
{
    uint64_t size = 0;
    uint32_t crc = 0;
    const char *base = NULL;
    struct stat st;
    if (!jbi_is_artifact_path(artifact->path, p->manifest->timestamp))
        return jbi_fail(err, JB_EINVAL, "\"%s\" is no place for a file of backup %s",
                        artifact->path, p->manifest->timestamp);
    scope_fd int folder = jbi_artifact_folder(p->staging_fd, artifact->path, &base);
    scope_fd int fd = folder < 0 ? -1 : openat(folder, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read back \"%s\"", artifact->path);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != artifact->size)
        return jbi_fail(err, JB_EIO, "\"%s\" does not have the size that was written",
                        artifact->path);
    if (artifact->linked || artifact->is_read_back)
        return JB_OK;
    int code = crc_of_file(fd, artifact->path, &size, &crc, err);
    if (code == JB_OK && (size != artifact->size || crc != artifact->crc32)) {
        code = jbi_fail(err, JB_EIO, "\"%s\" was read back with other content than was written",
                        artifact->path);
        jbi_hint(err, "suspect the disk or the memory of this machine");
    }
    return code;
}

/* Whether the manifest lists every file of the folder; prefix is "" or "db_TS/". */
static int check_only_listed(const struct publishing *p, int folder_fd, const char *prefix,
                             struct jb_error *err)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL)
        return jbi_fail_errno(err, JB_EIO, "cannot list the staging folder");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        char path[2 * LAYOUT_NAME_SIZE + 256];
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            (prefix[0] == '\0' && strcmp(name, p->database_folder) == 0))
            continue;
        snprintf(path, sizeof path, "%s%s", prefix, name);
        size_t i = 0;
        while (i < p->manifest->artifact_count && strcmp(p->manifest->artifacts[i].path, path) != 0)
            i++;
        if (i == p->manifest->artifact_count)
            return jbi_fail(err, JB_EIO, "staged \"%s\" is not a file of the backup", path);
    }
    return JB_OK;
}

static int check_staged(const struct publishing *p, struct jb_error *err)
{
    for (size_t i = 0; i < p->manifest->artifact_count; i++) {
        int code = check_artifact(p, &p->manifest->artifacts[i], err);
        if (code < 0)
            return code;
    }
    int code = check_only_listed(p, p->staging_fd, "", err);
    if (code < 0 || p->database_folder[0] == '\0')
        return code;
    char prefix[LAYOUT_NAME_SIZE + 1];
    snprintf(prefix, sizeof prefix, "%s/", p->database_folder);
    scope_fd int folder = -1;
    code = jbi_open_dir(p->staging_fd, p->database_folder, &folder, err);
    if (code == JB_OK)
        code = check_only_listed(p, folder, prefix, err);
    if (code == JB_OK && fsync(folder) < 0)
        code = jbi_fail_errno(err, JB_EIO, "cannot sync \"%s\"", p->database_folder);
    return code;
}

void jbi_checksums_text(const struct manifest *manifest, struct text *out)
{
    for (size_t i = 0; i < manifest->artifact_count; i++)
        jbi_text_addf(out, "%s  %s\n", manifest->artifacts[i].sha256, manifest->artifacts[i].path);
}

static int write_checksums(struct publishing *p, struct jb_error *err)
{
    scope_text lines = {0};
    scope_digest *digest = jbi_digest_new();
    struct manifest *m = p->manifest;
    m->total_size = 0;
    for (size_t i = 0; i < m->artifact_count; i++)
        m->total_size += m->artifacts[i].size;
    jbi_checksums_text(m, &lines);
    if (lines.failed || lines.at == NULL || digest == NULL)
        return jbi_fail_memory(err);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, lines.at, lines.len);
    jbi_digest_end(digest, m->checksum);
    return jbi_file_write_atomic(p->staging_fd, p->checksums_name, lines.at, lines.len, 0600, err);
}

/* A manifest that could not be read later is worse than a backup that fails now. */
static int write_manifest(int staging_fd, const char *name, const struct manifest *manifest,
                          struct jb_error *err)
{
    struct arena arena = {0};
    struct manifest again;
    scope_free char *text = jbi_manifest_print(manifest);
    if (text == NULL)
        return jbi_fail_memory(err);
    int code = jbi_manifest_parse(&again, text, strlen(text), name, &arena, err);
    jbi_arena_free(&arena);
    return code < 0 ? code : jbi_file_write_atomic(staging_fd, name, text, strlen(text), 0600, err);
}

static int check_absent(const struct publishing *p, const char *name, struct jb_error *err)
{
    struct stat st;
    if (fstatat(p->category_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return jbi_fail(err, JB_EIO, "\"%s/%s\" is there already",
                        jbi_category_name(p->manifest->category), name);
    return errno == ENOENT ? JB_OK : jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", name);
}

static int check_place_is_free(const struct publishing *p, struct jb_error *err)
{
    char proof[LAYOUT_NAME_SIZE];
    jbi_proof_name(proof, p->manifest->timestamp);
    int code = check_absent(p, p->manifest_name, err);
    if (code == JB_OK)
        code = check_absent(p, proof, err);
    if (code == JB_OK)
        code = check_absent(p, p->checksums_name, err);
    if (code == JB_OK && p->database_folder[0] != '\0')
        code = check_absent(p, p->database_folder, err);
    for (size_t i = 0; i < p->manifest->artifact_count && code == JB_OK; i++)
        if (strchr(p->manifest->artifacts[i].path, '/') == NULL)
            code = check_absent(p, p->manifest->artifacts[i].path, err);
    return code;
}

static int move(const struct publishing *p, const char *name, struct jb_error *err)
{
    int done = renameat2(p->staging_fd, name, p->category_fd, name, RENAME_NOREPLACE);
    if (done < 0 && (errno == EINVAL || errno == ENOSYS)) /* a file system without that flag */
        done = renameat(p->staging_fd, name, p->category_fd, name);
    if (done < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot move \"%s\" into its category", name);
    return JB_OK;
}

static int sync_category(const struct publishing *p, struct jb_error *err)
{
    if (fsync(p->category_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot sync \"%s/%s\"", p->repository->path,
                              jbi_category_name(p->manifest->category));
    return JB_OK;
}

static int move_all(const struct publishing *p, struct jb_error *err)
{
    int code = JB_OK;
    for (size_t i = 0; i < p->manifest->artifact_count && code == JB_OK; i++)
        if (strchr(p->manifest->artifacts[i].path, '/') == NULL)
            code = move(p, p->manifest->artifacts[i].path, err);
    if (code == JB_OK && p->database_folder[0] != '\0')
        code = move(p, p->database_folder, err);
    if (code == JB_OK)
        code = move(p, p->checksums_name, err);
    if (code == JB_OK)
        code = sync_category(p, err);
    if (code == JB_OK)
        code = move(p, p->manifest_name, err);
    return code == JB_OK ? sync_category(p, err) : code;
}

/* Called with what failed in err; if this fails too, the note is still there for the next run. */
static void undo_moves(const struct publishing *p, const struct pending *pending,
                       struct jb_error *err)
{
    struct jb_error why = {0};
    bool is_gone = unlinkat(p->category_fd, p->manifest_name, 0) == 0 || errno == ENOENT;
    if (!is_gone || sync_category(p, &why) < 0 ||
        jbi_pending_sweep(p->repository, pending, NULL, NULL, &why) < 0 ||
        jbi_pending_drop(p->repository, &why) < 0)
        jbi_hint(err, "what this run has left is cleared by the next one");
}

static void publishing_names(struct publishing *p)
{
    jbi_manifest_name(p->manifest_name, p->manifest->timestamp);
    jbi_checksums_name(p->checksums_name, p->manifest->timestamp);
    for (size_t i = 0; i < p->manifest->artifact_count; i++)
        if (strchr(p->manifest->artifacts[i].path, '/') != NULL)
            jbi_database_folder(p->database_folder, p->manifest->timestamp);
}

int jbi_repository_publish(struct repository *repository, int staging_fd, struct manifest *manifest,
                           struct jb_error *err)
{
    struct publishing p = {
        repository, staging_fd, repository->category_fd[manifest->category], manifest, "", "", ""};
    struct arena arena = {0};
    struct pending pending;
    publishing_names(&p);
    int code = check_staged(&p, err);
    if (code == JB_OK)
        code = write_checksums(&p, err);
    if (code == JB_OK)
        code = write_manifest(staging_fd, p.manifest_name, manifest, err);
    if (code == JB_OK)
        code = check_place_is_free(&p, err);
    if (code == JB_OK)
        code = jbi_pending_of(&pending, PENDING_PUBLISH, manifest, &arena, err);
    if (code == JB_OK)
        code = jbi_pending_save(repository, &pending, err);
    if (code == JB_OK) {
        code = move_all(&p, err);
        if (code < 0)
            undo_moves(&p, &pending, err);
        else /* a note that stays is dropped by the next run: the backup is there */
            jbi_pending_drop(repository, NULL);
    }
    if (code == JB_OK)
        jbi_staging_discard(repository, NULL);
    jbi_arena_free(&arena);
    return code;
}

int jbi_manifest_rewrite(struct repository *repository, const struct manifest *manifest,
                         struct jb_error *err)
{
    char name[LAYOUT_NAME_SIZE];
    struct stat st;
    int category_fd = repository->category_fd[manifest->category];
    scope_fd int staging_fd = -1;
    jbi_manifest_name(name, manifest->timestamp);
    if (fstatat(category_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return jbi_fail_errno(err, errno == ENOENT ? JB_ENOTFOUND : JB_EIO, "cannot find \"%s/%s\"",
                              jbi_category_name(manifest->category), name);
    int code = jbi_staging_begin(repository, manifest->timestamp, false, &staging_fd, err);
    if (code == JB_OK)
        code = write_manifest(staging_fd, name, manifest, err);
    if (code == JB_OK &&
        (renameat(staging_fd, name, category_fd, name) < 0 || fsync(category_fd) < 0))
        code = jbi_fail_errno(err, JB_EIO, "cannot replace \"%s/%s\"",
                              jbi_category_name(manifest->category), name);
    struct jb_error ignored = {0}; /* the next run throws it away */
    jbi_staging_discard(repository, &ignored);
    return code;
}

int jbi_timestamp_reserve(const struct repository *repository, int64_t now_unix_s,
                          char out[TIMESTAMP_SIZE], struct jb_error *err)
{
    for (int64_t i = 0; i < RESERVE_TRIES; i++) {
        jbi_timestamp(out, now_unix_s + i);
        int taken = jbi_timestamp_is_taken(repository, out);
        if (taken < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot look into the repository \"%s\"",
                                  repository->path);
        if (taken == 0)
            return JB_OK;
    }
    return jbi_fail(err, JB_EIO, "every timestamp of the day after %s is taken", out);
}
