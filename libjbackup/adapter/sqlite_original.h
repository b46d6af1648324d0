/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_SQLITE_ORIGINAL_H
#define JBI_ADAPTER_SQLITE_ORIGINAL_H

/* A database in use, opened to be read: for the files adapter/sqlite_*.c alone. */
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "adapter/sqlite.h"
#include "base/hooks.h"

#define COMPANION_SIZE (PATH_MAX + 16)

/* The database file and what lies beside it, at one moment. */
struct view {
    struct stat file;
    bool is_there[COMPANIONS];
    struct stat companion[COMPANIONS];
};

struct original {
    const char *label;   /* the path as given */
    char path[PATH_MAX]; /* without symbolic links: companions lie beside the real file */
    struct sqlite3 *db;
    bool uses_wal;
    const struct hooks *hooks; /* may cancel a wait; NULL: nobody does */
    bool is_canceled;
};

void jbi_companion_path(char to[COMPANION_SIZE], const char *path, enum sqlite_companion which);

/* Refuses what SQLite would report in other words, or would take for an empty database. */
int jbi_original_find(struct original *original, const char *path, struct jb_error *err);
int jbi_original_look(const struct original *original, struct view *view, struct jb_error *err);
bool jbi_is_same_view(const struct view *a, const struct view *b);
/* Sets db, which the caller closes, also after a failure, and uses_wal. */
int jbi_original_open(struct original *original, const struct view *view, struct jb_error *err);
struct sqlite3_file *jbi_main_file(struct sqlite3 *db);
/* Whether -wal and -shm are there, or can be made and taken away again. */
bool jbi_can_join_wal(const struct original *original, const struct view *view);
/* Holds off whoever would change the file itself: a rollback, a commit in rollback mode. */
int jbi_original_lock(struct original *original, struct jb_error *err);
/* Takes away what reading has left beside the database since that view. */
void jbi_original_sweep(const struct original *original, const struct view *before);

#endif
