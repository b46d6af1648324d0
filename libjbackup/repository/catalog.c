/* SPDX-License-Identifier: MIT */
/* All manifests of a repository. Invariant: what is listed was read whole and is in its place. */
#include "repository/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"

struct loading {
    struct catalog *catalog;
    const struct repository *repository;
    int damage_level;
    jb_report *report;
    struct jb_error *err;
    size_t room, damaged_room;
};

/* The array with room for one more element; NULL if out of memory. */
static void *with_room(struct arena *arena, void *array, size_t element, size_t count, size_t *room)
{
    if (count < *room)
        return array;
    *room = *room ? 2 * *room : 32;
    return jbi_arena_grow(arena, array, count * element, *room * element);
}

static int add_damaged(struct loading *loading, enum category category, const char *timestamp,
                       const struct jb_error *why)
{
    struct catalog *catalog = loading->catalog;
    const char **grown = with_room(&catalog->arena, catalog->damaged_timestamps, sizeof *grown,
                                   catalog->damaged, &loading->damaged_room);
    const char *copy = jbi_arena_text(&catalog->arena, timestamp);
    if (grown == NULL || copy == NULL)
        return jbi_fail_memory(loading->err);
    catalog->damaged_timestamps = grown;
    grown[catalog->damaged++] = copy;

    char name[LAYOUT_NAME_SIZE], subject[2 * LAYOUT_NAME_SIZE];
    jbi_manifest_name(name, timestamp);
    snprintf(subject, sizeof subject, "%s/%s", jbi_category_name(category), name);
    jbi_finding(loading->report, loading->damage_level, subject, "%s", why->text);
    jbi_finding_hint(loading->report, "%s",
                     why->hint[0] != '\0' ? why->hint
                                          : "its files may still be good: see RESTORE.txt");
    return JB_OK;
}

static int add_manifest(struct loading *loading, enum category category, const char *timestamp)
{
    struct catalog *catalog = loading->catalog;
    struct jb_error why = {0};
    struct manifest *grown =
        with_room(&catalog->arena, catalog->backups, sizeof *grown, catalog->count, &loading->room);
    if (grown == NULL)
        return jbi_fail_memory(loading->err);
    catalog->backups = grown;
    int code = jbi_manifest_load(&grown[catalog->count], loading->repository->category_fd[category],
                                 category, timestamp, &catalog->arena, &why);
    if (code == JB_OK)
        catalog->count++;
    if (code == JB_OK || code == JB_ENOTFOUND) /* removed by another run while we look */
        return JB_OK;
    if (code == JB_ENOMEM)
        return jbi_fail_memory(loading->err);
    return add_damaged(loading, category, timestamp, &why);
}

static int load_category(struct loading *loading, enum category category)
{
    int above = loading->repository->category_fd[category];
    if (above < 0)
        return JB_OK;
    int fd = openat(above, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        int code = jbi_fail_errno(loading->err, JB_EIO, "cannot read \"%s/%s\"",
                                  loading->repository->path, jbi_category_name(category));
        if (fd >= 0)
            close(fd);
        return code;
    }
    for (;;) {
        char timestamp[TIMESTAMP_SIZE];
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL && errno != 0)
            return jbi_fail_errno(loading->err, JB_EIO, "cannot list \"%s/%s\"",
                                  loading->repository->path, jbi_category_name(category));
        if (entry == NULL)
            return JB_OK;
        if (!jbi_manifest_name_parse(entry->d_name, timestamp))
            continue;
        int code = add_manifest(loading, category, timestamp);
        if (code < 0)
            return code;
    }
}

/* For qsort: the newest first. */
static int newest_first(const void *left, const void *right)
{
    const struct manifest *a = left, *b = right;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? 1 : -1;
    if (a->created_us != b->created_us)
        return a->created_us < b->created_us ? 1 : -1;
    int order = strcmp(b->timestamp, a->timestamp);
    return order != 0 ? order : (int)a->category - (int)b->category;
}

