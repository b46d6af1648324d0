/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_MEMBERS_H
#define JBI_ARCHIVE_MEMBERS_H

#include <jbackup.h>
#include <stdbool.h>

#include "adapter/gzip.h"
#include "base/artifact.h"
#include "base/hooks.h"

/* A file as a row of gzip members, compressed and decompressed on all cores. */
#define MEMBER_PIECE (1u << 20) /* raw bytes of one piece of a large file */

struct members_options {
    enum compression compression;
    unsigned jobs;             /* 0: all cores */
    const struct hooks *hooks; /* progress in bytes of raw data */
    const char *step;          /* the name that progress gives */
    const char *name;          /* what error texts call the packed file */
    const int *previous_fd;    /* packing: of a file that was packed before; NULL: none */
};

struct members_totals {
    uint64_t size;  /* of the packed file */
    uint32_t crc32; /* of the packed file; packing only */
    char sha256[SHA256_HEX_SIZE];
    uint64_t raw_size;
    uint64_t damage_offset; /* after JB_ECORRUPT from unpacking: where the damaged member begins */
    uint64_t copied;        /* bytes of members that were taken from the previous file */
    bool is_previous_damaged; /* as far as it was looked at */
};

/* Packs in_fd, from its offset to its end, to out_fd. Does not fsync. A member of the previous file
 * is taken as it is if, unpacked, it is what the piece at its place is: compared byte by byte,
 * after a glance at its CRC. Whatever else that file holds, the piece is compressed; so with the
 * same compression the result is the same as without it. */
int jbi_members_pack(int in_fd, int out_fd, const struct members_options *options,
                     struct members_totals *totals, struct jb_error *err);

/* Called in order with the raw content; any code but JB_OK stops the unpacking and is returned. */
typedef int (*members_consume)(void *user, const unsigned char *raw, size_t len,
                               struct jb_error *err);

/* Unpacks in_fd from its offset to its end. totals, if not NULL, gets the sizes and the SHA-256 of
 * the packed file. Damage: JB_ECORRUPT, with the offset
 * of the damaged member in the text. */
int jbi_members_unpack(int in_fd, const struct members_options *options, members_consume consume,
                       void *user, struct members_totals *totals, struct jb_error *err);
/* Unpacks to a descriptor. */
int jbi_members_unpack_to(int in_fd, int out_fd, const struct members_options *options,
                          struct members_totals *totals, struct jb_error *err);

#endif
