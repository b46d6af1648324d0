/* SPDX-License-Identifier: MIT */
/* What is there: list, show, files, find, diff, stats. */
#include "edit.h"
#include "repository/proof.h"

static int show(const char *timestamp, int verb(jb_project *, const struct jb_backup_ref *,
                                                jb_report **, struct jb_error *))
{
    struct jb_backup_ref ref = JB_BACKUP_REF_INIT;
    ref.timestamp = timestamp;
    free_report();
    return verb(project, &ref, &report, &err);
}

static int find(const char *pattern)
{
    struct jb_find_options options = JB_FIND_OPTIONS_INIT;
    options.pattern = pattern;
    free_report();
    return jb_find(project, &options, &report, &err);
}

static int diff(const char *from, const char *to)
{
    struct jb_diff_options options = JB_DIFF_OPTIONS_INIT;
    options.from = from;
    options.to = to;
    free_report();
    return jb_diff(project, &options, &report, &err);
}

static void an_absent_repository_is_empty(void)
{
    begin();
    CHECK(listed() == 0 && jb_report_verdict(report) == JB_INFO);
    CHECK(find("*") == JB_OK && jb_report_row_count(report) == 0);
    free_report();
    CHECK(jb_stats(project, NULL, &report, &err) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "backups") == 0);
    CHECK(jb_report_row_count(report) == 3);
    CHECK(show("20240101_000000", jb_show) == JB_ENOTFOUND);
    CHECK_HAS(err.hint, "no backup yet");
    CHECK(show(NULL, jb_show) == JB_EINVAL);
    CHECK(show(NULL, jb_files) == JB_EINVAL);
    CHECK(diff(NULL, NULL) == JB_EINVAL && report == NULL);
    CHECK(!is_there("backups"));
    end();
}

static void list_takes_a_category_and_names_damage(void)
{
    begin();
    const char *first = backup();
    backup_of(JB_TYPE_DATABASE, "weekly", NULL);
    struct jb_list_options options = JB_LIST_OPTIONS_INIT;
    options.category = "daily";
    free_report();
    CHECK(jb_list(project, &options, &report, &err) == JB_OK);
    CHECK(jb_report_row_count(report) == 1);
    CHECK_TEXT(jb_report_text(report, 0, "timestamp"), first);
    CHECK_TEXT(jb_report_text(report, 0, "databases"), "journal");
    options.category = "yearly";
    free_report();
    CHECK(jb_list(project, &options, &report, &err) == JB_EINVAL);
    err = (struct jb_error){0};
    write_text(textf("backups/daily/manifest_%s.json", first), "{}");
    CHECK(listed() == 1 && has_finding(JB_ERROR, first));
    CHECK(show(first, jb_show) == JB_ECORRUPT);
    end();
}

static void show_and_files(void)
{
    begin();
    const char *first = backup_of(JB_TYPE_FULL, "daily", "a label");
    CHECK(show(first, jb_show) == JB_OK);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "label"), "a label");
    CHECK(jb_report_number(report, JB_FIGURES, "git_dirty") == -1);
    size_t entry = row_where("name", "entry");
    CHECK_TEXT(jb_report_text(report, entry, "row"), "table");
    CHECK(jb_report_number(report, entry, "table_rows") == 3);
    CHECK(jb_report_text(report, JB_FIGURES, "manifest") == NULL);
    CHECK_HAS(jb_report_json(report), "\"manifest_sha256\"");
    CHECK(show(first, jb_files) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "files") == 5);
    size_t link = row_where("path", "static/link"), odd = row_where("path", "static/odd\\x0A\\xFF n"
                                                                            "ame");
    CHECK_TEXT(jb_report_text(report, link, "type"), "symlink");
    CHECK_TEXT(jb_report_text(report, link, "link"), "../app.py");
    if (odd > 100)
        odd = row_where("path", "static/odd\\x0a\\xff name");
    CHECK(odd < 100);
    CHECK(jb_report_number(report, row_where("path", "app.py"), "mode") == 0750);
    CHECK_TEXT(jb_report_text(report, row_where("path", "static/same.py"), "type"), "hardlink");
    CHECK_TEXT(jb_report_text(report, row_where("path", "instance"), "type"), "folder");
    const char *second = backup_of(JB_TYPE_DATABASE, "daily", NULL);
    CHECK(show(second, jb_files) == JB_ENOTFOUND);
    CHECK_HAS(err.text, "holds no code");
    end();
}

