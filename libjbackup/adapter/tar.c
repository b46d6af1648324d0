/* SPDX-License-Identifier: MIT */
/*
 * libtar 1.2.20 as a codec of single header blocks, through its I/O callbacks. What it gets wrong
 * is done by hand here: numbers (its int arithmetic), long names and links (it reads past their
 * end), pax records (it has none). Its append and extract functions are not used at all.
 */
#include "adapter/tar.h"

#include <fcntl.h>
#include <libtar.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tar.h>

struct tar {
    TAR *handle;
};

/* The callbacks get a number only, no pointer. Set around each call, so never seen by another. */
static _Thread_local unsigned char *callback_block;

static int block_open(const char *path, int flags, ...)
{
    (void)path, (void)flags;
    return 0;
}

static int block_close(int fd)
{
    (void)fd;
    return 0;
}

static ssize_t block_read(int fd, void *to, size_t len)
{
    (void)fd;
    memcpy(to, callback_block, len);
    return (ssize_t)len;
}

static ssize_t block_write(int fd, const void *from, size_t len)
{
    (void)fd;
    memcpy(callback_block, from, len);
    return (ssize_t)len;
}

static tartype_t block_type = {block_open, block_close, block_read, block_write};

/* libtar's macros pass its long descriptor as an int. */
static void handle_write(TAR *handle, const struct tar_header *header)
{
    handle->type->writefunc((int)handle->fd, header, T_BLOCKSIZE);
}

static void handle_read(TAR *handle, struct tar_header *header)
{
    handle->type->readfunc((int)handle->fd, header, T_BLOCKSIZE);
}

struct tar *jbi_tar_new(void)
{
    struct tar *tar = malloc(sizeof *tar);
    if (tar == NULL)
        return NULL;
    if (tar_fdopen(&tar->handle, 0, "", &block_type, O_WRONLY, 0, 0) == 0)
        return tar;
    free(tar);
    return NULL;
}

void jbi_tar_free(struct tar *tar)
{
    if (tar == NULL)
        return;
    tar_close(tar->handle);
    free(tar);
}

/* Octal digits and NUL where they suffice, else base-256: 0x80 or 0xff, then two's complement. */
static void put_number(char *field, size_t width, int64_t value)
{
    unsigned bits = (unsigned)(width - 1) * 3;
    if (value >= 0 && (bits >= 63 || value < (int64_t)1 << bits)) {
        snprintf(field, width, "%0*llo", (int)width - 1, (unsigned long long)value);
        return;
    }
    for (size_t i = 0; i < width; i++) {
        size_t shift = 8 * (width - 1 - i);
        field[i] = (char)(shift < 64 ? value >> shift : value < 0 ? -1 : 0);
    }
    field[0] = value < 0 ? (char)0xff : (char)(0x80 | field[0]);
}

static bool get_base256(const unsigned char *field, size_t width, int64_t *out)
{
    bool is_negative = field[0] == 0xff;
    if (!is_negative && field[0] != 0x80)
        return false;
    uint64_t value = is_negative ? UINT64_MAX : 0;
    for (size_t i = 1; i < width; i++) {
        unsigned char filler = is_negative ? 0xff : 0;
        bool is_beyond = width - i > 8;
        if (is_beyond && field[i] != filler)
            return false;
        value = value << 8 | field[i];
    }
    *out = (int64_t)value;
    return (*out < 0) == is_negative;
}

static bool get_number(const char *raw, size_t width, int64_t *out)
{
    const unsigned char *field = (const unsigned char *)raw;
    if (field[0] & 0x80)
        return get_base256(field, width, out);
    size_t i = 0;
    while (i < width && field[i] == ' ')
        i++;
    *out = 0;
    for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
        *out = *out * 8 + (field[i] - '0');
    return i == width || field[i] == ' ' || field[i] == '\0';
}

static const mode_t type_mode[] = {
    [TAR_FILE] = S_IFREG,     [TAR_FOLDER] = S_IFDIR, [TAR_SYMLINK] = S_IFLNK,
    [TAR_HARDLINK] = S_IFREG, [TAR_FIFO] = S_IFIFO,
};

/* At most 99 bytes of a name, cut at no special place: the full name stands in L or K then. */
static const char *short_name(char to[100], const char *name)
{
    size_t len = strlen(name);
    len = len < 99 ? len : 99;
    memcpy(to, name, len);
    to[len] = '\0';
    return to;
}

static void block_finish(struct tar *tar, struct text *out)
{
    unsigned char block[TAR_BLOCK];
    th_finish(tar->handle);
    callback_block = block;
    handle_write(tar->handle, &tar->handle->th_buf);
    callback_block = NULL;
    jbi_text_add(out, (const char *)block, sizeof block);
}

/* An x, K or L: a header of that type, then its content, padded. */
static void encode_extension(struct tar *tar, char typeflag, const char *name, const char *content,
                             size_t len, struct text *out)
{
    static const char zeros[TAR_BLOCK];
    struct tar_header *header = &tar->handle->th_buf;
    memset(header, 0, sizeof *header);
    th_set_type(tar->handle, S_IFREG);
    th_set_mode(tar->handle, 0644);
    memcpy(header->name, name, strlen(name));
    put_number(header->uid, sizeof header->uid, 0);
    put_number(header->gid, sizeof header->gid, 0);
    put_number(header->size, sizeof header->size, (int64_t)len);
    put_number(header->mtime, sizeof header->mtime, 0);
    header->typeflag = typeflag;
    block_finish(tar, out);
    jbi_text_add(out, content, len);
    jbi_text_add(out, zeros, jbi_tar_padding(len));
}

