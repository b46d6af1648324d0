/* SPDX-License-Identifier: MIT */
/* The index's lines: written by hand (they are many), read through the JSON adapter. */
#include "archive/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/gzip.h"
#include "adapter/json.h"
#include "archive/index_quick.h"
#include "archive/untar.h"
#include "base/arena.h"
#include "base/error.h"
#include "os/file.h"

#define LINE_MAX_LEN (1u << 20)

static const char *const type_names[] = {"file", "folder", "symlink", "hardlink", "fifo"};

const char *jbi_tar_type_name(enum tar_type type)
{
    return type_names[type];
}

/* "key":"text", or "key_hex":"..." if the text is not UTF-8. */
static void add_name(struct text *out, const char *key, const char *name)
{
    size_t len = strlen(name);
    if (!jbi_is_utf8(name, len)) {
        jbi_text_addf(out, "\"%s_hex\":\"", key);
        for (size_t i = 0; i < len; i++)
            jbi_text_addf(out, "%02x", (unsigned char)name[i]);
        jbi_text_add(out, "\"", 1);
        return;
    }
    jbi_text_addf(out, "\"%s\":\"", key);
    for (size_t from = 0; from < len;) {
        size_t plain = from;
        while (plain < len && (unsigned char)name[plain] >= 0x20 && name[plain] != '"' &&
               name[plain] != '\\')
            plain++;
        jbi_text_add(out, name + from, plain - from);
        if (plain < len && (unsigned char)name[plain] < 0x20)
            jbi_text_addf(out, "\\u%04x", (unsigned char)name[plain]);
        else if (plain < len)
            jbi_text_addf(out, "\\%c", name[plain]);
        from = plain + 1;
    }
    jbi_text_add(out, "\"", 1);
}

/* What stands before a number, and the number: a printf of them all takes much longer. */
static void add_number(struct text *out, const char *before, uint64_t value)
{
    char digits[24];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    jbi_text_adds(out, before);
    jbi_text_add(out, digits + at, sizeof digits - at);
}

static void add_time(struct text *out, const char *before, int64_t s)
{
    jbi_text_adds(out, before);
    add_number(out, s < 0 ? "-" : "", s < 0 ? -(uint64_t)s : (uint64_t)s);
}

void jbi_index_line(struct text *out, const struct index_entry *entry)
{
    jbi_text_add(out, "{", 1);
    add_name(out, "path", entry->path);
    jbi_text_addf(out, ",\"type\":\"%s\"", type_names[entry->type]);
    add_number(out, ",\"size\":", entry->size);
    add_number(out, ",\"mode\":", entry->mode);
    add_number(out, ",\"uid\":", entry->uid);
    add_number(out, ",\"gid\":", entry->gid);
    add_time(out, ",\"mtime\":", entry->mtime_s);
    add_number(out, ",\"mtime_ns\":", entry->mtime_ns);
    add_time(out, ",\"ctime\":", entry->ctime_s);
    add_number(out, ",\"ctime_ns\":", entry->ctime_ns);
    add_number(out, ",\"inode\":", entry->inode);
    add_number(out, ",\"device\":", entry->device);
    if (entry->sha256[0] != '\0')
        jbi_text_addf(out, ",\"sha256\":\"%s\"", entry->sha256);
    if (entry->link != NULL) {
        jbi_text_add(out, ",", 1);
        add_name(out, "link", entry->link);
    }
    add_number(out, ",\"offset\":", entry->offset);
    add_number(out, ",\"member\":[", entry->member);
    add_number(out, ",", entry->member_skip);
    jbi_text_add(out, "]", 1);
    if (entry->span > 0)
        add_number(out, ",\"span\":", entry->span);
    if (entry->row.packed > 0) {
        add_number(out, ",\"row\":[", entry->row.packed);
        add_number(out, ",", entry->row.raw);
        add_number(out, ",", entry->row.crc32);
        jbi_text_add(out, "]", 1);
    }
    jbi_text_add(out, "}\n", 2);
}

