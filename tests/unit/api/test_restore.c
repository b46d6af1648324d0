/* SPDX-License-Identifier: MIT */
/* restore_safe: the whole, a part, a database; equality with the source; nothing left on failure.
 */
#include "edit.h"

#define LIST                                                                                       \
    "cd %s && { find . ! -name 'journal.db*' ! -path './databases*' "                              \
    "-printf '%%P|%%y|%%m|%%U|%%G|%%T@|%%l\\n'; find . -type f -links +1; "                        \
    "find . -type f ! -name '*.db' ! -path './databases/*' -exec sha256sum {} +; } | sort > "      \
    "%s.list"

static int restore(const char *timestamp, const char *to, const char *path, const char *database,
                   int type)
{
    struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
    options.timestamp = timestamp;
    options.to = to ? in_folder(to) : NULL;
    options.path = path;
    options.database = database;
    options.type = type;
    free_report();
    return restore_safe(project, &options, &report, &err);
}

static int whole(const char *timestamp)
{
    return tell(restore(timestamp, "to", NULL, NULL, JB_TYPE_FULL));
}

/* A line for each entry: type, mode, owner, time, links, link, and the digest of a file; the
 * database and what was restored beside the code are left out. */
static bool is_same_tree(const char *a, const char *b)
{
    char first[1024], second[1024];
    snprintf(first, sizeof first, LIST, in_folder(a), in_folder(a));
    snprintf(second, sizeof second, LIST, in_folder(b), in_folder(b));
    return shell(first) && shell(second) &&
           shell(textf("diff %s.list %s.list >&2", in_folder(a), in_folder(b)));
}

static bool has_rows(const char *database, int want)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    REQUIRE(sqlite3_open_v2(in_folder(database), &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    bool ok =
        sqlite3_prepare_v2(db, "SELECT count(*) FROM entry", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0) == want;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return ok;
}

static void the_whole_is_equal(void)
{
    begin();
    const char *first = backup();
    CHECK(whole(first) == JB_OK);
    CHECK(is_same_tree("app", "to"));
    CHECK(has_rows("to/instance/journal.db", 3));
    CHECK(jb_report_number(report, JB_FIGURES, "databases") == 1);
    CHECK(jb_report_number(report, JB_FIGURES, "files") == 5);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "timestamp"), first);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "to"), in_folder("to"));
    CHECK_TEXT(jb_report_text(report, 0, "path"), "instance/journal.db");
    CHECK_TEXT(jb_report_text(report, 0, "database"), "journal");
    make_folder("empty");
    CHECK(restore(first, "empty", NULL, NULL, JB_TYPE_CODEBASE) == JB_OK);
    CHECK(is_same_tree("app", "empty"));
    CHECK(!is_there("empty/instance/journal.db"));
    end();
}

static void parts(void)
{
    begin();
    const char *first = backup();
    CHECK(restore(first, "file", "app.py", NULL, 0) == JB_OK);
    CHECK(entries("file") == 1 && is_there("file/app.py"));
    CHECK(restore(first, "below", "./static/", NULL, 0) == JB_OK);
    CHECK(entries("below/static") == 5 && !is_there("below/app.py"));
    CHECK(restore(first, "deep", "static/empty", NULL, 0) == JB_OK);
    CHECK(is_there("deep/static/empty"));
    CHECK(restore(first, "database", NULL, "journal", 0) == JB_OK);
    CHECK(entries("database") == 1 && has_rows("database/journal.db", 3));
    CHECK(restore(first, "databases", NULL, NULL, JB_TYPE_DATABASE) == JB_OK);
    CHECK(entries("databases") == 1 && has_rows("databases/journal.db", 3));
    CHECK(restore(first, "no", "static/absent", NULL, 0) == JB_ENOTFOUND && !is_there("no"));
    CHECK_HAS(err.text, "static/absent");
    CHECK(restore(first, "no", "stat", NULL, 0) == JB_ENOTFOUND && !is_there("no"));
    CHECK(restore(first, "no", NULL, "users", 0) == JB_ENOTFOUND && !is_there("no"));
    CHECK_HAS(err.text, "users");
    end();
}

