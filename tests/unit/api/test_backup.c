/* SPDX-License-Identifier: MIT */
/* backup_create: what may be asked of it, what it makes, and that it is all or nothing. */
#include <sys/file.h>

#include "edit.h"

static int create(const void *options)
{
    free_report();
    return backup_create(project, options, &report, &err);
}

static void options_are_taken_by_their_size(void)
{
    struct {
        struct jb_backup_options known;
        unsigned char tail[64];
    } larger = {.known = JB_BACKUP_OPTIONS_INIT};
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    begin();
    CHECK(create(NULL) == JB_OK);
    CHECK(backup_create(project, NULL, NULL, NULL) == JB_OK);
    larger.known.size = sizeof larger;
    CHECK(create(&larger) == JB_OK);
    larger.tail[63] = 1;
    CHECK(create(&larger) == JB_EINVAL && report == NULL);
    CHECK_HAS(err.text, "does not know");
    static const size_t sizes[] = {0, 1, sizeof(size_t) - 1, 4097, (size_t)-1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        options.size = sizes[i];
        CHECK(create(&options) == JB_EINVAL);
        CHECK_HAS(err.text, "_INIT");
    }
    /* That of an older caller, who knows nothing behind type. */
    options.size = offsetof(struct jb_backup_options, category);
    options.category = "nonsense";
    CHECK(create(&options) == JB_OK);
    CHECK(listed() == 4);
    end();
}

static void impossible_options_are_refused(void)
{
    static const char *const labels[] = {"", "two\nlines", "\x1b[31mred", "tab\t", "\xff", "\x7f"};
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    begin();
    options.type = 3;
    CHECK(create(&options) == JB_EINVAL);
    options.type = -1;
    CHECK(create(&options) == JB_EINVAL);
    options.type = 0;
    options.wait_s = -1;
    CHECK(create(&options) == JB_EINVAL);
    options.wait_s = 0;
    options.category = "hourly";
    CHECK(create(&options) == JB_EINVAL);
    CHECK_HAS(err.text, "\"hourly\": daily, weekly or monthly");
    options.category = "";
    CHECK(create(&options) == JB_EINVAL);
    options.category = NULL;
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        options.label = labels[i];
        CHECK(create(&options) == JB_EINVAL);
        CHECK_HAS(err.text, "label");
    }
    char label[202];
    memset(label, 'x', sizeof label);
    label[201] = '\0';
    options.label = label;
    CHECK(create(&options) == JB_EINVAL);
    CHECK(!is_there("backups"));
    label[200] = '\0';
    CHECK(create(&options) == JB_OK);
    end();
}

static void types_and_categories(void)
{
    begin();
    backup_of(JB_TYPE_DATABASE, "weekly", "vor dem Umbau \xc3\xa4\xf0\x9f\x98\x80");
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "type"), "database");
    CHECK(jb_report_row_count(report) == 1 && jb_report_number(report, JB_FIGURES, "files") == 0);
    backup_of(JB_TYPE_CODEBASE, "monthly", NULL);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "type"), "codebase");
    CHECK(jb_report_row_count(report) == 2);
    backup_of(JB_TYPE_FULL, NULL, NULL);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "type"), "full");
    CHECK(jb_report_row_count(report) == 3);
    int64_t now = jbi_now_us() / 1000000;
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "category"),
               jbi_category_name(jbi_category_of(now)));
    CHECK(listed() == 3);
    CHECK_TEXT(jb_report_text(report, 2, "label"), "vor dem Umbau \xc3\xa4\xf0\x9f\x98\x80");
    CHECK_TEXT(jb_report_text(report, 2, "category"), "weekly");
    CHECK_TEXT(jb_report_text(report, 1, "category"), "monthly");
    CHECK(verify() == JB_OK && jb_report_verdict(report) == JB_INFO);
    end();
    open_with("{\"databases\": []}");
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    options.type = JB_TYPE_DATABASE;
    CHECK(create(&options) == JB_EINVAL);
    CHECK_HAS(err.hint, "jbackup.json");
    end();
}

static void two_in_one_second_are_two(void)
{
    begin();
    char first[32], second[32], third[32];
    strcpy(first, backup());
    strcpy(second, backup());
    strcpy(third, backup_of(JB_TYPE_FULL, "weekly", NULL));
    CHECK(strcmp(first, second) < 0 && strcmp(second, third) < 0);
    CHECK(listed() == 3);
    CHECK_TEXT(jb_report_text(report, 0, "timestamp"), third);
    CHECK_TEXT(jb_report_text(report, 2, "timestamp"), first);
    end();
}

