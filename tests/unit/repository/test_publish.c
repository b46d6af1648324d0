/* SPDX-License-Identifier: MIT */
#include "repository/publish.h"

#include "base/report.h"
#include "fixture.h"
#include "os/file.h"
#include "repository/catalog.h"

#define TS    "20240708_143022"
#define LATER "20240709_143022"

static struct repository repository;
static int daily;

static void begin(void)
{
    open_repository(&repository);
    daily = repository.category_fd[CATEGORY_DAILY];
}

static void end(void)
{
    jbi_repository_close(&repository);
}

static void a_published_backup_is_whole(void)
{
    begin();
    struct manifest m = publish(&repository, TS, CATEGORY_DAILY, "content"), back;
    struct stat st;
    char command[256];
    CHECK(jbi_manifest_load(&back, daily, CATEGORY_DAILY, TS, &fixture_arena, NULL) == JB_OK);
    CHECK(jbi_backup_is_whole(&repository, &back));
    CHECK(m.total_size == 28 && back.total_size == 28);
    CHECK(fstatat(daily, "manifest_" TS ".json", &st, 0) == 0 && (st.st_mode & 07777) == 0600);
    CHECK(fstatat(daily, "checksums_" TS ".sha256", &st, 0) == 0 && (st.st_mode & 07777) == 0600);
    CHECK(!is_there(repository.state_fd, "pending"));
    snprintf(command, sizeof command, "cd %s/backups/daily && sha256sum --status -c checksums_*",
             check_folder());
    CHECK(system(command) == 0);
    snprintf(command, sizeof command,
             "cd %s/backups/daily && grep -q \"sha256:$(sha256sum < checksums_" TS
             ".sha256 | cut -c1-64)\" manifest_*",
             check_folder());
    CHECK(system(command) == 0);
    unlinkat(daily, m.artifacts[1].path, 0);
    CHECK(!jbi_backup_is_whole(&repository, &back));
    end();
}

/* Stages m, lets spoil() change it, and expects publish to refuse and to leave nothing. */
static void expect_refusal(void (*spoil)(int staging, struct manifest *m), const char *want)
{
    begin();
    struct manifest m = make_manifest(TS, CATEGORY_DAILY, "content");
    struct jb_error err = {0};
    int staging = stage(&repository, &m, "content");
    spoil(staging, &m);
    CHECK(jbi_repository_publish(&repository, staging, &m, &err) < 0);
    CHECK_HAS(err.text, want);
    CHECK(!is_there(daily, "db_" TS) && !is_there(daily, "codebase_" TS ".tar.gz"));
    CHECK(!is_there(daily, "checksums_" TS ".sha256") && !is_there(daily, "manifest_" TS ".json"));
    CHECK(!is_there(repository.state_fd, "pending"));
    close(staging);
    end();
}

static void spoil_content(int staging, struct manifest *m)
{
    write_file(staging, m->artifacts[1].path, "contemt");
}

static void spoil_size(int staging, struct manifest *m)
{
    write_file(staging, m->artifacts[2].path, "conten");
}

static void spoil_by_removal(int staging, struct manifest *m)
{
    unlinkat(staging, m->artifacts[3].path, 0);
}

static void spoil_by_link(int staging, struct manifest *m)
{
    unlinkat(staging, m->artifacts[3].path, 0);
    REQUIRE(symlinkat(m->artifacts[2].path, staging, m->artifacts[3].path) == 0);
}

static void spoil_by_stray_file(int staging, struct manifest *m)
{
    (void)m;
    write_file(staging, "db_" TS "/stray", "x");
}

static void spoil_path(int staging, struct manifest *m)
{
    write_file(staging, "codebase_" LATER ".tar.gz", "content");
    m->artifacts[2].path = "codebase_" LATER ".tar.gz";
}

static void spoil_rows(int staging, struct manifest *m)
{
    (void)staging;
    m->artifacts[0].name = "";
}

