/* SPDX-License-Identifier: MIT */
/* Real databases, made here with SQLite itself, through capture, check and stage. */
#include "source/sqlite.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "archive/members.h"
#include "base/clock.h"
#include "base/report.h"
#include "base/text.h"
#include "check.h"

#define TS     "20260102_030405"
#define NOBODY 65534
#define PACKED "repo/db_" TS "/sqlite_journal.db.gz"

/* One repository and one folder of the application, in the test's folder. */
static struct {
    struct hooks hooks;
    struct arena arena;
    struct source_job job;
    struct artifact artifacts[SOURCE_ARTIFACTS_MAX];
    size_t count;
    int category_fd;
    struct jb_error err;
    char path[2 * PATH_MAX];
} the;

static const char *in_folder(const char *name)
{
    snprintf(the.path, sizeof the.path, "%s/%s", check_folder(), name);
    return the.path;
}

static void begin(void)
{
    memset(&the, 0, sizeof the);
    REQUIRE(mkdir(in_folder("app"), 0755) == 0 && mkdir(in_folder("repo"), 0700) == 0 &&
            mkdir(in_folder("repo/db_" TS), 0700) == 0 && mkdir(in_folder("scratch"), 0700) == 0);
    REQUIRE(chmod(check_folder(), 0755) == 0);
    the.category_fd = open(in_folder("repo"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    the.job = (struct source_job){
        .hooks = &the.hooks,
        .report = jbi_report_new(),
        .arena = &the.arena,
        .timestamp = TS,
        .scratch_fd = open(in_folder("scratch"), O_RDONLY | O_DIRECTORY | O_CLOEXEC),
    };
    REQUIRE(the.category_fd >= 0 && the.job.scratch_fd >= 0 && the.job.report != NULL);
}

static unsigned entries(const char *folder)
{
    unsigned count = 0;
    DIR *dir = opendir(in_folder(folder));
    REQUIRE(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void end(void)
{
    CHECK(entries("scratch") == 0);
    jb_report_free(the.job.report);
    jbi_arena_free(&the.arena);
    close(the.category_fd);
    close(the.job.scratch_fd);
}

static sqlite3 *db_open(const char *name)
{
    sqlite3 *db = NULL;
    REQUIRE(sqlite3_open(in_folder(name), &db) == SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    return db;
}

static void db_run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    sqlite3_exec(db, sql, NULL, NULL, &message);
    check_note(message == NULL, __FILE__, __LINE__, message != NULL ? message : "");
    sqlite3_free(message);
}

static void db_make(const char *name, const char *sql)
{
    sqlite3 *db = db_open(name);
    db_run(db, sql);
    REQUIRE(sqlite3_close(db) == SQLITE_OK);
}

static void file_make(const char *name, const void *from, size_t len)
{
    FILE *file = fopen(in_folder(name), "w");
    REQUIRE(file != NULL && fwrite(from, 1, len, file) == len);
    REQUIRE(fclose(file) == 0);
}

static char *file_read(const char *name, size_t *len)
{
    struct stat st;
    FILE *file = fopen(in_folder(name), "r");
    REQUIRE(file != NULL && fstat(fileno(file), &st) == 0);
    char *content = malloc((size_t)st.st_size + 1);
    REQUIRE(content != NULL);
    *len = fread(content, 1, (size_t)st.st_size, file);
    fclose(file);
    return content;
}

static int backup(const char *name)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s", in_folder(name));
    struct sqlite_source source = {path, "journal"};
    unlink(in_folder(PACKED));
    memset(&the.err, 0, sizeof the.err);
    int code = jbi_sqlite_source.capture(&source, &the.job, the.category_fd, the.artifacts,
                                         &the.count, &the.err);
    CHECK(code == the.err.code);
    CHECK(the.count == (code == JB_OK ? 1 : 0));
    CHECK(entries("scratch") == 0);
    return code;
}

/* The verdict of a check of the stored artifact, into a fresh report. */
static int verdict(void)
{
    struct source_checked checked = {0};
    jb_report_free(the.job.report);
    the.job.report = jbi_report_new();
    memset(&the.err, 0, sizeof the.err);
    int code =
        jbi_sqlite_source.check(&the.job, the.category_fd, &the.artifacts[0], &checked, &the.err);
    CHECK(code == JB_OK);
    CHECK(entries("scratch") == 0);
    if (jb_report_verdict(the.job.report) == JB_INFO) {
        CHECK(checked.tables == the.artifacts[0].table_count);
        CHECK(checked.bytes_read == the.artifacts[0].size);
        CHECK(checked.sha256_known);
        CHECK_TEXT(checked.sha256, the.artifacts[0].sha256);
    }
    return jb_report_verdict(the.job.report);
}

static const char *finding(size_t index)
{
    const struct jb_finding *found = jb_report_finding(the.job.report, index);
    static char line[2048];
    snprintf(line, sizeof line, "%s: %s", found ? found->subject : "", found ? found->message : "");
    return line;
}

static const struct table *table(const char *name)
{
    static const struct table none = {.name = "none", .columns = "", .rows = UINT64_MAX};
    for (size_t i = 0; i < the.artifacts[0].table_count; i++)
        if (strcmp(the.artifacts[0].tables[i].name, name) == 0)
            return &the.artifacts[0].tables[i];
    return &none;
}

/* Restores the artifact as a file in the test's folder. */
static int stage(const char *name)
{
    int fd = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memset(&the.err, 0, sizeof the.err);
    int code = jbi_sqlite_stage(&the.job, the.category_fd, &the.artifacts[0], fd, name, &the.err);
    close(fd);
    return code;
}

/* ---- Digests ------------------------------------------------------------------------------- */

/* Compares with what an independent program says of the same file. */
static void agrees_with_oracle(void)
{
    scope_text want = {0};
    jbi_text_addf(&want, "schema %s\n", the.artifacts[0].schema_sha256);
    for (size_t i = 0; i < the.artifacts[0].table_count; i++) {
        const struct table *t = &the.artifacts[0].tables[i];
        char name[512];
        jbi_escape(name, sizeof name, t->name, strlen(t->name));
        jbi_text_addf(&want, "%s %llu %s\n", name, (unsigned long long)t->rows, t->sha256);
    }
    char command[2 * PATH_MAX], got[16384];
    snprintf(command, sizeof command, "cd '%s' && gzip -dc " PACKED " > plain.db", check_folder());
    CHECK(system(command) == 0);
    snprintf(command, sizeof command, "PYTHONUTF8=1 python3 '%s' '%s/plain.db'",
             TESTS_FOLDER "/sqlite-digest.py", check_folder());
    FILE *oracle = popen(command, "r");
    REQUIRE(oracle != NULL);
    got[fread(got, 1, sizeof got - 1, oracle)] = '\0';
    CHECK(pclose(oracle) == 0);
    CHECK_TEXT(want.at, got);
    unlink(in_folder("plain.db"));
}

static const char odd_schema[] =
    "CREATE TABLE plain(a INTEGER PRIMARY KEY, b TEXT, c BLOB, d REAL, e);"
    "INSERT INTO plain VALUES(5, 'five', x'00ff00', 1.5, NULL), (-3, '', x'', -0.0, 'x'),"
    " (9223372036854775807, char(0) || 'after' || char(0), zeroblob(100000), 9e999, -9e999),"
    " (-9223372036854775808, 'h\xc3\xa9 \xf0\x9f\x93\x93', NULL, 0.1, 12);"
    "INSERT INTO plain VALUES(0, printf('%.*c', 300000, 'y'), NULL, 5, CAST('5' AS REAL));"
    "CREATE INDEX plain_b ON plain(b);"
    "CREATE TABLE keyed(k TEXT, n INT, v, PRIMARY KEY(n DESC, k)) WITHOUT ROWID;"
    "INSERT INTO keyed VALUES('b', 1, 1), ('a', 1, 2), ('z', 9, 3);"
    "CREATE TABLE made(a INT, v AS (a * 2) VIRTUAL, s TEXT AS (a || 'x') STORED);"
    "INSERT INTO made(a) VALUES(1), (NULL), (3);"
    "CREATE TABLE shadows(rowid TEXT, _rowid_ TEXT, oid TEXT);"
    "CREATE INDEX shadows_all ON shadows(rowid, _rowid_, oid);"
    "INSERT INTO shadows VALUES('z', 'y', 'x'), ('a', 'b', 'c');"
    "CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT, t);"
    "INSERT INTO counted(t) VALUES('a'), ('b'); DELETE FROM counted WHERE id = 2;"
    "CREATE TABLE \"we\"\"ird 'name';\n--\xc3\xbc\"(\"a \"\"b\"\n INT, [select] TEXT, \"\" INT);"
    "INSERT INTO \"we\"\"ird 'name';\n--\xc3\xbc\" VALUES(1, 'x', 3);"
    "CREATE TABLE empty(a);"
    "CREATE VIRTUAL TABLE words USING fts5(title, body);"
    "INSERT INTO words VALUES('one', 'the quick brown fox'), ('two', 'jumps over');"
    "CREATE VIEW seen AS SELECT * FROM plain; CREATE TRIGGER fired AFTER INSERT ON empty BEGIN"
    " SELECT 1; END; PRAGMA user_version = 42; PRAGMA application_id = -7; ANALYZE;";

static void digest_of(const char *settings)
{
    begin();
    char sql[8192];
    snprintf(sql, sizeof sql, "%s%s", settings, odd_schema);
    db_make("app/journal.db", sql);
    CHECK(backup("app/journal.db") == JB_OK);
    CHECK_TEXT(the.err.text, "");
    CHECK(entries("app") == 1);
    CHECK(table("plain")->rows == 5);
    CHECK_TEXT(table("plain")->columns, "\"a\", \"b\", \"c\", \"d\", \"e\"");
    CHECK_TEXT(table("made")->columns, "\"a\", \"v\", \"s\"");
    CHECK(table("we\"ird 'name';\n--\xc3\xbc")->rows == 1);
    CHECK(table("sqlite_sequence")->rows == 1);
    CHECK(table("words_content")->rows == 2);
    CHECK(table("words")->rows == UINT64_MAX);
    CHECK(table("seen")->rows == UINT64_MAX);
    CHECK(jb_report_finding_count(the.job.report) == 0);
    agrees_with_oracle();
    CHECK(verdict() == JB_INFO);
    end();
}

static void digests_agree_with_the_definition(void)
{
    digest_of("");
}

static void digests_agree_in_wal_mode(void)
{
    digest_of("PRAGMA journal_mode = WAL;");
}

static void digests_agree_in_utf16(void)
{
    digest_of("PRAGMA encoding = 'UTF-16le';");
}

static void digests_agree_in_other_page_sizes(void)
{
    digest_of("PRAGMA page_size = 512; PRAGMA auto_vacuum = FULL;");
    check_remove_folder();
    digest_of("PRAGMA page_size = 65536;");
}

/* The canonical text of one small table, by hand. */
static void digest_is_the_documented_one(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE t(a, b); INSERT INTO t VALUES(-12, 'ab'), (1.5, x'00');");
    CHECK(backup("app/a.db") == JB_OK);
    /* printf 'I-12,T2:ab,\nR3ff8000000000000,B1:\0,\n' | sha256sum */
    CHECK_TEXT(table("t")->sha256,
               "ba36e26be645a3e89115c24848f5a6ad10eb5cc97ddb78a69feaa5cf6bf50595");
    end();
}

static void empty_database(void)
{
    begin();
    db_make("app/a.db", "PRAGMA user_version = 3;");
    CHECK(backup("app/a.db") == JB_OK);
    CHECK(the.artifacts[0].table_count == 0);
    agrees_with_oracle();
    CHECK(verdict() == JB_INFO);
    end();
}

static void text_that_is_not_utf8(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE t(a); INSERT INTO t VALUES(CAST(x'ff00fe' AS TEXT));"
                        "CREATE TABLE \"\xff\"(\"\xfe\");");
    CHECK(backup("app/a.db") == JB_OK);
    CHECK(table("\\xff")->rows == 0);
    CHECK_TEXT(table("\\xff")->columns, "\"\\xfe\"");
    CHECK(verdict() == JB_INFO);
    end();
}

static void artifact_says_what_it_is(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE t(a); INSERT INTO t VALUES(zeroblob(3000000));");
    CHECK(backup("app/a.db") == JB_OK);
    const struct artifact *artifact = &the.artifacts[0];
    struct stat st;
    CHECK(artifact->kind == ARTIFACT_SQLITE);
    CHECK_TEXT(artifact->name, "journal");
    CHECK_TEXT(artifact->path, "db_" TS "/sqlite_journal.db.gz");
    CHECK_TEXT(artifact->from, in_folder("app/a.db"));
    CHECK_TEXT(artifact->server_version, sqlite3_libversion());
    CHECK(stat(in_folder(PACKED), &st) == 0);
    CHECK((st.st_mode & 07777) == 0600);
    CHECK((uint64_t)st.st_size == artifact->size);
    CHECK(stat(in_folder("app/a.db"), &st) == 0 && (uint64_t)st.st_size == artifact->raw_size);
    CHECK(strlen(artifact->sha256) == 64);
    end();
}

static void odd_file_names(void)
{
    static const char *const names[] = {"app/jour\nnal '\"%?#&.db", "app/ \xc3\xbc\xff.db",
                                        "app/-wal", "app/file:a?mode=rw"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        begin();
        db_make("app/plain", "PRAGMA journal_mode = WAL; CREATE TABLE t(a);"
                             "INSERT INTO t VALUES(1);");
        char from[2 * PATH_MAX];
        snprintf(from, sizeof from, "%s", in_folder("app/plain"));
        CHECK(rename(from, in_folder(names[i])) == 0);
        CHECK(backup(names[i]) == JB_OK);
        CHECK(table("t")->rows == 1);
        CHECK(entries("app") == 1);
        CHECK(verdict() == JB_INFO);
        end();
        check_remove_folder();
    }
}

/* ---- In use, crashed, out of reach --------------------------------------------------------- */

static void journal_mode_is_kept(void)
{
    begin();
    db_make("app/a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1);");
    struct stat before, after;
    CHECK(stat(in_folder("app/a.db"), &before) == 0);
    CHECK(backup("app/a.db") == JB_OK);
    CHECK(entries("app") == 1);
    CHECK(stat(in_folder("app/a.db"), &after) == 0);
    CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_size == after.st_size);
    CHECK(stage("back.db") == JB_OK);
    size_t len;
    char *content = file_read("back.db", &len);
    CHECK(len > 20 && content[18] == 2 && content[19] == 2);
    free(content);
    end();
}

static void rows_in_the_wal_of_a_running_application(void)
{
    begin();
    sqlite3 *db = db_open("app/a.db");
    db_run(db, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t(a);"
               "INSERT INTO t VALUES(1), (2); BEGIN; INSERT INTO t VALUES(3);");
    CHECK(backup("app/a.db") == JB_OK);
    CHECK(table("t")->rows == 2);
    CHECK(entries("app") == 3);
    db_run(db, "COMMIT");
    CHECK(backup("app/a.db") == JB_OK);
    CHECK(table("t")->rows == 3);
    CHECK(verdict() == JB_INFO);
    sqlite3_close(db);
    CHECK(entries("app") == 1);
    end();
}

static void a_link_leads_to_the_database(void)
{
    begin();
    sqlite3 *db = db_open("app/a.db");
    db_run(db, "PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1);");
    CHECK(symlink("app/a.db", in_folder("link.db")) == 0);
    CHECK(backup("link.db") == JB_OK);
    CHECK(table("t")->rows == 1);
    CHECK(access(in_folder("link.db-wal"), F_OK) < 0);
    sqlite3_close(db);
    end();
}

/* Runs SQL in a process that dies with the database open. */
static void crash_after(const char *name, const char *sql)
{
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        db_run(db_open(name), sql);
        kill(getpid(), SIGKILL);
    }
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
}