static void impossible_wishes_are_refused(void)
{
    static const char *const paths[] = {"/etc/passwd", "../app.py", "static/../../x", "", "."};
    begin();
    const char *first = backup();
    CHECK(restore(NULL, "no", NULL, NULL, 0) == JB_EINVAL);
    CHECK(restore(first, NULL, NULL, NULL, 0) == JB_EINVAL);
    CHECK_HAS(err.hint, "--confirm");
    CHECK(restore_safe(project, NULL, &report, NULL) == JB_EINVAL);
    CHECK(restore("20240101_000000", "no", NULL, NULL, 0) == JB_ENOTFOUND);
    CHECK_HAS(err.hint, first);
    CHECK(restore("2024", "no", NULL, NULL, 0) == JB_EINVAL);
    CHECK(restore("../../etc", "no", NULL, NULL, 0) == JB_EINVAL);
    CHECK(restore(first, "no", NULL, NULL, 7) == JB_EINVAL);
    CHECK(restore(first, "no", "app.py", "journal", 0) == JB_EINVAL);
    CHECK(restore(first, "no", "app.py", NULL, JB_TYPE_DATABASE) == JB_EINVAL);
    CHECK(restore(first, "no", NULL, "journal", JB_TYPE_CODEBASE) == JB_EINVAL);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        CHECK(restore(first, "no", paths[i], NULL, 0) == JB_EINVAL);
        CHECK_HAS(err.text, "is no path inside");
    }
    CHECK(restore(first, "no/such/folder", NULL, NULL, 0) == JB_EIO);
    CHECK(restore(first, "app/app.py", NULL, NULL, 0) == JB_EINVAL);
    CHECK(!is_there("no") && report == NULL);
    end();
}

static void a_place_with_something_in_it_is_left_alone(void)
{
    begin();
    const char *first = backup();
    make_folder("full");
    write_text("full/mine", "precious");
    make_folder("full/.hidden");
    CHECK(restore(first, "full", NULL, NULL, 0) == JB_EINVAL);
    CHECK_HAS(err.text, "is not empty");
    CHECK(entries("full") == 2 && is_there("full/mine"));
    CHECK(restore(first, "full", NULL, "absent", 0) == JB_EINVAL && entries("full") == 2);
    make_folder("link");
    make_folder("link/target");
    write_text("link/target/mine", "precious");
    REQUIRE(symlink("target", in_folder("link/to")) == 0);
    CHECK(restore(first, "link/to", NULL, NULL, 0) == JB_EINVAL && is_there("link/target/mine"));
    end();
}

static void a_damaged_archive_leaves_nothing(void)
{
    begin();
    REQUIRE(shell(textf("for i in 1 2 3 4 5 6; do head -c 700000 /dev/urandom > %s/part$i; done",
                        in_folder("app"))));
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    const char *archive = path_of(artifact_of(&manifest, ARTIFACT_CODEBASE));
    size_t len;
    char *bytes = read_bytes(archive, &len);
    bytes[len / 4] ^= 4; /* within a file: bits that fill up a member's end say nothing */
    write_bytes(archive, bytes, len);
    CHECK(restore(first, "to", NULL, NULL, 0) == JB_ECORRUPT);
    CHECK_HAS(err.text, "codebase_");
    CHECK(!is_there("to"));
    make_folder("to");
    CHECK(restore(first, "to", NULL, NULL, 0) == JB_ECORRUPT);
    CHECK(is_there("to") && entries("to") == 0);
    CHECK(restore(first, "to", NULL, "journal", 0) == JB_OK);
    free(bytes);
    end();
}

static void a_forged_copy_or_index_is_refused(void)
{
    begin();
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    struct artifact *copy = artifact_of(&manifest, ARTIFACT_SQLITE);
    artifact_unpack(copy);
    sql("plain", "UPDATE entry SET text = 'ONE' WHERE id = 1");
    artifact_pack(copy);
    manifest_put(&manifest);
    CHECK(restore(first, "to", NULL, NULL, 0) == JB_ECORRUPT && !is_there("to"));
    struct artifact *index = artifact_of(&manifest, ARTIFACT_INDEX);
    artifact_unpack(index);
    plain_replace("static/logo.svg", "../tic/logo.svg");
    artifact_pack(index);
    manifest_put(&manifest);
    CHECK(restore(first, "to", NULL, NULL, JB_TYPE_CODEBASE) == JB_ECORRUPT && !is_there("to"));
    end();
}

