/* SPDX-License-Identifier: MIT */
#include "source/codebase.h"

#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/text.h"
#include "fixture.h"
#include "source/hardlinks.h"

static int capture_with(const struct source_job *job, const struct codebase_source *source,
                        int category, struct artifact *artifacts, struct jb_error *err)
{
    size_t count = 0;
    int code = jbi_codebase_source.capture(source, job, category, artifacts, &count, err);
    CHECK(code < 0 || count == 2);
    return code;
}

static int capture(jb_report *report, int category, struct artifact *artifacts)
{
    char root[200];
    struct exclude *exclude;
    struct source_job job = job_of(report);
    struct jb_error err = {0};
    snprintf(root, sizeof root, "%s/code", check_folder());
    REQUIRE(jbi_exclude_new(&exclude, NULL, 0, true, &arena, NULL) == JB_OK);
    struct codebase_source source = {.root = root, .exclude = exclude, .one_file_system = true};
    int code = capture_with(&job, &source, category, artifacts, &err);
    if (code < 0)
        printf("# %s\n", err.text);
    return code;
}

/* Checks both artifacts; returns how many findings of level ERROR there were. */
static size_t check(int category, const struct artifact *artifacts, jb_report *report)
{
    struct source_job job = job_of(report);
    struct source_checked checked;
    size_t errors = 0;
    for (int i = 0; i < 2; i++) {
        CHECK(jbi_codebase_source.check(&job, category, &artifacts[i], &checked, NULL) == JB_OK);
        CHECK(i == 1 || checked.files <= artifacts[0].files);
        /* The last byte of deflate data may have bits without meaning: only the checksum of the
         * stored bytes, which verify compares, sees these. */
        errors += checked.sha256_known && strcmp(checked.sha256, artifacts[i].sha256) != 0;
    }
    for (size_t i = 0; i < report->finding_count; i++)
        errors += report->findings[i].level >= JB_ERROR;
    return errors;
}

static void make_tree(int code)
{
    REQUIRE(mkdirat(code, "a", 0750) == 0 && mkdirat(code, "a/empty", 0700) == 0);
    put(code, "a/first", "first");
    put(code, "a.txt", "text");
    put(code, "z", "last");
    REQUIRE(linkat(code, "a/first", code, "b-hard", 0) == 0 && mkdirat(code, "c", 0700) == 0);
    REQUIRE(linkat(code, "a/first", code, "c/hard", 0) == 0);
    put(code, "c/file", "in c");
    REQUIRE(symlinkat("../nowhere", code, "c/link") == 0 && mkfifoat(code, "c/pipe", 0640) == 0);
    put(code, "c/old", "");
    const struct timespec times[2] = {{.tv_sec = 0}, {.tv_sec = -5, .tv_nsec = 250000000}};
    REQUIRE(utimensat(code, "c/old", times, 0) == 0 && utimensat(code, "c", times, 0) == 0);
}

static void a_tree_comes_back_as_it_was(void)
{
    struct artifact artifacts[2], again[2];
    struct stat st, first;
    int code = folder("code"), category = folder("category"), out = folder("out");
    int second = folder("second");
    make_tree(code);
    int marked = openat(code, "z", O_RDONLY | O_CLOEXEC);
    bool has_xattrs = fsetxattr(marked, "user.a", "v=\n\0w", 5, 0) == 0; /* not everywhere */
    close(marked);
    jb_report *report = jbi_report_new();
    CHECK(capture(report, category, artifacts) == JB_OK && capture(report, second, again) == JB_OK);
    CHECK_TEXT(again[0].sha256, artifacts[0].sha256);
    CHECK(artifacts[0].files == 5 && artifacts[0].folders == 4 && artifacts[0].links == 3);
    CHECK(artifacts[0].others == 1 && artifacts[0].file_bytes == 17);
    CHECK(report->finding_count == 0 && check(category, artifacts, report) == 0);
    CHECK(stage(artifacts, NULL, category, out, NULL) == JB_OK);
    check_content(out, "a/first", "first");
    check_content(out, "z", "last");
    CHECK(fstatat(out, "a/first", &first, 0) == 0 && first.st_nlink == 3);
    CHECK(fstatat(out, "c/hard", &st, 0) == 0 && st.st_ino == first.st_ino);
    CHECK(fstatat(out, "a", &st, 0) == 0 && (st.st_mode & 07777) == 0750);
    CHECK(fstatat(out, "c", &st, 0) == 0 && st.st_mtim.tv_sec == -5);
    CHECK(fstatat(out, "c/old", &st, 0) == 0 && st.st_mtim.tv_nsec == 250000000);
    CHECK(fstatat(out, "c/pipe", &st, 0) == 0 && S_ISFIFO(st.st_mode));
    char value[10];
    marked = openat(out, "z", O_RDONLY | O_CLOEXEC);
    ssize_t len = fgetxattr(marked, "user.a", value, sizeof value);
    CHECK(!has_xattrs || (len == 5 && memcmp(value, "v=\n\0w", 5) == 0));
    close(marked);
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(category);
    close(out);
    close(second);
}

