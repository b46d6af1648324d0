/* SPDX-License-Identifier: MIT */
/* Holding an archive against its index. */
#include "source/codebase_follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/tree.h"

int jbi_follow_check_index(int index_fd, const struct artifact *index, struct jb_error *err)
{
    enum { PIECE = 64 * 1024 };
    char sha256[SHA256_HEX_SIZE];
    scope_digest *digest = jbi_digest_new();
    scope_free unsigned char *buffer = malloc(PIECE);
    uint64_t offset = 0;
    ssize_t got;
    if (digest == NULL || buffer == NULL)
        return jbi_fail_memory(err);
    jbi_digest_begin(digest);
    while ((got = jbi_pread_full(index_fd, buffer, PIECE, offset)) > 0) {
        jbi_digest_add(digest, buffer, (size_t)got);
        offset += (uint64_t)got;
    }
    if (got < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", index->path);
    jbi_digest_end(digest, sha256);
    if (strcmp(sha256, index->sha256) == 0)
        return JB_OK;
    jbi_fail(err, JB_ECORRUPT, "\"%s\" does not have the checksum in the manifest", index->path);
    jbi_hint(err, "restore from another backup, or from this archive with tar: see RESTORE.txt");
    return JB_ECORRUPT;
}

int jbi_follow_begin(struct follow *follow, int index_fd, const char *index_name, const char *below,
                     struct jb_error *err)
{
    *follow = (struct follow){.below = below, .digest = jbi_digest_new()};
    if (follow->digest == NULL)
        return jbi_fail_memory(err);
    return jbi_index_open(&follow->index, index_fd, index_name, err);
}

void jbi_follow_end(struct follow *follow)
{
    jbi_index_close(follow->index);
    jbi_digest_free(follow->digest);
    jbi_text_free(&follow->last);
}

/* In the order of a walk each folder of an entry is the one before or above the one before. */
static bool is_in_folder(const struct follow *follow, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len == 0 || (follow->last.len == 0 && strcmp(path, follow->below) == 0))
        return true;
    if (follow->last.len < len || memcmp(follow->last.at, path, len) != 0)
        return false;
    return follow->last.len == len ? follow->last_is_folder : follow->last.at[len] == '/';
}

/* What a walk could not have met is refused. */
static int check_place(struct follow *follow, struct jb_error *err)
{
    const char *path = follow->expected.path;
    if (follow->last.len > 0 && jbi_tree_order(follow->last.at, path) >= 0)
        return jbi_fail(err, JB_ECORRUPT, "\"%s\" is in the archive twice, or not in its order",
                        path);
    if (!is_in_folder(follow, path))
        return jbi_fail(err, JB_ECORRUPT, "the folder of \"%s\" is not in the archive", path);
    follow->last.len = 0;
    jbi_text_adds(&follow->last, path);
    follow->last_is_folder = follow->expected.type == TAR_FOLDER;
    return follow->last.failed ? jbi_fail_memory(err) : 1;
}

int jbi_follow_next(struct follow *follow, struct jb_error *err)
{
    int code = jbi_index_next_below(follow->index, follow->below, &follow->expected, err);
    return code == 1 ? check_place(follow, err) : code;
}

void jbi_follow_compare(const struct follow *follow, const struct tar_entry *entry,
                        char difference[FOLLOW_DIFFERENCE_SIZE])
{
    const struct index_entry *expected = &follow->expected;
    bool has_link = entry->link != NULL && expected->link != NULL;
    const struct {
        bool differs;
        const char *name;
    } checks[] = {
        {strcmp(entry->path, expected->path) != 0, "name"},
        {entry->type != expected->type, "type"},
        {entry->size != expected->size, "size"},
        {entry->mode != expected->mode, "mode"},
        {entry->uid != expected->uid || entry->gid != expected->gid, "owner"},
        {entry->mtime_s != expected->mtime_s || entry->mtime_ns != expected->mtime_ns, "time"},
        {has_link && strcmp(entry->link, expected->link) != 0, "link"},
    };
    difference[0] = '\0';
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        size_t len = strlen(difference);
        if (checks[i].differs)
            snprintf(difference + len, FOLLOW_DIFFERENCE_SIZE - len, "%s%s", len ? ", " : "",
                     checks[i].name);
    }
}

void jbi_follow_content_begin(struct follow *follow)
{
    jbi_digest_begin(follow->digest);
}

void jbi_follow_content_add(struct follow *follow, const unsigned char *from, size_t len)
{
    jbi_digest_add(follow->digest, from, len);
}

bool jbi_follow_content_is_right(struct follow *follow)
{
    char sha256[SHA256_HEX_SIZE];
    jbi_digest_end(follow->digest, sha256);
    return strcmp(sha256, follow->expected.sha256) == 0;
}