/* A clock that was ahead and was put right: order holds, and it is said. */
static void a_clock_that_was_ahead(void)
{
    begin();
    char first[32];
    strcpy(first, backup());
    struct manifest manifest = manifest_of(first);
    manifest.created_us += 86400LL * 1000000;
    manifest_put(&manifest);
    const char *second = backup();
    CHECK(has_finding(JB_WARNING, "clock"));
    CHECK(listed() == 2);
    CHECK_TEXT(jb_report_text(report, 0, "timestamp"), second);
    CHECK_TEXT(jb_report_text(report, 1, "timestamp"), first);
    end();
}

static ino_t inode_of(const char *path)
{
    struct stat st;
    REQUIRE(stat(path, &st) == 0);
    return st.st_ino;
}

static void only_equal_bytes_are_linked(void)
{
    begin();
    char first[32], second[32];
    strcpy(first, backup());
    CHECK(jb_report_number(report, JB_FIGURES, "linked") == 0);
    strcpy(second, backup());
    CHECK(jb_report_number(report, JB_FIGURES, "linked") == 3);
    CHECK(jb_report_number(report, 1, "linked") == 1);
    struct manifest a = manifest_of(first), b = manifest_of(second);
    struct artifact *old = artifact_of(&a, ARTIFACT_CODEBASE);
    CHECK(inode_of(path_of(old)) == inode_of(path_of(artifact_of(&b, ARTIFACT_CODEBASE))));
    size_t len;
    char *bytes = read_bytes(path_of(artifact_of(&b, ARTIFACT_CODEBASE)), &len);
    bytes[len / 2] ^= 1; /* in place: both links are damaged now */
    write_bytes(path_of(artifact_of(&b, ARTIFACT_CODEBASE)), bytes, len);
    free(bytes);
    const char *third = backup();
    CHECK(jb_report_number(report, JB_FIGURES, "linked") == 2);
    struct manifest c = manifest_of(third);
    CHECK(inode_of(path_of(old)) != inode_of(path_of(artifact_of(&c, ARTIFACT_CODEBASE))));
    struct jb_verify_options options = JB_VERIFY_OPTIONS_INIT;
    options.timestamp = third;
    free_report();
    CHECK(backup_verify(project, &options, &report, &err) == JB_OK);
    CHECK(jb_report_verdict(report) == JB_INFO);
    sql("app/instance/journal.db", "INSERT INTO entry(text) VALUES('four')");
    write_text("app/instance/settings.cfg", "KEY=2\n");
    backup();
    CHECK(jb_report_number(report, JB_FIGURES, "linked") == 0);
    end();
}

/* The newest code and the newest database may be of different backups. */
static void each_component_is_linked_to_its_newest(void)
{
    begin();
    backup();
    backup_of(JB_TYPE_DATABASE, "daily", NULL);
    CHECK(jb_report_number(report, JB_FIGURES, "linked") == 1);
    backup();
    CHECK(jb_report_number(report, JB_FIGURES, "linked") == 3);
    backup_of(JB_TYPE_CODEBASE, "daily", NULL);
    CHECK(jb_report_number(report, JB_FIGURES, "linked") == 2);
    backup();
    CHECK(jb_report_number(report, JB_FIGURES, "linked") == 3);
    CHECK(listed() == 5);
    end();
}