#define MANY_ROWS                                                                                  \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"               \
    " INSERT INTO t SELECT i, hex(zeroblob(250)) FROM n;"

static void hot_journal_is_rolled_back_in_the_copy(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE t(a, b); " MANY_ROWS);
    crash_after("app/a.db", "PRAGMA cache_size = 5; BEGIN; UPDATE t SET b = 'new';"
                            "DELETE FROM t WHERE a > 100;");
    size_t len, journal_len, len_after, journal_len_after;
    char *file = file_read("app/a.db", &len);
    char *journal = file_read("app/a.db-journal", &journal_len);
    CHECK(journal_len > 1000);
    CHECK(backup("app/a.db") == JB_OK);
    CHECK_TEXT(the.err.text, "");
    CHECK(table("t")->rows == 3000);
    CHECK(verdict() == JB_INFO);
    char *file_after = file_read("app/a.db", &len_after);
    char *journal_after = file_read("app/a.db-journal", &journal_len_after);
    CHECK(len == len_after && memcmp(file, file_after, len) == 0);
    CHECK(journal_len == journal_len_after && memcmp(journal, journal_after, journal_len) == 0);
    free(file), free(journal), free(file_after), free(journal_after);
    CHECK(entries("app") == 2);
    end();
}

static void wal_of_a_crashed_application(void)
{
    for (int without_shm = 0; without_shm < 2; without_shm++) {
        begin();
        crash_after("app/a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a, b);" MANY_ROWS);
        if (without_shm)
            CHECK(unlink(in_folder("app/a.db-shm")) == 0);
        size_t len, len_after;
        char *wal = file_read("app/a.db-wal", &len);
        CHECK(len > 1000);
        CHECK(backup("app/a.db") == JB_OK);
        CHECK(table("t")->rows == 3000);
        CHECK(verdict() == JB_INFO);
        char *wal_after = file_read("app/a.db-wal", &len_after);
        CHECK(len == len_after && memcmp(wal, wal_after, len) == 0);
        CHECK(entries("app") == (without_shm ? 2 : 3));
        free(wal), free(wal_after);
        end();
        check_remove_folder();
    }
}

