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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapter/sqlite.h"
#include "adapter/sqlite_failure.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

#define BUSY_MS         15000
#define BUSY_TURN_MS    20
#define STILL_TRIES     5
#define CHUNK           (1u << 20)
#define COMPANION_SIZE  (PATH_MAX + 16)
#define SQLITE_PATH_MAX 500 /* SQLite's own limit is 512 with the suffix */
#define HEADER_VERSIONS 18  /* offset of the two bytes that are 2 in WAL mode */

enum companion { WAL, SHM, JOURNAL, COMPANION_COUNT };
static const char *const suffixes[COMPANION_COUNT] = {"-wal", "-shm", "-journal"};

/* The database file and what lies beside it, at one moment. */
struct view {
    struct stat file;
    bool is_there[COMPANION_COUNT];
    struct stat companion[COMPANION_COUNT];
};

struct original {
    const char *label;   /* the path as given */
    char path[PATH_MAX]; /* without symbolic links: companions lie beside the real file */
    sqlite3 *db;
    bool uses_wal;
    const struct hooks *hooks; /* may cancel a wait; NULL: nobody does */
    bool is_canceled;
};

static void companion_path(char to[COMPANION_SIZE], const char *path, enum companion which)
{
    snprintf(to, COMPANION_SIZE, "%s%s", path, suffixes[which]);
}

