/* SPDX-License-Identifier: MIT */
/*
 * The states of the stream: a header block, the content of a file, the content of an extension,
 * padding, and the end. What an x, K or L said holds for the next header only.
 */
#include "archive/untar.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <tar.h>

#include "base/error.h"

#define XATTRS_MAX 256

enum state { STATE_HEADER, STATE_CONTENT, STATE_EXTENSION, STATE_PADDING, STATE_END };

struct untar {
    const struct untar_visitor *visitor;
    void *user;
    const char *name;
    struct tar *tar;
    enum state state;
    unsigned char block[TAR_BLOCK];
    size_t block_len;
    uint64_t left;  /* of the content or extension */
    size_t padding; /* after it */
    uint64_t offset;
    uint64_t entry_offset;
    bool has_entry_offset;
    char extension; /* 'x', 'K' or 'L' while in STATE_EXTENSION */
    struct text pax, long_link, long_name;
    struct tar_xattr xattrs[XATTRS_MAX];
    size_t xattr_count;
    bool has_mtime;
    int64_t mtime_s;
    uint32_t mtime_ns;
};

int jbi_untar_new(struct untar **out, const struct untar_visitor *visitor, void *user,
                  const char *name, uint64_t offset, struct jb_error *err)
{
    struct untar *untar = calloc(1, sizeof *untar);
    struct tar *tar = jbi_tar_new();
    if (untar == NULL || tar == NULL) {
        free(untar);
        jbi_tar_free(tar);
        return jbi_fail_memory(err);
    }
    untar->visitor = visitor;
    untar->user = user;
    untar->name = name;
    untar->tar = tar;
    untar->offset = offset;
    *out = untar;
    return JB_OK;
}

void jbi_untar_free(struct untar *untar)
{
    if (untar == NULL)
        return;
    jbi_tar_free(untar->tar);
    jbi_text_free(&untar->pax);
    jbi_text_free(&untar->long_link);
    jbi_text_free(&untar->long_name);
    free(untar);
}

static int refused(const struct untar *untar, const char *what, const char *path,
                   struct jb_error *err)
{
    return jbi_fail(err, JB_ECORRUPT, "%s is no archive of jbackup's: %s%s%s, at tar offset %llu",
                    untar->name, what, path ? ": " : "", path ? path : "",
                    (unsigned long long)untar->offset);
}

bool jbi_is_safe_path(const char *path)
{
    for (;;) {
        size_t len = strcspn(path, "/");
        bool is_dots = (len == 1 && path[0] == '.') || (len == 2 && memcmp(path, "..", 2) == 0);
        if (len == 0 || is_dots)
            return false;
        if (path[len] == '\0')
            return true;
        path += len + 1;
    }
}

bool jbi_is_path_length(const char *path)
{
    return strnlen(path, ARCHIVE_PATH_MAX + 1) <= ARCHIVE_PATH_MAX;
}

bool jbi_is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strcmp(folder, ".") == 0 ||
           (strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

/* "SECONDS[.FRACTION]", perhaps negative. */
static bool parse_pax_time(const char *value, int64_t *s, uint32_t *ns)
{
    bool is_negative = *value == '-';
    char *end;
    errno = 0;
    long long whole = strtoll(value, &end, 10);
    uint32_t fraction = 0, scale = 100000000;
    if (end == value || errno == ERANGE)
        return false;
    if (*end == '.') {
        for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10)
            fraction += (uint32_t)(*end - '0') * scale;
    }
    bool borrows = is_negative && fraction > 0;
    if (*end != '\0' || (borrows && whole == INT64_MIN))
        return false;
    *s = borrows ? whole - 1 : whole;
    *ns = borrows ? 1000000000 - fraction : fraction;
    return true;
}

/* One record, its value NUL-terminated in place. Only keys that jbackup writes are known: to pass
 * over another (a path, a size) would be to misread the archive. */
static bool take_record(struct untar *untar, const char *key, char *value, size_t len)
{
    static const char xattr[] = "SCHILY.xattr.";
    if (strcmp(key, "mtime") == 0) {
        untar->has_mtime = true;
        return parse_pax_time(value, &untar->mtime_s, &untar->mtime_ns);
    }
    if (strncmp(key, xattr, sizeof xattr - 1) != 0 || untar->xattr_count == XATTRS_MAX)
        return false;
    const char *name = key + sizeof xattr - 1;
    if (*name == '\0' || strlen(name) > 255)
        return false;
    untar->xattrs[untar->xattr_count++] = (struct tar_xattr){name, value, len};
    return true;
}

