/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_DUMP_TOC_H
#define JBI_ARCHIVE_DUMP_TOC_H

#include "archive/dump_input.h"
#include "archive/dump_roles.h"

/* The header and the table of contents of a dump: what has data, and where. */
#define DUMP_MINOR_ALGORITHM 15 /* from this version the header has no level, but an algorithm */
enum dump_data { DUMP_TABLE = 1, DUMP_OBJECTS = 3 }; /* as a block begins */

struct dump_entry {
    int64_t id;
    enum dump_data data;
    const char *schema, *name, *columns; /* of a table */
    unsigned state;                      /* of its offset, as stored */
    uint64_t offset;                     /* of its block, as stored */
    uint64_t offset_at;                  /* where the dump has state and offset */
    bool is_seen;                        /* its block was met */
};

/* An entry that defines something. */
struct toc_definition {
    const char *name;
    char sha256[SHA256_HEX_SIZE];
};

struct dump_toc {
    unsigned minor; /* of the version, 1.minor */
    int64_t compression;
    uint64_t compression_at;    /* where the header has it: an int, or from 1.15 a byte */
    struct dump_entry *entries; /* those with data, by id */
    size_t count, room;
    struct toc_definition *definitions;
    size_t definition_count, definition_room;
    struct dump_roles *roles; /* get those of owners and grants; NULL: nobody asks */
};

/* Reads the header: format, sizes, names. Sets in->int_size and in->offset_size. */
void jbi_toc_header(struct dump_toc *toc, struct dump_input *in, struct dump_contents *contents,
                    struct arena *arena);
/* Reads the table of contents: sets encoding, sequences and schema_sha256 of the contents, and
 * makes room for its tables. */
void jbi_toc_entries(struct dump_toc *toc, struct dump_input *in, struct dump_contents *contents,
                     struct arena *arena);
/* The entry with data of that id, or NULL. */
struct dump_entry *jbi_toc_find(const struct dump_toc *toc, int64_t id);
/* The first entry whose block was not met, or NULL. */
const struct dump_entry *jbi_toc_missing(const struct dump_toc *toc);
void jbi_toc_free(struct dump_toc *toc);

#endif
