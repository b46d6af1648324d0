/* SPDX-License-Identifier: MIT */
/* Holding an archive against its index. */
#include "source/codebase_follow.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

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
}

int jbi_follow_next(struct follow *follow, struct jb_error *err)
{
    return jbi_index_next_below(follow->index, follow->below, &follow->expected, err);
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
