/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_WRITER_H
#define JBI_ARCHIVE_WRITER_H

#include <sys/stat.h>

#include "archive/index.h"
#include "archive/members.h"
#include "archive/previous.h"

/*
 * Writing codebase_TS.tar.gz and its index. Where members are cut depends on the entries
 * around the cut alone, so that an edit elsewhere can't move it:
 *
 *   | a  b  c | d  e  f  g | h | BIG: header, 1 MiB | BIG: 1 MiB | BIG: rest | i  j ...
 *
 * Small files share a group, which ends after an entry whose path and size say so (about every
 * 256 KiB, at least 32 KiB), and before one with which it would go over 1 MiB. A file over 1 MiB
 * starts its own member and goes in pieces of 1 MiB. Memory does not grow with the tree.
 *
 * Members are made from files that are read, or copied from the archive before: a member of which
 * every entry is kept, and which would have just these entries if it were made now.
 */
struct archive_writer;

struct archive_item {
    enum tar_type type;
    const char *path;
    const char *link; /* NULL but for links */
    struct stat st;
    const struct tar_xattr *xattrs;
    size_t xattr_count;
};

/* What became of a file's content; all false: stored as it is. */
struct archive_outcome {
    bool is_missing;  /* could not be read at all: not in the archive; sys_errno says why */
    bool is_cut;      /* reading failed halfway: zeros from there on; sys_errno says why */
    bool has_shrunk;  /* while being read: zeros at the end */
    bool has_changed; /* while being read: stored as read, perhaps a mixture */
    int sys_errno;
    uint64_t size; /* as stored */
};

struct archive_totals {
    struct members_totals archive, index;
    uint64_t copied; /* bytes of the archive that were copied from the one before */
    bool is_same;    /* it is that one, byte for byte, and was not written; sha256 is not set */
};

/* The archive goes to archive_fd, which is read back, too; the index to index_fd. Neither is
 * fsynced or closed. */
int jbi_archive_begin(struct archive_writer **out, int archive_fd, int index_fd,
                      const struct members_options *options, struct jb_error *err);
/* From now on entries may be kept from previous, which must live as long as the writer. differs is
 * called with the path of a file that was read, and has other content than in previous, though
 * nothing else of it is another. */
void jbi_archive_follow(struct archive_writer *writer, struct previous *previous,
                        void (*differs)(void *user, const char *path), void *user);
/* Adds the item from the archive before, if it is unchanged and can be copied; else *is_kept is
 * false, and the item is to be opened and added. Of a link only a hard link's target is needed. */
int jbi_archive_keep(struct archive_writer *writer, const struct archive_item *item, bool *is_kept,
                     struct jb_error *err);
/* Whether a call failed because the archive before is damaged, or its index lies: nothing of what
 * was written is to be used. */
bool jbi_archive_copy_failed(const struct archive_writer *writer);
/* content_fd: an open regular file for TAR_FILE, else -1. */
int jbi_archive_add(struct archive_writer *writer, const struct archive_item *item, int content_fd,
                    struct archive_outcome *outcome, struct jb_error *err);
int jbi_archive_end(struct archive_writer *writer, struct archive_totals *totals,
                    struct jb_error *err);
void jbi_archive_free(struct archive_writer *writer); /* NULL is fine */

#endif
