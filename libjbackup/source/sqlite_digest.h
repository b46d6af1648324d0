/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SQLITE_DIGEST_H
#define JBI_SOURCE_SQLITE_DIGEST_H

#include <jbackup.h>
#include <stdatomic.h>

#include "adapter/sqlite.h"
#include "base/arena.h"
#include "base/artifact.h"

/* What is in a database, in the form that source/sqlite.h defines. */
struct sqlite_digests {
    struct table *tables; /* in the order of their names' bytes */
    size_t table_count;
    struct named_text *definitions; /* "index entry_by_date", sorted by name */
    size_t definition_count;
    char schema_sha256[SHA256_HEX_SIZE];
};

/* Reads every table. Texts and arrays go into arena; *done counts the bytes that were digested.
 * Codes: those of the connection. */
int jbi_sqlite_digest(struct sqlite *sqlite, struct arena *arena, atomic_ullong *done,
                      struct sqlite_digests *out, struct jb_error *err);

#endif