static void spoil_place(int staging, struct manifest *m)
{
    (void)staging, (void)m;
    REQUIRE(mkdirat(daily, "db_" TS, 0700) == 0);
    write_file(daily, "db_" TS "/foreign", "keep me");
}

static void what_is_not_as_written_is_not_published(void)
{
    expect_refusal(spoil_content, "other content");
    check_remove_folder();
    expect_refusal(spoil_size, "size");
    check_remove_folder();
    expect_refusal(spoil_by_removal, "cannot read back");
    check_remove_folder();
    expect_refusal(spoil_by_link, "cannot read back");
    check_remove_folder();
    expect_refusal(spoil_by_stray_file, "stray");
    check_remove_folder();
    expect_refusal(spoil_path, "no place");
    check_remove_folder();
    expect_refusal(spoil_rows, "name");
}

static void nothing_that_is_there_is_replaced(void)
{
    begin();
    struct manifest m = make_manifest(TS, CATEGORY_DAILY, "content");
    struct jb_error err = {0};
    int staging = stage(&repository, &m, "content");
    spoil_place(staging, &m);
    CHECK(jbi_repository_publish(&repository, staging, &m, &err) == JB_EIO);
    CHECK_HAS(err.text, "is there already");
    CHECK(is_there(daily, "db_" TS "/foreign") && !is_there(daily, "codebase_" TS ".tar.gz"));
    CHECK(!is_there(repository.state_fd, "pending"));
    close(staging);
    end();
}

/* A file system may refuse half way: here the folder of the category can't be written. */
static void a_failed_move_is_undone(void)
{
    begin();
    struct manifest m = make_manifest(TS, CATEGORY_DAILY, "content");
    struct jb_error err = {0};
    int staging = stage(&repository, &m, "content");
    if (geteuid() != 0)
        REQUIRE(fchmod(daily, 0500) == 0);
    else
        REQUIRE(unlinkat(repository.fd, "daily", AT_REMOVEDIR) == 0);
    CHECK(jbi_repository_publish(&repository, staging, &m, &err) == JB_EIO);
    CHECK_HAS(err.text, "cannot move");
    fchmod(daily, 0700);
    close(staging);
    end();
    begin();
    CHECK(jbi_repository_recover(&repository, NULL, NULL) == JB_OK);
    CHECK(!is_there(daily, "db_" TS) && !is_there(repository.state_fd, "pending"));
    end();
}

static const char note[] =
    "{\"op\": \"%s\", \"category\": \"daily\", \"timestamp\": \"" TS "\", \"files\": ["
    "\"db_" TS "/sqlite_journal.db.gz\", \"db_" TS "/sqlite_users.db.gz\", "
    "\"codebase_" TS ".tar.gz\", \"codebase_" TS ".index.jsonl.gz\", "
    "\"checksums_" TS ".sha256\"]}";

static void write_note(const char *op)
{
    char text[1024];
    snprintf(text, sizeof text, note, op);
    write_file(repository.state_fd, "pending", text);
}

static void recover_quietly(jb_report *report)
{
    struct jb_error err = {0};
    if (jbi_repository_recover(&repository, report, &err) != JB_OK)
        check_note(false, __FILE__, __LINE__, err.text);
    CHECK(!is_there(repository.state_fd, "pending"));
    CHECK(!is_there(repository.state_fd, "staging"));
}