static void artifacts_that_are_no_files_are_refused(void)
{
    begin();
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    for (size_t i = 0; i < manifest.artifact_count; i++) {
        const char *path = path_of(&manifest.artifacts[i]);
        REQUIRE(rename(path, in_folder("aside")) == 0 && mkfifo(path, 0600) == 0);
        CHECK(restore(first, "to", NULL, NULL, 0) == JB_ECORRUPT && !is_there("to"));
        REQUIRE(unlink(path) == 0 && symlink(in_folder("aside"), path) == 0);
        CHECK(restore(first, "to", NULL, NULL, 0) == JB_ECORRUPT && !is_there("to"));
        REQUIRE(unlink(path) == 0 && rename(in_folder("aside"), path) == 0);
    }
    CHECK(whole(first) == JB_OK);
    end();
}

static void databases_outside_and_of_the_same_name(void)
{
    make_app();
    make_folder("a");
    make_folder("b");
    sql("a/x.db", "CREATE TABLE entry(a); INSERT INTO entry VALUES(1)");
    sql("b/x.db", "CREATE TABLE entry(a); INSERT INTO entry VALUES(1), (2)");
    open_with("{\"backup_dir\": \"../backups\", \"databases\": [\"sqlite:///instance/journal.db\","
              "\"sqlite:///../a/x.db\", \"sqlite:///../b/x.db\"]}");
    const char *first = backup();
    CHECK(whole(first) == JB_OK);
    CHECK(is_same_tree("app", "to") && has_rows("to/instance/journal.db", 3));
    CHECK(entries("to/databases") == 2);
    CHECK(has_rows("to/databases/x/x.db", 1) && has_rows("to/databases/x-2/x.db", 2));
    CHECK(tell(restore(first, "all", NULL, NULL, JB_TYPE_DATABASE)) == JB_OK);
    CHECK(entries("all") == 3 && has_rows("all/x-2/x.db", 2));
    end();
}

static bool holds(const char *name, const char *want)
{
    size_t len;
    struct stat st;
    char *bytes = read_bytes(in_folder(name), &len);
    REQUIRE(stat(in_folder(name), &st) == 0);
    bool ok = strcmp(bytes, want) == 0 && (st.st_mode & 07777) == 0600;
    free(bytes);
    return ok;
}

static void a_dump_is_laid_out_with_what_belongs_to_it(void)
{
    static const struct postgresql_facts facts = {.database = "it's"};
    begin();
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    struct artifact *dump = postgresql_add(&manifest, "users", &facts, NULL, 0);
    manifest_put(&manifest);
    CHECK(whole(first) == JB_OK);
    CHECK(is_same_tree("app", "to") && entries("to/databases") == 3);
    CHECK(holds("to/databases/users.dump", "a dump") && holds("to/databases/users.sql", "sql"));
    CHECK(holds("to/databases/globals.sql", "roles"));
    CHECK(jb_report_number(report, JB_FIGURES, "databases") == 2);
    CHECK(jb_report_row_count(report) == 2);
    CHECK_TEXT(jb_report_text(report, 1, "database"), "users");
    CHECK_TEXT(jb_report_text(report, 1, "path"), "databases/users.dump");
    REQUIRE(has_finding(JB_INFO, "databases/users.dump"));
    CHECK_TEXT(jb_report_finding(report, jb_report_finding_count(report) - 1)->hint,
               textf("createdb -T template0 'it'\\''s'; pg_restore -j 2 -d 'it'\\''s' "
                     "%s/databases/users.dump",
                     in_folder("to")));
    CHECK(restore(first, "alone", NULL, "users", 0) == JB_OK);
    CHECK(entries("alone") == 3 && holds("alone/users.dump", "a dump"));
    CHECK_TEXT(jb_report_text(report, 0, "path"), "users.dump");
    write_bytes(path_of(dump), "a Dump", 6);
    CHECK(restore(first, "no", NULL, NULL, 0) == JB_ECORRUPT && !is_there("no"));
    CHECK_HAS(err.text, "postgresql_users.dump\" is not what was backed up: its checksum differs");
    write_bytes(path_of(dump), "a dum", 5);
    CHECK(restore(first, "no", NULL, "users", 0) == JB_ECORRUPT && !is_there("no"));
    CHECK_HAS(err.text, "cut short");
    write_bytes(path_of(dump), "a dump ", 7);
    CHECK(restore(first, "no", NULL, "users", 0) == JB_ECORRUPT && !is_there("no"));
    CHECK_HAS(err.text, "longer");
    CHECK(restore(first, "code", NULL, NULL, JB_TYPE_CODEBASE) == JB_OK);
    end();
}

