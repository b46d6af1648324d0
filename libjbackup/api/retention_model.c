/* SPDX-License-Identifier: MIT */
/* One real backup of a tiny project, and its copies under other dates. Invariant: everything is
 * written below the scratch folder, and not synced: it need not outlive a crash. */
#include "api/retention_model.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "repository/publish.h"

#define PROJECT                                                                                    \
    "{\"name\": \"rehearsal\", \"root\": \"app\", \"backup_dir\": \"model\","                      \
    " \"databases\": [\"sqlite:///notes.db\"]}"
#define MODEL_MAX (1u << 20)
#define PAGE_SIZE 512

int jbi_model_write(int dir_fd, const char *name, const void *from, size_t len,
                    struct jb_error *err)
{
    scope_fd int fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || jbi_write_full(fd, from, len) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", name);
    return JB_OK;
}

/* An SQLite database without tables: its header, and an empty page of the schema. */
static int write_database(int dir_fd, const char *name, struct jb_error *err)
{
    static const char magic[16] = "SQLite format 3";
    unsigned char page[PAGE_SIZE] = {0};
    memcpy(page, magic, sizeof magic);
    page[16] = PAGE_SIZE >> 8;
    page[18] = page[19] = 1; /* not WAL */
    page[21] = 64;           /* three constants of the format */
    page[22] = page[23] = 32;
    page[27] = page[31] = page[95] = 1; /* changes, pages, changes again */
    page[47] = 4;                       /* form of the schema */
    page[59] = 1;                       /* UTF-8 */
    page[100] = 13;                     /* a leaf of a table, whose cells begin at its end */
    page[105] = PAGE_SIZE >> 8;
    return jbi_model_write(dir_fd, name, page, sizeof page, err);
}

static int open_project(struct retention_model *m, const jb_project *user, struct jb_error *err)
{
    static const char text[] = "what is kept\n";
    scope_fd int app = -1;
    if (mkdirat(m->fd, "app", 0700) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make a folder in \"%s\"", m->path);
    int code = jbi_open_dir(m->fd, "app", &app, err);
    if (code == JB_OK)
        code = jbi_model_write(app, "file", text, sizeof text - 1, err);
    if (code == JB_OK)
        code = write_database(m->fd, "notes.db", err);
    if (code == JB_OK)
        code = jb_project_parse(&m->project, PROJECT, m->path, err);
    if (code < 0)
        return code;
    m->project->retention = user->retention;
    jb_project_set_hooks(m->project, NULL, user->hooks.progress, user->hooks.user);
    return JB_OK;
}

static int read_model(struct retention_model *m, const struct repository *repository,
                      const char *timestamp, struct jb_error *err)
{
    int category_fd = repository->category_fd[CATEGORY_DAILY];
    int code =
        jbi_manifest_load(&m->manifest, category_fd, CATEGORY_DAILY, timestamp, &m->arena, err);
    if (code == JB_OK && m->manifest.artifact_count != MODEL_ARTIFACTS)
        code = jbi_fail(err, JB_ECORRUPT, "a backup of a file and a database has %zu artifacts",
                        m->manifest.artifact_count);
    for (size_t i = 0; code == JB_OK && i < MODEL_ARTIFACTS; i++) {
        size_t len;
        m->artifacts[i] = m->manifest.artifacts[i];
        code =
            jbi_file_read(category_fd, m->artifacts[i].path, MODEL_MAX, &m->content[i], &len, err);
        if (code == JB_OK && len != m->artifacts[i].size)
            code =
                jbi_fail(err, JB_ECORRUPT, "\"%s\" does not have its size", m->artifacts[i].path);
    }
    return code;
}

static int make_model(struct retention_model *m, struct jb_error *err)
{
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    struct repository repository;
    jb_report *made = NULL;
    options.category = jbi_category_name(CATEGORY_DAILY);
    int code = backup_create(m->project, &options, &made, err);
    if (code < 0)
        return code;
    const char *timestamp = jb_report_text(made, JB_FIGURES, "timestamp");
    code = jbi_repository_open(&repository, m->project->backup_dir, false, NULL, err);
    if (code == JB_OK)
        code = read_model(m, &repository, timestamp ? timestamp : "", err);
    jbi_repository_close(&repository);
    jb_report_free(made);
    return code;
}

