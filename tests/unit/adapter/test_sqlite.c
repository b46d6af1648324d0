/* SPDX-License-Identifier: MIT */
/* Connections to database files at rest: values, refusals, being stopped. */
#include "adapter/sqlite.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "check.h"

static struct jb_error err;

static void make(const char *name, const char *sql)
{
    char path[128];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

static struct sqlite *opened(const char *name)
{
    struct sqlite *sqlite = NULL;
    int fd = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memset(&err, 0, sizeof err);
    CHECK(jbi_sqlite_open(&sqlite, fd, name, "label", &err) == err.code);
    close(fd);
    return sqlite;
}

/* The code of running a statement to its end. */
static int run(struct sqlite *sqlite, const char *sql)
{
    scope_query *query = NULL;
    memset(&err, 0, sizeof err);
    int code = jbi_sqlite_query(&query, sqlite, sql, NULL, &err);
    if (code == JB_OK)
        while ((code = jbi_sqlite_next(query, &err)) == 1)
            ;
    CHECK(code == err.code);
    return code;
}

static void values_of_each_kind(void)
{
    make("a.db", "CREATE TABLE t(x); INSERT INTO t VALUES(1);");
    struct sqlite *sqlite = opened("a.db");
    scope_query *query = NULL;
    struct sqlite_value value;
    CHECK(jbi_sqlite_query(&query, sqlite, "SELECT NULL, -7, 0.5, 'a' || char(0), x'', x'00', ?1",
                           "text", &err) == JB_OK);
    CHECK(jbi_sqlite_width(query) == 7);
    REQUIRE(jbi_sqlite_next(query, &err) == 1);
    CHECK(jbi_sqlite_value(query, 0, &value, &err) == JB_OK && value.kind == SQLITE_IS_NULL);
    CHECK_TEXT(jbi_sqlite_text(query, 0), "");
    CHECK(jbi_sqlite_value(query, 1, &value, &err) == JB_OK && value.kind == SQLITE_IS_INTEGER);
    CHECK(value.integer == -7);
    CHECK(jbi_sqlite_value(query, 2, &value, &err) == JB_OK && value.kind == SQLITE_IS_REAL);
    CHECK(value.real > 0.49 && value.real < 0.51);
    CHECK(jbi_sqlite_value(query, 3, &value, &err) == JB_OK && value.kind == SQLITE_IS_TEXT);
    CHECK(value.len == 2 && memcmp(value.bytes, "a", 2) == 0);
    CHECK(jbi_sqlite_value(query, 4, &value, &err) == JB_OK && value.kind == SQLITE_IS_BLOB);
    CHECK(value.len == 0);
    CHECK(jbi_sqlite_value(query, 5, &value, &err) == JB_OK && value.len == 1);
    CHECK_TEXT(jbi_sqlite_text(query, 6), "text");
    CHECK(jbi_sqlite_next(query, &err) == 0);
    jbi_sqlite_query_free(query);
    query = NULL;
    jbi_sqlite_close(sqlite);
}

static void nothing_is_written_or_loaded(void)
{
    make("a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(x); INSERT INTO t VALUES(1);");
    struct sqlite *sqlite = opened("a.db");
    CHECK(run(sqlite, "SELECT * FROM t") == JB_OK);
    CHECK(run(sqlite, "INSERT INTO t VALUES(2)") == JB_EDATABASE);
    CHECK(run(sqlite, "SELECT load_extension('x')") == JB_EUNSUPPORTED);
    CHECK(run(sqlite, "SELECT absent FROM t") == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "cannot read database \"label\": no such column: absent");
    CHECK(run(sqlite, "SELECT \"absent\" FROM t") == JB_EUNSUPPORTED);
    jbi_sqlite_close(sqlite);
    char path[128];
    snprintf(path, sizeof path, "%s/a.db-shm", check_folder());
    CHECK(access(path, F_OK) < 0);
}

static void files_that_are_none(void)
{
    CHECK(opened("missing.db") == NULL);
    CHECK(err.code == JB_EDATABASE);
    char path[128];
    snprintf(path, sizeof path, "%s/missing.db", check_folder());
    CHECK(access(path, F_OK) < 0);
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL && fputs("no database, just some text that is long enough", file) >= 0);
    fclose(file);
    CHECK(opened("missing.db") == NULL);
    CHECK_HAS(err.text, "\"label\" is not a SQLite database");
}

static void *stop_soon(void *sqlite)
{
    usleep(50000);
    jbi_sqlite_stop(sqlite);
    return NULL;
}

static void stopping_ends_what_runs_and_what_comes(void)
{
    make("a.db", "CREATE TABLE t(x);");
    struct sqlite *sqlite = opened("a.db");
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, stop_soon, sqlite) == 0);
    CHECK(run(sqlite, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                      " SELECT count(*) FROM n") == JB_ECANCELED);
    pthread_join(thread, NULL);
    CHECK(run(sqlite, "SELECT 1 FROM sqlite_schema") == JB_ECANCELED);
    jbi_sqlite_close(sqlite);
    jbi_sqlite_close(NULL);
    jbi_sqlite_query_free(NULL);
}

/* In a process of its own: the limit on file sizes stands for a full disk. */
static void a_copy_that_cannot_be_written(void)
{
    make("a.db", "CREATE TABLE t(x); INSERT INTO t VALUES(zeroblob(1000000));");
    char path[128];
    snprintf(path, sizeof path, "%s/a.db", check_folder());
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        const struct rlimit limit = {100000, 100000};
        struct jb_error failure = {0};
        int fd = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(openat(fd, "copy.db", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        _exit(jbi_sqlite_copy(path, fd, "copy.db", NULL, &failure) == JB_EIO &&
                      strstr(failure.text, path) != NULL
                  ? 0
                  : 1);
    }
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    RUN(values_of_each_kind);
    RUN(nothing_is_written_or_loaded);
    RUN(files_that_are_none);
    RUN(stopping_ends_what_runs_and_what_comes);
    RUN(a_copy_that_cannot_be_written);
    return check_end();
}
