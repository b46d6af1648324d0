/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_PUBLISH_H
#define JBI_REPOSITORY_PUBLISH_H

#include "base/text.h"
#include "repository/catalog.h"
#include "repository/layout.h"
#include "repository/manifest.h"

/*
 * The order of every write. A backup is made in .jbackup/staging/, a folder that stands for the
 * category folder; then published: a note of what is about to appear (.jbackup/pending, fsynced),
 * renames, fsync of the folder, the manifest last, fsync, note removed. A removal goes the other
 * way: note, manifest first, then the artifacts. A crash leaves staging or a note, and
 * jbi_repository_recover, which every writer calls after taking the lock, clears both: what has no
 * manifest is removed, and only what the note names.
 */
int jbi_repository_recover(struct repository *repository, jb_report *report, struct jb_error *err);

/* An empty staging folder with db_TS/ in it if with_database; *out is its descriptor. */
int jbi_staging_begin(struct repository *repository, const char *timestamp, bool with_database,
                      int *out, struct jb_error *err);
/* Throws the staging folder away. */
int jbi_staging_discard(struct repository *repository, struct jb_error *err);

/* Replaces staged artifacts by hard links to those of any backup of the catalog, newest first, that
 * are the same (archive/same.h: compared, not trusted); sets artifact->linked, and its digest to
 * that of the file that is there now. A difference or a refusal of the file system keeps the staged
 * file. */
int jbi_staging_link_equal(struct repository *repository, int staging_fd, struct manifest *manifest,
                           const struct catalog *catalog, struct jb_error *err);

/* Reads every staged artifact back and compares its CRC-32 (a linked one was compared already),
 * writes checksums_TS.sha256 (sha256sum's form, paths relative to the category folder), sets
 * manifest->checksum and total_size, and publishes. On failure nothing of it is in the category. */
int jbi_repository_publish(struct repository *repository, int staging_fd, struct manifest *manifest,
                           struct jb_error *err);

/* Appends the content of checksums_TS.sha256. */
void jbi_checksums_text(const struct manifest *manifest, struct text *out);

/* Writes a published manifest anew (pin, unpin). */
int jbi_manifest_rewrite(struct repository *repository, const struct manifest *manifest,
                         struct jb_error *err);

/* Removes a backup; *freed counts the bytes whose last link went. A file in db_TS/ that is not of
 * the manifest is left, with a WARNING finding. */
int jbi_repository_remove(struct repository *repository, const struct manifest *manifest,
                          uint64_t *freed, jb_report *report, struct jb_error *err);

/* The same for a backup whose manifest can't be read: what is removed is what has the name of one
 * of its files. */
int jbi_repository_remove_damaged(struct repository *repository, enum category category,
                                  const char *timestamp, uint64_t *freed, jb_report *report,
                                  struct jb_error *err);

/* A timestamp that no backup of the repository has yet, at or after now. */
int jbi_timestamp_reserve(const struct repository *repository, int64_t now_unix_s,
                          char out[TIMESTAMP_SIZE], struct jb_error *err);

/* Writes RESTORE.txt, how to restore with stock tools alone, if it is missing or another. */
int jbi_repository_write_restore_text(const struct repository *repository, struct jb_error *err);

#endif
