/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_JOURNAL_H
#define JBI_REPOSITORY_JOURNAL_H

#include "adapter/json.h"
#include "repository/layout.h"

/*
 * The journal of a restore in place: .jbackup/restore.json, written anew, atomically and fsynced,
 * before each step that it allows. What a phase says is what may have happened when a process died:
 *
 *      staging     new things may lie beside the living ones; these are untouched
 *      stopping    the same; the service may be down
 *      swapping    some may be exchanged; their identities are in the targets
 *      starting    all are exchanged; the service may be up on the new ones, nothing is proved yet
 *      done        the restore stands; the old things lie beside, for a rollback
 *      undoing     some may be exchanged back
 *      discarding  what lies beside may be partly removed
 *
 * From stopping to starting, and while undoing, the way on is back: exchange all back, start the
 * service, remove what is new. That holds of staging without the exchange. The journal is open in
 * each phase but done.
 *
 *     {"format": 1, "id": TS, "timestamp": TS, "safety": TS or null, "type": "full", "environment":
 *      "production", "phase": "swapping", "began_at": time, "changed_at": time, "host": ...,
 * "tool":
 *      ..., "service": text or null, "service_was_active": true, "down_ms": 123, "targets": [
 *        {"kind": "postgresql", "name": "journal_db", "state": {...}}, ...]}
 */
#define JOURNAL_NAME        "restore.json" /* in .jbackup/ */
#define JOURNAL_EARLIER     "restore_earlier.json"
#define JOURNAL_LOCK        "restore.lock" /* held by whoever restores, recovers or discards */
#define JOURNAL_FORMAT      1
#define JOURNAL_TARGETS_MAX 256
#define JOURNAL_SIZE_MAX    (256u << 20)

enum journal_phase {
    JOURNAL_STAGING,
    JOURNAL_STOPPING,
    JOURNAL_SWAPPING,
    JOURNAL_STARTING,
    JOURNAL_DONE,
    JOURNAL_UNDOING,
    JOURNAL_DISCARDING
};

/* What is exchanged; state is what its source printed, borrowed from the journal that was loaded,
 * or the caller's. */
struct journal_target {
    const char *kind, *name;
    const struct json *state;
};

struct journal {
    char id[TIMESTAMP_SIZE];        /* of the restore: when it began */
    char timestamp[TIMESTAMP_SIZE]; /* of the backup */
    char safety[TIMESTAMP_SIZE];    /* of the backup of the state before; "": none */
    int type;                       /* enum jb_type */
    const char *environment;        /* "production", or a name in the configuration */
    enum journal_phase phase;
    int64_t began_us, changed_us;
    const char *host, *tool;
    const char *service; /* for people; NULL: none */
    bool service_was_active;
    int64_t down_ms; /* how long the service was stopped; known when done */
    struct journal_target *targets;
    size_t target_count;
    struct json *root; /* of a journal that was loaded: what the states belong to */
    bool is_earlier;   /* it stands in JOURNAL_EARLIER */
};

const char *jbi_journal_phase_name(enum journal_phase phase);
static inline bool jbi_journal_is_open(const struct journal *journal)
{
    return journal->phase != JOURNAL_DONE;
}

/* Sets changed_us. The caller holds JOURNAL_LOCK. */
int jbi_journal_write(const struct repository *repository, struct journal *journal,
                      struct jb_error *err);
/* JOURNAL_NAME, or JOURNAL_EARLIER if only that is there (is_earlier). JB_ENOTFOUND: there is none
 * (err is left alone); JB_ECORRUPT, JB_EUNSUPPORTED: as for a manifest.
 * Free it in any case. */
int jbi_journal_load(struct journal *out, const struct repository *repository, struct arena *arena,
                     struct jb_error *err);
void jbi_journal_free(struct journal *journal);
/* Absent is fine. Removing JOURNAL_NAME puts the earlier one, if there is one, in its place. */
int jbi_journal_remove(const struct repository *repository, const struct journal *journal,
                       struct jb_error *err);
bool jbi_journal_is_there(const struct repository *repository);

/* The journal of a restore that stands, and keeps the old state, makes room for the one of the next
 * restore, until that exchanges: then its own things are removed. If the next one fails before, all
 * is as it was. Sets is_earlier. */
int jbi_journal_set_aside(const struct repository *repository, struct journal *journal,
                          struct jb_error *err);

/* The text and its reader; for tests and fuzzing, too. malloc'd; NULL: out of memory. */
char *jbi_journal_print(const struct journal *journal);
int jbi_journal_parse(struct journal *out, const char *text, size_t len, const char *name,
                      struct arena *arena, struct jb_error *err);

#endif
