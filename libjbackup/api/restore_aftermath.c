/* SPDX-License-Identifier: MIT */
/* Restores in place, as backup and cleanup see them. */
#include "api/restore_aftermath.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/restore_transaction.h"
#include "os/lock.h"

/* The journal if there is one that is open: 1, 0 or a negative code. */
static int open_journal(struct session *session, struct journal *journal, struct jb_error *err)
{
    int code = jbi_journal_load(journal, &session->repository, &session->arena, err);
    if (code == JB_ENOTFOUND)
        return 0;
    return code < 0 ? code : jbi_journal_is_open(journal);
}

int jbi_restore_warn(struct session *session, struct jb_error *err)
{
    static const char *const states[] = {
        [JOURNAL_STAGING] = "the state before it",
        [JOURNAL_STOPPING] = "the state before it, with the service stopped",
        [JOURNAL_SWAPPING] = "a mix of old and new",
        [JOURNAL_STARTING] = "the restored state, which is not proved yet",
        [JOURNAL_DONE] = "the restored state",
        [JOURNAL_UNDOING] = "a mix of new and old",
        [JOURNAL_DISCARDING] = "the restored state",
    };
    struct journal journal;
    int code = open_journal(session, &journal, err);
    /* The backup that a restore makes of the state before it is told of by the restore. */
    if (code == 1 && journal.phase != JOURNAL_STAGING) {
        jbi_finding(session->report, JB_WARNING, journal.id,
                    "a restore of %s has not ended (%s): this backup is of %s", journal.timestamp,
                    jbi_journal_phase_name(journal.phase), states[journal.phase]);
        jbi_finding_hint(session->report,
                         "if nobody is at it, run \"jbackup-restore recover\" and back up again");
    }
    jbi_journal_free(&journal);
    return code < 0 ? code : JB_OK;
}

int jbi_restore_refuse(struct session *session, const char *what, struct jb_error *err)
{
    struct journal journal;
    int code = open_journal(session, &journal, err);
    if (code == 1) {
        jbi_fail(err, JB_ELOCKED, "a restore of %s has not ended, so %s leaves all as it is",
                 journal.timestamp, what);
        jbi_hint(err, "if nobody is at it, run \"jbackup-restore recover\"");
        code = JB_ELOCKED;
    }
    jbi_journal_free(&journal);
    return code < 0 ? code : JB_OK;
}

bool jbi_restore_is_running(const struct session *session)
{
    int fd = -1;
    struct jb_error unwanted = {0};
    if (faccessat(session->repository.state_fd, JOURNAL_LOCK, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        return false; /* and a look makes none */
    int code = jbi_lock_take(session->repository.state_fd, JOURNAL_LOCK, 0, "look",
                             &session->project->hooks, &fd, &unwanted);
    if (fd >= 0) {
        flock(fd, LOCK_UN);
        close(fd);
    }
    return code == JB_ELOCKED;
}

void jbi_restore_forget(struct session *session)
{
    struct transaction t;
    struct jb_error why = {0};
    if (!jbi_journal_is_there(&session->repository))
        return;
    int code = jbi_transaction_begin(&t, session, 0, "discard-old", &why);
    bool is_kept = code == JB_OK && t.has_journal && t.journal.phase == JOURNAL_DONE &&
                   strcmp(t.journal.environment, PRODUCTION) == 0;
    if (is_kept) {
        code = jbi_transaction_resume(&t, &why);
        if (code == JB_OK)
            code = jbi_transaction_discard(&t, &why);
        if (code < 0) {
            jbi_finding(session->report, JB_WARNING, "old state",
                        "what the last restore has kept could not be removed: %s", why.text);
            jbi_finding_hint(session->report, "%s%srun \"jbackup-restore discard-old\"", why.hint,
                             why.hint[0] ? "; then " : "");
        }
    }
    jbi_transaction_end(&t);
}
