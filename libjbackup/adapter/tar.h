/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_TAR_H
#define JBI_ADAPTER_TAR_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/text.h"

/*
 * Headers of a tar archive that every reader understands, in this order:
 *
 *     x  pax records: mtime with nanoseconds, extended attributes (SCHILY.xattr.<name>)
 *     K  GNU long link: a link target of 100 bytes and more
 *     L  GNU long name: a name of 100 bytes and more
 *     -  the POSIX header; numbers that octal digits can't hold are base-256 (GNU)
 *
 * Owners are numbers only. Sources: POSIX.1-2017 "pax", the GNU tar manual "Basic Tar Format".
 */
#define TAR_BLOCK         512
#define TAR_EXTENSION_MAX (4u << 20) /* bytes of one x, K or L that is still read */

enum tar_type { TAR_FILE, TAR_FOLDER, TAR_SYMLINK, TAR_HARDLINK, TAR_FIFO };

struct tar_xattr {
    const char *name;
    const void *value;
    size_t len;
};

struct tar_entry {
    enum tar_type type;
    const char *path; /* relative, without a slash at its end */
    const char *link; /* of a symlink or hard link */
    unsigned mode;    /* permission bits, with setuid, setgid and sticky */
    uint64_t uid, gid;
    uint64_t size; /* 0 but for a file */
    int64_t mtime_s;
    uint32_t mtime_ns;
    const struct tar_xattr *xattrs;
    size_t xattr_count;
};

struct tar; /* one libtar handle; for one thread */

struct tar *jbi_tar_new(void); /* NULL if out of memory */
void jbi_tar_free(struct tar *tar);

/* Appends the header blocks of an entry; text->failed tells of missing memory. */
void jbi_tar_encode(struct tar *tar, const struct tar_entry *entry, struct text *out);

/* What one header block says; names are those of the block, extensions are the caller's. */
struct tar_block {
    char typeflag;
    char name[101], link[101];
    uint64_t size;
    uint64_t uid, gid;
    unsigned mode;
    int64_t mtime_s;
    bool is_end; /* a block of zeros */
};

/* False: its checksum is wrong, or a number is none. */
bool jbi_tar_decode(struct tar *tar, const unsigned char block[TAR_BLOCK], struct tar_block *out);

/* Bytes from size to the next block. */
static inline size_t jbi_tar_padding(uint64_t size)
{
    return (size_t)(-size & (TAR_BLOCK - 1));
}

#endif