/* Runs a backup as a user to whom nothing in app/ belongs; returns its code and fills the.err. */
static int backup_as_nobody(const char *name, uint64_t *rows)
{
    struct {
        struct jb_error err;
        uint64_t rows;
        int code;
    } *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shared != MAP_FAILED);
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        bool is_root = geteuid() == 0;
        if (is_root && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
            _exit(3);
        shared->code = backup(name);
        shared->err = the.err;
        shared->rows = the.artifacts[0].table_count > 0 ? the.artifacts[0].tables[0].rows : 0;
        fflush(stdout);
        _exit(check_state.failed ? 1 : 0);
    }
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(check_state.failed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
    the.err = shared->err;
    *rows = shared->rows;
    int code = shared->code;
    munmap(shared, sizeof *shared);
    return code;
}

static void give_repository_to_nobody(void)
{
    if (geteuid() != 0)
        return;
    static const char *const folders[] = {"repo", "repo/db_" TS, "scratch"};
    for (size_t i = 0; i < 3; i++)
        REQUIRE(chown(in_folder(folders[i]), NOBODY, NOBODY) == 0);
}

static void database_of_another_user(void)
{
    uint64_t rows;
    for (int kind = 0; kind < 4; kind++) {
        begin();
        const char *wal = kind > 0 ? "PRAGMA journal_mode = WAL; " : "";
        char sql[1024];
        snprintf(sql, sizeof sql, "%s CREATE TABLE t(a, b); " MANY_ROWS, wal);
        if (kind < 2)
            db_make("app/a.db", sql);
        else
            crash_after("app/a.db", sql);
        if (kind == 3)
            CHECK(unlink(in_folder("app/a.db-shm")) == 0);
        unsigned before = entries("app");
        give_repository_to_nobody();
        REQUIRE(chmod(in_folder("app"), 0555) == 0);
        CHECK(backup_as_nobody("app/a.db", &rows) == JB_OK);
        CHECK_TEXT(the.err.text, "");
        CHECK(rows == 3000);
        CHECK(entries("app") == before);
        end();
        check_remove_folder();
    }
}

