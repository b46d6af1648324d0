/* SPDX-License-Identifier: MIT */
/* Lines of an index in the one form in which they are written. Invariant: what is read here, the
 * JSON parser would read just so. */
#include "archive/index_quick.h"

#include <string.h>

struct cursor {
    const char *at, *end;
};

static bool take(struct cursor *c, const char *literal)
{
    size_t len = strlen(literal);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, literal, len) != 0)
        return false;
    c->at += len;
    return true;
}

/* An integer of at most 18 digits, so that it fits. */
static bool take_number(struct cursor *c, uint64_t *out)
{
    const char *begin = c->at;
    uint64_t value = 0;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9' && c->at - begin < 18)
        value = 10 * value + (uint64_t)(*c->at++ - '0');
    *out = value;
    return c->at > begin && (*begin != '0' || c->at == begin + 1);
}

static bool take_time(struct cursor *c, int64_t *s)
{
    uint64_t value;
    bool is_negative = c->at < c->end && *c->at == '-';
    c->at += is_negative;
    if (!take_number(c, &value))
        return false;
    *s = is_negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool take_32(struct cursor *c, uint32_t *out)
{
    uint64_t value;
    bool ok = take_number(c, &value) && value <= UINT32_MAX;
    *out = (uint32_t)value;
    return ok;
}

/* A name and the quotation mark behind it. */
static bool take_name(struct cursor *c, struct arena *arena, const char **out)
{
    const char *begin = c->at;
    while (c->at < c->end && *c->at >= ' ' && *c->at <= '~' && *c->at != '"' && *c->at != '\\')
        c->at++;
    size_t len = (size_t)(c->at - begin);
    if (c->at == c->end || *c->at++ != '"')
        return false;
    *out = jbi_arena_textn(arena, begin, len);
    return *out != NULL;
}

static bool take_type(struct cursor *c, enum tar_type *out)
{
    for (int type = TAR_FILE; type <= TAR_FIFO; type++) {
        if (take(c, jbi_tar_type_name((enum tar_type)type))) {
            *out = (enum tar_type)type;
            return true;
        }
    }
    return false;
}

static bool take_sha256(struct cursor *c, char to[SHA256_HEX_SIZE])
{
    for (int i = 0; i < SHA256_HEX_SIZE - 1; i++, c->at++) {
        if (c->at == c->end || strchr("0123456789abcdef", *c->at) == NULL || *c->at == '\0')
            return false;
        to[i] = *c->at;
    }
    to[SHA256_HEX_SIZE - 1] = '\0';
    return take(c, "\"");
}

static bool take_identity(struct cursor *c, struct arena *arena, struct index_entry *entry)
{
    uint64_t mode;
    bool ok =
        take(c, "{\"path\":\"") && take_name(c, arena, &entry->path) && take(c, ",\"type\":\"") &&
        take_type(c, &entry->type) && take(c, "\",\"size\":") && take_number(c, &entry->size) &&
        take(c, ",\"mode\":") && take_number(c, &mode) && mode <= 07777 && take(c, ",\"uid\":") &&
        take_number(c, &entry->uid) && take(c, ",\"gid\":") && take_number(c, &entry->gid) &&
        take(c, ",\"mtime\":") && take_time(c, &entry->mtime_s) && take(c, ",\"mtime_ns\":") &&
        take_32(c, &entry->mtime_ns) && take(c, ",\"ctime\":") && take_time(c, &entry->ctime_s) &&
        take(c, ",\"ctime_ns\":") && take_32(c, &entry->ctime_ns) && take(c, ",\"inode\":") &&
        take_number(c, &entry->inode) && take(c, ",\"device\":") && take_number(c, &entry->device);
    entry->mode = ok ? (unsigned)mode : 0;
    return ok && entry->mtime_ns <= 999999999 && entry->ctime_ns <= 999999999;
}

static bool take_row(struct cursor *c, struct index_row *row)
{
    return take_number(c, &row->packed) && take(c, ",") && take_number(c, &row->raw) &&
           take(c, ",") && take_32(c, &row->crc32) && take(c, "]") && row->packed > 0 &&
           row->raw > 0;
}

bool jbi_index_quick(const char *line, size_t len, struct arena *arena, struct index_entry *entry)
{
    struct cursor cursor = {line, line + len}, *c = &cursor;
    *entry = (struct index_entry){0};
    if (!take_identity(c, arena, entry))
        return false;
    bool has_sha256 = take(c, ",\"sha256\":\"");
    if (has_sha256 != (entry->type == TAR_FILE) || (has_sha256 && !take_sha256(c, entry->sha256)))
        return false;
    bool has_link = take(c, ",\"link\":\"");
    if (has_link != (entry->type == TAR_SYMLINK || entry->type == TAR_HARDLINK) ||
        (has_link && !take_name(c, arena, &entry->link)))
        return false;
    if (!take(c, ",\"offset\":") || !take_number(c, &entry->offset) || !take(c, ",\"member\":[") ||
        !take_number(c, &entry->member) || !take(c, ",") || !take_number(c, &entry->member_skip) ||
        !take(c, "]"))
        return false;
    if (take(c, ",\"span\":") && !take_number(c, &entry->span))
        return false;
    if (take(c, ",\"row\":[") && !take_row(c, &entry->row))
        return false;
    return take(c, "}") && c->at == c->end;
}
