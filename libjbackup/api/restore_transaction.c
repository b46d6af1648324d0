/* SPDX-License-Identifier: MIT */
/* The transaction of a restore. Invariant: nothing is exchanged before the journal that tells how
 * to exchange it back is on the disk, and the journal goes last. */
#include "api/restore_transaction.h"

#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/lock.h"
#include "source/codebase_swap.h"
#include "source/postgresql_inplace.h"
#include "source/sqlite_swap.h"

/* ---- Beginning and ending ------------------------------------------------------------------- */

static int load_journal(struct transaction *t, struct jb_error *err)
{
    int code = jbi_journal_load(&t->journal, &t->session->repository, &t->session->arena, err);
    t->has_journal = code == JB_OK;
    return code == JB_ENOTFOUND ? JB_OK : code;
}

int jbi_transaction_begin(struct transaction *t, struct session *session, int wait_s,
                          const char *what, struct jb_error *err)
{
    *t = (struct transaction){.session = session, .lock_fd = -1};
    const struct repository *repository = &session->repository;
    if (repository->state_fd < 0) {
        jbi_fail(err, JB_ENOTFOUND, "there is no backup in \"%s\"", session->project->backup_dir);
        jbi_hint(err, "make one with \"jbackup backup\"");
        return JB_ENOTFOUND;
    }
    int code = jbi_lock_take(repository->state_fd, JOURNAL_LOCK, wait_s, what,
                             &session->project->hooks, &t->lock_fd, err);
    if (code == JB_EIO)
        jbi_hint(err, "the repository \"%s\" must be one that you may write to",
                 session->project->backup_dir);
    if (code < 0)
        return code;
    return load_journal(t, err);
}

static void free_states(struct journal *journal)
{
    if (journal->root != NULL)
        return; /* they belong to it */
    for (size_t i = 0; i < journal->target_count; i++)
        jbi_json_free((struct json *)(uintptr_t)journal->targets[i].state);
}

void jbi_transaction_end(struct transaction *t)
{
    for (size_t i = 0; i < t->count; i++)
        t->swaps[i]->ops->close(t->swaps[i]);
    free_states(&t->journal);
    jbi_journal_free(&t->journal);
    if (t->lock_fd >= 0) {
        flock(t->lock_fd, LOCK_UN); /* a child may be holding a copy of the descriptor */
        close(t->lock_fd);
    }
    t->lock_fd = -1;
    t->count = 0;
}

int jbi_transaction_next(struct transaction *t, struct jb_error *err)
{
    struct transaction next = {.session = t->session, .lock_fd = t->lock_fd};
    t->lock_fd = -1;
    jbi_transaction_end(t);
    *t = next;
    return load_journal(t, err);
}

/* ---- From the journal ----------------------------------------------------------------------- */

static int fail_unknown_target(const struct journal_target *target, struct jb_error *err)
{
    jbi_fail(err, JB_EINVAL,
             "the journal of the restore names the %s database \"%s\", which the configuration "
             "does not know",
             target->kind, target->name);
    jbi_hint(err, "configure it as it was when the restore began, then run \"jbackup-restore "
                  "recover\"");
    return JB_EINVAL;
}

static const struct database *find_database(const struct transaction *t,
                                            const struct journal_target *target,
                                            enum database_kind kind)
{
    for (size_t i = 0; i < t->target.database_count; i++) {
        const struct database *database = &t->target.databases[i];
        if (database->kind == kind && strcmp(database->name, target->name) == 0)
            return database;
    }
    return NULL;
}

const char *jbi_transaction_folder(const struct transaction *t)
{
    return jbi_arena_printf(&t->session->arena, "%s/.jbackup", t->session->project->backup_dir);
}

const struct codebase_kept *jbi_transaction_kept(const struct transaction *t)
{
    struct codebase_kept *kept = jbi_arena_alloc(&t->session->arena, sizeof *kept);
    if (kept == NULL)
        return NULL;
    *kept = (struct codebase_kept){t->session->repository.state_fd, jbi_transaction_folder(t)};
    return kept->folder ? kept : NULL;
}

static int resume_in_place(struct transaction *t, const struct journal_target *target,
                           struct jb_error *err)
{
    const struct database *database = find_database(t, target, DATABASE_POSTGRESQL);
    const struct postgresql_inplace_what what = {
        .swap.live = database ? &database->postgresql : NULL,
        .folder_fd = t->session->repository.state_fd,
        .folder = jbi_transaction_folder(t),
    };
    if (database == NULL)
        return fail_unknown_target(target, err);
    return what.folder
               ? jbi_postgresql_inplace_resume(&t->swaps[t->count], target->state, &what, err)
               : jbi_fail_memory(err);
}