static int look(const struct original *original, struct view *view, struct jb_error *err)
{
    if (stat(original->path, &view->file) < 0)
        return jbi_fail_errno(err, JB_EDATABASE, "cannot read database \"%s\"", original->label);
    for (int i = 0; i < COMPANION_COUNT; i++) {
        char path[COMPANION_SIZE];
        companion_path(path, original->path, (enum companion)i);
        view->is_there[i] = stat(path, &view->companion[i]) == 0;
    }
    return JB_OK;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
    return is_same_file(a, b) && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool is_same_view(const struct view *a, const struct view *b)
{
    if (!is_unchanged(&a->file, &b->file))
        return false;
    for (int i = 0; i < COMPANION_COUNT; i++) {
        if (a->is_there[i] != b->is_there[i])
            return false;
        if (a->is_there[i] && !is_unchanged(&a->companion[i], &b->companion[i]))
            return false;
    }
    return true;
}

static int fail_absent(const char *label, struct jb_error *err)
{
    if (errno == ENOENT || errno == ENOTDIR) {
        jbi_fail_errno(err, JB_ENOTFOUND, "there is no database file \"%s\"", label);
        jbi_hint(err, "check the path in the configuration; the application makes the file when "
                      "it first runs");
        return JB_ENOTFOUND;
    }
    jbi_fail_errno(err, JB_EDATABASE, "cannot read database \"%s\"", label);
    jbi_hint(err, "run as the user of the application, or let this user read the file");
    return JB_EDATABASE;
}

/* Refuses what SQLite would report in other words, or would take for an empty database. */
static int original_find(struct original *original, const char *path, struct jb_error *err)
{
    struct stat st;
    original->label = path;
    if (realpath(path, original->path) == NULL || stat(original->path, &st) < 0)
        return fail_absent(path, err);
    if (S_ISDIR(st.st_mode)) {
        jbi_fail(err, JB_EDATABASE, "database \"%s\" is a folder", path);
        jbi_hint(err, "give the path of the database file in it");
        return JB_EDATABASE;
    }
    if (!S_ISREG(st.st_mode))
        return jbi_fail(err, JB_EDATABASE, "database \"%s\" is not a regular file", path);
    if (faccessat(AT_FDCWD, original->path, R_OK, AT_EACCESS) < 0)
        return fail_absent(path, err);
    if (st.st_size == 0) {
        jbi_fail(err, JB_EDATABASE, "database \"%s\" is empty (0 bytes)", path);
        jbi_hint(err, "start the application once so that it makes its tables, or restore the "
                      "file if it was not always empty");
        return JB_EDATABASE;
    }
    if (strlen(original->path) > SQLITE_PATH_MAX)
        return jbi_fail(err, JB_EDATABASE, "the path of database \"%s\" is too long for SQLite",
                        path);
    return JB_OK;
}

static sqlite3_file *main_file(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return file;
}

static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* Whether to try again after so many turns in vain. Short turns: between two commits of a busy
 * writer there is little time. */
static int wait_a_turn(void *user, int turns)
{
    struct original *original = user;
    struct jb_error unwanted = {0};
    original->is_canceled =
        original->hooks != NULL &&
        jbi_progress(original->hooks, "wait for the database", 0, 0, "", &unwanted) < 0;
    if (original->is_canceled || turns >= BUSY_MS / BUSY_TURN_MS)
        return 0;
    pause_ms(BUSY_TURN_MS);
    return 1;
}

/* All reading of the database file goes through SQLite: closing a descriptor of our own would drop
 * the locks that the application, if it runs in this process, has on the file. */
static int original_open(struct original *original, const struct view *view, struct jb_error *err)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(original->path, &original->db, flags, NULL);
    if (rc != SQLITE_OK)
        return jbi_sqlite_fail(err, original->db, rc, original->label);
    sqlite3_extended_result_codes(original->db, 1);
    sqlite3_busy_handler(original->db, wait_a_turn, original);
    sqlite3_db_config(original->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    unsigned char versions[2] = {0};
    sqlite3_file *file = main_file(original->db);
    if (file != NULL && file->pMethods != NULL)
        file->pMethods->xRead(file, versions, sizeof versions, HEADER_VERSIONS);
    original->uses_wal = versions[0] == 2 || versions[1] == 2 || view->is_there[WAL];
    return JB_OK;
}

/*
 * Reading a database in WAL mode makes -wal and -shm if they are absent, and a connection that only
 * reads can't take them away again. What is not in the view from before, holds nothing and is used
 * by no one, goes. The lock is the one that SQLite's last connection takes to do the same.
 */
static void sweep(const struct original *original, const struct view *before)
{
    struct view now;
    sqlite3 *db = NULL;
    if (!original->uses_wal || look(original, &now, NULL) < 0)
        return;
    bool is_new[COMPANION_COUNT];
    for (int i = 0; i < COMPANION_COUNT; i++)
        is_new[i] = now.is_there[i] && !(before->is_there[i] &&
                                         is_same_file(&before->companion[i], &now.companion[i]));
    if (!is_new[WAL] && !is_new[SHM])
        return;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(original->path, &db, flags, NULL);
    sqlite3_file *file = rc == SQLITE_OK ? main_file(db) : NULL;
    if (file != NULL && file->pMethods->xLock(file, SQLITE_LOCK_SHARED) == SQLITE_OK) {
        if (file->pMethods->xLock(file, SQLITE_LOCK_EXCLUSIVE) == SQLITE_OK &&
            look(original, &now, NULL) == JB_OK) {
            char path[COMPANION_SIZE];
            companion_path(path, original->path, WAL);
            if (is_new[WAL] && now.is_there[WAL] && now.companion[WAL].st_size == 0)
                unlink(path);
            companion_path(path, original->path, SHM);
            if (is_new[SHM])
                unlink(path);
        }
        file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    }
    sqlite3_close_v2(db);
}

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

/* Holds off whoever would change the file itself: a rollback, a commit in rollback mode. */
static int lock_shared(struct original *original, struct jb_error *err)
{
    sqlite3_file *file = main_file(original->db);
    int rc, turns = 0;
    do
        rc = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
    while (rc == SQLITE_BUSY && wait_a_turn(original, turns++));
    return rc == SQLITE_OK ? JB_OK : jbi_sqlite_fail(err, NULL, rc, original->label);
}

static int copy_main_bytes(const struct original *original, int to_fd, struct jb_error *err)
{
    sqlite3_file *file = main_file(original->db);
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

static int copy_companion(const struct original *original, enum companion which, int dir_fd,
                          const char *name, struct jb_error *err)
{
    char from[COMPANION_SIZE], to[NAME_MAX + 16];
    companion_path(from, original->path, which);
    snprintf(to, sizeof to, "%s%s", name, suffixes[which]);
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
    for (int i = 0; i < COMPANION_COUNT; i++) {
        char companion[NAME_MAX + 16];
        snprintf(companion, sizeof companion, "%s%s", name, suffixes[i]);
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
    int code = look(original, &before, err);
    /* Somebody came to use the -wal: read it together with them. */
    if (code == JB_OK && original->uses_wal && before.is_there[SHM] && before.is_there[WAL])
        return JB_OK;
    if (code == JB_OK)
        code = copy_main_bytes(original, to_fd, err);
    if (code == JB_OK && before.is_there[WAL])
        code = copy_companion(original, WAL, dir_fd, name, err);
    if (code == JB_OK && before.is_there[JOURNAL])
        code = copy_companion(original, JOURNAL, dir_fd, name, err);
    if (code == JB_OK)
        code = look(original, &after, err);
    *is_done = code == JB_OK && is_same_view(&before, &after);
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
    sqlite3_file *file = main_file(original->db);
    int code = lock_shared(original, err);
    if (code < 0)
        return code;
    code = copy_files(original, dir_fd, name, is_done, err);
    file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    if (code == JB_OK && *is_done)
        code = recover_copy(original, dir_fd, name, err);
    remove_companions(dir_fd, name);
    return code;
}

/* Whether -wal and -shm are there, or can be made and taken away again. */
static bool can_join_wal(const struct original *original, const struct view *view)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", original->path);
    *(strrchr(folder, '/') + 1) = '\0';
    return (view->is_there[WAL] && view->is_there[SHM]) ||
           (faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) == 0 &&
            faccessat(AT_FDCWD, original->path, W_OK, AT_EACCESS) == 0);
}

static int copy_once(struct original *original, const struct view *view, int dir_fd,
                     const char *name, bool *is_done, struct jb_error *err)
{
    int code = original_open(original, view, err);
    if (code < 0)
        return code;
    if (original->uses_wal && !can_join_wal(original, view))
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
    int code = look(original, &before, err);
    if (code < 0)
        return code;
    code = copy_once(original, &before, dir_fd, name, is_done, err);
    sqlite3_close_v2(original->db);
    if (original->uses_wal)
        sweep(original, &before);
    return code;
}

int jbi_sqlite_copy(const char *path, int dir_fd, const char *name, const struct hooks *hooks,
                    struct jb_error *err)
{
    struct original original = {.hooks = hooks};
    struct jb_error why = {0};
    bool is_done = false;
    int code = original_find(&original, path, &why);
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

/* ---- Looking without a copy ----------------------------------------------------------------- */

/* What can be read of one that we may not read together with its users: that it is a database. */
static int look_at_rest(struct original *original, struct jb_error *err)
{
    char head[16] = "";
    sqlite3_file *file = main_file(original->db);
    int code = lock_shared(original, err);
    if (code < 0)
        return code;
    int rc = file->pMethods->xRead(file, head, sizeof head, 0);
    file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    if (rc == SQLITE_OK && memcmp(head, "SQLite format 3", sizeof head) != 0)
        rc = SQLITE_NOTADB;
    return rc == SQLITE_OK ? JB_OK : jbi_sqlite_fail(err, NULL, rc, original->label);
}

static int look_once(struct original *original, const struct view *view, struct jb_error *err)
{
    int code = original_open(original, view, err);
    if (code < 0)
        return code;
    if (original->uses_wal && !can_join_wal(original, view))
        return look_at_rest(original, err);
    int rc = jbi_sqlite_harden(original->db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(original->db, "SELECT count(sql) FROM sqlite_schema", NULL, NULL, NULL);
    if (rc == SQLITE_READONLY_ROLLBACK)
        return look_at_rest(original, err);
    return rc == SQLITE_OK ? JB_OK : jbi_sqlite_fail(err, original->db, rc, original->label);
}

int jbi_sqlite_look(const char *path, const struct hooks *hooks, struct jb_error *err)
{
    struct original original = {.hooks = hooks};
    struct view before;
    struct jb_error why = {0};
    int code = original_find(&original, path, &why);
    if (code == JB_OK)
        code = look(&original, &before, &why);
    if (code == JB_OK)
        code = look_once(&original, &before, &why);
    sqlite3_close_v2(original.db);
    if (code == JB_OK && original.uses_wal)
        sweep(&original, &before);
    if (code < 0 && original.is_canceled)
        return jbi_fail(err, JB_ECANCELED, "canceled while waiting for database \"%s\"", path);
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    return code;
}
