/* SPDX-License-Identifier: MIT */
/*
 * The copy of a database in use. Two ways: SQLite's online backup inside one read transaction; and,
 * where reading in place would have to change something beside the database (roll back a journal,
 * make a -shm in a folder that is not ours), a copy of the files, recovered in the target folder.
 * Invariant: the database is opened to read; beside it at most what was not there before goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/sqlite.h"
#include "adapter/sqlite_failure.h"
#include "adapter/sqlite_original.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

#define STILL_TRIES 5
#define CHUNK       (1u << 20)

static void copy_path(char to[COMPANION_SIZE], int dir_fd, const char *name)
{
    snprintf(to, COMPANION_SIZE, "/proc/self/fd/%d/%s", dir_fd, name);
}

static int fail_copy(struct jb_error *err, sqlite3 *to, int rc, const char *label)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
        jbi_fail(err, JB_EIO, "cannot write the copy of database \"%s\": the disk is full", label);
        jbi_hint(err, "free some space in the backup folder: the copy needs the size of the "
                      "database while the backup is made");
        return JB_EIO;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return jbi_fail(err, JB_EIO, "cannot write the copy of database \"%s\": %s", label,
                        sqlite3_errstr(rc));
    default:
        return jbi_sqlite_fail(err, to, rc, label);
    }
}

/* The copy is thrown away after a crash, so it needs neither journal nor sync. */
static int copy_open(sqlite3 **to, int dir_fd, const char *name, const char *label,
                     struct jb_error *err)
{
    char path[COMPANION_SIZE];
    copy_path(path, dir_fd, name);
    *to = NULL;
    int rc = sqlite3_open_v2(path, to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(*to, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=OFF;", NULL, NULL,
                          NULL);
    if (rc == SQLITE_OK)
        return JB_OK;
    int code = fail_copy(err, *to, rc, label);
    sqlite3_close_v2(*to);
    return code;
}

/* The open read transaction keeps a writer in WAL mode from starting the copy over. */
static int copy_in_transaction(const struct original *original, int dir_fd, const char *name,
                               struct jb_error *err)
{
    sqlite3 *to;
    int code = copy_open(&to, dir_fd, name, original->label, err);
    if (code < 0)
        return code;
    int rc = sqlite3_exec(to, "PRAGMA journal_mode=OFF", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_backup *backup = sqlite3_backup_init(to, "main", original->db, "main");
        if (backup != NULL) {
            int step = sqlite3_backup_step(backup, -1);
            rc = sqlite3_backup_finish(backup);
            if (rc == SQLITE_OK && step != SQLITE_DONE) /* finish() passes over BUSY and LOCKED */
                rc = step;
        } else {
            rc = sqlite3_errcode(to);
        }
    }
    if (rc != SQLITE_OK)
        code = fail_copy(err, to, rc, original->label);
    sqlite3_close_v2(to);
    return code;
}

static int copy_main_bytes(const struct original *original, int to_fd, struct jb_error *err)
{
    sqlite3_file *file = jbi_main_file(original->db);
    sqlite3_int64 size = 0;
    scope_free unsigned char *chunk = malloc(CHUNK);
    if (chunk == NULL)
        return jbi_fail_memory(err);
    int rc = file->pMethods->xFileSize(file, &size);
    for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += CHUNK) {
        int len = size - at < CHUNK ? (int)(size - at) : (int)CHUNK;
        rc = file->pMethods->xRead(file, chunk, len, at);
        if (rc == SQLITE_OK && jbi_write_full(to_fd, chunk, (size_t)len) < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot write the copy of database \"%s\"",
                                  original->label);
    }
    return rc == SQLITE_OK ? JB_OK : jbi_sqlite_fail(err, NULL, rc, original->label);
}

