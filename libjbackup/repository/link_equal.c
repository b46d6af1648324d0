/* SPDX-License-Identifier: MIT */
/* Staged artifacts that an older backup has already become links to it. Invariant: what is compared
 * is the link itself, so that it can't be another file by the time it is put in place. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive/same.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"
#include "repository/publish.h"

#define LINK_NAME ".linked"

static bool are_same_tables(const struct artifact *a, const struct artifact *b)
{
    bool same = a->table_count == b->table_count;
    for (size_t i = 0; i < a->table_count && same; i++)
        same = strcmp(a->tables[i].sha256, b->tables[i].sha256) == 0;
    return same;
}

/* Whether it is worth comparing: as far as the manifests tell, both are the same. */
static bool may_be_same(const struct artifact *artifact, const struct artifact *old)
{
    if (artifact->size != old->size)
        return false;
    switch (artifact->kind) {
    case ARTIFACT_POSTGRESQL: /* never byte for byte */
        return artifact->raw_size == old->raw_size &&
               strcmp(artifact->schema_sha256, old->schema_sha256) == 0 &&
               are_same_tables(artifact, old);
    case ARTIFACT_POSTGRESQL_SQL:
    case ARTIFACT_POSTGRESQL_GLOBALS:
        return true;
    default:
        return strcmp(artifact->sha256, old->sha256) == 0;
    }
}

/* 1: both are the same; 0: not so, or one of them can't be read. */
static int compare(int folder, const char *base, const struct artifact *old, struct jb_error *err)
{
    struct jb_error why = {0};
    scope_fd int fd = -1;
    scope_fd int old_fd = -1;
    int code = jbi_open_regular(folder, base, &fd, &why);
    if (code == JB_OK)
        code = jbi_open_regular(folder, LINK_NAME, &old_fd, &why);
    if (code == JB_OK)
        code = jbi_same_artifact(old->kind, fd, old_fd, old->sha256, &why);
    return code == JB_ENOMEM ? jbi_fail_memory(err) : code == 1;
}

static int link_one(int staging_fd, struct artifact *artifact, int old_category_fd,
                    const struct artifact *old, struct jb_error *err)
{
    const char *base = NULL, *old_base = NULL;
    scope_fd int folder = jbi_artifact_folder(staging_fd, artifact->path, &base);
    scope_fd int old_folder = jbi_artifact_folder(old_category_fd, old->path, &old_base);
    if (folder < 0 || old_folder < 0 || linkat(old_folder, old_base, folder, LINK_NAME, 0) < 0)
        return JB_OK;
    int same = compare(folder, base, old, err);
    artifact->linked = same == 1 && renameat(folder, LINK_NAME, folder, base) == 0;
    if (artifact->linked)
        memcpy(artifact->sha256, old->sha256, sizeof artifact->sha256);
    /* Also after success: rename() between two links of one file does nothing. */
    unlinkat(folder, LINK_NAME, 0);
    return same < 0 ? same : JB_OK;
}

static int link_artifact(struct repository *repository, int staging_fd, struct artifact *artifact,
                         const struct catalog *catalog, struct jb_error *err)
{
    int code = JB_OK;
    for (size_t i = 0; i < catalog->count && code == JB_OK && !artifact->linked; i++) {
        const struct manifest *backup = &catalog->backups[i];
        const struct artifact *old = jbi_manifest_artifact(backup, artifact->kind, artifact->name);
        int category_fd = repository->category_fd[backup->category];
        if (old != NULL && category_fd >= 0 && may_be_same(artifact, old))
            code = link_one(staging_fd, artifact, category_fd, old, err);
    }
    return code;
}

int jbi_staging_link_equal(struct repository *repository, int staging_fd, struct manifest *manifest,
                           const struct catalog *catalog, struct jb_error *err)
{
    int code = JB_OK;
    for (size_t i = 0; i < manifest->artifact_count && code == JB_OK; i++)
        if (!manifest->artifacts[i].linked) /* else by its source */
            code = link_artifact(repository, staging_fd, &manifest->artifacts[i], catalog, err);
    return code;
}