void jbi_model_artifact(char to[LAYOUT_NAME_SIZE], const struct retention_model *m, size_t index,
                        const char *timestamp)
{
    snprintf(to, LAYOUT_NAME_SIZE, "%s", m->artifacts[index].path);
    char *at = strstr(to, m->manifest.timestamp);
    if (at != NULL)
        memcpy(at, timestamp, TIMESTAMP_SIZE - 1);
}

bool jbi_model_file(char to[LAYOUT_NAME_SIZE], const struct retention_model *m, size_t index,
                    const struct trial_backup *backup)
{
    if (index == DATABASE_FILE)
        jbi_database_folder(to, backup->timestamp);
    else if (index < MODEL_ARTIFACTS)
        jbi_model_artifact(to, m, index, backup->timestamp);
    else if (index == CHECKSUMS_FILE)
        jbi_checksums_name(to, backup->timestamp);
    else
        jbi_manifest_name(to, backup->timestamp);
    return backup->has_code || (index != ARCHIVE_FILE && index != INDEX_FILE);
}

/* The checksums and, last, the manifest that go with the artifacts. */
static int write_words(struct manifest *manifest, int category_fd, struct jb_error *err)
{
    char name[LAYOUT_NAME_SIZE];
    scope_text checksums = {0};
    scope_digest *digest = jbi_digest_new();
    jbi_checksums_text(manifest, &checksums);
    if (digest == NULL || checksums.failed)
        return jbi_fail_memory(err);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, checksums.at, checksums.len);
    jbi_digest_end(digest, manifest->checksum);
    jbi_checksums_name(name, manifest->timestamp);
    int code = jbi_model_write(category_fd, name, checksums.at, checksums.len, err);
    if (code < 0)
        return code;
    scope_free char *text = jbi_manifest_print(manifest);
    if (text == NULL)
        return jbi_fail_memory(err);
    jbi_manifest_name(name, manifest->timestamp);
    return jbi_model_write(category_fd, name, text, strlen(text), err);
}

int jbi_model_copy(const struct retention_model *m, const struct repository *repository,
                   const struct trial_backup *backup, int64_t sequence, struct jb_error *err)
{
    int category_fd = repository->category_fd[backup->category], code = JB_OK;
    struct manifest manifest = m->manifest;
    struct artifact artifacts[MODEL_ARTIFACTS];
    char names[MODEL_ARTIFACTS][LAYOUT_NAME_SIZE], folder[LAYOUT_NAME_SIZE];
    memcpy(manifest.timestamp, backup->timestamp, sizeof manifest.timestamp);
    manifest.category = backup->category;
    manifest.created_us = backup->created_s * 1000000;
    manifest.sequence = sequence;
    manifest.pinned = backup->is_pinned;
    manifest.artifacts = artifacts;
    manifest.total_size = 0;
    manifest.artifact_count = backup->has_code ? MODEL_ARTIFACTS : 1;
    manifest.type = backup->has_code ? JB_TYPE_FULL : JB_TYPE_DATABASE;
    jbi_database_folder(folder, backup->timestamp);
    if (mkdirat(category_fd, folder, 0700) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", folder);
    for (size_t i = 0; i < manifest.artifact_count && code == JB_OK; i++) {
        jbi_model_artifact(names[i], m, i, backup->timestamp);
        artifacts[i] = m->artifacts[i];
        artifacts[i].path = names[i];
        manifest.total_size += artifacts[i].size;
        size_t size = artifacts[i].size;
        code = jbi_model_write(category_fd, names[i], m->content[i],
                               backup->is_cut && i == 0 ? size / 2 : size, err);
    }
    return code < 0 ? code : write_words(&manifest, category_fd, err);
}

int jbi_model_make(struct retention_model *m, const struct scratch *scratch, const jb_project *user,
                   struct jb_error *err)
{
    *m = (struct retention_model){.fd = scratch->fd};
    int code = jbi_scratch_path(scratch, m->path, err);
    if (code == JB_OK)
        code = open_project(m, user, err);
    return code < 0 ? code : make_model(m, err);
}

void jbi_model_free(struct retention_model *m)
{
    for (size_t i = 0; i < MODEL_ARTIFACTS; i++)
        free(m->content[i]);
    jb_project_close(m->project);
    jbi_arena_free(&m->arena);
}
