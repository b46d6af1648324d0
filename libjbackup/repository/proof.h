/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_PROOF_H
#define JBI_REPOSITORY_PROOF_H

#include "repository/layout.h"
#include "repository/manifest.h"

/*
 * What verifications of a backup found, dated: proof_TS.json beside its manifest, the only file of
 * a backup that changes. Newest first (in the order in which they were added, whatever the clock),
 * at most PROOFS_KEPT; of each depth the newest, the newest that found it equal in full, and the
 * newest that found it different stay.
 *
 *     {"timestamp": TS, "manifest_sha256": hex or null, "manifest_digest": hex, "proofs": [
 *       {"at": time, "depth": "restore", "result": "equal", "sample": 100, "host": ..., "tool":
 * ..., "duration_s": 1.2, "look_s": 0.5, "restore_s": 0.7, "files": 10, "tables": 3,
 *        "bytes_read": 123, "bytes_decoded": 789, "bytes_restored": 456,
 *        "findings": [{"level": "ERROR", "subject": ..., "message": ...}, ...]}, ...],
 *      "reads": [{"path": ..., "at": time, "tool": ...}, ...]}
 *
 * reads has of each artifact when it was last read in full and found to have its checksum, and by
 * which version; files of older versions have none.
 *
 * A proof is of the manifest with that jbi_manifest_digest, which pin and unpin leave as it is: of
 * another one it says nothing. manifest_sha256, the manifest's last line when a proof was added
 * last, saves taking that digest: as long as it is the same, so is the manifest.
 */
#define PROOFS_KEPT         50
#define PROOF_FINDINGS_KEPT 20   /* the worst */
#define PROOF_TEXT_SIZE     1024 /* longer texts are cut */
#define PROOF_SIZE_MAX      (8 << 20)
#define PROOF_READS_MAX     10000

enum proof_depth { PROOF_BYTES, PROOF_CONTENT, PROOF_RESTORE };
enum proof_result { PROOF_EQUAL, PROOF_DIFFERENT, PROOF_INCOMPLETE };

struct proof_finding {
    int level;
    const char *subject, *message;
};

struct proof {
    int64_t at_us;
    enum proof_depth depth;
    enum proof_result result; /* PROOF_INCOMPLETE: something could not be compared */
    int sample;               /* percent that was looked at; 100: all */
    const char *host, *tool;
    int64_t duration_ms, look_ms, restore_ms; /* the whole; reading and decoding; restoring */
    uint64_t files, tables, bytes_read, bytes_decoded, bytes_restored;
    const struct proof_finding *findings;
    size_t finding_count;
    const struct artifact *const *read; /* read in full and found right; on adding only */
    size_t read_count;
    bool is_partial; /* on adding: what was read of late was skipped, so it says nothing but what
                        was read, unless it found a difference */
};

struct proof_read {
    const char *path, *tool;
    int64_t at_us;
};

struct proofs {
    struct proof *list; /* newest first */
    size_t count;
    struct proof_read *reads;
    size_t read_count;
    char timestamp[TIMESTAMP_SIZE]; /* what the file says; "" in an empty list */
    char manifest_sha256[SHA256_HEX_SIZE], manifest_digest[SHA256_HEX_SIZE];
};

/* What the proofs say together. */
enum proof_state {
    PROOF_STATE_UNCHECKED, /* none */
    PROOF_STATE_CHECKED,   /* the newest found it equal, by its bytes or its content */
    PROOF_STATE_PROVED, /* restored, compared and found equal, and nothing newer says otherwise */
    PROOF_STATE_BROKEN  /* a difference was found, and no newer look at all of the backup, as deep
                           or deeper, found it equal */
};

const char *jbi_proof_depth_name(enum proof_depth depth); /* "bytes", "content", "restore" */
bool jbi_proof_depth_parse(const char *name, enum proof_depth *out);
const char *
jbi_proof_result_name(enum proof_result result); /* "equal", "different", "incomplete" */
const char *jbi_proof_state_name(enum proof_state state);

/* The file as text, malloc'd (NULL if out of memory), and the reader of such text, which is
 * hostile: JB_ECORRUPT unless it is of that timestamp and within the limits above. name is for
 * error texts. */
char *jbi_proofs_print(const struct proofs *proofs);
int jbi_proofs_parse(struct proofs *out, const char *text, size_t len, const char *timestamp,
                     const char *name, struct arena *arena, struct jb_error *err);

/* Reads the proofs of a backup; none, or of another manifest: an empty list. The file is hostile: a
 * damaged one, or one that can't be read, is a WARNING finding (report may be NULL) and an empty
 * list. */
int jbi_proofs_load(const struct repository *repository, const struct manifest *manifest,
                    struct arena *arena, jb_report *report, struct proofs *out,
                    struct jb_error *err);
/* Adds one and writes the file anew, atomically, in place of a damaged one, too. The caller holds
 * the repository's lock. manifest is the one that was proved, as it was loaded. JB_ENOTFOUND: the
 * backup is gone; JB_EIO where the repository can't be written. */
int jbi_proof_add(const struct repository *repository, const struct manifest *manifest,
                  const struct proof *proof, struct arena *arena, struct jb_error *err);
/* When that artifact was last read in full and found right; NULL: not known. */
const struct proof_read *jbi_proofs_read_of(const struct proofs *proofs, const char *path);
/* *since is the time of the proof that decides; samples and incomplete proofs decide nothing but
 * against. 0: none. */
enum proof_state jbi_proofs_state(const struct proofs *proofs, int64_t *since);
/* The proof that decides; NULL: none does. */
const struct proof *jbi_proofs_deciding(const struct proofs *proofs);

#endif