struct index_reader {
    int fd;
    const char *name;
    struct gzip *gzip;
    unsigned char *member;
    char *raw;
    size_t raw_len, raw_at;
    uint64_t offset;    /* of the next member */
    struct text line;   /* of a line that goes over the end of a member */
    struct arena arena; /* texts of the present entry */
    struct text prefix; /* of jbi_index_next_below */
};

int jbi_index_open(struct index_reader **out, int fd, const char *name, struct jb_error *err)
{
    struct index_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return jbi_fail_memory(err);
    reader->fd = fd;
    reader->name = name;
    reader->gzip = jbi_gzip_new(COMPRESSION_FAST);
    if (reader->gzip == NULL) {
        free(reader);
        return jbi_fail_memory(err);
    }
    *out = reader;
    return JB_OK;
}

void jbi_index_close(struct index_reader *reader)
{
    if (reader == NULL)
        return;
    jbi_gzip_free(reader->gzip);
    free(reader->member);
    free(reader->raw);
    jbi_text_free(&reader->line);
    jbi_text_free(&reader->prefix);
    jbi_arena_free(&reader->arena);
    free(reader);
}

static int damaged(const struct index_reader *reader, const char *what, struct jb_error *err)
{
    return jbi_fail(err, JB_ECORRUPT, "%s is damaged near offset %llu: %s", reader->name,
                    (unsigned long long)reader->offset, what);
}

