/* SPDX-License-Identifier: MIT */
#include "repository/layout.h"

#include "base/report.h"
#include "fixture.h"

#define TS "20240708_143022"

static const struct hooks quiet = {0};

static void categories_by_date(void)
{
    enum category category;
    setenv("TZ", "UTC0", 1);
    tzset();
    CHECK(jbi_category_of(jbi_timestamp_unix("20240701_020000")) == CATEGORY_MONTHLY);
    CHECK(jbi_category_of(jbi_timestamp_unix("20240707_020000")) == CATEGORY_WEEKLY);
    CHECK(jbi_category_of(jbi_timestamp_unix("20240708_020000")) == CATEGORY_DAILY);
    CHECK(jbi_category_of(jbi_timestamp_unix("20240901_020000")) == CATEGORY_MONTHLY); /* Sunday */
    CHECK(jbi_category_parse("weekly", &category) && category == CATEGORY_WEEKLY);
    CHECK(!jbi_category_parse("Weekly", &category) && !jbi_category_parse("", &category));
}

static void artifact_paths(void)
{
    enum artifact_kind kind;
    CHECK(jbi_artifact_path_kind("db_" TS "/sqlite_journal.db.gz", TS, &kind));
    CHECK(kind == ARTIFACT_SQLITE);
    CHECK(jbi_artifact_path_kind("codebase_" TS ".tar.gz", TS, &kind) && kind == ARTIFACT_CODEBASE);
    CHECK(jbi_artifact_path_kind("codebase_" TS ".index.jsonl.gz", TS, &kind));
    CHECK(kind == ARTIFACT_INDEX);
    CHECK(jbi_is_artifact_path("db_" TS "/sqlite_gr\xc3\xbc\xc3\x9f"
                               "e 1.db.gz",
                               TS));
}