static int parse_pax(struct untar *untar, struct jb_error *err)
{
    char *at = untar->pax.at, *end = at + untar->pax.len;
    untar->xattr_count = 0;
    untar->has_mtime = false;
    while (at < end) {
        char *key;
        unsigned long len = strtoul(at, &key, 10);
        if (key == at || *key != ' ' || len > (size_t)(end - at) || len < (size_t)(key - at) + 3 ||
            at[len - 1] != '\n')
            return refused(untar, "a pax record has a wrong length", NULL, err);
        key++;
        at[len - 1] = '\0';
        char *equals = memchr(key, '=', (size_t)(at + len - 1 - key));
        if (equals == NULL)
            return refused(untar, "a pax record has no value", NULL, err);
        *equals = '\0';
        if (!take_record(untar, key, equals + 1, (size_t)(at + len - 1 - (equals + 1))))
            return refused(untar, "a pax record that jbackup doesn't write", key, err);
        at += len;
    }
    return JB_OK;
}

static int extension_done(struct untar *untar, struct jb_error *err)
{
    struct text *text = untar->extension == 'L'   ? &untar->long_name
                        : untar->extension == 'K' ? &untar->long_link
                                                  : &untar->pax;
    if (text->failed)
        return jbi_fail_memory(err);
    if (untar->extension == 'x')
        return parse_pax(untar, err);
    bool is_text = text->len > 1 && strlen(text->at) == text->len - 1;
    return is_text ? JB_OK : refused(untar, "a long name is damaged", NULL, err);
}

static void extensions_clear(struct untar *untar)
{
    untar->pax.len = untar->long_link.len = untar->long_name.len = 0;
    untar->xattr_count = 0;
    untar->has_mtime = false;
    untar->has_entry_offset = false;
}

static bool entry_type(char typeflag, enum tar_type *type)
{
    switch (typeflag) {
    case REGTYPE:
        *type = TAR_FILE;
        return true;
    case DIRTYPE:
        *type = TAR_FOLDER;
        return true;
    case SYMTYPE:
        *type = TAR_SYMLINK;
        return true;
    case LNKTYPE:
        *type = TAR_HARDLINK;
        return true;
    case FIFOTYPE:
        *type = TAR_FIFO;
        return true;
    default:
        return false;
    }
}

/* No file system takes it. */
static bool has_long_name(const char *path)
{
    while (strcspn(path, "/") <= NAME_MAX) {
        path += strcspn(path, "/");
        if (*path++ == '\0')
            return false;
    }
    return true;
}

/* Checks the names and hands the entry to the visitor. */
static int entry_begin(struct untar *untar, struct tar_block *block, struct jb_error *err)
{
    struct tar_entry entry = {
        .mode = block->mode,
        .uid = block->uid,
        .gid = block->gid,
        .size = block->size,
        .mtime_s = untar->has_mtime ? untar->mtime_s : block->mtime_s,
        .mtime_ns = untar->has_mtime ? untar->mtime_ns : 0,
        .xattrs = untar->xattrs,
        .xattr_count = untar->xattr_count,
    };
    char *path = untar->long_name.len ? untar->long_name.at : block->name;
    if (!entry_type(block->typeflag, &entry.type))
        return refused(untar, "an entry of a type that jbackup doesn't write", path, err);
    size_t len = strlen(path);
    if (entry.type == TAR_FOLDER && len > 1 && path[len - 1] == '/')
        path[len - 1] = '\0';
    if (!jbi_is_path_length(path) || has_long_name(path) ||
        (untar->long_link.len > 0 && !jbi_is_path_length(untar->long_link.at)))
        return refused(untar, "a name of absurd length", NULL, err);
    bool is_root = entry.type == TAR_FOLDER && strcmp(path, ".") == 0;
    if (!is_root && !jbi_is_safe_path(path))
        return refused(untar, "a path that leads out of it", path, err);
    entry.path = path;
    if (entry.type == TAR_SYMLINK || entry.type == TAR_HARDLINK)
        entry.link = untar->long_link.len ? untar->long_link.at : block->link;
    if (entry.type == TAR_HARDLINK && !jbi_is_safe_path(entry.link))
        return refused(untar, "a hard link that leads out of it", path, err);
    if (entry.type == TAR_SYMLINK && entry.link[0] == '\0')
        return refused(untar, "a symbolic link to nothing", path, err);
    if (entry.type != TAR_FILE && entry.size != 0)
        return refused(untar, "content where none can be", path, err);

    int code = untar->visitor->entry(untar->user, &entry, untar->entry_offset, err);
    extensions_clear(untar);
    if (code != JB_OK)
        return code;
    untar->left = entry.size;
    untar->padding = jbi_tar_padding(entry.size);
    untar->state = STATE_CONTENT;
    return JB_OK;
}

