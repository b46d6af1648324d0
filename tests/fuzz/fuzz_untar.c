/* SPDX-License-Identifier: MIT */
/*
 * The reader of tar streams. Each input is fed twice, in one piece and in pieces whose sizes its
 * own bytes choose, as it is and with the checksums of its blocks made right: without that, few
 * changed inputs would get past the first header. Both feedings must see the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/digest.h"
#include "archive/untar.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

struct seen {
    struct digest *digest;
    uint64_t content, left;
    char hex[SHA256_HEX_SIZE];
};

static void expect(bool is_so)
{
    if (!is_so)
        abort();
}

static int see_entry(void *user, const struct tar_entry *entry, uint64_t offset,
                     struct jb_error *err)
{
    struct seen *seen = user;
    (void)err;
    bool is_root = strcmp(entry->path, ".") == 0 && entry->type == TAR_FOLDER;
    expect(is_root || jbi_is_safe_path(entry->path));
    expect(entry->type != TAR_HARDLINK || jbi_is_safe_path(entry->link));
    expect(entry->type == TAR_FILE || entry->size == 0);
    expect(entry->mtime_ns < 1000000000 && entry->mode <= 07777 && offset % TAR_BLOCK == 0);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        jbi_digest_add(seen->digest, entry->xattrs[i].name, strlen(entry->xattrs[i].name) + 1);
        jbi_digest_add(seen->digest, entry->xattrs[i].value, entry->xattrs[i].len);
    }
    jbi_digest_add(seen->digest, entry->path, strlen(entry->path) + 1);
    jbi_digest_add(seen->digest, &offset, sizeof offset);
    seen->left = entry->size;
    return JB_OK;
}

static int see_content(void *user, const unsigned char *from, size_t len, struct jb_error *err)
{
    struct seen *seen = user;
    (void)err;
    expect(len > 0 && len <= seen->left);
    seen->left -= len;
    jbi_digest_add(seen->digest, from, len);
    return JB_OK;
}

static int see_end(void *user, struct jb_error *err)
{
    const struct seen *seen = user;
    (void)err;
    expect(seen->left == 0);
    return JB_OK;
}

static const struct untar_visitor visitor = {see_entry, see_content, see_end};

static int feed(const unsigned char *data, size_t size, bool in_pieces, struct seen *seen)
{
    struct untar *untar;
    struct jb_error err = {0};
    int code = jbi_untar_new(&untar, &visitor, seen, "fuzz", 0, &err);
    expect(code == JB_OK);
    jbi_digest_begin(seen->digest);
    for (size_t at = 0; at < size && code == JB_OK;) {
        size_t len = in_pieces ? 1 + (size_t)data[at] * 3 : size;
        len = len < size - at ? len : size - at;
        code = jbi_untar_feed(untar, data + at, len, &err);
        at += len;
    }
    if (code == JB_OK)
        code = jbi_untar_finish(untar, &err);
    expect(code == err.code && (code == JB_OK || code == JB_ECORRUPT));
    jbi_digest_end(seen->digest, seen->hex);
    jbi_untar_free(untar);
    return code;
}

static void try(const unsigned char *data, size_t size)
{
    struct seen whole = {.digest = jbi_digest_new()}, pieces = {.digest = whole.digest};
    expect(whole.digest != NULL);
    int code = feed(data, size, false, &whole);
    expect(feed(data, size, true, &pieces) == code);
    expect(code != JB_OK || strcmp(whole.hex, pieces.hex) == 0);
    jbi_digest_free(whole.digest);
}

static void checksums_set(unsigned char *data, size_t size)
{
    for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
        unsigned sum = 8 * ' ';
        char digits[16];
        for (size_t i = 0; i < TAR_BLOCK; i++)
            sum += i < 148 || i >= 156 ? data[at + i] : 0;
        if (sum == 8 * ' ')
            continue; /* the end mark */
        snprintf(digits, sizeof digits, "%06o", sum);
        memcpy(data + at + 148, digits, 7);
        data[at + 155] = ' ';
    }
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    try(data, size);
    unsigned char *copy = malloc(size + 1);
    expect(copy != NULL);
    memcpy(copy, data, size);
    checksums_set(copy, size);
    try(copy, size);
    free(copy);
    return 0;
}