static void find_counts_versions(void)
{
    begin();
    char seen[4][32];
    static const char *const contents[] = {"KEY=1\n", "KEY=2\n", "KEY=2\n", "KEY=1\n"};
    for (int i = 0; i < 4; i++) {
        write_text("app/instance/settings.cfg", contents[i]);
        strcpy(seen[i], backup());
    }
    backup_of(JB_TYPE_DATABASE, "daily", NULL);
    CHECK(find("settings.*") == JB_OK && jb_report_row_count(report) == 4);
    static const int versions[] = {1, 2, 2, 1};
    for (size_t i = 0; i < 4; i++) {
        CHECK_TEXT(jb_report_text(report, i, "timestamp"), seen[3 - i]);
        CHECK(jb_report_number(report, i, "version") == versions[3 - i]);
    }
    CHECK(jb_report_number(report, JB_FIGURES, "backups") == 5);
    CHECK(jb_report_number(report, JB_FIGURES, "matches") == 4);
    CHECK(find("*/settings.cfg") == JB_OK && jb_report_row_count(report) == 4);
    CHECK(find("static/link") == JB_OK && jb_report_number(report, 0, "version") == 0);
    CHECK(find("nothing") == JB_OK && jb_report_row_count(report) == 0);
    CHECK(find("") == JB_EINVAL && find(NULL) == JB_EINVAL);
    struct manifest manifest = manifest_of(seen[1]);
    write_bytes(path_of(artifact_of(&manifest, ARTIFACT_INDEX)), "x", 1);
    CHECK(find("settings.cfg") == JB_OK && jb_report_row_count(report) == 3);
    CHECK(has_finding(JB_ERROR, seen[1]));
    end();
}

static void expect_change(const char *path, const char *change, const char *what)
{
    size_t row = row_where("path", path);
    CHECK_TEXT(jb_report_text(report, row, "change"), change);
    const char *got = jb_report_text(report, row, "what");
    CHECK((got == NULL) == (what == NULL));
    if (what != NULL)
        CHECK_TEXT(got, what);
}

static void diff_of_every_kind(void)
{
    begin();
    write_text("app/b.txt", "same size 1");
    write_text("app/a-b", "beside the folder a");
    make_folder("app/a");
    write_text("app/a/z", "z");
    write_text("app/kind", "file");
    const char *first = backup();
    write_text("app/b.txt", "same size 2");
    REQUIRE(chmod(in_folder("app/static/logo.svg"), 0600) == 0);
    REQUIRE(unlink(in_folder("app/static/link")) == 0);
    REQUIRE(symlink("elsewhere", in_folder("app/static/link")) == 0);
    REQUIRE(unlink(in_folder("app/kind")) == 0 && mkdir(in_folder("app/kind"), 0755) == 0);
    REQUIRE(unlink(in_folder("app/a/z")) == 0);
    write_text("app/a/y", "y");
    const struct timespec times[2] = {{0, UTIME_OMIT}, {1000, 5}};
    REQUIRE(utimensat(AT_FDCWD, in_folder("app/static/odd\n\xff name"), times, 0) == 0);
    sql("app/instance/journal.db", "INSERT INTO entry(text) VALUES('four'); CREATE TABLE n(a);"
                                   "UPDATE user SET name = 'bob'");
    const char *second = backup();
    CHECK(diff(first, second) == JB_OK);
    expect_change("b.txt", "changed", "content,time");
    expect_change("static/logo.svg", "changed", "mode");
    expect_change("static/link", "changed", "link,time");
    CHECK_HAS(jb_report_text(report, row_where("path", "kind"), "what"), "type");
    expect_change("a/z", "removed", NULL);
    expect_change("a/y", "added", NULL);
    CHECK(row_where("path", "a-b") > 100 && row_where("path", "app.py") > 100);
    CHECK(row_where("path", "a/y") < row_where("path", "a/z"));
    CHECK(row_where("what", "time") < 100);
    size_t row = row_where("table", "entry");
    CHECK_TEXT(jb_report_text(report, row, "what"), "rows");
    CHECK(jb_report_number(report, row, "from_rows") == 3);
    CHECK(jb_report_number(report, row, "to_rows") == 4);
    CHECK_TEXT(jb_report_text(report, row_where("table", "user"), "what"), "content");
    CHECK_TEXT(jb_report_text(report, row_where("table", "n"), "change"), "added");
    CHECK(row_where("what", "schema") < 100);
    CHECK(jb_report_number(report, JB_FIGURES, "added") == 2);
    CHECK(jb_report_number(report, JB_FIGURES, "removed") == 1);
    int64_t changed = jb_report_number(report, JB_FIGURES, "changed");
    CHECK(diff(second, first) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "changed") == changed);
    CHECK(jb_report_number(report, JB_FIGURES, "added") == 1);
    CHECK(diff(first, first) == JB_OK && jb_report_row_count(report) == 0);
    end();
}

