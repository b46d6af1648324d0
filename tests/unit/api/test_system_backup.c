/* SPDX-License-Identifier: MIT */
/* The test of the installation that makes a backup. */
#include "system_fixture.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define NOBODY 65534

static void what_works_passes_and_leaves_nothing(void)
{
    begin();
    backup();
    char *before = listing("backups"), *app = listing("app");
    CHECK(passes(jbi_test_backup, JB_INFO));
    CHECK_HAS(did, "backed up 5 files and 1 database (");
    CHECK_HAS(did, "B) to a scratch place in ");
    CHECK_HAS(did, " s and read it back");
    check_same_listing("backups", before);
    check_same_listing("app", app);
    CHECK_TEXT(project->backup_dir, in_folder("app/../backups"));
    free(before);
    free(app);
    end();
}

static void no_repository_is_made(void)
{
    begin();
    CHECK(passes(jbi_test_backup, JB_INFO));
    CHECK(!is_there("backups"));
    CHECK_HAS(did, "1 database");
    end();
}

/* The configured repository and the one of this run, both in the code. */
static void no_repository_comes_into_the_archive(void)
{
    begin();
    end();
    open_with("{\"databases\": [\"sqlite:///instance/journal.db\"]}");
    CHECK(passes(jbi_test_backup, JB_INFO));
    CHECK_HAS(did, "backed up 5 files and 1 database");
    backup();
    CHECK(passes(jbi_test_backup, JB_INFO));
    CHECK_HAS(did, "backed up 5 files and 1 database");
    REQUIRE(jb_project_set_backup_dir(project, in_folder("app/other"), &err) == JB_OK);
    backup();
    char *before = listing("app");
    CHECK(passes(jbi_test_backup, JB_INFO));
    CHECK_HAS(did, "backed up 5 files and 1 database");
    check_same_listing("app", before);
    free(before);
    end();
}

static void code_alone_and_many_files(void)
{
    begin();
    end();
    open_with("{\"backup_dir\": \"../backups\", \"databases\": []}");
    REQUIRE(shell(
        textf("cd '%s/app' && mkdir many && cd many && seq 1234 | xargs touch", check_folder())));
    CHECK(passes(jbi_test_backup, JB_INFO));
    CHECK_HAS(did, "backed up 1,240 files and 0 databases");
    end();
}

static void what_a_backup_can_not_do_is_an_error(void)
{
    begin();
    backup();
    char *before = listing("backups");
    REQUIRE(rename(in_folder("app/instance/journal.db"), in_folder("kept")) == 0);
    CHECK(fails_with(jbi_test_backup, "journal.db", ""));
    write_text("app/instance/journal.db",
               "no database, though it is as long as a header of one is, "
               "which has a hundred bytes or some more");
    CHECK(fails_with(jbi_test_backup, "journal.db", ""));
    CHECK_TEXT(did, "");
    check_same_listing("backups", before);
    free(before);
    end();
    open_with(
        "{\"backup_dir\": \"../backups\", \"databases\": [\"postgresql://ann@127.0.0.1:1/x\"]}");
    CHECK(fails_with(jbi_test_backup, "127.0.0.1", ""));
    CHECK(has_finding(JB_ERROR, "app"));
    end();
}

static void nothing_to_back_up_is_an_error(void)
{
    make_folder("app");
    make_folder("code");
    open_with("{\"backup_dir\": \"../backups\", \"root\": \"../code\", \"databases\": []}");
    CHECK(fails_with(jbi_test_backup, "nothing to back up", "jbackup.json"));
    REQUIRE(rmdir(in_folder("code")) == 0);
    CHECK(fails_with(jbi_test_backup, "code", ""));
    end();
}