/* "LENGTH key=value\n", where LENGTH counts itself. */
static void add_pax_record(struct text *pax, const char *key, const void *value, size_t len)
{
    size_t rest = 1 + strlen(key) + 1 + len + 1, total = rest + 1;
    char digits[24];
    while ((size_t)snprintf(digits, sizeof digits, "%zu", total) + rest != total)
        total++;
    jbi_text_addf(pax, "%zu %s=", total, key);
    jbi_text_add(pax, value, len);
    jbi_text_add(pax, "\n", 1);
}

static void encode_pax(struct tar *tar, const struct tar_entry *entry, struct text *out)
{
    struct text pax = {0};
    char value[48], key[300];
    if (entry->mtime_ns != 0) {
        /* Seconds and fraction count in the same direction: -0.25 is -1 s and 750000000 ns. */
        bool is_negative = entry->mtime_s < 0;
        int64_t s = is_negative ? -(entry->mtime_s + 1) : entry->mtime_s;
        uint32_t ns = is_negative ? 1000000000 - entry->mtime_ns : entry->mtime_ns;
        int len =
            snprintf(value, sizeof value, "%s%lld.%09u", is_negative ? "-" : "", (long long)s, ns);
        add_pax_record(&pax, "mtime", value, (size_t)len);
    }
    for (size_t i = 0; i < entry->xattr_count; i++) {
        snprintf(key, sizeof key, "SCHILY.xattr.%s", entry->xattrs[i].name);
        add_pax_record(&pax, key, entry->xattrs[i].value, entry->xattrs[i].len);
    }
    if (pax.len > 0)
        encode_extension(tar, 'x', "././@PaxHeader", pax.at, pax.len, out);
    out->failed |= pax.failed;
    jbi_text_free(&pax);
}

void jbi_tar_encode(struct tar *tar, const struct tar_entry *entry, struct text *out)
{
    char name[100], link[100];
    scope_text path = {0};
    jbi_text_adds(&path, entry->path);
    if (entry->type == TAR_FOLDER)
        jbi_text_adds(&path, "/");
    if (path.failed) {
        out->failed = true;
        return;
    }
    encode_pax(tar, entry, out);
    if (entry->link != NULL && strlen(entry->link) > 99)
        encode_extension(tar, GNU_LONGLINK_TYPE, "././@LongLink", entry->link,
                         strlen(entry->link) + 1, out);
    if (path.len > 99)
        encode_extension(tar, GNU_LONGNAME_TYPE, "././@LongLink", path.at, path.len + 1, out);

    struct tar_header *header = &tar->handle->th_buf;
    memset(header, 0, sizeof *header);
    th_set_type(tar->handle, type_mode[entry->type]);
    th_set_mode(tar->handle, entry->mode);
    th_set_path(tar->handle, short_name(name, path.at));
    if (entry->link != NULL)
        th_set_link(tar->handle, short_name(link, entry->link));
    if (entry->type == TAR_HARDLINK)
        header->typeflag = LNKTYPE;
    put_number(header->uid, sizeof header->uid, (int64_t)entry->uid);
    put_number(header->gid, sizeof header->gid, (int64_t)entry->gid);
    put_number(header->size, sizeof header->size, (int64_t)entry->size);
    put_number(header->mtime, sizeof header->mtime, entry->mtime_s);
    block_finish(tar, out);
}

bool jbi_tar_decode(struct tar *tar, const unsigned char block[TAR_BLOCK], struct tar_block *out)
{
    static const unsigned char zeros[TAR_BLOCK];
    struct tar_header *header = &tar->handle->th_buf;
    int64_t mode, uid, gid, size;
    unsigned char copy[TAR_BLOCK];

    *out = (struct tar_block){.is_end = memcmp(block, zeros, TAR_BLOCK) == 0};
    if (out->is_end)
        return true;
    memcpy(copy, block, sizeof copy);
    memset(header, 0, sizeof *header);
    callback_block = copy;
    handle_read(tar->handle, header);
    callback_block = NULL;
    /* libtar reads the checksum as a text, which in a hostile block may have no end. */
    int64_t sum;
    if (!get_number(header->chksum, sizeof header->chksum, &sum) || sum != th_crc_calc(tar->handle))
        return false;
    if (!get_number(header->mode, sizeof header->mode, &mode) ||
        !get_number(header->uid, sizeof header->uid, &uid) ||
        !get_number(header->gid, sizeof header->gid, &gid) ||
        !get_number(header->size, sizeof header->size, &size) ||
        !get_number(header->mtime, sizeof header->mtime, &out->mtime_s) || uid < 0 || gid < 0 ||
        size < 0)
        return false;
    memcpy(out->name, header->name, sizeof header->name);
    memcpy(out->link, header->linkname, sizeof header->linkname);
    out->typeflag = header->typeflag;
    out->mode = (unsigned)mode & 07777;
    out->uid = (uint64_t)uid;
    out->gid = (uint64_t)gid;
    out->size = (uint64_t)size;
    return true;
}
