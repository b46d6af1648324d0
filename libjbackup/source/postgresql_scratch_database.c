/* SPDX-License-Identifier: MIT */
/* Scratch databases on the server of the source. Invariant: one is dropped only if its name has our
 * hash, its comment, if any, is ours, its lock is ours, and no session in it is anybody else's. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "source/postgresql_needs.h"
#include "source/postgresql_scratch_parts.h"

#define NAME_PREFIX  "jbackup_scratch_"
#define HASH_DIGITS  8
#define NAME_SIZE    (sizeof NAME_PREFIX + HASH_DIGITS + 1 + 8)
#define LOCK_CLASS   "1784834928" /* "jbkp" as a number: the first key of our advisory locks */
#define DROPS_TRIED  3
#define HOST_SIZE    256
#define LOOK_MS      50
#define SETTLE_MS    10000
#define KEY_SIZE     16
#define END_WAIT_MS  400
#define DROP_WAIT_MS 2000

/* What tells the scratch databases of this source and host. */
struct mark {
    char prefix[NAME_SIZE]; /* "jbackup_scratch_01234567_" */
    char host[HOST_SIZE];
    const char *comment;
};

static int mark_make(const struct postgres *session, struct arena *arena, struct mark *mark,
                     struct jb_error *err)
{
    char hex[SHA256_HEX_SIZE];
    const char *database = jbi_postgres_database(session);
    scope_digest *digest = jbi_digest_new();
    if (digest == NULL)
        return jbi_fail_memory(err);
    memset(mark->host, 0, sizeof mark->host);
    gethostname(mark->host, sizeof mark->host - 1);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, database, strlen(database) + 1);
    jbi_digest_add(digest, mark->host, strlen(mark->host));
    jbi_digest_end(digest, hex);
    snprintf(mark->prefix, sizeof mark->prefix, NAME_PREFIX "%.*s_", HASH_DIGITS, hex);
    mark->comment = jbi_arena_printf(arena, "jbackup scratch of %s on %s", database, mark->host);
    return mark->comment ? JB_OK : jbi_fail_memory(err);
}

/* The second key of the lock from the digits at the name's end; false: it is no name of ours. */
static bool key_of(const struct mark *mark, const char *name, char key[KEY_SIZE])
{
    if (!jbi_starts_with(name, mark->prefix))
        return false;
    const char *digits = name + strlen(mark->prefix);
    if (strlen(digits) != 8 || strspn(digits, "0123456789abcdef") != 8)
        return false;
    snprintf(key, KEY_SIZE, "%d", (int32_t)(uint32_t)strtoul(digits, NULL, 16));
    return true;
}

/* Asks for one value; whether it is that. */
static bool answers(struct postgres *session, const char *sql, const char *const params[],
                    int count, const char *wanted)
{
    struct jb_error unwanted = {0};
    struct postgres_rows *rows = NULL;
    if (jbi_postgres_query(session, "cannot ask", sql, params, count, &rows, &unwanted) < 0)
        return false;
    const char *value = jbi_postgres_value(rows, 0, 0);
    bool is_it = value != NULL && strcmp(value, wanted) == 0;
    jbi_postgres_rows_free(rows);
    return is_it;
}

static bool lock(struct postgres *session, const char *key)
{
    return answers(session, "SELECT pg_try_advisory_lock(" LOCK_CLASS ", $1::int4)", &key, 1, "t");
}

static void unlock(struct postgres *session, const char *key)
{
    answers(session, "SELECT pg_advisory_unlock(" LOCK_CLASS ", $1::int4)", &key, 1, "t");
}

/* ---- Dropping ---- */

/* Programs of a killed run may still work in it, as this role and under their own names. */
#define IS_OURS                                                                                    \
    " usename = current_user AND application_name IN ('jbackup', 'pg_dump', 'pg_restore')"

static int drop(struct postgres *session, const char *name, const struct source_job *job)
{
    static const char others[] =
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = $1 AND usename IS NOT NULL AND NOT (" IS_OURS ")";
    static const char end_ours[] = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                                   " WHERE datname = $1 AND pid <> pg_backend_pid() AND" IS_OURS;
    struct jb_error why = {0};
    scope_text sql = {0};
    const char *quoted = jbi_postgres_quote_name(session, name, job->arena);
    jbi_text_addf(&sql, "DROP DATABASE IF EXISTS %s", quoted ? quoted : "");
    if (quoted == NULL || sql.failed)
        return jbi_fail_memory(&why);
    int code = JB_EDATABASE;
    for (int i = 0; i < DROPS_TRIED && code == JB_EDATABASE; i++) {
        why = (struct jb_error){0};
        if (!answers(session, others, &name, 1, "0")) {
            code = jbi_fail(&why, JB_EDATABASE, "others are connected to it");
            break;
        }
        answers(session, end_ours, &name, 1, "");
        code = jbi_postgres_execute(session, "cannot drop a scratch database on", sql.at, &why);
    }
    if (code < 0)
        jbi_log(job->hooks, LOG_WARNING, "the scratch database \"%s\" stays: %s", name, why.text);
    return code;
}

/* ---- What killed runs left ---- */

/* The server ends what it does for a run before it notices that the run was killed; a living one's
 * session is idle but for moments. */
static void await_idle(struct postgres *session, const struct source_job *job)
{
    static const char sql[] =
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.classid = " LOCK_CLASS "::oid AND l.database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND a.state <> 'idle' AND a.pid <> pg_backend_pid()";
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    struct jb_error unwanted = {0};
    for (int waited = 0; waited < SETTLE_MS && !answers(session, sql, NULL, 0, "0");
         waited += LOOK_MS) {
        if (jbi_progress(job->hooks, "clear", 0, 0, "", &unwanted) < 0)
            break;
        nanosleep(&nap, NULL);
    }
}