static void what_only_one_holds_is_said(void)
{
    begin();
    sql("app/other.db", "CREATE TABLE t(a)");
    const char *first = backup(), *second = backup_of(JB_TYPE_DATABASE, "daily", NULL);
    CHECK(diff(first, second) == JB_OK && has_finding(JB_WARNING, "code"));
    jb_project_close(project);
    open_with("{\"backup_dir\": \"../backups\", \"databases\": [\"sqlite:///instance/journal.db\","
              " \"sqlite:///other.db\"]}");
    const char *third = backup();
    CHECK(diff(first, third) == JB_OK);
    size_t row = row_where("database", "other");
    CHECK(row < 100 && strcmp(jb_report_text(report, row, "change"), "added") == 0);
    CHECK(diff(third, first) == JB_OK);
    row = row_where("database", "other");
    CHECK(row < 100 && strcmp(jb_report_text(report, row, "change"), "removed") == 0);
    end();
}

/* Two backups that hold a PostgreSQL database, too; tables by schema and name in no order. */
static void postgresql_in_show_list_and_diff(void)
{
    static const struct postgresql_facts before = {
        .encoding = "UTF8", .is_recoded = true, .snapshot_time = "2024-07-08T14:30:22+02:00"};
    static const struct sequence sequences[] = {{"public", "entry_id_seq", 7, true}};
    static const struct postgresql_facts after = {.encoding = "UTF8",
                                                  .is_recoded = true,
                                                  .sequences = sequences,
                                                  .sequence_count = 1,
                                                  .large_objects = {1, 9, ""}};
    static const struct table tables_before[] = {
        {"public", "entry", "id", 3, ""}, {"audit", "entry", "id", 5, ""},
        {"public", "same", "id", 1, "a"}, {"public", "gone", "id", 0, ""},
        {"s", "\\xff", "id", 1, "b"},     {"s", "\\xff", "id", 1, "c"},
    };
    static const struct table tables_after[] = {
        {"s", "\\xff", "id", 1, "b"},     {"public", "same", "id", 1, "a"},
        {"s", "\\xff", "id", 2, "d"},     {"new", "gone", "id", 0, ""},
        {"public", "entry", "id", 3, ""}, {"audit", "entry", "id", 5, ""},
    };
    begin();
    const char *first = backup(), *second = backup();
    struct manifest manifest = manifest_of(first);
    struct table tables[6];
    memcpy(tables, tables_before, sizeof tables);
    for (size_t i = 0; i < 6; i++)
        sha256_of(tables[i].sha256, strlen(tables[i].sha256), tables[i].sha256);
    sha256_of("audit", 5, tables[1].sha256);
    postgresql_add(&manifest, "users", &before, tables, 6);
    manifest_put(&manifest);
    manifest = manifest_of(second);
    memcpy(tables, tables_after, sizeof tables);
    for (size_t i = 0; i < 6; i++)
        sha256_of(tables[i].sha256, strlen(tables[i].sha256), tables[i].sha256);
    postgresql_add(&manifest, "users", &after, tables, 6);
    manifest_put(&manifest);

    CHECK(listed() == 2);
    CHECK_TEXT(jb_report_text(report, 0, "databases"), "journal,users");
    CHECK(show(first, jb_show) == JB_OK);
    size_t row = row_where("kind", "postgresql");
    CHECK_TEXT(jb_report_text(report, row, "server_version"), "15.4");
    CHECK_TEXT(jb_report_text(report, row, "encoding"), "UTF8");
    CHECK_TEXT(jb_report_text(report, row, "snapshot_time"), "2024-07-08T14:30:22+02:00");
    CHECK_TEXT(jb_report_text(report, row_where("kind", "postgresql_sql"), "name"), "users");
    row = row_where("schema", "audit");
    CHECK_TEXT(jb_report_text(report, row, "name"), "entry");
    CHECK_TEXT(jb_report_text(report, row, "database"), "users");
    CHECK(jb_report_number(report, row, "table_rows") == 5);

    CHECK(diff(first, second) == JB_OK);
    row = row_where("table", "audit.entry");
    CHECK_TEXT(jb_report_text(report, row, "what"), "content");
    CHECK_TEXT(jb_report_text(report, row, "database"), "users");
    CHECK_TEXT(jb_report_text(report, row_where("table", "public.gone"), "change"), "removed");
    CHECK_TEXT(jb_report_text(report, row_where("table", "new.gone"), "change"), "added");
    row = row_where("table", "s.\\xff");
    CHECK_TEXT(jb_report_text(report, row, "what"), "rows");
    CHECK(jb_report_number(report, row, "to_rows") == 2);
    row = row_where("table", "large objects");
    CHECK_TEXT(jb_report_text(report, row, "what"), "rows");
    CHECK(jb_report_number(report, row, "from_rows") == 0);
    CHECK(jb_report_number(report, row, "to_rows") == 1);
    CHECK(jb_report_row_count(report) == 5);
    CHECK(diff(second, second) == JB_OK && jb_report_row_count(report) == 0);
    end();
}