static void unreadable_file(void)
{
    uint64_t rows;
    begin();
    db_make("app/a.db", "CREATE TABLE t(a);");
    give_repository_to_nobody();
    REQUIRE(chmod(in_folder("app/a.db"), 0) == 0);
    CHECK(backup_as_nobody("app/a.db", &rows) == JB_EDATABASE);
    CHECK_HAS(the.err.text, "cannot read database");
    CHECK_HAS(the.err.text, "Permission denied");
    CHECK_HAS(the.err.hint, "run as the user of the application");
    end();
}

/* Commits without pause until told to end; both tables get one row in each transaction. */
static pid_t start_writer(const char *name, const char *mode, int64_t *longest_ms)
{
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid != 0)
        return pid;
    sqlite3 *db = db_open(name);
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA journal_mode = %s; PRAGMA synchronous = OFF;", mode);
    db_run(db, sql);
    for (;;) {
        int64_t start = jbi_monotonic_ms();
        if (sqlite3_exec(db,
                         "BEGIN IMMEDIATE; INSERT INTO a VALUES(randomblob(300));"
                         "INSERT INTO b SELECT max(rowid), hex(randomblob(100)) FROM a;"
                         "DELETE FROM a WHERE rowid < (SELECT max(rowid) FROM a) - 1000;"
                         "DELETE FROM b WHERE rowid < (SELECT max(rowid) FROM b) - 1000; COMMIT",
                         NULL, NULL, NULL) != SQLITE_OK)
            _exit(1);
        int64_t took = jbi_monotonic_ms() - start;
        if (took > *longest_ms)
            *longest_ms = took;
    }
}

