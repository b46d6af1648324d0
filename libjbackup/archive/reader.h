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

/* The lengths of the member that begins at offset, packed and raw; JB_ECORRUPT if none does. */
int jbi_member_lengths(int fd, const char *name, uint64_t offset, uint32_t *total,
                       uint32_t *raw_len, struct jb_error *err);
/* Reads and decodes one member; *out is malloc'd. JB_ECORRUPT if it is damaged. */
int jbi_member_read(int fd, const char *name, struct gzip *gzip, uint64_t offset, uint32_t *total,
                    unsigned char **out, uint32_t *raw_len, struct jb_error *err);

#endif