static void a_wrong_place_is_an_error(void)
{
    begin();
    end();
    open_with("{\"backup_dir\": \"..\", \"databases\": [\"sqlite:///instance/journal.db\"]}");
    CHECK(fails_with(jbi_test_backup, "which holds the root", "backup_dir"));
    end();
    open_with("{\"backup_dir\": \"../absent/backups\", \"databases\": []}");
    CHECK(fails_with(jbi_test_backup, "cannot make the repository", "make the folder above"));
    end();
    write_text("file", "");
    open_with("{\"backup_dir\": \"../file\", \"databases\": []}");
    CHECK(fails_with(jbi_test_backup, "cannot open the repository", ""));
    end();
}

/* As another user than root, who may do all. */
static void a_repository_that_can_not_be_written_is_an_error(void)
{
    static const char *const places[] = {"backups/daily", "backups", "backups/.jbackup"};
    begin();
    backup();
    bool is_root = geteuid() == 0;
    if (is_root) {
        REQUIRE(shell(textf("chown -R %d '%s'", NOBODY, check_folder())));
        REQUIRE(seteuid(NOBODY) == 0);
    }
    CHECK(passes(jbi_test_backup, JB_INFO));
    for (size_t i = 0; i < 3; i++) {
        REQUIRE(chmod(in_folder(places[i]), 0500) == 0);
        CHECK(fails_with(jbi_test_backup, i < 2 ? "cannot write to the repository" : ".jbackup",
                         i < 2 ? "run as the user" : ""));
        REQUIRE(chmod(in_folder(places[i]), 0700) == 0);
    }
    REQUIRE(!is_root || seteuid(0) == 0);
    end();
}

static void a_full_disk_is_an_error(void)
{
    begin();
    REQUIRE(shell(textf("head -c 400000 /dev/urandom > '%s/app/noise'", check_folder())));
    make_folder("backups");
    if (mount("tmpfs", in_folder("backups"), "tmpfs", 0, "size=256k,mode=700") < 0) {
        printf("# no right to mount a small file system\n");
        end();
        return;
    }
    REQUIRE(mkdir(in_folder("backups/.jbackup"), 0700) == 0);
    CHECK(fails_with(jbi_test_backup, "No space left", "jbackup cleanup"));
    CHECK(entries("backups/.jbackup") == 0);
    REQUIRE(umount(in_folder("backups")) == 0);
    end();
}

static void a_limit_of_file_sizes_is_an_error(void)
{
    struct rlimit before, small;
    begin();
    backup();
    REQUIRE(shell(textf("head -c 400000 /dev/urandom > '%s/app/noise'", check_folder())));
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = (struct rlimit){100000, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    bool fails = fails_with(jbi_test_backup, "File too large", "");
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(fails && entries("backups/daily") == 5);
    end();
}

static void it_can_be_cancelled_anywhere(void)
{
    begin();
    backup();
    CHECK(cancel_everywhere(jbi_test_backup, "backups") > 5);
    end();
}

static int die(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)done, (void)total, (void)unit;
    if (strcmp(step, "publish") == 0)
        raise(SIGKILL);
    return 0;
}

static void what_a_killed_run_leaves_goes_with_the_next(void)
{
    begin();
    backup();
    char *before = listing("backups");
    int status;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        jb_project_set_hooks(project, NULL, die, NULL);
        run_system(jbi_test_backup);
        _exit(0);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    char *left = listing("backups");
    CHECK(strstr(left, ".jbackup/scratch-") != NULL);
    CHECK(passes(jbi_test_backup, JB_INFO));
    check_same_listing("backups", before);
    free(left);
    free(before);
    end();
}

int main(void)
{
    RUN(what_works_passes_and_leaves_nothing);
    RUN(no_repository_is_made);
    RUN(no_repository_comes_into_the_archive);
    RUN(code_alone_and_many_files);
    RUN(what_a_backup_can_not_do_is_an_error);
    RUN(nothing_to_back_up_is_an_error);
    RUN(a_wrong_place_is_an_error);
    RUN(a_repository_that_can_not_be_written_is_an_error);
    RUN(a_full_disk_is_an_error);
    RUN(a_limit_of_file_sizes_is_an_error);
    RUN(it_can_be_cancelled_anywhere);
    RUN(what_a_killed_run_leaves_goes_with_the_next);
    return check_end();
}