/* The code may have a folder databases/ with a dump of the same name in it. */
static void a_dump_takes_nobodys_place(void)
{
    static const struct postgresql_facts facts = {.database = "users"};
    make_app();
    make_folder("app/databases");
    write_text("app/databases/globals.sql", "of the code");
    make_folder("aside");
    sql("aside/users.dump", "CREATE TABLE entry(a); INSERT INTO entry VALUES(1)");
    open_with("{\"backup_dir\": \"../backups\","
              " \"databases\": [\"sqlite:///../aside/users.dump\"]}");
    const char *first = backup();
    struct manifest manifest = manifest_of(first);
    manifest.artifacts[0].name = "users";
    postgresql_add(&manifest, "users", &facts, NULL, 0);
    manifest_put(&manifest);
    CHECK(whole(first) == JB_OK);
    CHECK(is_there("to/databases/globals.sql") && entries("to/databases") == 2);
    CHECK(has_rows("to/databases/users/users.dump", 1));
    CHECK(holds("to/databases-2/users.dump", "a dump") && entries("to/databases-2") == 3);
    CHECK(tell(restore(first, "all", NULL, NULL, JB_TYPE_DATABASE)) == JB_OK);
    CHECK(holds("all/users.dump", "a dump") && has_rows("all/users/users.dump", 1));
    end();
}

/* As deployments with a shared folder have it. */
static void a_database_behind_a_link_is_no_obstacle(void)
{
    make_app();
    REQUIRE(rename(in_folder("app/instance"), in_folder("shared")) == 0);
    REQUIRE(symlink("../shared", in_folder("app/instance")) == 0);
    open_with(CONFIG);
    const char *first = backup();
    CHECK(whole(first) == JB_OK);
    CHECK(is_same_tree("app", "to"));
    CHECK(has_rows("to/databases/journal.db", 3));
    end();
}

static int cancel_fifth(void *user, const char *step, uint64_t done, uint64_t total,
                        const char *unit)
{
    int *calls = user;
    (void)step, (void)done, (void)total, (void)unit;
    return --*calls <= 0;
}

static void canceled_at_every_call(void)
{
    begin();
    REQUIRE(shell(textf("head -c 3500000 /dev/urandom > %s", in_folder("app/photo"))));
    const char *first = backup();
    int code = JB_ECANCELED, n = 1;
    for (; n < 500 && code == JB_ECANCELED; n++) {
        int left = n;
        jb_project_set_hooks(project, NULL, cancel_fifth, &left);
        code = restore(first, "to", NULL, NULL, 0);
        CHECK(code == JB_OK || (code == JB_ECANCELED && !is_there("to")));
    }
    CHECK(code == JB_OK && n > 3 && n < 500);
    CHECK(is_same_tree("app", "to"));
    end();
}

int main(void)
{
    RUN(the_whole_is_equal);
    RUN(parts);
    RUN(impossible_wishes_are_refused);
    RUN(a_place_with_something_in_it_is_left_alone);
    RUN(a_damaged_archive_leaves_nothing);
    RUN(a_forged_copy_or_index_is_refused);
    RUN(artifacts_that_are_no_files_are_refused);
    RUN(databases_outside_and_of_the_same_name);
    RUN(a_dump_is_laid_out_with_what_belongs_to_it);
    RUN(a_dump_takes_nobodys_place);
    RUN(a_database_behind_a_link_is_no_obstacle);
    RUN(canceled_at_every_call);
    jbi_arena_free(&edit_arena);
    return check_end();
}