static void backups_under_a_writer(const char *mode, int backups)
{
    begin();
    int64_t *longest_ms =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(longest_ms != MAP_FAILED);
    db_make("app/a.db", "CREATE TABLE a(x); CREATE TABLE b(n, x);"
                        "CREATE UNIQUE INDEX b_x ON b(x, n);");
    pid_t pid = start_writer("app/a.db", mode, longest_ms);
    char last[SHA256_HEX_SIZE] = "";
    unsigned changed = 0;
    for (int i = 0; i < backups && !check_state.failed; i++) {
        CHECK(backup("app/a.db") == JB_OK);
        CHECK_TEXT(the.err.text, "");
        CHECK(table("a")->rows == table("b")->rows);
        changed += strcmp(table("a")->sha256, last) != 0;
        memcpy(last, table("a")->sha256, sizeof last);
        CHECK(verdict() == JB_INFO);
    }
    int status;
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    CHECK(changed > (unsigned)backups / 2);
    CHECK(*longest_ms < 3000);
    munmap(longest_ms, 4096);
    end();
}

static void fifty_backups_under_a_writer_in_wal_mode(void)
{
    backups_under_a_writer("WAL", 50);
}

static void backups_under_a_writer_in_rollback_mode(void)
{
    backups_under_a_writer("DELETE", 10);
}

/* An application that opens and closes the database for each request. */
static void wal_that_comes_and_goes(void)
{
    begin();
    db_make("app/a.db", "PRAGMA journal_mode = WAL; CREATE TABLE t(a);");
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    while (pid == 0) {
        sqlite3 *db = db_open("app/a.db");
        if (sqlite3_exec(db, "INSERT INTO t VALUES(1)", NULL, NULL, NULL) != SQLITE_OK)
            _exit(1);
        sqlite3_close(db);
    }
    for (int i = 0; i < 20; i++) {
        CHECK(backup("app/a.db") == JB_OK);
        CHECK_TEXT(the.err.text, "");
    }
    int status;
    CHECK(waitpid(pid, &status, WNOHANG) == 0);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    CHECK(verdict() == JB_INFO);
    end();
}

static int cancel_waiting(void *user, const char *step, uint64_t done, uint64_t total,
                          const char *unit)
{
    (void)user, (void)done, (void)total, (void)unit;
    return strstr(step, "wait") != NULL;
}

static void locked_database(void)
{
    begin();
    sqlite3 *db = db_open("app/a.db");
    db_run(db, "CREATE TABLE t(a); BEGIN EXCLUSIVE");
    int64_t start = jbi_monotonic_ms();
    CHECK(backup("app/a.db") == JB_EDATABASE);
    CHECK(jbi_monotonic_ms() - start > 2000);
    CHECK_HAS(the.err.text, "is locked by another program");
    CHECK_HAS(the.err.hint, "fuser");
    start = jbi_monotonic_ms();
    the.hooks.progress = cancel_waiting;
    CHECK(backup("app/a.db") == JB_ECANCELED);
    CHECK(jbi_monotonic_ms() - start < 2000);
    the.hooks.progress = NULL;
    db_run(db, "COMMIT");
    CHECK(backup("app/a.db") == JB_OK);
    /* Our look at the file must not have cost the application in this process its locks. */
    db_run(db, "BEGIN EXCLUSIVE");
    sqlite3_close(db);
    end();
}

