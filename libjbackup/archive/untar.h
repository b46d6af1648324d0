/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_UNTAR_H
#define JBI_ARCHIVE_UNTAR_H

#include <jbackup.h>

#include "adapter/tar.h"

/*
 * A tar stream as jbackup writes it, taken apart piece by piece as it arrives. The stream is
 * hostile: names are checked (relative, no "..", no empty component, no NUL), types that jbackup
 * doesn't write (devices, sparse, global headers) are refused, extensions have a bound.
 */
struct untar;

#define UNTAR_STOP 1 /* a visitor's "enough" */

/* Each returns JB_OK, UNTAR_STOP or a negative code. The entry is valid during the call;
 * offset is that of the entry's first header in the stream. Folders' paths have no slash at their
 * end; the root is ".". content comes for files only; end after each entry. */
struct untar_visitor {
    int (*entry)(void *user, const struct tar_entry *entry, uint64_t offset, struct jb_error *err);
    int (*content)(void *user, const unsigned char *from, size_t len, struct jb_error *err);
    int (*end)(void *user, struct jb_error *err);
};

/* name is what error texts call the archive; offset that of the first byte to come. */
int jbi_untar_new(struct untar **out, const struct untar_visitor *visitor, void *user,
                  const char *name, uint64_t offset, struct jb_error *err);
void jbi_untar_free(struct untar *untar);
/* Returns what the visitor returned, or JB_ECORRUPT. */
int jbi_untar_feed(struct untar *untar, const unsigned char *from, size_t len,
                   struct jb_error *err);
/* Whether the end mark was seen. */
bool jbi_untar_is_done(const struct untar *untar);
/* After the last byte: JB_ECORRUPT if the archive ends within an entry or without its end mark. */
int jbi_untar_finish(struct untar *untar, struct jb_error *err);

/* Longer paths are in no archive: no program could open them by name, and the paths of a deep tree
 * add up. */
#define ARCHIVE_PATH_MAX 4095u /* what Linux takes for a name, without its end */

/* Whether a path may be written below a target: relative, no "..", no empty or "." component. */
bool jbi_is_safe_path(const char *path);
/* Whether a path, or the target of a link, is no longer than any that is stored. */
bool jbi_is_path_length(const char *path);
/* Whether a path is folder or lies in it; everything lies in ".". */
bool jbi_is_below(const char *path, const char *folder);

#endif
