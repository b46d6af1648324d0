/* SPDX-License-Identifier: MIT */
/*
 * The checks of a database copy, beside the packing. Invariant: the threads touch only their own
 * task until they are joined; hooks and reports stay with the caller's thread.
 */
#include "source/sqlite_inspection.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/scope.h"

#define DAMAGE_LINES 10
#define TABLES_NAMED 10
#define WAIT_MS      100

struct task {
    struct inspection *inspection;
    struct sqlite *sqlite;
    struct jb_error err;
    pthread_t thread;
    bool is_started;
};

struct inspection {
    struct task check, digest;
    struct arena *arena;
    bool with_foreign_keys;
    struct sqlite_found found;
    atomic_ullong done;
    pthread_mutex_t lock;
    pthread_cond_t has_ended;
    unsigned running;
};

void jbi_sqlite_found_free(struct sqlite_found *found)
{
    jbi_text_free(&found->damage);
    jbi_text_free(&found->unchecked);
    jbi_text_free(&found->orphans);
}

static void add_item(struct text *list, const char *separator, const char *item)
{
    if (list->len > 0)
        jbi_text_adds(list, separator);
    jbi_text_adds(list, item);
}

/* Runs an integrity check; its lines go to damage unless all is well. */
static int integrity_lines(struct sqlite *sqlite, const char *sql, const char *table,
                           struct text *damage, struct jb_error *err)
{
    scope_query *query = NULL;
    unsigned lines = 0;
    int code = jbi_sqlite_query(&query, sqlite, sql, table, err);
    while (code == JB_OK && (code = jbi_sqlite_next(query, err)) == 1) {
        const char *line = jbi_sqlite_text(query, 0);
        if (strcmp(line, "ok") != 0 && lines++ < DAMAGE_LINES)
            add_item(damage, "; ", line);
        code = JB_OK;
    }
    return code;
}

/*
 * Where the schema needs functions or collations of the application, the check of the whole can't
 * run: then table by table, and those that can't be checked are named.
 */
static int integrity_by_table(struct sqlite *sqlite, struct sqlite_found *found,
                              struct jb_error *err)
{
    static const char names_sql[] = "SELECT name FROM sqlite_schema"
                                    " WHERE type = 'table' AND rootpage > 0 ORDER BY name";
    static const char check_sql[] = "SELECT * FROM pragma_integrity_check(?1)";
    scope_query *names = NULL;
    int code = jbi_sqlite_query(&names, sqlite, names_sql, NULL, err);
    while (code == JB_OK && (code = jbi_sqlite_next(names, err)) == 1) {
        struct jb_error reason = {0};
        code =
            integrity_lines(sqlite, check_sql, jbi_sqlite_text(names, 0), &found->damage, &reason);
        if (code == JB_EUNSUPPORTED) {
            add_item(&found->unchecked, "; ", reason.text);
            code = JB_OK;
        } else if (code < 0 && err->code == 0) {
            *err = reason;
        }
    }
    return code;
}

static int check_integrity(struct sqlite *sqlite, struct sqlite_found *found, struct jb_error *err)
{
    struct jb_error reason = {0};
    int code = integrity_lines(sqlite, "PRAGMA integrity_check(10)", NULL, &found->damage, &reason);
    if (code == JB_EUNSUPPORTED) {
        jbi_text_free(&found->damage);
        return integrity_by_table(sqlite, found, err);
    }
    if (code < 0)
        *err = reason;
    return code;
}

static void add_orphans(struct sqlite_found *found, const char *table, uint64_t rows,
                        unsigned *tables)
{
    if (rows == 0)
        return;
    found->orphan_rows += rows;
    if (++*tables > TABLES_NAMED)
        return;
    jbi_text_addf(&found->orphans, "%s\"%s\" (%llu)", found->orphans.len > 0 ? ", " : "", table,
                  (unsigned long long)rows);
}

/* The rows of one table come one after the other. */
static int check_foreign_keys(struct sqlite *sqlite, struct sqlite_found *found,
                              struct jb_error *err)
{
    scope_query *query = NULL;
    scope_free char *table = NULL;
    uint64_t rows = 0;
    unsigned tables = 0;
    int code = jbi_sqlite_query(&query, sqlite, "PRAGMA foreign_key_check", NULL, err);
    while (code == JB_OK && (code = jbi_sqlite_next(query, err)) == 1) {
        const char *name = jbi_sqlite_text(query, 0);
        code = JB_OK;
        if (table == NULL || strcmp(table, name) != 0) {
            add_orphans(found, table, rows, &tables);
            free(table);
            table = strdup(name);
            rows = 0;
            if (table == NULL)
                return jbi_fail_memory(err);
        }
        rows++;
    }
    add_orphans(found, table, rows, &tables);
    if (tables > TABLES_NAMED)
        jbi_text_addf(&found->orphans, " and %u more", tables - TABLES_NAMED);
    return code;
}

static void check_task(struct task *task)
{
    struct sqlite_found *found = &task->inspection->found;
    int code = check_integrity(task->sqlite, found, &task->err);
    if (code < 0 || found->damage.len > 0 || !task->inspection->with_foreign_keys)
        return;
    struct jb_error reason = {0};
    code = check_foreign_keys(task->sqlite, found, &reason);
    if (code == JB_EUNSUPPORTED)
        add_item(&found->unchecked, "; ", reason.text);
    else if (code < 0)
        task->err = reason;
}