/* ---- What can't be backed up --------------------------------------------------------------- */

static void refuses(const char *name, int code, const char *text)
{
    unsigned before = entries("app");
    CHECK(backup(name) == code);
    CHECK_HAS(the.err.text, text);
    CHECK_HAS(the.err.text, check_folder());
    CHECK(entries("app") == before);
}

static void what_is_no_database(void)
{
    begin();
    refuses("app/missing.db", JB_ENOTFOUND, "there is no database file");
    CHECK_HAS(the.err.hint, "check the path");
    refuses("app/missing/a.db", JB_ENOTFOUND, "there is no database file");
    file_make("app/empty.db", "", 0);
    refuses("app/empty.db", JB_EDATABASE, "is empty (0 bytes)");
    CHECK_HAS(the.err.hint, "start the application");
    refuses("app", JB_EDATABASE, "is a folder");
    CHECK(mkfifo(in_folder("app/fifo"), 0600) == 0);
    refuses("app/fifo", JB_EDATABASE, "is not a regular file");
    file_make("app/text.db", "Dear diary, ", 12);
    refuses("app/text.db", JB_EDATABASE, "is not a SQLite database");
    char noise[8192];
    memset(noise, 0xa5, sizeof noise);
    file_make("app/noise.db", noise, sizeof noise);
    refuses("app/noise.db", JB_EDATABASE, "is not a SQLite database");
    CHECK_HAS(the.err.hint, "encrypted");
    CHECK(symlink("nowhere", in_folder("app/dangling.db")) == 0);
    refuses("app/dangling.db", JB_ENOTFOUND, "there is no database file");
    end();
}

static void overwrite(const char *name, off_t offset, const void *from, size_t len)
{
    int fd = open(in_folder(name), O_WRONLY | O_CLOEXEC);
    REQUIRE(fd >= 0 && pwrite(fd, from, len, offset) == (ssize_t)len);
    close(fd);
}

static void damaged_pages(void)
{
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    for (off_t page = 1; page < 60; page += 7) {
        begin();
        db_make("app/a.db", "CREATE TABLE t(a, b); CREATE INDEX i ON t(b, a); " MANY_ROWS);
        overwrite("app/a.db", page * 4096, noise, sizeof noise);
        refuses("app/a.db", JB_EDATABASE, "is damaged: ");
        CHECK(the.err.hint[0] != '\0');
        end();
        check_remove_folder();
    }
    begin();
    db_make("app/a.db", "CREATE TABLE t(a, b); " MANY_ROWS);
    overwrite("app/a.db", 100, noise, 1000);
    refuses("app/a.db", JB_EDATABASE, "is damaged: ");
    CHECK(truncate(in_folder("app/a.db"), 30000) == 0);
    refuses("app/a.db", JB_EDATABASE, "is damaged: ");
    end();
}

static void index_that_lies(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE t(a, b); CREATE INDEX i ON t(b); INSERT INTO t VALUES(1, 2);"
                        "PRAGMA writable_schema = ON;"
                        "UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t(a)' WHERE name = 'i'");
    refuses("app/a.db", JB_EDATABASE, "is damaged: ");
    CHECK_HAS(the.err.text, "index i");
    end();
}

static void orphans_are_a_warning(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE u(id INTEGER PRIMARY KEY);"
                        "CREATE TABLE e(u REFERENCES u(id)); CREATE TABLE f(u REFERENCES u(id));"
                        "INSERT INTO e VALUES(1), (2), (NULL); INSERT INTO f VALUES(7);");
    CHECK(backup("app/a.db") == JB_OK);
    CHECK(jb_report_verdict(the.job.report) == JB_WARNING);
    CHECK_HAS(finding(0), "app/a.db: 3 rows have a foreign key that leads nowhere");
    CHECK_HAS(finding(0), "\"e\" (2)");
    CHECK_HAS(finding(0), "\"f\" (1)");
    CHECK(verdict() == JB_INFO);
    end();
}

static int backwards(void *unused, int a_len, const void *a, int b_len, const void *b)
{
    (void)unused;
    int order = memcmp(b, a, (size_t)(a_len < b_len ? a_len : b_len));
    return order != 0 ? order : b_len - a_len;
}

static void twice(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sqlite3_result_int64(context, 2 * sqlite3_value_int64(values[0]));
}

