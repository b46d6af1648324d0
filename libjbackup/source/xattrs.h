/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_XATTRS_H
#define JBI_SOURCE_XATTRS_H

#include <jbackup.h>

#include "archive/writer.h"
#include "os/tree.h"

/* Extended attributes, read into one buffer that is used again for each file. */
struct xattrs;

struct xattrs *jbi_xattrs_new(void);         /* NULL if out of memory */
void jbi_xattrs_free(struct xattrs *xattrs); /* NULL is fine */

/* Sets the item's attributes, valid until the next call. fd is the open file, or -1: the entry is
 * looked at by name, not followed. What can't be read or stored is a WARNING finding. */
void jbi_xattrs_read(struct xattrs *xattrs, const struct tree_entry *entry, int fd,
                     jb_report *report, struct archive_item *item);

#endif
