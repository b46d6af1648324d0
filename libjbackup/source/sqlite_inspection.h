/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SQLITE_INSPECTION_H
#define JBI_SOURCE_SQLITE_INSPECTION_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/hooks.h"
#include "base/text.h"
#include "source/sqlite_digest.h"

/* What an inspection found. Begin with {0}; the texts are released by jbi_sqlite_found_free. */
struct sqlite_found {
    struct text damage;    /* the first lines of the integrity check; empty: sound */
    struct text unchecked; /* tables that can't be checked without the application, and why */
    struct text orphans;   /* tables with rows whose foreign key leads nowhere, and how many */
    uint64_t orphan_rows;
    bool is_digested;
    struct sqlite_digests digests;
};

void jbi_sqlite_found_free(struct sqlite_found *found);

/*
 * Checks a database file at rest and digests its tables, on two threads of its own. The file must
 * stay until the end, and the arena is the inspection's until then.
 */
struct inspection;

int jbi_inspection_begin(struct inspection **out, int dir_fd, const char *name, const char *label,
                         bool with_foreign_keys, struct arena *arena, struct jb_error *err);
/* Waits, reporting progress in bytes; then releases. Damage is no error: it is in found. */
int jbi_inspection_end(struct inspection *inspection, const struct hooks *hooks, const char *step,
                       uint64_t total, struct sqlite_found *found, struct jb_error *err);
/* Stops it, waits for its threads and releases. NULL is fine. */
void jbi_inspection_discard(struct inspection *inspection);

#endif