static void functions_and_collations_of_the_application(void)
{
    begin();
    sqlite3 *db = db_open("app/a.db");
    sqlite3_create_collation(db, "backwards", SQLITE_UTF8, NULL, backwards);
    sqlite3_create_function(db, "twice", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, twice, NULL,
                            NULL);
    db_run(db,
           "CREATE TABLE keyed(k TEXT COLLATE backwards PRIMARY KEY) WITHOUT ROWID;"
           "INSERT INTO keyed VALUES('a'), ('c'), ('b');"
           "CREATE TABLE made(a CHECK(twice(a) < 100), v AS (twice(a)), s AS (twice(a)) STORED);"
           "INSERT INTO made(a) VALUES(1), (2); CREATE INDEX made_twice ON made(twice(a));"
           "CREATE TABLE plain(a); INSERT INTO plain VALUES(1);");
    sqlite3_close(db);
    CHECK(backup("app/a.db") == JB_OK);
    CHECK_TEXT(the.err.text, "");
    CHECK(jb_report_verdict(the.job.report) == JB_WARNING);
    CHECK_HAS(finding(0), "was not checked in full");
    CHECK_HAS(finding(0), "backwards");
    CHECK(table("keyed")->rows == 3);
    CHECK(table("made")->rows == 2);
    CHECK_TEXT(table("made")->columns, "\"a\", \"s\"");
    CHECK(verdict() == JB_INFO);
    end();
}

static int cancel_at(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    (void)done, (void)total, (void)unit;
    return strstr(step, user) != NULL;
}

static void cancel(void)
{
    static const char *const steps[] = {"copy", "pack"};
    begin();
    db_make("app/a.db", "CREATE TABLE t(a, b); " MANY_ROWS);
    for (size_t i = 0; i < 2; i++) {
        char step[8];
        snprintf(step, sizeof step, "%s", steps[i]);
        the.hooks = (struct hooks){.progress = cancel_at, .user = step};
        CHECK(backup("app/a.db") == JB_ECANCELED);
    }
    end();
}

/* ---- Check and stage ----------------------------------------------------------------------- */

/* Changes the stored database and makes sizes and digests of the files match again. */
static void forge(const char *sql)
{
    unlink(in_folder("plain.db"));
    CHECK(stage("plain.db") == JB_OK);
    db_make("plain.db", sql);
    int in = open(in_folder("plain.db"), O_RDONLY | O_CLOEXEC);
    int out = open(in_folder(PACKED), O_WRONLY | O_TRUNC | O_CLOEXEC);
    struct members_options options = {.hooks = &the.hooks, .step = "pack", .name = "forged"};
    struct members_totals totals;
    REQUIRE(in >= 0 && out >= 0);
    CHECK(jbi_members_pack(in, out, &options, &totals, &the.err) == JB_OK);
    close(in), close(out);
    struct artifact *artifact = &the.artifacts[0];
    artifact->size = totals.size, artifact->raw_size = totals.raw_size;
    memcpy(artifact->sha256, totals.sha256, sizeof totals.sha256);
}

static void forgeries_are_found(void)
{
    static const struct {
        const char *sql, *want;
    } cases[] = {
        {"INSERT INTO entry VALUES(9, 'new')", ": table \"entry\": has 3 rows, 2 were backed up"},
        {"DELETE FROM entry WHERE id = 2", ": table \"entry\": has 1 rows, 2 were backed up"},
        {"UPDATE entry SET t = 'B' WHERE id = 2", ": table \"entry\": its content differs"},
        {"UPDATE entry SET t = CAST(t AS BLOB)", ": table \"entry\": its content differs"},
        {"CREATE VIEW v AS SELECT 1", ": view v: was not there when the backup was made"},
        {"CREATE INDEX i ON entry(t)", ": index i: was not there when the backup was made"},
        {"PRAGMA user_version = 9", ": its schema differs"},
        {"PRAGMA application_id = 9", ": its schema differs"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin();
        db_make("app/a.db", "CREATE TABLE entry(id INTEGER PRIMARY KEY, t);"
                            "INSERT INTO entry VALUES(1, 'a'), (2, 'b');");
        CHECK(backup("app/a.db") == JB_OK);
        forge(cases[i].sql);
        CHECK(verdict() == JB_ERROR);
        CHECK(jb_report_finding_count(the.job.report) == 1);
        CHECK_HAS(finding(0), "db_" TS "/sqlite_journal.db.gz");
        CHECK_HAS(finding(0), cases[i].want);
        end();
        check_remove_folder();
    }
}

static void tables_that_go_or_come_are_found(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE b(x); CREATE TABLE d(x);");
    CHECK(backup("app/a.db") == JB_OK);
    forge("DROP TABLE b; CREATE TABLE a(x); CREATE TABLE e(x);");
    CHECK(verdict() == JB_ERROR);
    CHECK(jb_report_finding_count(the.job.report) == 6);
    CHECK_HAS(finding(0), ": table \"a\": was not there when the backup was made");
    CHECK_HAS(finding(1), ": table \"b\": is missing in the copy");
    CHECK_HAS(finding(2), ": table \"e\": was not there when the backup was made");
    CHECK_HAS(finding(3), ": table a: was not there when the backup was made");
    CHECK_HAS(finding(4), ": table b: is missing in the copy");
    end();
}

static void another_database_is_found(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1);");
    CHECK(backup("app/a.db") == JB_OK);
    the.artifacts[0].raw_size += 4096;
    CHECK(verdict() == JB_ERROR);
    CHECK_HAS(finding(0), "is not the one that was backed up");
    CHECK(stage("back.db") == JB_ECORRUPT);
    CHECK(access(in_folder("back.db"), F_OK) < 0);
    end();
}