static void digest_task(struct task *task)
{
    struct inspection *inspection = task->inspection;
    struct sqlite_found *found = &inspection->found;
    found->is_digested = jbi_sqlite_digest(task->sqlite, inspection->arena, &inspection->done,
                                           &found->digests, &task->err) == JB_OK;
}

static void *task_main(void *user)
{
    struct task *task = user;
    struct inspection *inspection = task->inspection;
    if (task == &inspection->check)
        check_task(task);
    else
        digest_task(task);
    pthread_mutex_lock(&inspection->lock);
    inspection->running--;
    pthread_cond_signal(&inspection->has_ended);
    pthread_mutex_unlock(&inspection->lock);
    return NULL;
}

static int task_start(struct task *task, struct jb_error *err)
{
    sigset_t all, old;
    sigfillset(&all);
    task->inspection->running++; /* before the first thread runs, or under its lock */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int number = pthread_create(&task->thread, NULL, task_main, task);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    task->is_started = number == 0;
    if (task->is_started)
        return JB_OK;
    task->inspection->running--;
    return jbi_fail(err, JB_EIO, "cannot start a thread: %s", strerrordesc_np(number));
}

static int inspection_start(struct inspection *inspection, struct jb_error *err)
{
    pthread_mutex_lock(&inspection->lock);
    int code = task_start(&inspection->check, err);
    if (code == JB_OK)
        code = task_start(&inspection->digest, err);
    pthread_mutex_unlock(&inspection->lock);
    return code;
}

int jbi_inspection_begin(struct inspection **out, int dir_fd, const char *name, const char *label,
                         bool with_foreign_keys, struct arena *arena, struct jb_error *err)
{
    struct inspection *inspection = calloc(1, sizeof *inspection);
    if (inspection == NULL)
        return jbi_fail_memory(err);
    inspection->arena = arena;
    inspection->with_foreign_keys = with_foreign_keys;
    inspection->check.inspection = inspection->digest.inspection = inspection;
    pthread_mutex_init(&inspection->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&inspection->has_ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int code = jbi_sqlite_open(&inspection->check.sqlite, dir_fd, name, label, err);
    if (code == JB_OK)
        code = jbi_sqlite_open(&inspection->digest.sqlite, dir_fd, name, label, err);
    if (code == JB_OK)
        code = inspection_start(inspection, err);
    if (code < 0)
        jbi_inspection_discard(inspection);
    else
        *out = inspection;
    return code;
}

static void task_stop(struct task *task)
{
    if (task->is_started)
        jbi_sqlite_stop(task->sqlite);
}

static void task_join(struct task *task)
{
    if (task->is_started)
        pthread_join(task->thread, NULL);
    task->is_started = false;
}

void jbi_inspection_discard(struct inspection *inspection)
{
    if (inspection == NULL)
        return;
    task_stop(&inspection->check);
    task_stop(&inspection->digest);
    task_join(&inspection->check);
    task_join(&inspection->digest);
    jbi_sqlite_close(inspection->check.sqlite);
    jbi_sqlite_close(inspection->digest.sqlite);
    jbi_sqlite_found_free(&inspection->found);
    pthread_cond_destroy(&inspection->has_ended);
    pthread_mutex_destroy(&inspection->lock);
    free(inspection);
}

/* Whether both threads are through, after at most WAIT_MS. */
static bool has_ended(struct inspection *inspection)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int rc = 0;
    pthread_mutex_lock(&inspection->lock);
    while (inspection->running > 0 && rc == 0)
        rc = pthread_cond_timedwait(&inspection->has_ended, &inspection->lock, &until);
    bool is_over = inspection->running == 0;
    pthread_mutex_unlock(&inspection->lock);
    return is_over;
}

/* Damage that the check found says more than where the digests stumbled over it. */
static int inspection_result(struct inspection *inspection, struct jb_error *err)
{
    struct sqlite_found *found = &inspection->found;
    if (found->damage.failed || found->unchecked.failed || found->orphans.failed)
        return jbi_fail_memory(err);
    const struct jb_error *check = &inspection->check.err, *digest = &inspection->digest.err;
    const struct jb_error *first = check->code != 0 ? check : digest;
    if (first->code == 0 || (first->code == JB_EDATABASE && found->damage.len > 0))
        return JB_OK;
    if (err != NULL && err->code == 0)
        *err = *first;
    return first->code;
}

int jbi_inspection_end(struct inspection *inspection, const struct hooks *hooks, const char *step,
                       uint64_t total, struct sqlite_found *found, struct jb_error *err)
{
    int code = JB_OK;
    while (code == JB_OK && !has_ended(inspection)) {
        uint64_t done = atomic_load_explicit(&inspection->done, memory_order_relaxed);
        code = jbi_progress(hooks, step, done < total ? done : total, total, "bytes", err);
    }
    if (code == JB_OK)
        code = inspection_result(inspection, err);
    if (code == JB_OK) {
        *found = inspection->found;
        inspection->found = (struct sqlite_found){0};
    }
    jbi_inspection_discard(inspection);
    return code;
}
