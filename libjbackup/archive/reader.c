/* SPDX-License-Identifier: MIT */
/* Reading archives: members into the tar stream they make. */
#include "archive/reader.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

static int feed(void *user, const unsigned char *raw, size_t len, struct jb_error *err)
{
    return jbi_untar_feed(user, raw, len, err);
}

int jbi_archive_read(int fd, const struct members_options *options,
                     const struct untar_visitor *visitor, void *user, struct members_totals *totals,
                     struct jb_error *err)
{
    struct untar *untar;
    int code = jbi_untar_new(&untar, visitor, user, options->name, 0, err);
    if (code < 0)
        return code;
    code = jbi_members_unpack(fd, options, feed, untar, totals, err);
    bool is_unpacked = code == JB_OK;
    if (is_unpacked)
        code = jbi_untar_finish(untar, err);
    if (is_unpacked && code < 0 && totals != NULL)
        totals->damage_offset = totals->size; /* what is missing would follow there */
    jbi_untar_free(untar);
    return code == UNTAR_STOP ? JB_OK : code;
}

int jbi_member_lengths(int fd, const char *name, uint64_t offset, uint32_t *total,
                       uint32_t *raw_len, struct jb_error *err)
{
    unsigned char header[GZIP_HEADER_SIZE];
    ssize_t got = jbi_pread_full(fd, header, sizeof header, offset);
    if (got < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read %s", name);
    if (got < GZIP_HEADER_SIZE || !jbi_gzip_lengths(header, total, raw_len))
        return jbi_fail(err, JB_ECORRUPT, "%s is damaged at offset %llu: no member begins there",
                        name, (unsigned long long)offset);
    return JB_OK;
}

int jbi_member_read(int fd, const char *name, struct gzip *gzip, uint64_t offset, uint32_t *total,
                    unsigned char **out, uint32_t *raw_len, struct jb_error *err)
{
    int code = jbi_member_lengths(fd, name, offset, total, raw_len, err);
    if (code < 0)
        return code;
    scope_free unsigned char *member = malloc(*total);
    unsigned char *raw = malloc(*raw_len + 1);
    ssize_t got = 0;
    if (member == NULL || raw == NULL)
        code = jbi_fail_memory(err);
    else if ((got = jbi_pread_full(fd, member, *total, offset)) < 0)
        code = jbi_fail_errno(err, JB_EIO, "cannot read %s", name);
    else if ((size_t)got < *total || !jbi_gzip_inflate(gzip, member, *total, raw, *raw_len))
        code = jbi_fail(err, JB_ECORRUPT,
                        "%s is damaged at offset %llu: the member does not match its checksum",
                        name, (unsigned long long)offset);
    if (code < 0) {
        free(raw);
        return code;
    }
    *out = raw;
    return JB_OK;
}

/* Feeds the content of the member at *offset, but for its first skip bytes; moves *offset on. */
static int member_feed(int fd, const char *name, struct gzip *gzip, uint64_t *offset, size_t skip,
                       struct untar *untar, struct jb_error *err)
{
    scope_free unsigned char *raw = NULL;
    uint32_t total, raw_len;
    int code = jbi_member_read(fd, name, gzip, *offset, &total, &raw, &raw_len, err);
    if (code < 0)
        return code;
    if (skip > raw_len)
        return jbi_fail(err, JB_ECORRUPT, "%s has no entry at offset %llu, byte %zu of its member",
                        name, (unsigned long long)*offset, skip);
    *offset += total;
    return jbi_untar_feed(untar, raw + skip, raw_len - skip, err);
}

int jbi_archive_read_from(int fd, const char *name, const struct index_entry *first,
                          const struct untar_visitor *visitor, void *user, struct jb_error *err)
{
    struct untar *untar;
    int code = jbi_untar_new(&untar, visitor, user, name, first->offset, err);
    if (code < 0)
        return code;
    struct gzip *gzip = jbi_gzip_new(COMPRESSION_FAST);
    uint64_t offset = first->member;
    size_t skip = (size_t)first->member_skip;
    code = gzip == NULL ? jbi_fail_memory(err) : JB_OK;
    while (code == JB_OK && !jbi_untar_is_done(untar)) {
        code = member_feed(fd, name, gzip, &offset, skip, untar, err);
        skip = 0;
    }
    jbi_gzip_free(gzip);
    jbi_untar_free(untar);
    return code == UNTAR_STOP ? JB_OK : code;
}