static void packed_noise_is_found(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE t(a); INSERT INTO t VALUES(1);");
    CHECK(backup("app/a.db") == JB_OK);
    char noise[9000];
    memset(noise, 'n', sizeof noise);
    file_make("noise", noise, sizeof noise);
    int in = open(in_folder("noise"), O_RDONLY | O_CLOEXEC);
    int out = open(in_folder(PACKED), O_WRONLY | O_TRUNC | O_CLOEXEC);
    struct members_options options = {.hooks = &the.hooks, .step = "pack", .name = "noise"};
    struct members_totals totals;
    CHECK(jbi_members_pack(in, out, &options, &totals, &the.err) == JB_OK);
    close(in), close(out);
    CHECK(verdict() == JB_ERROR);
    CHECK_HAS(finding(0), "is not the one that was backed up");
    CHECK_HAS(finding(1), "is not a SQLite database");
    end();
}

static void each_flipped_byte_is_found(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE t(a); INSERT INTO t VALUES(randomblob(5000));");
    CHECK(backup("app/a.db") == JB_OK);
    size_t len;
    char *packed = file_read(PACKED, &len);
    for (size_t i = 0; i < len; i += 97) {
        packed[i] ^= 0x10;
        file_make(PACKED, packed, len);
        packed[i] ^= 0x10;
        struct source_checked checked = {0};
        jb_report_free(the.job.report);
        the.job.report = jbi_report_new();
        CHECK(jbi_sqlite_source.check(&the.job, the.category_fd, &the.artifacts[0], &checked,
                                      &the.err) == JB_OK);
        bool is_noticed =
            jb_report_verdict(the.job.report) == JB_ERROR ||
            (checked.sha256_known && strcmp(checked.sha256, the.artifacts[0].sha256) != 0);
        CHECK(is_noticed);
    }
    file_make(PACKED, packed, len / 2);
    CHECK(verdict() == JB_ERROR);
    CHECK_HAS(finding(0), "sqlite_journal.db.gz");
    CHECK(stage("back.db") == JB_ECORRUPT);
    CHECK(access(in_folder("back.db"), F_OK) < 0);
    free(packed);
    CHECK(unlink(in_folder(PACKED)) == 0);
    CHECK(verdict() == JB_ERROR);
    CHECK_HAS(finding(0), "cannot open \"sqlite_journal.db.gz\": No such file or directory");
    end();
}

static void stage_gives_the_database_back(void)
{
    begin();
    db_make("app/a.db", "CREATE TABLE t(a, b); " MANY_ROWS);
    REQUIRE(chmod(in_folder("app/a.db"), 0640) == 0);
    CHECK(backup("app/a.db") == JB_OK);
    CHECK(stage("back.db") == JB_OK);
    struct stat st, original;
    REQUIRE(stat(in_folder("app/a.db"), &original) == 0);
    CHECK(stat(in_folder("back.db"), &st) == 0 && st.st_mode == original.st_mode);
    CHECK(st.st_uid == original.st_uid && st.st_gid == original.st_gid);
    char sha256[SHA256_HEX_SIZE];
    memcpy(sha256, table("t")->sha256, sizeof sha256);
    CHECK(stage("back.db") == JB_EIO);
    CHECK_HAS(the.err.text, "File exists");
    CHECK(backup("back.db") == JB_OK);
    CHECK_TEXT(table("t")->sha256, sha256);
    end();
}

int main(void)
{
    RUN(digests_agree_with_the_definition);
    RUN(digests_agree_in_wal_mode);
    RUN(digests_agree_in_utf16);
    RUN(digests_agree_in_other_page_sizes);
    RUN(digest_is_the_documented_one);
    RUN(empty_database);
    RUN(text_that_is_not_utf8);
    RUN(artifact_says_what_it_is);
    RUN(odd_file_names);
    RUN(journal_mode_is_kept);
    RUN(rows_in_the_wal_of_a_running_application);
    RUN(a_link_leads_to_the_database);
    RUN(hot_journal_is_rolled_back_in_the_copy);
    RUN(wal_of_a_crashed_application);
    RUN(database_of_another_user);
    RUN(unreadable_file);
    RUN(fifty_backups_under_a_writer_in_wal_mode);
    RUN(backups_under_a_writer_in_rollback_mode);
    RUN(wal_that_comes_and_goes);
    RUN(locked_database);
    RUN(what_is_no_database);
    RUN(damaged_pages);
    RUN(index_that_lies);
    RUN(orphans_are_a_warning);
    RUN(functions_and_collations_of_the_application);
    RUN(cancel);
    RUN(forgeries_are_found);
    RUN(tables_that_go_or_come_are_found);
    RUN(another_database_is_found);
    RUN(packed_noise_is_found);
    RUN(each_flipped_byte_is_found);
    RUN(stage_gives_the_database_back);
    return check_end();
}