/* Lays path out alone, and gives what is then there, as find lists it. */
static int stage_path(const struct artifact *artifacts, int category, const char *path,
                      struct text *found, struct jb_error *err)
{
    char command[300], line[200];
    int beside = folder("."), out = folder("out");
    int code = stage(artifacts, path, category, out, err);
    found->len = 0;
    jbi_text_adds(found, "");
    snprintf(command, sizeof command, "cd '%s/out' && find . -mindepth 1 | sort", check_folder());
    FILE *pipe = popen(command, "re");
    while (pipe != NULL && fgets(line, sizeof line, pipe) != NULL)
        jbi_text_addf(found, "%.*s ", (int)strcspn(line, "\n") - 2, line + 2);
    pclose(pipe);
    if (code == JB_OK && strcmp(path, "c/hard") == 0)
        check_content(out, "c/hard", "first");
    CHECK(jbi_remove_tree(beside, "out", NULL) == JB_OK);
    close(beside);
    close(out);
    return code;
}

static void one_path_comes_back(void)
{
    static const struct {
        const char *path, *found;
    } cases[] = {
        {"a", "a a/empty a/first "},
        {"a/empty", "a a/empty "},
        {"a.txt", "a.txt "},
        {"b-hard", "b-hard "},
        {"c/hard", "c c/hard "},
        {"c", "c c/file c/hard c/link c/old c/pipe "},
        {"c/link", "c c/link "},
        {"c/pipe", "c c/pipe "},
        {"c/old", "c c/old "},
        {"z", "z "},
        {".", "a a.txt a/empty a/first b-hard c c/file c/hard c/link c/old c/pipe z "},
    };
    static const char *const absent[] = {"b", "a/", "", "..", "a/firs", "a/first/x", "/a", "zz"};
    struct artifact artifacts[2];
    scope_text found = {0};
    int code = folder("code"), category = folder("category");
    make_tree(code);
    jb_report *report = jbi_report_new();
    REQUIRE(capture(report, category, artifacts) == JB_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jb_error err = {0};
        CHECK(stage_path(artifacts, category, cases[i].path, &found, &err) == JB_OK);
        CHECK_TEXT(found.at, cases[i].found);
    }
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        struct jb_error err = {0};
        CHECK(stage_path(artifacts, category, absent[i], &found, &err) == JB_ENOTFOUND);
        CHECK_TEXT(found.at, "");
        CHECK(err.hint[0] != '\0');
    }
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(category);
}

/* As someone for whom modes mean something. */
static int capture_what_is_unreadable(void)
{
    struct artifact artifacts[2];
    int code = folder("code"), category = folder("category");
    if (mkdirat(code, "closed", 0) < 0 || mkdirat(code, "d", 0700) < 0)
        return 2;
    put(code, "d/secret", "x");
    put(code, "d/open", "y");
    if (fchmodat(code, "d/secret", 0, 0) < 0)
        return 3;
    jb_report *report = jbi_report_new();
    if (capture(report, category, artifacts) != JB_OK || report->finding_count != 2)
        return 4;
    const char *closed = finding(report, "closed"), *secret = finding(report, "d/secret");
    if (closed == NULL || secret == NULL || strstr(secret, "Permission denied") == NULL)
        return 5;
    int wrong = artifacts[0].files != 1 || check(category, artifacts, report) != 0;
    jbi_report_hand_over(report, NULL, NULL);
    jbi_arena_free(&arena);
    return wrong ? 6 : 0;
}

static void what_is_unreadable_is_named(void)
{
    REQUIRE(chmod(check_folder(), 0777) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 &&
            (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534)))
            _exit(9);
        _exit(capture_what_is_unreadable());
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        printf("# child: %d\n", WEXITSTATUS(status));
}

/* The hook runs when a member has been written, so while the walk is at a later file. */
struct meddling {
    int code_fd, calls;
};