static void postgresql_paths(void)
{
    static const struct {
        const char *name;
        enum artifact_kind kind;
    } cases[] = {
        {"journal.dump", ARTIFACT_POSTGRESQL},
        {"journal.sql", ARTIFACT_POSTGRESQL_SQL},
        {"journal.sql.dump", ARTIFACT_POSTGRESQL},
        {"globals.sql", ARTIFACT_POSTGRESQL_GLOBALS},
        {"globals@journal.sql", ARTIFACT_POSTGRESQL_GLOBALS},
        {"globals-2.sql", ARTIFACT_POSTGRESQL_SQL},
        {"globals.sql.sql", ARTIFACT_POSTGRESQL_SQL},
        {"Globals.dump", ARTIFACT_POSTGRESQL},
        {"gr\xc3\xbc\xc3\x9f 1.dump", ARTIFACT_POSTGRESQL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        enum artifact_kind kind = ARTIFACT_INDEX;
        snprintf(path, sizeof path, "db_" TS "/postgresql_%s", cases[i].name);
        if (!jbi_artifact_path_kind(path, TS, &kind) || kind != cases[i].kind)
            check_note(false, __FILE__, __LINE__, path);
    }
}

static void hostile_paths_are_refused(void)
{
    static const char *const bad[] = {
        "",
        "/etc/passwd",
        "../daily/codebase_" TS ".tar.gz",
        "./codebase_" TS ".tar.gz",
        "codebase_20240708_143023.tar.gz",
        "codebase_" TS ".tar.gz/",
        "codebase_" TS ".tar.gz.old",
        "manifest_" TS ".json",
        "checksums_" TS ".sha256",
        "db_" TS,
        "db_" TS "/",
        "db_" TS "/..",
        "db_" TS "/sqlite_.db.gz",
        "db_" TS "/sqlite_a/../../x.db.gz",
        "db_" TS "/sqlite_../x.db.gz",
        "db_" TS "/x/sqlite_a.db.gz",
        "db_" TS "//sqlite_a.db.gz",
        "db_" TS "/sqlite_a\n.db.gz",
        "db_" TS "/sqlite_a\\.db.gz",
        "db_" TS "/sqlite_a\xff.db.gz",
        "db_" TS "/sqlite_a.db",
        "db_20240708_143023/sqlite_a.db.gz",
        "db_" TS "/postgresql_globals.dump",
        "db_" TS "/postgresql_globals@a.dump",
        "db_" TS "/postgresql_globals@.sql",
        "db_" TS "/postgresql_globals@globals.sql",
        "db_" TS "/postgresql_globals@a@b.sql",
        "db_" TS "/postgresql_globals@../a.sql",
        "db_" TS "/postgresql_a@b.sql",
        "db_" TS "/postgresql_a@b.dump",
        "db_" TS "/postgresql_.dump",
        "db_" TS "/postgresql_.sql",
        "db_" TS "/postgresql_a\n.sql",
        "db_" TS "/postgresql_a/b.dump",
        "db_" TS "/postgresql_a.dump.gz",
        "postgresql_a.dump",
        ".jbackup/lock",
    };
    char longest[400] = "db_" TS "/sqlite_";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (jbi_is_artifact_path(bad[i], TS))
            check_note(false, __FILE__, __LINE__, bad[i]);
    memset(longest + strlen(longest), 'a', 300);
    strcpy(longest + 330, ".db.gz");
    CHECK(!jbi_is_artifact_path(longest, TS));
}

static void manifest_names(void)
{
    char timestamp[TIMESTAMP_SIZE];
    CHECK(jbi_manifest_name_parse("manifest_" TS ".json", timestamp));
    CHECK_TEXT(timestamp, TS);
    CHECK(!jbi_manifest_name_parse(".manifest_" TS ".json.tmp", timestamp));
    CHECK(!jbi_manifest_name_parse("manifest_" TS ".json.tmp", timestamp));
    CHECK(!jbi_manifest_name_parse("manifest_20240230_143022.json", timestamp));
    CHECK(!jbi_manifest_name_parse("manifest_.json", timestamp));
    CHECK(!jbi_manifest_name_parse("", timestamp));
}

static mode_t mode_of(int dir_fd, const char *name)
{
    struct stat st;
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & 07777 : 0;
}

static void a_writer_makes_what_is_missing(void)
{
    struct repository repository;
    open_repository(&repository);
    CHECK(mode_of(repository.fd, ".") == 0700);
    CHECK(mode_of(repository.fd, "daily") == 0700 && mode_of(repository.fd, "monthly") == 0700);
    CHECK(mode_of(repository.fd, ".jbackup") == 0700);
    jbi_repository_close(&repository);
    jbi_repository_close(&repository);
    open_repository(&repository);
    jbi_repository_close(&repository);
}

static void a_reader_makes_nothing(void)
{
    struct repository repository;
    struct jb_error err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/backups", check_folder());
    CHECK(jbi_repository_open(&repository, path, false, NULL, &err) == JB_ENOTFOUND);
    CHECK_HAS(err.text, path);
    CHECK(access(path, F_OK) < 0);
    jbi_repository_close(&repository);
    REQUIRE(mkdir(path, 0700) == 0);
    err = (struct jb_error){0};
    CHECK(jbi_repository_open(&repository, path, false, NULL, &err) == JB_OK);
    CHECK(repository.state_fd == -1 && repository.category_fd[CATEGORY_DAILY] == -1);
    CHECK(!is_there(repository.fd, "daily"));
    jbi_repository_close(&repository);
}

static void the_folder_above_must_be_there(void)
{
    struct repository repository;
    struct jb_error err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/not-mounted/backups", check_folder());
    CHECK(jbi_repository_open(&repository, path, true, NULL, &err) == JB_ENOTFOUND);
    CHECK_HAS(err.hint, "mount");
    jbi_repository_close(&repository);
}

static void links_inside_are_not_followed(void)
{
    struct repository repository;
    struct jb_error err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/backups", check_folder());
    REQUIRE(mkdir(path, 0700) == 0);
    snprintf(path, sizeof path, "%s/backups/daily", check_folder());
    REQUIRE(symlink("/tmp", path) == 0);
    *strrchr(path, '/') = '\0';
    CHECK(jbi_repository_open(&repository, path, true, NULL, &err) == JB_EIO);
    CHECK_HAS(err.text, "daily");
    jbi_repository_close(&repository);
}

static void lax_modes_are_said(void)
{
    struct repository repository;
    char path[128], hint[160];
    open_repository(&repository);
    write_file(repository.category_fd[CATEGORY_DAILY], "codebase_" TS ".tar.gz", "x");
    jb_report *report = jbi_report_new();
    REQUIRE(report != NULL);
    jbi_repository_check_modes(&repository, report);
    CHECK(jb_report_finding_count(report) == 0);
    REQUIRE(fchmod(repository.fd, 0755) == 0);
    REQUIRE(fchmodat(repository.category_fd[CATEGORY_DAILY], "codebase_" TS ".tar.gz", 0644, 0) ==
            0);
    jbi_repository_check_modes(&repository, report);
    REQUIRE(jb_report_finding_count(report) == 2);
    CHECK(jb_report_verdict(report) == JB_WARNING);
    snprintf(path, sizeof path, "%s/backups", check_folder());
    snprintf(hint, sizeof hint, "chmod 700 %s", path);
    CHECK_TEXT(jb_report_finding(report, 0)->subject, path);
    CHECK_TEXT(jb_report_finding(report, 0)->hint, hint);
    snprintf(hint, sizeof hint, "chmod -R go= %s/daily", path);
    CHECK_TEXT(jb_report_finding(report, 1)->hint, hint);
    jb_report_free(report);
    jbi_repository_close(&repository);
}

static void the_lock_names_the_repository(void)
{
    struct repository repository;
    struct jb_error err = {0};
    int first = -1, second = -1;
    open_repository(&repository);
    CHECK(jbi_repository_lock(&repository, 0, "backup", &quiet, &first, &err) == JB_OK);
    CHECK(jbi_repository_lock(&repository, 0, "cleanup", &quiet, &second, &err) == JB_ELOCKED);
    CHECK_HAS(err.text, "/backups\" is locked by another run (pid ");
    CHECK_HAS(err.hint, "--wait");
    close(first);
    jbi_repository_close(&repository);
}

static void the_log_is_one_line_each_and_bounded(void)
{
    struct repository repository;
    struct stat st;
    char line[1500];
    open_repository(&repository);
    jbi_repository_log(&repository, "two\nlines");
    CHECK(fstatat(repository.fd, "backup.log", &st, 0) == 0);
    CHECK((st.st_mode & 07777) == 0600);
    CHECK(st.st_size == (off_t)strlen("2024-07-08T14:30:22+00:00 two\\x0alines\n"));
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    for (int i = 0; i < 2000; i++)
        jbi_repository_log(&repository, line);
    CHECK(is_there(repository.fd, "backup.log.1"));
    CHECK(fstatat(repository.fd, "backup.log", &st, 0) == 0 && st.st_size < 2 << 20);
    jbi_repository_close(&repository);
}

int main(void)
{
    RUN(categories_by_date);
    RUN(artifact_paths);
    RUN(postgresql_paths);
    RUN(hostile_paths_are_refused);
    RUN(manifest_names);
    RUN(a_writer_makes_what_is_missing);
    RUN(a_reader_makes_nothing);
    RUN(the_folder_above_must_be_there);
    RUN(links_inside_are_not_followed);
    RUN(lax_modes_are_said);
    RUN(the_lock_names_the_repository);
    RUN(the_log_is_one_line_each_and_bounded);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