static int resume_one(struct transaction *t, const struct journal_target *target,
                      struct jb_error *err)
{
    struct swap **out = &t->swaps[t->count];
    const struct database *database = NULL;
    int code;
    if (strcmp(target->kind, "codebase") == 0) {
        const struct codebase_kept *kept = jbi_transaction_kept(t);
        code = kept ? jbi_codebase_swap_resume(out, target->state, &t->target.code, kept, err)
                    : jbi_fail_memory(err);
    } else if (strcmp(target->kind, "sqlite") == 0) {
        database = find_database(t, target, DATABASE_SQLITE);
        code = database ? jbi_sqlite_swap_resume(out, target->state, &database->sqlite, err)
                        : fail_unknown_target(target, err);
    } else if (strcmp(target->kind, "postgresql") == 0) {
        database = find_database(t, target, DATABASE_POSTGRESQL);
        code = database ? jbi_postgresql_swap_resume(out, target->state, &database->postgresql, err)
                        : fail_unknown_target(target, err);
    } else if (strcmp(target->kind, POSTGRESQL_INPLACE_KIND) == 0) {
        code = resume_in_place(t, target, err);
    } else {
        code = jbi_fail(err, JB_ECORRUPT, "%s is damaged: \"%s\" can't be exchanged", JOURNAL_NAME,
                        target->kind);
    }
    t->count += code == JB_OK;
    return code;
}

int jbi_transaction_resume(struct transaction *t, struct jb_error *err)
{
    int code = jbi_restore_target(&t->target, t->session, t->journal.environment, err);
    for (size_t i = 0; i < t->journal.target_count && code == JB_OK; i++)
        code = resume_one(t, &t->journal.targets[i], err);
    return code;
}

/* ---- Phases --------------------------------------------------------------------------------- */

int jbi_transaction_note(struct transaction *t, enum journal_phase phase, struct jb_error *err)
{
    struct journal next = t->journal;
    struct journal_target *targets =
        jbi_arena_alloc(&t->session->arena, (t->count + 1) * sizeof *targets);
    if (targets == NULL)
        return jbi_fail_memory(err);
    next.root = NULL;
    next.phase = phase;
    next.targets = targets;
    next.target_count = t->count;
    for (size_t i = 0; i < t->count; i++)
        targets[i] = (struct journal_target){t->swaps[i]->ops->kind, t->swaps[i]->name,
                                             t->swaps[i]->ops->print(t->swaps[i])};
    int code = jbi_journal_write(&t->session->repository, &next, err);
    if (code < 0) {
        /* It may be in place, though not for certain: nothing has begun of which it could tell. */
        if (!t->has_journal)
            jbi_journal_remove(&t->session->repository, &next, NULL);
        free_states(&next);
        return code;
    }
    struct json *root = t->journal.root;
    free_states(&t->journal);
    jbi_json_free(root);
    t->journal = next;
    t->has_journal = true;
    return JB_OK;
}

static struct source_job job_of(const struct transaction *t)
{
    return jbi_session_job(t->session, t->journal.timestamp, -1);
}

int jbi_transaction_stop(struct transaction *t, struct jb_error *err)
{
    if (t->target.service == NULL || !t->journal.service_was_active)
        return JB_OK;
    t->stopped_ms = jbi_monotonic_ms();
    return jbi_service_stop(t->target.service, &t->session->project->hooks, &t->session->arena,
                            err);
}

int jbi_transaction_start(struct transaction *t, struct jb_error *err)
{
    int64_t up_ms = 0;
    if (t->target.service == NULL || !t->journal.service_was_active)
        return JB_OK;
    int code = jbi_service_start(t->target.service, &t->session->project->hooks, &t->session->arena,
                                 &up_ms, err);
    if (t->stopped_ms > 0 && up_ms > 0)
        t->journal.down_ms = up_ms - t->stopped_ms;
    return code;
}

static int check_swaps(struct transaction *t, bool is_new, struct jb_error *err)
{
    struct source_job job = job_of(t);
    int code = JB_OK;
    for (size_t i = 0; i < t->count && code == JB_OK; i++)
        code = t->swaps[i]->ops->check(t->swaps[i], &job, is_new, err);
    return code;
}

static int check_health(struct transaction *t, struct jb_error *err)
{
    bool is_up = t->target.service == NULL || t->journal.service_was_active;
    return t->target.health == NULL || !is_up
               ? JB_OK
               : jbi_health_wait(t->target.health, &t->session->project->hooks, err);
}