int jbi_catalog_load(struct catalog *out, const struct repository *repository, int damage_level,
                     jb_report *report, struct jb_error *err)
{
    *out = (struct catalog){0};
    struct loading loading = {out, repository, damage_level, report, err, 0, 0};
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        int code = load_category(&loading, (enum category)i);
        if (code < 0) {
            jbi_catalog_free(out);
            return code;
        }
    }
    if (out->count > 1)
        qsort(out->backups, out->count, sizeof *out->backups, newest_first);
    return JB_OK;
}

void jbi_catalog_free(struct catalog *catalog)
{
    jbi_arena_free(&catalog->arena);
    *catalog = (struct catalog){0};
}

/* The last one before and the first one after timestamp, for someone who mistyped it. */
static void hint_nearest(const struct catalog *catalog, const char *timestamp, struct jb_error *err)
{
    const char *before = NULL, *after = NULL;
    for (size_t i = 0; i < catalog->count; i++) {
        const char *one = catalog->backups[i].timestamp;
        if (strcmp(one, timestamp) < 0 && (before == NULL || strcmp(one, before) > 0))
            before = one;
        if (strcmp(one, timestamp) > 0 && (after == NULL || strcmp(one, after) < 0))
            after = one;
    }
    if (before != NULL && after != NULL)
        jbi_hint(err, "the nearest backups are %s and %s", before, after);
    else if (before != NULL || after != NULL)
        jbi_hint(err, "the nearest backup is %s", before ? before : after);
    else
        jbi_hint(err, "the repository has no backup yet; make one: jbackup backup");
}

int jbi_catalog_find(const struct catalog *catalog, const char *timestamp,
                     const struct manifest **out, struct jb_error *err)
{
    *out = NULL;
    if (timestamp == NULL)
        return jbi_fail(err, JB_EINVAL, "no backup is named: its timestamp is needed");
    if (!jbi_is_timestamp(timestamp)) {
        jbi_fail(err, JB_EINVAL, "\"%s\" is not the timestamp of a backup", timestamp);
        jbi_hint(err, "timestamps look like 20240708_143022; jbackup list shows them");
        return JB_EINVAL;
    }
    for (size_t i = 0; i < catalog->count; i++)
        if (strcmp(catalog->backups[i].timestamp, timestamp) == 0) {
            *out = &catalog->backups[i];
            return JB_OK;
        }
    for (size_t i = 0; i < catalog->damaged; i++)
        if (strcmp(catalog->damaged_timestamps[i], timestamp) == 0) {
            jbi_fail(err, JB_ECORRUPT, "the manifest of backup %s cannot be read", timestamp);
            jbi_hint(err, "its files may still be good: see RESTORE.txt");
            return JB_ECORRUPT;
        }
    jbi_fail(err, JB_ENOTFOUND, "there is no backup %s", timestamp);
    hint_nearest(catalog, timestamp, err);
    return JB_ENOTFOUND;
}

static bool is_there(int category_fd, const struct artifact *artifact)
{
    const char *base = NULL;
    struct stat st;
    scope_fd int folder = jbi_artifact_folder(category_fd, artifact->path, &base);
    return folder >= 0 && fstatat(folder, base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(st.st_mode) && (uint64_t)st.st_size == artifact->size;
}

const struct artifact *jbi_backup_lacks(const struct repository *repository,
                                        const struct manifest *manifest)
{
    int category_fd = repository->category_fd[manifest->category];
    for (size_t i = 0; i < manifest->artifact_count; i++)
        if (category_fd < 0 || !is_there(category_fd, &manifest->artifacts[i]))
            return &manifest->artifacts[i];
    return NULL;
}

bool jbi_backup_is_whole(const struct repository *repository, const struct manifest *manifest)
{
    return manifest->artifact_count > 0 && jbi_backup_lacks(repository, manifest) == NULL;
}
