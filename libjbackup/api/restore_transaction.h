/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RESTORE_TRANSACTION_H
#define JBI_API_RESTORE_TRANSACTION_H

#include "api/restore_target.h"
#include "repository/journal.h"
#include "source/codebase_swap.h"

/*
 * A restore in place as one transaction: things that are exchanged together, or not at all, with
 * the service stopped, each phase in the journal before it begins.
 */
struct transaction {
    struct session *session;
    struct restore_target target;
    struct journal journal;
    struct swap *swaps[JOURNAL_TARGETS_MAX];
    size_t count;
    int lock_fd;        /* of JOURNAL_LOCK; -1: not held */
    bool has_journal;   /* it is on the disk */
    int64_t stopped_ms; /* monotonic: when the service was asked to stop; 0: it was not */
};

/* Takes the lock of restores, and loads the journal if there is one (*has_journal). what is e.g.
 * "restore". The session is open to read; JB_ENOTFOUND: there is no repository. */
int jbi_transaction_begin(struct transaction *t, struct session *session, int wait_s,
                          const char *what, struct jb_error *err);
/* Frees, and lets go of the lock; what is on the disk stays. */
void jbi_transaction_end(struct transaction *t);

/* After begin, with a journal: the target and the swaps that it names. */
int jbi_transaction_resume(struct transaction *t, struct jb_error *err);

/* Where the journal lies, for people; NULL: out of memory. */
const char *jbi_transaction_folder(const struct transaction *t);

/* Where the code keeps what its way back needs: there, too; NULL: out of memory. */
const struct codebase_kept *jbi_transaction_kept(const struct transaction *t);

/* Writes the journal with this phase and what the swaps know now. */
int jbi_transaction_note(struct transaction *t, enum journal_phase phase, struct jb_error *err);

/* The service, if there is one and it was active when the restore began. */
int jbi_transaction_stop(struct transaction *t, struct jb_error *err);
int jbi_transaction_start(struct transaction *t, struct jb_error *err);

/* Whether all that is new is in place, and healthy; starting has seen that the service stays up. */
int jbi_transaction_verify(struct transaction *t, struct jb_error *err);

/* Back to the old state, from any phase, and nothing of ours left: all is exchanged back, newest
 * first, the service started, the new things removed, then the journal. What fails is an ERROR
 * finding, the others are still done, and the journal stays open: JB_EROLLBACK. Is never canceled.
 */
int jbi_transaction_undo(struct transaction *t, struct jb_error *err);

/* Removes what lies beside, and the journal. */
int jbi_transaction_discard(struct transaction *t, struct jb_error *err);

/* After undo or discard: the journal of the restore before that one, if there is one (has_journal);
 * the lock is kept. */
int jbi_transaction_next(struct transaction *t, struct jb_error *err);

#endif