/* Reads the next member into raw: 1, 0 at the end of the file, or an error. */
static int member_next(struct index_reader *reader, struct jb_error *err)
{
    unsigned char header[GZIP_HEADER_SIZE];
    uint32_t total, raw_len;
    ssize_t got = jbi_pread_full(reader->fd, header, sizeof header, reader->offset);
    if (got < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read %s", reader->name);
    if (got == 0)
        return 0;
    if (got < GZIP_HEADER_SIZE || !jbi_gzip_lengths(header, &total, &raw_len))
        return damaged(reader, "no gzip member begins there", err);
    free(reader->member);
    free(reader->raw);
    reader->raw = NULL;
    reader->raw_len = reader->raw_at = 0;
    reader->member = malloc(total);
    if (reader->member == NULL || (reader->raw = malloc(raw_len + 1)) == NULL)
        return jbi_fail_memory(err);
    got = jbi_pread_full(reader->fd, reader->member, total, reader->offset);
    if (got < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read %s", reader->name);
    if ((size_t)got < total ||
        !jbi_gzip_inflate(reader->gzip, reader->member, total, reader->raw, raw_len))
        return damaged(reader, "the member's content does not match its checksum", err);
    reader->offset += total;
    reader->raw_len = raw_len;
    return 1;
}

/* The next line without its line feed: 1, 0 at the end, or an error. */
static int line_next(struct index_reader *reader, const char **line, size_t *len,
                     struct jb_error *err)
{
    reader->line.len = 0;
    for (;;) {
        size_t left = reader->raw_len - reader->raw_at;
        const char *from = left ? reader->raw + reader->raw_at : "";
        const char *end = left ? memchr(from, '\n', left) : NULL;
        size_t take = end ? (size_t)(end - from) : left;
        reader->raw_at += take + (end != NULL);
        if (end != NULL && reader->line.len == 0) {
            *line = from;
            *len = take;
            return 1;
        }
        if (take > 0)
            jbi_text_add(&reader->line, from, take);
        if (reader->line.failed)
            return jbi_fail_memory(err);
        if (reader->line.len > LINE_MAX_LEN)
            return damaged(reader, "a line is too long", err);
        if (end != NULL) {
            *line = reader->line.at;
            *len = reader->line.len;
            return 1;
        }
        int code = member_next(reader, err);
        if (code < 0)
            return code;
        if (code == 0)
            return reader->line.len == 0 ? 0 : damaged(reader, "the last line is cut off", err);
    }
}

static bool get_unsigned(const struct json *object, const char *key, uint64_t most, uint64_t *out)
{
    int64_t value;
    if (!jbi_json_int(jbi_json_get(object, key), &value) || value < 0 || (uint64_t)value > most)
        return false;
    *out = (uint64_t)value;
    return true;
}

static bool get_time(const struct json *object, const char *key, const char *ns_key, int64_t *s,
                     uint32_t *ns)
{
    uint64_t fraction;
    if (!jbi_json_int(jbi_json_get(object, key), s) ||
        !get_unsigned(object, ns_key, 999999999, &fraction))
        return false;
    *ns = (uint32_t)fraction;
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A name, or its hexadecimal form; NULL if absent or malformed. */
static const char *get_name(struct arena *arena, const struct json *object, const char *key,
                            const char *hex_key)
{
    const char *text = jbi_json_text(jbi_json_get(object, key));
    if (text != NULL)
        return jbi_arena_text(arena, text);
    const char *hex = jbi_json_text(jbi_json_get(object, hex_key));
    size_t len = hex ? strlen(hex) / 2 : 0;
    if (len == 0 || strlen(hex) != 2 * len)
        return NULL;
    char *name = jbi_arena_alloc(arena, len + 1);
    for (size_t i = 0; name != NULL && i < len; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return NULL;
        name[i] = (char)(high << 4 | low);
    }
    return name;
}

static bool get_type(const struct json *object, enum tar_type *out)
{
    const char *name = jbi_json_text(jbi_json_get(object, "type"));
    for (size_t i = 0; name != NULL && i < sizeof type_names / sizeof *type_names; i++) {
        if (strcmp(name, type_names[i]) == 0) {
            *out = (enum tar_type)i;
            return true;
        }
    }
    return false;
}

static bool get_sha256(const struct json *object, char to[SHA256_HEX_SIZE])
{
    const char *text = jbi_json_text(jbi_json_get(object, "sha256"));
    if (text == NULL || strlen(text) != SHA256_HEX_SIZE - 1 ||
        strspn(text, "0123456789abcdef") != SHA256_HEX_SIZE - 1)
        return false;
    memcpy(to, text, SHA256_HEX_SIZE);
    return true;
}

/* What serves copying. Absent it is 0; anything else must be right. */
static bool get_copying(const struct json *object, struct index_entry *entry)
{
    const struct json *row = jbi_json_get(object, "row");
    int64_t packed, raw, crc32;
    if (jbi_json_get(object, "device") != NULL &&
        !get_unsigned(object, "device", INT64_MAX, &entry->device))
        return false;
    if (jbi_json_get(object, "span") != NULL &&
        !get_unsigned(object, "span", INT64_MAX, &entry->span))
        return false;
    if (row == NULL)
        return true;
    if (!jbi_json_int(jbi_json_at(row, 0), &packed) || packed <= 0 ||
        !jbi_json_int(jbi_json_at(row, 1), &raw) || raw <= 0 ||
        !jbi_json_int(jbi_json_at(row, 2), &crc32) || crc32 < 0 || crc32 > UINT32_MAX)
        return false;
    entry->row = (struct index_row){(uint64_t)packed, (uint64_t)raw, (uint32_t)crc32};
    return true;
}

static bool is_link(const struct index_entry *entry)
{
    return entry->type == TAR_SYMLINK || entry->type == TAR_HARDLINK;
}

/* Everything of the object; the entry's texts go to the arena. */
static bool entry_parse(const struct json *object, struct arena *arena, struct index_entry *entry)
{
    uint64_t mode;
    const struct json *member = jbi_json_get(object, "member");
    int64_t member_at, member_skip;
    *entry = (struct index_entry){0};
    entry->path = get_name(arena, object, "path", "path_hex");
    if (entry->path == NULL || !get_type(object, &entry->type) ||
        !get_unsigned(object, "size", INT64_MAX, &entry->size) ||
        !get_unsigned(object, "mode", 07777, &mode) ||
        !get_unsigned(object, "uid", INT64_MAX, &entry->uid) ||
        !get_unsigned(object, "gid", INT64_MAX, &entry->gid) ||
        !get_time(object, "mtime", "mtime_ns", &entry->mtime_s, &entry->mtime_ns) ||
        !get_time(object, "ctime", "ctime_ns", &entry->ctime_s, &entry->ctime_ns) ||
        !get_unsigned(object, "inode", INT64_MAX, &entry->inode) ||
        !get_unsigned(object, "offset", INT64_MAX, &entry->offset) ||
        !jbi_json_int(jbi_json_at(member, 0), &member_at) || member_at < 0 ||
        !jbi_json_int(jbi_json_at(member, 1), &member_skip) || member_skip < 0)
        return false;
    if (is_link(entry))
        entry->link = get_name(arena, object, "link", "link_hex");
    entry->mode = (unsigned)mode;
    entry->member = (uint64_t)member_at;
    entry->member_skip = (uint64_t)member_skip;
    return (entry->type != TAR_FILE || get_sha256(object, entry->sha256)) &&
           get_copying(object, entry);
}

static bool has_safe_names(const struct index_entry *entry)
{
    bool is_root = entry->type == TAR_FOLDER && strcmp(entry->path, ".") == 0;
    return (is_root || jbi_is_safe_path(entry->path)) && jbi_is_path_length(entry->path) &&
           (!is_link(entry) || (entry->link != NULL && jbi_is_path_length(entry->link)));
}

int jbi_index_parse(struct index_reader *reader, const char *line, size_t len,
                    struct index_entry *entry, struct jb_error *err)
{
    scope_json *object = NULL;
    struct jb_error why = {0};
    jbi_arena_free(&reader->arena);
    if (jbi_index_quick(line, len, &reader->arena, entry) && has_safe_names(entry))
        return 1;
    if (jbi_json_parse(&object, line, len, "a line", &why) < 0)
        return damaged(reader, why.text, err);
    if (!entry_parse(object, &reader->arena, entry) || !has_safe_names(entry))
        return damaged(reader, "a line does not describe an entry", err);
    return 1;
}

int jbi_index_next(struct index_reader *reader, struct index_entry *entry, struct jb_error *err)
{
    const char *line;
    size_t len;
    int code = line_next(reader, &line, &len, err);
    return code == 1 ? jbi_index_parse(reader, line, len, entry, err) : code;
}

/* Whether a line may be of path or something below it, judged by its first bytes. */
static bool line_may_match(const char *line, size_t len, const struct text *prefix)
{
    static const char hex[] = "{\"path_hex\"";
    if (len > sizeof hex && memcmp(line, hex, sizeof hex - 1) == 0)
        return true;
    return len > prefix->len && memcmp(line, prefix->at, prefix->len) == 0 &&
           (line[prefix->len] == '"' || line[prefix->len] == '/');
}

int jbi_index_next_below(struct index_reader *reader, const char *path, struct index_entry *entry,
                         struct jb_error *err)
{
    bool is_all = strcmp(path, ".") == 0;
    reader->prefix.len = 0;
    jbi_text_add(&reader->prefix, "{", 1);
    add_name(&reader->prefix, "path", path);
    if (reader->prefix.failed)
        return jbi_fail_memory(err);
    reader->prefix.len--; /* without its closing quote */
    for (;;) {
        const char *line;
        size_t len;
        int code = line_next(reader, &line, &len, err);
        if (code < 1)
            return code;
        if (!is_all && !line_may_match(line, len, &reader->prefix))
            continue;
        code = jbi_index_parse(reader, line, len, entry, err);
        if (code < 1 || jbi_is_below(entry->path, path))
            return code;
    }
}