/* It lets the lock go a moment after it was idle. */
static bool lock_left(struct postgres *session, const char *key)
{
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    if (lock(session, key))
        return true;
    nanosleep(&nap, NULL);
    return lock(session, key);
}

static void clear_one(struct postgres *session, const struct mark *mark, const char *name,
                      const struct source_job *job)
{
    static const char is_unmarked[] = "SELECT coalesce(shobj_description(oid, 'pg_database'), $2)"
                                      " FROM pg_database WHERE datname = $1";
    const char *const params[] = {name, mark->comment};
    char key[KEY_SIZE];
    if (!key_of(mark, name, key) || !lock_left(session, key))
        return;
    if (answers(session, is_unmarked, params, 2, mark->comment))
        drop(session, name, job);
    unlock(session, key);
}

static void clear_left(struct postgres *session, const struct mark *mark,
                       const struct source_job *job)
{
    static const char sql[] =
        "SELECT datname FROM pg_database WHERE left(datname, length($1)) = $1";
    struct jb_error unwanted = {0};
    struct postgres_rows *rows = NULL;
    const char *prefix = mark->prefix;
    await_idle(session, job);
    if (jbi_postgres_query(session, "cannot list the databases of", sql, &prefix, 1, &rows,
                           &unwanted) < 0)
        return;
    for (int i = 0; i < jbi_postgres_row_count(rows); i++)
        clear_one(session, mark, jbi_postgres_value(rows, i, 0), job);
    jbi_postgres_rows_free(rows);
}

void jbi_scratch_database_clear(struct postgres *session, const struct source_job *job)
{
    struct jb_error unwanted = {0};
    struct mark mark;
    if (mark_make(session, job->arena, &mark, &unwanted) == JB_OK)
        clear_left(session, &mark, job);
}

/* ---- One of our own ---- */

/* A subscription in a second database of the server would be one to the same publisher. */
static int refuse_subscriptions(const struct artifact *dump, struct jb_error *err)
{
    for (size_t i = 0; i < dump->definition_count; i++) {
        if (jbi_starts_with(dump->definitions[i].name, "SUBSCRIPTION "))
            return jbi_fail(err, JB_EUNSUPPORTED,
                            "its subscriptions must not be there twice on one server");
    }
    return JB_OK;
}

static int open_session(struct postgresql_scratch *scratch, struct jb_error *err)
{
    struct postgres_target target = scratch->source->target;
    target.is_writable = true;
    target.hooks = &scratch->hooks;
    return jbi_postgres_open(&scratch->session, &target, err);
}

static int take_name(struct postgresql_scratch *scratch, const struct mark *mark, const char **name,
                     struct jb_error *err)
{
    char key[KEY_SIZE];
    uint32_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return jbi_fail_errno(err, JB_EIO, "cannot get a random number");
    *name = jbi_arena_printf(scratch->job->arena, "%s%08x", mark->prefix, number);
    if (*name == NULL)
        return jbi_fail_memory(err);
    if (!key_of(mark, *name, key) || !lock(scratch->session, key))
        return jbi_fail(err, JB_EDATABASE, "cannot lock the name of a scratch database on \"%s\"",
                        jbi_postgres_place(scratch->session));
    return JB_OK;
}

int jbi_scratch_database_begin(struct postgresql_scratch *scratch,
                               const struct postgresql_source *source, const struct artifact *dump,
                               struct jb_error *err)
{
    struct mark mark;
    const char *name = NULL;
    scratch->source = source;
    int code = refuse_subscriptions(dump, err);
    if (code == JB_OK)
        code = open_session(scratch, err);
    if (code == JB_OK)
        code = mark_make(scratch->session, scratch->job->arena, &mark, err);
    if (code < 0)
        return code;
    clear_left(scratch->session, &mark, scratch->job);
    code = jbi_postgresql_need_tools(dump, jbi_postgres_server_major(scratch->session),
                                     scratch->job->arena, &scratch->tools, err);
    if (code == JB_OK)
        code = take_name(scratch, &mark, &name, err);
    if (code == JB_OK)
        code = jbi_scratch_go_on(scratch, err);
    return code < 0 ? code : jbi_scratch_make_database(scratch, name, mark.comment, dump, err);
}

/* Who canceled does not want to wait for a server that is silent. */
static void wait_shortly(struct postgresql_scratch *scratch, int64_t limit_ms)
{
    if (scratch->is_canceled)
        scratch->give_up_ms = jbi_monotonic_ms() + limit_ms;
}

/* The session may have been lost while nothing was asked of it. */
void jbi_scratch_database_end(struct postgresql_scratch *scratch)
{
    struct jb_error unwanted = {0};
    wait_shortly(scratch, END_WAIT_MS);
    if (!jbi_postgresql_scratch_is_alive(scratch)) {
        jbi_postgres_close(scratch->session);
        scratch->session = NULL;
        wait_shortly(scratch, END_WAIT_MS);
        if (open_session(scratch, &unwanted) < 0) {
            jbi_log(scratch->job->hooks, LOG_WARNING,
                    "the scratch database \"%s\" stays until the next run: %s", scratch->database,
                    unwanted.text);
            return;
        }
    }
    wait_shortly(scratch, DROP_WAIT_MS); /* the server goes on with it all the same */
    drop(scratch->session, scratch->database, scratch->job);
}
