/* SPDX-License-Identifier: MIT */
/* Looking at a database without a copy: whether it can be read now. */
#include <sqlite3.h>
#include <string.h>

#include "adapter/sqlite.h"
#include "adapter/sqlite_failure.h"
#include "adapter/sqlite_original.h"
#include "base/error.h"

/* What can be read of one that we may not read together with its users: that it is a database. */
static int look_at_rest(struct original *original, struct jb_error *err)
{
    char head[16] = "";
    sqlite3_file *file = jbi_main_file(original->db);
    int code = jbi_original_lock(original, err);
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
    int code = jbi_original_open(original, view, err);
    if (code < 0)
        return code;
    if (original->uses_wal && !jbi_can_join_wal(original, view))
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
    int code = jbi_original_find(&original, path, &why);
    if (code == JB_OK)
        code = jbi_original_look(&original, &before, &why);
    if (code == JB_OK)
        code = look_once(&original, &before, &why);
    sqlite3_close_v2(original.db);
    if (code == JB_OK && original.uses_wal)
        jbi_original_sweep(&original, &before);
    if (code < 0 && original.is_canceled)
        return jbi_fail(err, JB_ECANCELED, "canceled while waiting for database \"%s\"", path);
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    return code;
}