static int meddle(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    struct meddling *meddling = user;
    (void)step, (void)done, (void)total, (void)unit;
    if (meddling->calls++ > 0)
        return 0;
    unlinkat(meddling->code_fd, "y-vanishes", 0);
    renameat(meddling->code_fd, "y-folder", meddling->code_fd, "w");
    CHECK(symlinkat("/etc", meddling->code_fd, "y-folder") == 0);
    int fd = openat(meddling->code_fd, "x-large", O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, 13 << 20) == 0);
    close(fd);
    return 0;
}

static void a_tree_that_changes_is_stored_and_told(void)
{
    char root[200];
    struct artifact artifacts[2];
    struct exclude *exclude;
    int code = folder("code"), category = folder("category"), out = folder("out");
    struct meddling meddling = {code, 0};
    struct hooks hooks = {.progress = meddle, .user = &meddling};
    jb_report *report = jbi_report_new();
    struct source_job job = job_of(report);
    snprintf(root, sizeof root, "%s/code", check_folder());
    REQUIRE(jbi_exclude_new(&exclude, NULL, 0, false, &arena, NULL) == JB_OK);
    struct codebase_source source = {.root = root, .exclude = exclude};
    put(code, "x-large", "");
    int fd = openat(code, "x-large", O_WRONLY | O_CLOEXEC);
    REQUIRE(ftruncate(fd, 40 << 20) == 0);
    close(fd);
    put(code, "y-vanishes", "x");
    REQUIRE(mkdirat(code, "y-folder", 0700) == 0);
    put(code, "y-folder/passwd", "mine");
    put(code, "z", "last");
    job.hooks = &hooks;
    CHECK(capture_with(&job, &source, category, artifacts, NULL) == JB_OK && meddling.calls > 0);
    CHECK_HAS(finding(report, "x-large"), "shrank");
    CHECK_HAS(finding(report, "y-vanishes"), "vanished");
    CHECK(check(category, artifacts, report) == 0);
    CHECK(stage(artifacts, NULL, category, out, NULL) == JB_OK);
    check_content(out, "z", "last");
    struct stat st;
    CHECK(fstatat(out, "y-folder", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(category);
    close(out);
}

static void what_is_left_out(void)
{
    char root[90], database[100];
    struct artifact artifacts[2];
    struct exclude *exclude;
    static const char *const patterns[] = {"*.log", "!keep.log"};
    int code = folder("code"), category = folder("category");
    jb_report *report = jbi_report_new();
    struct source_job job = job_of(report);
    snprintf(root, sizeof root, "%s/code", check_folder());
    snprintf(database, sizeof database, "%s/app.db", root);
    const char *const databases[] = {database};
    REQUIRE(jbi_exclude_new(&exclude, patterns, 2, true, &arena, NULL) == JB_OK);
    static const char *const files[] = {"app.db",  "app.db-wal", "app.db-shm", "app.db-journal",
                                        "app.dbx", "a.log",      "keep.log",   "x.pyc"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        put(code, files[i], "x");
    REQUIRE(mkdirat(code, "sub", 0700) == 0 && mkdirat(code, "backups", 0700) == 0);
    put(code, "sub/app.db-wal", "another's");
    put(code, "backups/x", "x");
    /* What a restore keeps beside the code and beside databases. */
    REQUIRE(mkdirat(code, CODEBASE_SWAP_PREFIX "20240102_030405", 0700) == 0);
    put(code, CODEBASE_SWAP_PREFIX "20240102_030405/x", "x");
    put(code, "sub/" CODEBASE_SWAP_PREFIX "20240102_030405-app.db", "x");
    scope_text path = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", root);
    int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(socket_fd, (struct sockaddr *)&address, sizeof address) == 0);
    char repository[PATH_MAX];
    const char *const repositories[] = {repository};
    snprintf(repository, sizeof repository, "%s/backups", root);
    struct codebase_source source = {.root = root,
                                     .exclude = exclude,
                                     .repositories = repositories,
                                     .repository_count = 1,
                                     .database_files = databases,
                                     .database_count = 1};
    CHECK(capture_with(&job, &source, category, artifacts, NULL) == JB_OK);
    CHECK_HAS(finding(report, "socket"), "socket");
    CHECK(stage_path(artifacts, category, ".", &path, NULL) == JB_OK);
    CHECK_TEXT(path.at, "app.dbx keep.log sub sub/app.db-wal ");
    jbi_report_hand_over(report, NULL, NULL);
    close(socket_fd);
    close(code);
    close(category);
}

static void any_flipped_byte_is_found(void)
{
    struct artifact artifacts[2];
    int code = folder("code"), category = folder("category");
    put(code, "file", "content");
    jb_report *report = jbi_report_new();
    REQUIRE(capture(report, category, artifacts) == JB_OK);
    for (int a = 0; a < 2; a++) {
        int fd = openat(category, artifacts[a].path, O_RDWR | O_CLOEXEC);
        for (uint64_t at = 0; at < artifacts[a].size; at++) {
            unsigned char byte;
            jb_report *findings = jbi_report_new();
            REQUIRE(pread(fd, &byte, 1, (off_t)at) == 1);
            byte ^= 0xff;
            REQUIRE(pwrite(fd, &byte, 1, (off_t)at) == 1);
            CHECK(check(category, artifacts, findings) > 0);
            jbi_report_hand_over(findings, NULL, NULL);
            byte ^= 0xff;
            REQUIRE(pwrite(fd, &byte, 1, (off_t)at) == 1);
        }
        close(fd);
    }
    CHECK(check(category, artifacts, report) == 0);
    jbi_report_hand_over(report, NULL, NULL);
    close(code);
    close(category);
}

/* A number that was freed and used again makes no link to another file. */
static void hard_links_are_of_the_same_file_only(void)
{
    const char *first;
    struct hardlinks *links = jbi_hardlinks_new();
    struct stat st = {.st_ino = 5, .st_dev = 1, .st_size = 10, .st_nlink = 2};
    CHECK(jbi_hardlinks_find(links, &st, "a", &first, NULL) == JB_OK && first == NULL);
    CHECK(jbi_hardlinks_find(links, &st, "b", &first, NULL) == JB_OK);
    CHECK_TEXT(first, "a");
    st.st_mtim.tv_nsec++;
    CHECK(jbi_hardlinks_find(links, &st, "c", &first, NULL) == JB_OK && first == NULL);
    CHECK(jbi_hardlinks_find(links, &st, "d", &first, NULL) == JB_OK);
    CHECK_TEXT(first, "c");
    jbi_hardlinks_forget(links, &st);
    CHECK(jbi_hardlinks_find(links, &st, "e", &first, NULL) == JB_OK && first == NULL);
    st.st_dev = 2;
    CHECK(jbi_hardlinks_find(links, &st, "f", &first, NULL) == JB_OK && first == NULL);
    for (unsigned i = 0; i < 5000; i++) {
        struct stat other = {.st_ino = i + 100, .st_dev = 1};
        CHECK(jbi_hardlinks_find(links, &other, "g", &first, NULL) == JB_OK && first == NULL);
    }
    CHECK(jbi_hardlinks_find(links, &st, "h", &first, NULL) == JB_OK);
    CHECK_TEXT(first, "f");
    jbi_hardlinks_free(links);
    jbi_hardlinks_free(NULL);
}

/* With too few descriptors a backup fails; it never leaves files out and calls itself done. */
static void a_shortage_of_descriptors_is_no_missing_file(void)
{
    struct artifact artifacts[2];
    struct rlimit before, low;
    int code = folder("code"), succeeded = 0, failed = 0;
    make_tree(code);
    REQUIRE(mkdirat(code, "c/d", 0700) == 0 && mkdirat(code, "c/d/e", 0700) == 0);
    put(code, "c/d/e/deep", "deep");
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    low = before;
    for (int spare = 0; spare < 20; spare++) {
        char name[32];
        snprintf(name, sizeof name, "category%d", spare);
        jb_report *report = jbi_report_new();
        int category = folder(name), next = dup(category);
        close(next);
        low.rlim_cur = (rlim_t)(next + spare);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
        int result = capture(report, category, artifacts);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
        succeeded += result == JB_OK;
        failed += result < 0;
        CHECK(result < 0 || (artifacts[0].files == 6 && report->finding_count == 0));
        jb_report_free(report);
        close(category);
    }
    CHECK(succeeded > 0 && failed > 3);
    close(code);
}

int main(void)
{
    RUN(a_tree_comes_back_as_it_was);
    RUN(one_path_comes_back);
    RUN(what_is_unreadable_is_named);
    RUN(a_tree_that_changes_is_stored_and_told);
    RUN(what_is_left_out);
    RUN(any_flipped_byte_is_found);
    RUN(hard_links_are_of_the_same_file_only);
    jbi_arena_free(&arena);
    RUN(a_shortage_of_descriptors_is_no_missing_file);
    return check_end();
}