int jbi_transaction_verify(struct transaction *t, struct jb_error *err)
{
    int code = check_swaps(t, true, err);
    return code == JB_OK ? check_health(t, err) : code;
}

/* ---- The way back --------------------------------------------------------------------------- */

/* What went wrong on the way back; the first is what is told in the end. */
static void say(struct transaction *t, const char *subject, const struct jb_error *why,
                struct jb_error *first)
{
    jbi_finding(t->session->report, JB_ERROR, subject, "%s", why->text);
    jbi_finding_hint(t->session->report, "%s", why->hint);
    if (first->code == 0)
        *first = *why;
}

/* One step of each, newest first, whatever fails. */
static void each(struct transaction *t, bool is_discard, struct jb_error *first)
{
    struct source_job job = job_of(t);
    for (size_t i = t->count; i-- > 0;) {
        struct jb_error why = {0};
        struct swap *swap = t->swaps[i];
        int code =
            is_discard ? swap->ops->discard(swap, &job, &why) : swap->ops->undo(swap, &job, &why);
        if (code < 0)
            say(t, swap->name, &why, first);
    }
}

static int fail_rollback(const struct jb_error *first, struct jb_error *err)
{
    jbi_fail(err, JB_EROLLBACK, "the way back is not finished: %s", first->text);
    jbi_hint(err, "mend that, then run \"jbackup-restore recover\"%s%s", first->hint[0] ? "; " : "",
             first->hint);
    return JB_EROLLBACK;
}

/* With the service stopped. Whether one state is whole in place now: on a mix of both the service
 * would write into it, and make anew what is missing. */
static bool put_back(struct transaction *t, struct jb_error *first)
{
    struct jb_error why = {0}, undone = {0};
    bool was_whole = t->journal.phase == JOURNAL_STARTING || t->journal.phase == JOURNAL_DONE;
    if (jbi_transaction_note(t, JOURNAL_UNDOING, &why) < 0)
        say(t, "journal", &why, first); /* what it says still holds: go on */
    why = (struct jb_error){0};
    if (jbi_transaction_stop(t, &why) < 0) {
        say(t, "service", &why, first);
        return was_whole;
    }
    each(t, false, &undone);
    if (first->code == 0)
        *first = undone;
    return undone.code == 0;
}

/* An old state that is not healthy is none of our making. */
static void start_again(struct transaction *t, bool is_exchanged, struct jb_error *first)
{
    struct jb_error why = {0};
    if (jbi_transaction_start(t, &why) < 0)
        say(t, "service", &why, first);
    why = (struct jb_error){0};
    if (is_exchanged && first->code == 0 && check_swaps(t, false, &why) < 0)
        say(t, "after the rollback", &why, first);
    why = (struct jb_error){0};
    if (first->code == 0 && check_health(t, &why) < 0)
        jbi_finding(t->session->report, JB_WARNING, "health", "of the old state: %s", why.text);
}

int jbi_transaction_undo(struct transaction *t, struct jb_error *err)
{
    struct jb_error first = {0}, why = {0};
    enum journal_phase phase = t->journal.phase;
    bool is_exchanged = phase == JOURNAL_SWAPPING || phase == JOURNAL_STARTING ||
                        phase == JOURNAL_DONE || phase == JOURNAL_UNDOING;
    bool is_whole = !is_exchanged || put_back(t, &first);
    if (!is_whole && t->target.service != NULL && t->journal.service_was_active)
        jbi_finding(t->session->report, JB_ERROR, "service",
                    "it is left stopped: what is in place may be old in part, new in part");
    else if (is_exchanged || phase == JOURNAL_STOPPING)
        start_again(t, is_exchanged, &first);
    if (first.code == 0)
        each(t, true, &first);
    if (first.code == 0 && jbi_journal_remove(&t->session->repository, &t->journal, &why) < 0)
        say(t, "journal", &why, &first);
    t->has_journal = t->has_journal && first.code != 0;
    return first.code == 0 ? JB_OK : fail_rollback(&first, err);
}

int jbi_transaction_discard(struct transaction *t, struct jb_error *err)
{
    struct jb_error first = {0};
    int code = t->journal.phase == JOURNAL_DISCARDING
                   ? JB_OK
                   : jbi_transaction_note(t, JOURNAL_DISCARDING, err);
    if (code < 0)
        return code;
    each(t, true, &first);
    if (first.code != 0) {
        if (err != NULL && err->code == 0)
            *err = first;
        return first.code;
    }
    code = jbi_journal_remove(&t->session->repository, &t->journal, err);
    t->has_journal = code < 0;
    return code;
}