/* The states between the renames of a publication: what has been moved when the machine died. */
static void an_interrupted_publication_is_cleared(void)
{
    static const char *const moves[] = {"codebase_" TS ".tar.gz", "codebase_" TS ".index.jsonl.gz",
                                        "db_" TS, "checksums_" TS ".sha256"};
    for (size_t done = 0; done <= 4; done++) {
        begin();
        publish(&repository, LATER, CATEGORY_DAILY, "other");
        struct manifest m = make_manifest(TS, CATEGORY_DAILY, "content");
        int staging = stage(&repository, &m, "content");
        write_file(staging, "checksums_" TS ".sha256", "x");
        write_file(staging, "manifest_" TS ".json", "x");
        write_note("publish");
        for (size_t i = 0; i < done; i++)
            REQUIRE(renameat(staging, moves[i], daily, moves[i]) == 0);
        close(staging);
        jb_report *report = jbi_report_new();
        recover_quietly(report);
        for (size_t i = 0; i < 4; i++)
            CHECK(!is_there(daily, moves[i]));
        CHECK(is_there(daily, "db_" LATER "/sqlite_users.db.gz"));
        CHECK(is_there(daily, "manifest_" LATER ".json"));
        CHECK(jb_report_finding_count(report) == 1 && jb_report_verdict(report) == JB_INFO);
        jb_report_free(report);
        publish(&repository, TS, CATEGORY_DAILY, "content");
        end();
        check_remove_folder();
    }
}

static void a_finished_publication_stays(void)
{
    begin();
    struct manifest m = publish(&repository, TS, CATEGORY_DAILY, "content");
    write_note("publish");
    recover_quietly(NULL);
    CHECK(jbi_backup_is_whole(&repository, &m) && is_there(daily, "manifest_" TS ".json"));
    write_note("remove"); /* interrupted before the manifest went: the removal has not begun */
    recover_quietly(NULL);
    CHECK(jbi_backup_is_whole(&repository, &m) && is_there(daily, "manifest_" TS ".json"));
    end();
}

static void an_interrupted_removal_is_finished(void)
{
    for (size_t done = 0; done <= 5; done++) {
        begin();
        struct manifest m = publish(&repository, TS, CATEGORY_DAILY, "content");
        write_note("remove");
        unlinkat(daily, "manifest_" TS ".json", 0);
        for (size_t i = 0; i < done && i < 4; i++)
            unlinkat(daily, m.artifacts[i].path, 0);
        if (done == 5)
            unlinkat(daily, "db_" TS, AT_REMOVEDIR);
        recover_quietly(NULL);
        CHECK(!is_there(daily, "db_" TS) && !is_there(daily, "checksums_" TS ".sha256"));
        CHECK(!is_there(daily, "codebase_" TS ".tar.gz"));
        end();
        check_remove_folder();
    }
}

static void staging_is_cleared(void)
{
    begin();
    struct manifest m = make_manifest(TS, CATEGORY_DAILY, "content");
    close(stage(&repository, &m, "content"));
    recover_quietly(NULL);
    end();
}

static void a_hostile_note_removes_nothing(void)
{
    static const char *const notes[] = {
        "",
        "{",
        "[]",
        "{\"op\": \"publish\"}",
        "{\"op\": \"erase\", \"category\": \"daily\", \"timestamp\": \"" LATER "\", \"files\": []}",
        "{\"op\": \"remove\", \"category\": \"..\", \"timestamp\": \"" LATER "\", \"files\": []}",
        "{\"op\": \"remove\", \"category\": \"daily\", \"timestamp\": \"../x\", \"files\": []}",
        "{\"op\": \"remove\", \"category\": \"daily\", \"timestamp\": \"" LATER
        "\", \"files\": [\"../RESTORE.txt\"]}",
        "{\"op\": \"remove\", \"category\": \"daily\", \"timestamp\": \"" LATER
        "\", \"files\": [\"codebase_" TS ".tar.gz\"]}",
        "{\"op\": \"remove\", \"category\": \"daily\", \"timestamp\": \"" LATER
        "\", \"files\": [\"manifest_" TS ".json\"]}",
        "{\"op\": \"remove\", \"category\": \"daily\", \"timestamp\": \"" LATER
        "\", \"files\": [\"db_" LATER "/../codebase_" TS ".tar.gz\"]}",
        "{\"op\": \"remove\", \"category\": \"daily\", \"timestamp\": \"" LATER
        "\", \"files\": [\"codebase_" LATER ".tar.gz\", 7]}",
        "{\"op\": \"remove\", \"category\": \"daily\", \"timestamp\": \"" LATER
        "\", \"files\": {}}",
    };
    begin();
    struct manifest m = publish(&repository, TS, CATEGORY_DAILY, "content");
    write_file(repository.fd, "RESTORE.txt", "text");
    write_file(daily, "codebase_" LATER ".tar.gz", "left");
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        jb_report *report = jbi_report_new();
        write_file(repository.state_fd, "pending", notes[i]);
        recover_quietly(report);
        CHECK(jb_report_verdict(report) == JB_WARNING && jb_report_finding_count(report) == 1);
        CHECK(is_there(repository.state_fd, "pending.damaged"));
        CHECK(jbi_backup_is_whole(&repository, &m) && is_there(daily, "manifest_" TS ".json"));
        CHECK(is_there(repository.fd, "RESTORE.txt"));
        CHECK(is_there(daily, "codebase_" LATER ".tar.gz"));
        jb_report_free(report);
    }
    end();
}

