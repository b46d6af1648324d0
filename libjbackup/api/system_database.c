/* SPDX-License-Identifier: MIT */
/* The test of the databases: each is asked as its backup would ask it. An SQLite database is
 * copied, as a backup does, and the copy is looked through. */
#include "api/system_database.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "adapter/sqlite.h"
#include "api/scratch.h"
#include "base/error.h"
#include "base/scope.h"

#define COPY_NAME "database.db"

/* ---- SQLite ---- */

/* The first value of what a statement answers, as a text of the arena. */
static int ask(struct sqlite *sqlite, const char *sql, struct arena *arena, const char **answer,
               struct jb_error *err)
{
    scope_query *query = NULL;
    int code = jbi_sqlite_query(&query, sqlite, sql, NULL, err);
    if (code == JB_OK)
        code = jbi_sqlite_next(query, err);
    if (code < 0)
        return code;
    *answer = jbi_arena_text(arena, code == 1 ? jbi_sqlite_text(query, 0) : "");
    return *answer ? JB_OK : jbi_fail_memory(err);
}

/* A schema that needs functions of the application is looked through as far as it goes. */
static int check_quickly(struct system_test *test, const char *path, struct sqlite *sqlite,
                         struct jb_error *err)
{
    const char *found = "";
    struct jb_error why = {0};
    int code = ask(sqlite, "PRAGMA quick_check(1)", test->arena, &found, &why);
    if (code == JB_EUNSUPPORTED) {
        jbi_finding(test->report, JB_INFO, path, "only its table list was read: %s", why.text);
        return JB_OK;
    }
    if (code != JB_OK)
        return jbi_fail(err, code, "%s", why.text);
    if (strcmp(found, "ok") != 0) {
        jbi_finding(test->report, JB_ERROR, path, "is damaged: %s", found);
        jbi_finding_hint(test->report, "restore the last good backup, or rescue what can be read "
                                       "with the command .recover of sqlite3");
    }
    return JB_OK;
}

/* Pages and rows, not the order of indexes: what is damaged there, the backup finds. */
static int look_through(struct system_test *test, const struct database *database,
                        struct sqlite *sqlite, struct jb_error *err)
{
    const char *count = "", *size = "0";
    char human[16];
    int code = ask(sqlite,
                   "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
                   " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
                   test->arena, &count, err);
    if (code == JB_OK)
        code = ask(sqlite, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
                   test->arena, &size, err);
    if (code == JB_OK)
        code = check_quickly(test, database->sqlite.path, sqlite, err);
    if (code != JB_OK)
        return code;
    jbi_text_addf(&test->did, "read %s (SQLite %s, %s table%s, %s)", database->name,
                  jbi_sqlite_version(), count, strcmp(count, "1") == 0 ? "" : "s",
                  jbi_human_size(human, strtoull(size, NULL, 10)));
    return JB_OK;
}

static int test_copy(struct system_test *test, const struct database *database, int scratch_fd,
                     struct jb_error *err)
{
    struct sqlite *sqlite;
    const char *path = database->sqlite.path;
    scope_fd int fd = openat(scratch_fd, COPY_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make a temporary file \"%s\"", COPY_NAME);
    int code = jbi_sqlite_copy(path, scratch_fd, COPY_NAME, &test->project->hooks, err);
    if (code == JB_OK)
        code = jbi_sqlite_open(&sqlite, scratch_fd, COPY_NAME, path, err);
    if (code != JB_OK)
        return code;
    code = look_through(test, database, sqlite, err);
    jbi_sqlite_close(sqlite);
    return code;
}

/* Beside the backups, where there is room for a copy; before the first one, in /var/tmp. */
static int test_sqlite(struct system_test *test, const struct database *database,
                       struct jb_error *err)
{
    struct scratch scratch;
    const char *state = jbi_arena_printf(test->arena, "%s/.jbackup", test->project->backup_dir);
    if (state == NULL)
        return jbi_fail_memory(err);
    scope_fd int state_fd = open(state, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int code = jbi_scratch_begin(&scratch, state_fd, err);
    if (code != JB_OK)
        return code;
    code = test_copy(test, database, scratch.fd, err);
    jbi_scratch_end(&scratch);
    return code;
}

/* ---- The whole ---- */

static void say_none(struct system_test *test)
{
    const jb_project *project = test->project;
    jbi_text_adds(&test->did, "found no database to ask");
    if (project->ambiguous != NULL) {
        jbi_finding(test->report, JB_ERROR, project->name, "%s", project->ambiguous);
        jbi_finding_hint(test->report, "%s",
                         project->ambiguous_hint
                             ? project->ambiguous_hint
                             : "name it in jbackup.json: {\"databases\": [\"sqlite:///path.db\"]}");
    } else if (project->databases_named) {
        jbi_finding(test->report, JB_INFO, project->name,
                    "has no database by its configuration: backups hold the code alone");
    } else {
        jbi_finding(test->report, JB_WARNING, project->name,
                    "no database is configured, so backups hold the code alone");
        jbi_finding_hint(test->report, "name it in jbackup.json, or say \"databases\": [] there");
    }
}

/* What fails is a finding, and the next database is tested all the same. */
static int test_one(struct system_test *test, const struct database *database, struct jb_error *err)
{
    struct jb_error why = {0};
    size_t len = test->did.len;
    if (len > 0)
        jbi_text_adds(&test->did, ", ");
    int code = database->kind == DATABASE_SQLITE ? test_sqlite(test, database, &why)
                                                 : jbi_test_postgresql(test, database, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code == JB_ECANCELED && err != NULL && err->code == 0)
        *err = why;
    if (code == JB_OK || code == JB_ECANCELED)
        return code;
    jbi_finding(test->report, JB_ERROR, database->name, "%s", why.text);
    if (why.hint[0] != '\0')
        jbi_finding_hint(test->report, "%s", why.hint);
    jbi_text_addf(&test->did, "could not read %s", database->name);
    return JB_OK;
}

int jbi_test_database(struct system_test *test, struct jb_error *err)
{
    jb_project *project = test->project;
    int code = JB_OK;
    if (project->database_count == 0)
        say_none(test);
    for (size_t i = 0; i < project->database_count && code == JB_OK; i++) {
        code = jbi_progress(&project->hooks, "test databases", i, project->database_count,
                            "databases", err);
        if (code == JB_OK)
            code = test_one(test, &project->databases[i], err);
    }
    return code;
}