static int header_done(struct untar *untar, struct jb_error *err)
{
    struct tar_block block;
    if (!jbi_tar_decode(untar->tar, untar->block, &block))
        return refused(untar, "a header is damaged", NULL, err);
    if (block.is_end) {
        untar->state = STATE_END;
        return JB_OK;
    }
    if (!untar->has_entry_offset)
        untar->entry_offset = untar->offset - TAR_BLOCK;
    untar->has_entry_offset = true;
    if (block.typeflag != 'x' && block.typeflag != 'K' && block.typeflag != 'L')
        return entry_begin(untar, &block, err);
    if (block.size == 0 || block.size > TAR_EXTENSION_MAX)
        return refused(untar, "an extension of absurd size", NULL, err);
    untar->extension = block.typeflag;
    untar->left = block.size;
    untar->padding = jbi_tar_padding(block.size);
    untar->state = STATE_EXTENSION;
    if (block.typeflag == 'x')
        untar->pax.len = 0;
    else if (block.typeflag == 'K')
        untar->long_link.len = 0;
    else
        untar->long_name.len = 0;
    return JB_OK;
}

/* Takes up to len bytes for the present state; *took says how many. */
static int step(struct untar *untar, const unsigned char *from, size_t len, size_t *took,
                struct jb_error *err)
{
    size_t want;
    switch (untar->state) {
    case STATE_HEADER:
        want = TAR_BLOCK - untar->block_len;
        *took = len < want ? len : want;
        memcpy(untar->block + untar->block_len, from, *took);
        untar->block_len += *took;
        untar->offset += *took;
        if (untar->block_len < TAR_BLOCK)
            return JB_OK;
        untar->block_len = 0;
        return header_done(untar, err);
    case STATE_CONTENT:
    case STATE_EXTENSION:
        *took = len < untar->left ? len : (size_t)untar->left;
        untar->left -= *took;
        untar->offset += *took;
        if (untar->state == STATE_CONTENT)
            return *took ? untar->visitor->content(untar->user, from, *took, err) : JB_OK;
        jbi_text_add(untar->extension == 'x'   ? &untar->pax
                     : untar->extension == 'K' ? &untar->long_link
                                               : &untar->long_name,
                     (const char *)from, *took);
        return JB_OK;
    case STATE_PADDING:
        *took = len < untar->padding ? len : untar->padding;
        untar->padding -= *took;
        untar->offset += *took;
        return JB_OK;
    default:
        *took = len;
        for (size_t i = 0; i < len; i++) {
            if (from[i] != 0)
                return refused(untar, "something follows the end mark", NULL, err);
        }
        return JB_OK;
    }
}

/* Leaves states that have nothing left to take. */
static int settle(struct untar *untar, struct jb_error *err)
{
    int code = JB_OK;
    if (untar->state == STATE_CONTENT && untar->left == 0) {
        untar->state = STATE_PADDING;
        code = untar->visitor->end(untar->user, err);
    } else if (untar->state == STATE_EXTENSION && untar->left == 0) {
        untar->state = STATE_PADDING;
        code = extension_done(untar, err);
    }
    if (untar->state == STATE_PADDING && untar->padding == 0)
        untar->state = STATE_HEADER;
    return code;
}

int jbi_untar_feed(struct untar *untar, const unsigned char *from, size_t len, struct jb_error *err)
{
    while (len > 0) {
        size_t took = 0;
        int code = step(untar, from, len, &took, err);
        if (code == JB_OK)
            code = settle(untar, err);
        if (code != JB_OK)
            return code;
        from += took;
        len -= took;
    }
    return JB_OK;
}

bool jbi_untar_is_done(const struct untar *untar)
{
    return untar->state == STATE_END;
}

int jbi_untar_finish(struct untar *untar, struct jb_error *err)
{
    if (untar->state != STATE_END)
        return refused(untar, "it ends too early", NULL, err);
    return JB_OK;
}
