/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_READER_H
#define JBI_ARCHIVE_READER_H

#include "archive/index.h"
#include "archive/members.h"
#include "archive/untar.h"

/* Reads a whole archive from the descriptor's offset, on all cores. totals as in
 * jbi_members_unpack. UNTAR_STOP of the visitor ends it with JB_OK. */
int jbi_archive_read(int fd, const struct members_options *options,
                     const struct untar_visitor *visitor, void *user, struct members_totals *totals,
                     struct jb_error *err);

/* Reads from the entry first on, until the visitor stops it or the archive ends: only the members
 * on the way are read, one after the other. */
int jbi_archive_read_from(int fd, const char *name, const struct index_entry *first,
                          const struct untar_visitor *visitor, void *user, struct jb_error *err);

#endif
