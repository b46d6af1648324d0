/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_INDEX_H
#define JBI_ARCHIVE_INDEX_H

#include <jbackup.h>
#include <stdbool.h>

#include "adapter/tar.h"
#include "base/artifact.h"
#include "base/text.h"

/*
 * The index of an archive: gzip members that hold one JSON object a line, one line an entry, in
 * the order of the archive.
 *
 *   {"path":"a/b.py","type":"file","size":12,"mode":420,"uid":0,"gid":0,"mtime":1700000000,
 *    "mtime_ns":5,"ctime":1700000000,"ctime_ns":7,"inode":99,"device":3,"sha256":"...",
 *    "link":"...","offset":1024,"member":[0,1024],"span":1024,"row":[777,2048,4294967295]}
 *
 * path and link are path_hex and link_hex where the name is not UTF-8. offset is that of the
 * entry's first header in the tar stream; member the offset in the archive of the gzip member in
 * which that header stands, and its place in the member's content. sha256 is that of the stored
 * content; a hard link has none of its own.
 *
 * What a later backup needs to copy members instead of reading their files (older indexes have none
 * of it): device; span, the entry's bytes in the tar stream, absent of a file that was not read as
 * it stood; and row, of the entry that begins a member: the packed and raw length and the CRC-32
 * of the packed bytes of that member, of a large file of all its members.
 */
struct index_row {
    uint64_t packed, raw; /* 0: not the first entry of a member */
    uint32_t crc32;
};

struct index_entry {
    enum tar_type type;
    const char *path, *link; /* link NULL: none */
    uint64_t size;
    unsigned mode;
    uint64_t uid, gid;
    int64_t mtime_s, ctime_s;
    uint32_t mtime_ns, ctime_ns;
    uint64_t inode, device;
    char sha256[SHA256_HEX_SIZE]; /* "": no content */
    uint64_t offset;
    uint64_t member, member_skip;
    uint64_t span; /* 0: not known, or not to be copied */
    struct index_row row;
};

const char *jbi_tar_type_name(enum tar_type type);

/* Appends the line of an entry. */
void jbi_index_line(struct text *out, const struct index_entry *entry);

/* Reading, entry by entry. name is what error texts call the index. */
struct index_reader;
int jbi_index_open(struct index_reader **out, int fd, const char *name, struct jb_error *err);
void jbi_index_close(struct index_reader *reader); /* NULL is fine; the descriptor stays open */
/* 1 and the entry (valid until the next call), 0 at the end, or JB_ECORRUPT. */
int jbi_index_next(struct index_reader *reader, struct index_entry *entry, struct jb_error *err);
/* The same for the next entry that is path or lies below it; lines of others are not parsed. */
int jbi_index_next_below(struct index_reader *reader, const char *path, struct index_entry *entry,
                         struct jb_error *err);

/* One line, without its line feed; texts are kept by the reader. For tests and fuzzing, too. */
int jbi_index_parse(struct index_reader *reader, const char *line, size_t len,
                    struct index_entry *entry, struct jb_error *err);

#endif
