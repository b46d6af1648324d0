/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_MANIFEST_H
#define JBI_REPOSITORY_MANIFEST_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/artifact.h"
#include "base/clock.h"
#include "repository/layout.h"

#define MANIFEST_FORMAT   1
#define MANIFEST_SIZE_MAX (64u << 20)

/*
 * What a backup says of itself: manifest_TS.json, the guide's keys and then ours. Its last line is
 *   "manifest_sha256": "<hex>"}
 * the SHA-256 of every byte of the file before that line, so that damage to the manifest itself
 * shows too. Texts and arrays belong to the arena given to load (or to the maker).
 */
struct manifest {
    char timestamp[TIMESTAMP_SIZE];
    enum category category;
    int type; /* enum jb_type */
    int64_t created_us;
    int64_t sequence;  /* counted up in one repository: the order of backups, whatever the clock */
    const char *label; /* NULL: none */
    bool pinned;
    int64_t keep_until_us; /* retention leaves it alone until then; 0: no such time */
    const char *project;   /* its name */
    const char *host;
    const char *tool; /* "jbackup 0.1.0" */
    int64_t duration_ms;
    const char *git_commit; /* NULL: not known */
    const char *git_branch;
    int git_dirty; /* 1, 0, or -1: not known */
    uint64_t total_size;
    char checksum[SHA256_HEX_SIZE]; /* of checksums_TS.sha256 */
    struct artifact *artifacts;     /* the .sql and the globals behind their dump, the index behind
                                       its code */
    size_t artifact_count;
    char self_sha256[SHA256_HEX_SIZE]; /* its last line as it was read; "": not read */
};

#define MANIFEST_ARTIFACTS_MAX 4096
#define MANIFEST_LIST_MAX      (1u << 20)         /* of tables, sequences, settings */
#define MANIFEST_NUMBER_MAX    ((int64_t)1 << 53) /* of bytes, rows, files: exact for any reader */

/* "sqlite", "postgresql", "codebase" ...: what the manifest calls a kind. */
const char *jbi_artifact_kind_name(enum artifact_kind kind);
bool jbi_artifact_kind_is_database(enum artifact_kind kind);

/* The manifest as text, malloc'd; NULL if out of memory. Texts that are not UTF-8 are escaped. */
char *jbi_manifest_print(const struct manifest *manifest);

/* The SHA-256 of what the manifest says, but for what pin and unpin change, and the same in any
 * time zone. False: out of memory. */
bool jbi_manifest_digest(const struct manifest *manifest, char hex[SHA256_HEX_SIZE]);

/* Reads text, which is hostile: every field checked, every path one that layout.h allows for this
 * timestamp, the digest of the manifest itself compared. name is for error texts. JB_ECORRUPT;
 * JB_EUNSUPPORTED: whole, but of a format that only a newer jbackup knows. */
int jbi_manifest_parse(struct manifest *out, const char *text, size_t len, const char *name,
                       struct arena *arena, struct jb_error *err);

/* Loads manifest_TS.json from an open category folder; its name and its content must agree. */
int jbi_manifest_load(struct manifest *out, int category_fd, enum category category,
                      const char *timestamp, struct arena *arena, struct jb_error *err);

bool jbi_manifest_has_database(const struct manifest *manifest);
bool jbi_manifest_has_codebase(const struct manifest *manifest);
/* The artifact of this kind (and name, unless NULL), or NULL. */
const struct artifact *jbi_manifest_artifact(const struct manifest *manifest,
                                             enum artifact_kind kind, const char *name);

#endif
