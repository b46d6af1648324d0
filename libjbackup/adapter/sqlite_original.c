/* SPDX-License-Identifier: MIT */
/* The database that is read, while the application uses it. Invariant: it is opened to read; beside
 * it at most what was not there before goes. */
#include "adapter/sqlite_original.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "adapter/sqlite_failure.h"
#include "base/error.h"

#define BUSY_MS         15000
#define BUSY_TURN_MS    20
#define SQLITE_PATH_MAX 500 /* SQLite's own limit is 512 with the suffix */
#define HEADER_VERSIONS 18  /* offset of the two bytes that are 2 in WAL mode */

const char *const jbi_companion_suffixes[COMPANIONS] = {"-wal", "-shm", "-journal"};

void jbi_companion_path(char to[COMPANION_SIZE], const char *path, enum sqlite_companion which)
{
    snprintf(to, COMPANION_SIZE, "%s%s", path, jbi_companion_suffixes[which]);
}

int jbi_original_look(const struct original *original, struct view *view, struct jb_error *err)
{
    if (stat(original->path, &view->file) < 0)
        return jbi_fail_errno(err, JB_EDATABASE, "cannot read database \"%s\"", original->label);
    for (int i = 0; i < COMPANIONS; i++) {
        char path[COMPANION_SIZE];
        jbi_companion_path(path, original->path, (enum sqlite_companion)i);
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

bool jbi_is_same_view(const struct view *a, const struct view *b)
{
    if (!is_unchanged(&a->file, &b->file))
        return false;
    for (int i = 0; i < COMPANIONS; i++) {
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

int jbi_original_find(struct original *original, const char *path, struct jb_error *err)
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

sqlite3_file *jbi_main_file(sqlite3 *db)
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
int jbi_original_open(struct original *original, const struct view *view, struct jb_error *err)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(original->path, &original->db, flags, NULL);
    if (rc != SQLITE_OK)
        return jbi_sqlite_fail(err, original->db, rc, original->label);
    sqlite3_extended_result_codes(original->db, 1);
    sqlite3_busy_handler(original->db, wait_a_turn, original);
    sqlite3_db_config(original->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    unsigned char versions[2] = {0};
    sqlite3_file *file = jbi_main_file(original->db);
    if (file != NULL && file->pMethods != NULL)
        file->pMethods->xRead(file, versions, sizeof versions, HEADER_VERSIONS);
    original->uses_wal = versions[0] == 2 || versions[1] == 2 || view->is_there[COMPANION_WAL];
    return JB_OK;
}

/*
 * Reading a database in WAL mode makes -wal and -shm if they are absent, and a connection that only
 * reads can't take them away again. What is not in the view from before, holds nothing and is used
 * by no one, goes. The lock is the one that SQLite's last connection takes to do the same.
 */
void jbi_original_sweep(const struct original *original, const struct view *before)
{
    struct view now;
    sqlite3 *db = NULL;
    if (!original->uses_wal || jbi_original_look(original, &now, NULL) < 0)
        return;
    bool is_new[COMPANIONS];
    for (int i = 0; i < COMPANIONS; i++)
        is_new[i] = now.is_there[i] && !(before->is_there[i] &&
                                         is_same_file(&before->companion[i], &now.companion[i]));
    if (!is_new[COMPANION_WAL] && !is_new[COMPANION_SHM])
        return;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(original->path, &db, flags, NULL);
    sqlite3_file *file = rc == SQLITE_OK ? jbi_main_file(db) : NULL;
    if (file != NULL && file->pMethods->xLock(file, SQLITE_LOCK_SHARED) == SQLITE_OK) {
        if (file->pMethods->xLock(file, SQLITE_LOCK_EXCLUSIVE) == SQLITE_OK &&
            jbi_original_look(original, &now, NULL) == JB_OK) {
            char path[COMPANION_SIZE];
            jbi_companion_path(path, original->path, COMPANION_WAL);
            if (is_new[COMPANION_WAL] && now.is_there[COMPANION_WAL] &&
                now.companion[COMPANION_WAL].st_size == 0)
                unlink(path);
            jbi_companion_path(path, original->path, COMPANION_SHM);
            if (is_new[COMPANION_SHM])
                unlink(path);
        }
        file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
    }
    sqlite3_close_v2(db);
}

int jbi_original_lock(struct original *original, struct jb_error *err)
{
    sqlite3_file *file = jbi_main_file(original->db);
    int rc, turns = 0;
    do
        rc = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
    while (rc == SQLITE_BUSY && wait_a_turn(original, turns++));
    return rc == SQLITE_OK ? JB_OK : jbi_sqlite_fail(err, NULL, rc, original->label);
}

bool jbi_can_join_wal(const struct original *original, const struct view *view)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", original->path);
    *(strrchr(folder, '/') + 1) = '\0';
    return (view->is_there[COMPANION_WAL] && view->is_there[COMPANION_SHM]) ||
           (faccessat(AT_FDCWD, folder, W_OK, AT_EACCESS) == 0 &&
            faccessat(AT_FDCWD, original->path, W_OK, AT_EACCESS) == 0);
}