static int copy_companion(const struct original *original, enum sqlite_companion which, int dir_fd,
                          const char *name, struct jb_error *err)
{
    char from[COMPANION_SIZE], to[NAME_MAX + 16];
    jbi_companion_path(from, original->path, which);
    snprintf(to, sizeof to, "%s%s", name, jbi_companion_suffixes[which]);
    scope_free unsigned char *chunk = malloc(CHUNK);
    if (chunk == NULL)
        return jbi_fail_memory(err);
    scope_fd int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (in < 0)
        return errno == ENOENT ? JB_OK
                               : jbi_fail_errno(err, JB_EDATABASE, "cannot read \"%s\"", from);
    scope_fd int out = openat(dir_fd, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t got = out < 0 ? -1 : 0;
    while (out >= 0 && (got = jbi_read_full(in, chunk, CHUNK)) > 0)
        if (jbi_write_full(out, chunk, (size_t)got) < 0)
            break;
    return got == 0 ? JB_OK : jbi_fail_errno(err, JB_EIO, "cannot copy \"%s\"", from);
}

static void remove_companions(int dir_fd, const char *name)
{
    for (int i = 0; i < COMPANIONS; i++) {
        char companion[NAME_MAX + 16];
        snprintf(companion, sizeof companion, "%s%s", name, jbi_companion_suffixes[i]);
        unlinkat(dir_fd, companion, 0);
    }
}

/* Copies the files; *is_done says that nothing moved meanwhile and the copy is one moment's. */
static int copy_files(const struct original *original, int dir_fd, const char *name, bool *is_done,
                      struct jb_error *err)
{
    struct view before, after;
    remove_companions(dir_fd, name);
    scope_fd int to_fd = openat(dir_fd, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
    if (to_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the copy of database \"%s\"",
                              original->label);
    int code = jbi_original_look(original, &before, err);
    /* Somebody came to use the -wal: read it together with them. */
    if (code == JB_OK && original->uses_wal && before.is_there[COMPANION_SHM] &&
        before.is_there[COMPANION_WAL])
        return JB_OK;
    if (code == JB_OK)
        code = copy_main_bytes(original, to_fd, err);
    if (code == JB_OK && before.is_there[COMPANION_WAL])
        code = copy_companion(original, COMPANION_WAL, dir_fd, name, err);
    if (code == JB_OK && before.is_there[COMPANION_JOURNAL])
        code = copy_companion(original, COMPANION_JOURNAL, dir_fd, name, err);
    if (code == JB_OK)
        code = jbi_original_look(original, &after, err);
    *is_done = code == JB_OK && jbi_is_same_view(&before, &after);
    return code;
}

/* Lets SQLite roll back or check point in the copy, so that it is one file. */
static int recover_copy(const struct original *original, int dir_fd, const char *name,
                        struct jb_error *err)
{
    sqlite3 *to;
    int code = copy_open(&to, dir_fd, name, original->label, err);
    if (code < 0)
        return code;
    int rc = sqlite3_exec(to, "SELECT 1 FROM sqlite_schema; PRAGMA wal_checkpoint(TRUNCATE);", NULL,
                          NULL, NULL);
    if (rc != SQLITE_OK)
        code = fail_copy(err, to, rc, original->label);
    sqlite3_close_v2(to);
    return code;
}

static int copy_at_rest(struct original *original, int dir_fd, const char *name, bool *is_done,
                        struct jb_error *err)
{
    sqlite3_file *file = jbi_main_file(original->db);
    int code = jbi_original_lock(original, err);
    if (code < 0)
        return code;
    code = copy_files(original, dir_fd, name, is_done, err);
    file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    if (code == JB_OK && *is_done)
        code = recover_copy(original, dir_fd, name, err);
    remove_companions(dir_fd, name);
    return code;
}

static int copy_once(struct original *original, const struct view *view, int dir_fd,
                     const char *name, bool *is_done, struct jb_error *err)
{
    int code = jbi_original_open(original, view, err);
    if (code < 0)
        return code;
    if (original->uses_wal && !jbi_can_join_wal(original, view))
        return copy_at_rest(original, dir_fd, name, is_done, err);
    int rc = jbi_sqlite_harden(original->db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(original->db, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1;", NULL, NULL,
                          NULL);
    if (rc == SQLITE_READONLY_ROLLBACK)
        return copy_at_rest(original, dir_fd, name, is_done, err);
    if (rc != SQLITE_OK)
        return jbi_sqlite_fail(err, original->db, rc, original->label);
    *is_done = true;
    return copy_in_transaction(original, dir_fd, name, err);
}

/* One try; leaves *is_done false if the files changed under a copy of them. */
static int copy_try(struct original *original, int dir_fd, const char *name, bool *is_done,
                    struct jb_error *err)
{
    struct view before;
    original->db = NULL;
    original->uses_wal = false;
    int code = jbi_original_look(original, &before, err);
    if (code < 0)
        return code;
    code = copy_once(original, &before, dir_fd, name, is_done, err);
    sqlite3_close_v2(original->db);
    if (original->uses_wal)
        jbi_original_sweep(original, &before);
    return code;
}

int jbi_sqlite_copy(const char *path, int dir_fd, const char *name, const struct hooks *hooks,
                    struct jb_error *err)
{
    struct original original = {.hooks = hooks};
    struct jb_error why = {0};
    bool is_done = false;
    int code = jbi_original_find(&original, path, &why);
    for (int i = 0; code == JB_OK && !is_done && i < STILL_TRIES; i++)
        code = copy_try(&original, dir_fd, name, &is_done, &why);
    if (code < 0 && original.is_canceled)
        return jbi_fail(err, JB_ECANCELED, "canceled while waiting for database \"%s\"", path);
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    if (code < 0 || is_done)
        return code;
    jbi_fail(err, JB_EDATABASE, "database \"%s\" was changed each time while it was read", path);
    jbi_hint(err, "run as the user of the application: then the copy can be made while it writes");
    return JB_EDATABASE;
}