static void proof_add(const char *timestamp, enum proof_depth depth, enum proof_result result,
                      int64_t at_us)
{
    struct repository repository;
    static const struct proof_finding findings[] = {{JB_ERROR, "code", "other"},
                                                    {JB_INFO, "code", "more"}};
    const struct proof proof = {.at_us = at_us,
                                .depth = depth,
                                .result = result,
                                .sample = 100,
                                .host = "host\n1",
                                .tool = "jbackup 9",
                                .duration_ms = 1500,
                                .files = 5,
                                .tables = 2,
                                .bytes_read = 77,
                                .bytes_restored = 88,
                                .findings = findings,
                                .finding_count = 2};
    struct manifest manifest = manifest_of(timestamp);
    REQUIRE(jbi_repository_open(&repository, in_folder("backups"), true, NULL, &err) == JB_OK);
    REQUIRE(jbi_proof_add(&repository, &manifest, &proof, &edit_arena, &err) == JB_OK);
    jbi_repository_close(&repository);
}

static void expect_proof(size_t row, const char *state, const char *at, const char *depth)
{
    const char *got_at = jb_report_text(report, row, "proof_at");
    const char *got_depth = jb_report_text(report, row, "proof_depth");
    CHECK_TEXT(jb_report_text(report, row, "proof"), state);
    CHECK((got_at == NULL) == (at == NULL) && (got_depth == NULL) == (depth == NULL));
    if (at != NULL)
        CHECK_TEXT(got_at, at);
    if (depth != NULL)
        CHECK_TEXT(got_depth, depth);
}

