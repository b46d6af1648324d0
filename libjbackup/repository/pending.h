/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_PENDING_H
#define JBI_REPOSITORY_PENDING_H

#include "repository/layout.h"
#include "repository/manifest.h"

/*
 * The note of what is about to appear or to go, .jbackup/pending:
 *   {"op": "publish" | "remove", "category": "daily", "timestamp": TS, "files": [path, ...]}
 * files are relative to the category folder, the manifest not among them, the proof of a backup
 * that goes is: as long as it is there,
 * the backup is there, and the note means nothing.
 */
enum pending_op { PENDING_PUBLISH, PENDING_REMOVE };

struct pending {
    enum pending_op op;
    enum category category;
    char timestamp[TIMESTAMP_SIZE];
    const char **files;
    size_t count;
};

/* The files of a backup, its manifest left out; they belong to arena. */
int jbi_pending_of(struct pending *out, enum pending_op op, const struct manifest *manifest,
                   struct arena *arena, struct jb_error *err);
int jbi_pending_save(const struct repository *repository, const struct pending *pending,
                     struct jb_error *err);
/* The note is hostile: JB_ECORRUPT unless every name in it is one that layout.h allows.
 * JB_ENOTFOUND: there is none. */
int jbi_pending_load(const struct repository *repository, struct pending *out, struct arena *arena,
                     struct jb_error *err);
int jbi_pending_drop(const struct repository *repository, struct jb_error *err);

/* Removes the files of a note, and db_TS/ if it is empty then; what else is in it stays, with a
 * WARNING finding. Files that are gone already are fine. *freed (unless NULL) counts the bytes
 * whose last link went. */
int jbi_pending_sweep(const struct repository *repository, const struct pending *pending,
                      uint64_t *freed, jb_report *report, struct jb_error *err);

#endif