static void a_note_cannot_reach_through_a_link(void)
{
    begin();
    char outside[128];
    snprintf(outside, sizeof outside, "%s/outside", check_folder());
    REQUIRE(mkdir(outside, 0700) == 0 && symlinkat(outside, daily, "db_" TS) == 0);
    int fd = open(outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    write_file(fd, "sqlite_journal.db.gz", "not yours");
    write_note("remove");
    jb_report *report = jbi_report_new();
    recover_quietly(report);
    CHECK(is_there(fd, "sqlite_journal.db.gz") && is_there(daily, "db_" TS));
    CHECK(jb_report_verdict(report) == JB_WARNING);
    jb_report_free(report);
    close(fd);
    end();
}

/* What the removal would free, the checksums left out. */
static uint64_t artifacts_freed(const struct manifest *m)
{
    char name[LAYOUT_NAME_SIZE];
    uint64_t bytes = 0;
    struct stat st;
    jbi_checksums_name(name, m->timestamp);
    REQUIRE(fstatat(repository.category_fd[m->category], name, &st, 0) == 0);
    CHECK(jbi_freed_by(&repository, m, &bytes, NULL) == JB_OK);
    return bytes - (uint64_t)st.st_size;
}

static void removal_takes_only_what_is_listed(void)
{
    begin();
    struct manifest m = publish(&repository, TS, CATEGORY_DAILY, "content");
    publish(&repository, LATER, CATEGORY_DAILY, "content");
    write_file(daily, "db_" TS "/notes.txt", "mine");
    uint64_t freed = 0;
    struct jb_error err = {0};
    jb_report *report = jbi_report_new();
    CHECK(artifacts_freed(&m) == 28);
    CHECK(jbi_repository_remove(&repository, &m, &freed, report, &err) == JB_OK);
    CHECK(is_there(daily, "db_" TS "/notes.txt"));
    CHECK(!is_there(daily, "db_" TS "/sqlite_journal.db.gz"));
    CHECK(!is_there(daily, "manifest_" TS ".json") && is_there(daily, "manifest_" LATER ".json"));
    CHECK(freed >= 28);
    CHECK(jb_report_verdict(report) == JB_WARNING);
    CHECK_TEXT(jb_report_finding(report, 0)->subject, "db_" TS);
    CHECK(!is_there(repository.state_fd, "pending"));
    CHECK(jbi_repository_remove(&repository, &m, &freed, NULL, &err) == JB_ENOTFOUND);
    jb_report_free(report);
    end();
}

static void a_pinned_backup_is_not_removed(void)
{
    begin();
    struct manifest m = publish(&repository, TS, CATEGORY_DAILY, "content"), back;
    struct jb_error err = {0};
    uint64_t freed = 0;
    m.pinned = true;
    CHECK(jbi_manifest_rewrite(&repository, &m, &err) == JB_OK);
    CHECK(!is_there(repository.state_fd, "staging"));
    CHECK(jbi_manifest_load(&back, daily, CATEGORY_DAILY, TS, &fixture_arena, NULL) == JB_OK);
    CHECK(back.pinned);
    CHECK(jbi_repository_remove(&repository, &back, &freed, NULL, &err) == JB_EINVAL);
    CHECK_HAS(err.hint, "unpin " TS);
    CHECK(jbi_backup_is_whole(&repository, &back));
    end();
}

static ino_t inode(const char *path)
{
    struct stat st;
    return fstatat(daily, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

static void equal_files_become_links(void)
{
    begin();
    struct manifest old = publish(&repository, TS, CATEGORY_DAILY, "content");
    struct manifest m = make_manifest(LATER, CATEGORY_DAILY, "content");
    struct jb_error err = {0};
    uint64_t freed = 0;
    int staging = stage(&repository, &m, "content");
    m.artifacts[1] = make_artifact(ARTIFACT_SQLITE, "users", LATER, "changed");
    write_file(staging, m.artifacts[1].path, "changed");
    const struct catalog catalog = {.backups = &old, .count = 1};
    CHECK(jbi_staging_link_equal(&repository, staging, &m, &catalog, &err) == JB_OK);
    CHECK(m.artifacts[0].linked && !m.artifacts[1].linked && m.artifacts[2].linked);
    CHECK(jbi_repository_publish(&repository, staging, &m, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK(inode(m.artifacts[2].path) == inode(old.artifacts[2].path));
    CHECK(inode(m.artifacts[1].path) != inode(old.artifacts[1].path));
    CHECK(artifacts_freed(&old) == 7);
    CHECK(jbi_repository_remove(&repository, &old, &freed, NULL, &err) == JB_OK);
    CHECK(jbi_backup_is_whole(&repository, &m));
    CHECK(artifacts_freed(&m) == 28);
    close(staging);
    end();
}

/* The newest of a catalog of three has other content, the next is damaged, the oldest is taken. */
static void any_backup_of_any_category_is_linked(void)
{
    begin();
    struct manifest backups[3];
    backups[2] = publish(&repository, TS, CATEGORY_DAILY, "content");
    backups[1] = publish(&repository, LATER, CATEGORY_WEEKLY, "content");
    backups[0] = publish(&repository, "20240709_143022", CATEGORY_MONTHLY, "changed");
    write_file(repository.category_fd[CATEGORY_WEEKLY], backups[1].artifacts[2].path, "c0ntent");
    const struct catalog catalog = {.backups = backups, .count = 3};
    struct manifest m = make_manifest("20240710_143022", CATEGORY_WEEKLY, "content");
    struct freed freed = {0};
    int staging = stage(&repository, &m, "content");
    CHECK(jbi_staging_link_equal(&repository, staging, &m, &catalog, NULL) == JB_OK);
    for (size_t i = 0; i < 4; i++)
        CHECK(m.artifacts[i].linked);
    CHECK(jbi_repository_publish(&repository, staging, &m, NULL) == JB_OK);
    struct stat st;
    REQUIRE(fstatat(repository.category_fd[CATEGORY_WEEKLY], m.artifacts[2].path, &st, 0) == 0);
    CHECK(st.st_ino == inode(backups[2].artifacts[2].path));
    CHECK(artifacts_freed(&backups[2]) == 7 * 3 && artifacts_freed(&m) == 0);
    CHECK(jbi_freed_add(&freed, &repository, &backups[2], NULL) == JB_OK);
    CHECK(jbi_freed_add(&freed, &repository, &m, NULL) == JB_OK);
    CHECK(freed.last > 7 && freed.bytes > 7 * 4);
    jbi_freed_free(&freed);
    close(staging);
    end();
}

/* Bytes are compared, so damage in the older file does not spread into the new backup. */
static void a_damaged_file_is_not_linked(void)
{
    begin();
    struct manifest old = publish(&repository, TS, CATEGORY_DAILY, "content");
    struct manifest m = make_manifest(LATER, CATEGORY_DAILY, "content");
    int staging = stage(&repository, &m, "content");
    write_file(daily, old.artifacts[2].path, "c0ntent");
    unlinkat(daily, old.artifacts[3].path, 0);
    REQUIRE(symlinkat(old.artifacts[0].path, daily, old.artifacts[3].path) == 0);
    const struct catalog catalog = {.backups = &old, .count = 1}, empty = {0};
    CHECK(jbi_staging_link_equal(&repository, staging, &m, &catalog, NULL) == JB_OK);
    CHECK(m.artifacts[0].linked && !m.artifacts[2].linked && !m.artifacts[3].linked);
    CHECK(jbi_staging_link_equal(&repository, staging, &m, &empty, NULL) == JB_OK);
    CHECK(jbi_repository_publish(&repository, staging, &m, NULL) == JB_OK);
    close(staging);
    end();
}

static void two_backups_in_one_second_get_two_names(void)
{
    begin();
    char timestamp[TIMESTAMP_SIZE];
    int64_t now = jbi_timestamp_unix(TS);
    CHECK(jbi_timestamp_reserve(&repository, now, timestamp, NULL) == JB_OK);
    CHECK_TEXT(timestamp, TS);
    publish(&repository, TS, CATEGORY_WEEKLY, "content");
    CHECK(jbi_timestamp_reserve(&repository, now, timestamp, NULL) == JB_OK);
    CHECK_TEXT(timestamp, "20240708_143023");
    publish(&repository, timestamp, CATEGORY_DAILY, "content");
    write_file(daily, "codebase_20240708_143024.tar.gz", "of nobody");
    CHECK(jbi_timestamp_reserve(&repository, now, timestamp, NULL) == JB_OK);
    CHECK_TEXT(timestamp, "20240708_143025");
    end();
}

static void restore_text_is_kept_right(void)
{
    begin();
    char *text = NULL;
    size_t len = 0;
    struct stat before, after;
    CHECK(jbi_repository_write_restore_text(&repository, NULL) == JB_OK);
    CHECK(fstatat(repository.fd, "RESTORE.txt", &before, 0) == 0);
    CHECK(jbi_repository_write_restore_text(&repository, NULL) == JB_OK);
    CHECK(fstatat(repository.fd, "RESTORE.txt", &after, 0) == 0);
    CHECK(before.st_ino == after.st_ino && (after.st_mode & 07777) == 0600);
    write_file(repository.fd, "RESTORE.txt", "old");
    CHECK(jbi_repository_write_restore_text(&repository, NULL) == JB_OK);
    REQUIRE(jbi_file_read(repository.fd, "RESTORE.txt", 1 << 20, &text, &len, NULL) == JB_OK);
    CHECK_HAS(text, "sha256sum -c checksums_$TS.sha256");
    CHECK_HAS(text, "pg_restore -j 2");
    free(text);
    end();
}

int main(void)
{
    RUN(a_published_backup_is_whole);
    RUN(what_is_not_as_written_is_not_published);
    RUN(nothing_that_is_there_is_replaced);
    RUN(a_failed_move_is_undone);
    RUN(an_interrupted_publication_is_cleared);
    RUN(a_finished_publication_stays);
    RUN(an_interrupted_removal_is_finished);
    RUN(staging_is_cleared);
    RUN(a_hostile_note_removes_nothing);
    RUN(a_note_cannot_reach_through_a_link);
    RUN(removal_takes_only_what_is_listed);
    RUN(a_pinned_backup_is_not_removed);
    RUN(equal_files_become_links);
    RUN(any_backup_of_any_category_is_linked);
    RUN(a_damaged_file_is_not_linked);
    RUN(two_backups_in_one_second_get_two_names);
    RUN(restore_text_is_kept_right);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