static void proofs_in_list_and_show(void)
{
    begin();
    const char *first = backup(), *second = backup();
    char day[ISO_TIME_SIZE];
    const int64_t day_us = INT64_C(86400000000);
    jbi_iso_time(day, day_us, false);
    CHECK(listed() == 2);
    expect_proof(0, "unchecked", NULL, NULL);
    CHECK_HAS(jb_report_json(report), "\"proof_at\":");
    proof_add(first, PROOF_RESTORE, PROOF_EQUAL, day_us);
    proof_add(first, PROOF_BYTES, PROOF_EQUAL, 2 * day_us);
    proof_add(second, PROOF_CONTENT, PROOF_DIFFERENT, day_us);
    CHECK(listed() == 2 && jb_report_finding_count(report) == 0);
    expect_proof(0, "broken", day, "content");
    expect_proof(1, "proved", day, "restore");
    CHECK(show(first, jb_show) == JB_OK);
    expect_proof(JB_FIGURES, "proved", day, "restore");
    size_t row = row_where("row", "proof");
    REQUIRE(row < 100 && jb_report_row_count(report) == row + 2);
    CHECK_TEXT(jb_report_text(report, row, "depth"), "bytes");
    CHECK_TEXT(jb_report_text(report, ++row, "depth"), "restore");
    CHECK_TEXT(jb_report_text(report, row, "at"), day);
    CHECK_TEXT(jb_report_text(report, row, "result"), "equal");
    CHECK_TEXT(jb_report_text(report, row, "host"), "host\\x0a1");
    CHECK_TEXT(jb_report_text(report, row, "tool"), "jbackup 9");
    CHECK(jb_report_number(report, row, "sample") == 100);
    CHECK(jb_report_number(report, row, "duration_ms") == 1500);
    CHECK(jb_report_number(report, row, "files") == 5);
    CHECK(jb_report_number(report, row, "tables") == 2);
    CHECK(jb_report_number(report, row, "bytes_read") == 77);
    CHECK(jb_report_number(report, row, "bytes_restored") == 88);
    CHECK(jb_report_number(report, row, "findings") == 2);
    write_text(textf("backups/daily/proof_%s.json", first), "{");
    CHECK(listed() == 2 && jb_report_finding_count(report) == 1);
    CHECK(has_finding(JB_WARNING, first));
    expect_proof(1, "unchecked", NULL, NULL);
    CHECK(show(first, jb_show) == JB_OK && jb_report_finding_count(report) == 1);
    end();
}

static void stats_count_links_once(void)
{
    begin();
    backup();
    free_report();
    CHECK(jb_stats(project, NULL, &report, &err) == JB_OK);
    int64_t one = jb_report_number(report, JB_FIGURES, "stored_size");
    int64_t total = jb_report_number(report, JB_FIGURES, "total_size");
    const char *second = backup();
    CHECK(jb_report_number(report, JB_FIGURES, "linked") == 3);
    free_report();
    CHECK(jb_stats(project, NULL, &report, &err) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "total_size") == 2 * total);
    struct stat manifest, checksums;
    REQUIRE(stat(in_folder(textf("backups/daily/manifest_%s.json", second)), &manifest) == 0);
    REQUIRE(stat(in_folder(textf("backups/daily/checksums_%s.sha256", second)), &checksums) == 0);
    int64_t more = jb_report_number(report, JB_FIGURES, "stored_size") - one;
    /* And a line of backup.log. */
    CHECK(more >= manifest.st_size + checksums.st_size);
    CHECK(more < manifest.st_size + checksums.st_size + 200);
    CHECK(jb_report_number(report, row_where("category", "daily"), "backups") == 2);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "newest"), second);
    CHECK(jb_report_number(report, JB_FIGURES, "disk_total") > 0);
    end();
}

int main(void)
{
    RUN(an_absent_repository_is_empty);
    RUN(list_takes_a_category_and_names_damage);
    RUN(show_and_files);
    RUN(find_counts_versions);
    RUN(diff_of_every_kind);
    RUN(what_only_one_holds_is_said);
    RUN(postgresql_in_show_list_and_diff);
    RUN(proofs_in_list_and_show);
    RUN(stats_count_links_once);
    jbi_arena_free(&edit_arena);
    return check_end();
}