static void a_held_lock_is_respected(void)
{
    begin();
    backup();
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    int fd = open(in_folder("backups/.jbackup/lock"), O_RDWR | O_CLOEXEC);
    /* Whichever kind of lock is used, another open file has it here. */
    REQUIRE(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    REQUIRE(fcntl(fd, F_OFD_SETLK, &whole) == 0);
    CHECK(create(NULL) == JB_ELOCKED && report == NULL);
    CHECK(jb_exit_status(err.code, NULL) == 75);
    CHECK_HAS(err.text, "pid ");
    CHECK_HAS(err.hint, "--wait");
    options.wait_s = 1;
    int64_t start = jbi_monotonic_ms();
    CHECK(create(&options) == JB_ELOCKED);
    CHECK(jbi_monotonic_ms() - start >= 900);
    struct jb_cleanup_options cleanup = JB_CLEANUP_OPTIONS_INIT;
    CHECK(jb_cleanup(project, &cleanup, &report, NULL) == JB_ELOCKED);
    cleanup.dry_run = 1;
    CHECK(jb_cleanup(project, &cleanup, &report, &err) == JB_OK);
    CHECK(listed() == 1);
    close(fd);
    CHECK(create(&options) == JB_OK);
    end();
}

/* ---- Canceling at each call of the hook ---- */

struct countdown {
    int left;
    bool is_over;
};

static int cancel_at(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    struct countdown *countdown = user;
    CHECK(step != NULL && unit != NULL && *step != '\0' && (total == 0 || done <= total));
    CHECK(!countdown->is_over);
    countdown->is_over = --countdown->left <= 0;
    return countdown->is_over;
}

static void canceled_at_every_call(void)
{
    begin();
    REQUIRE(shell(textf("head -c 3500000 /dev/urandom > %s", in_folder("app/photo"))));
    backup();
    size_t before = 1;
    int calls = 0;
    for (int n = 1; n < 1000; n++) {
        struct countdown countdown = {n, false};
        write_text("app/instance/settings.cfg", textf("KEY=%d\n", n));
        jb_project_set_hooks(project, NULL, cancel_at, &countdown);
        int code = create(NULL);
        jb_project_set_hooks(project, NULL, NULL, NULL);
        calls = n;
        if (!countdown.is_over) {
            CHECK(code == JB_OK);
            break;
        }
        CHECK(code == JB_ECANCELED && report == NULL && err.code == JB_ECANCELED);
        CHECK(listed() == before && jb_report_finding_count(report) == 0);
        CHECK(entries("backups/.jbackup/staging") == 0 && !is_there("backups/.jbackup/pending"));
        CHECK(entries("backups/daily") == 5);
    }
    printf("# canceled at %d calls\n", calls - 1);
    CHECK(calls > 3 && calls < 1000);
    CHECK(listed() == before + 1);
    CHECK(verify() == JB_OK && jb_report_verdict(report) == JB_INFO);
    end();
}

static void leavings_are_cleared(void)
{
    begin();
    backup();
    CHECK(entries("backups/.jbackup/staging") == 0);
    mkdir(in_folder("backups/.jbackup/staging"), 0700);
    make_folder("backups/.jbackup/staging/db_20240101_000000");
    write_text("backups/.jbackup/staging/db_20240101_000000/sqlite_x.db.gz", "half");
    write_text("backups/daily/stranger.txt", "not ours");
    backup();
    CHECK(entries("backups/.jbackup/staging") == 0 && is_there("backups/daily/stranger.txt"));
    end();
}

static void databases_that_fail_leave_nothing(void)
{
    begin();
    backup();
    sql("app/other.db", "CREATE TABLE t(a)");
    jb_project_close(project);
    open_with("{\"backup_dir\": \"../backups\", \"databases\": [\"sqlite:///instance/journal.db\","
              " \"sqlite:///absent.db\"]}");
    CHECK(create(NULL) < 0 && report == NULL);
    CHECK_HAS(err.text, "absent.db");
    CHECK(!is_there("app/absent.db") && !is_there("backups/.jbackup/staging"));
    CHECK(listed() == 1);
    write_text("app/absent.db", "no database at all, but long enough to be looked at");
    CHECK(create(NULL) == JB_EDATABASE);
    CHECK(listed() == 1);
    end();
}

/* The link would turn out to be one of a live database: it stays out, under any of its names. */
static void a_database_behind_links_stays_out_of_the_archive(void)
{
    make_app();
    REQUIRE(rename(in_folder("app/instance"), in_folder("shared")) == 0);
    REQUIRE(symlink("../shared", in_folder("app/instance")) == 0);
    REQUIRE(symlink("app", in_folder("current")) == 0);
    open_with(textf("{\"root\": \"%s\", \"backup_dir\": \"../backups\","
                    " \"databases\": [\"sqlite:///instance/journal.db\"]}",
                    in_folder("current")));
    const char *first = backup();
    struct jb_backup_ref ref = JB_BACKUP_REF_INIT;
    ref.timestamp = first;
    free_report();
    CHECK(jb_files(project, &ref, &report, &err) == JB_OK);
    CHECK(row_where("path", "instance") < 100);
    CHECK(row_where("path", "instance/journal.db") > 100);
    end();
}

int main(void)
{
    RUN(options_are_taken_by_their_size);
    RUN(impossible_options_are_refused);
    RUN(types_and_categories);
    RUN(two_in_one_second_are_two);
    RUN(a_clock_that_was_ahead);
    RUN(only_equal_bytes_are_linked);
    RUN(each_component_is_linked_to_its_newest);
    RUN(a_held_lock_is_respected);
    RUN(canceled_at_every_call);
    RUN(leavings_are_cleared);
    RUN(databases_that_fail_leave_nothing);
    RUN(a_database_behind_links_stays_out_of_the_archive);
    jbi_arena_free(&edit_arena);
    return check_end();
}
