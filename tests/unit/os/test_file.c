/* SPDX-License-Identifier: MIT */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../check.h"

static int folder_fd(void)
{
    int fd = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

static void put(int dir, const char *name, const char *content)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && jbi_write_full(fd, content, strlen(content)) == 0);
    close(fd);
}

static int count_entries(const char *path)
{
    char command[200];
    int count = -1;
    snprintf(command, sizeof command, "find '%s' -mindepth 1 | wc -l", path);
    FILE *out = popen(command, "r");
    REQUIRE(out != NULL && fscanf(out, "%d", &count) == 1);
    pclose(out);
    return count;
}

static void reads_over_short_counts(void)
{
    int ends[2];
    char got[11] = {0};
    REQUIRE(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 5; i++) {
            if (write(ends[1], "ab", 2) != 2)
                _exit(1);
            usleep(2000);
        }
        _exit(0);
    }
    close(ends[1]);
    CHECK(jbi_read_full(ends[0], got, 6) == 6);
    CHECK(jbi_read_full(ends[0], got + 6, 5) == 4);
    CHECK_TEXT(got, "ababababab");
    CHECK(jbi_read_full(ends[0], got, 1) == 0);
    close(ends[0]);
    waitpid(child, NULL, 0);
    CHECK(jbi_read_full(-1, got, 1) == -1 && errno == EBADF);
    CHECK(jbi_write_full(-1, got, 1) == -1 && errno == EBADF);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CHECK(jbi_write_full(full, got, 1) == -1 && errno == ENOSPC);
    close(full);
}

static void reads_a_regular_file_only(void)
{
    struct jb_error err = {0};
    char *text = NULL;
    size_t len = 0;
    int dir = folder_fd();
    put(dir, "file", "content");
    put(dir, "empty", "");
    REQUIRE(symlinkat("file", dir, "link") == 0 && mkfifoat(dir, "fifo", 0600) == 0);
    REQUIRE(mkdirat(dir, "folder", 0700) == 0);
    CHECK(jbi_file_read(dir, "file", 7, &text, &len, &err) == JB_OK);
    CHECK(len == 7);
    CHECK_TEXT(text, "content");
    free(text);
    CHECK(jbi_file_read(dir, "empty", 0, &text, &len, &err) == JB_OK);
    CHECK(len == 0 && text[0] == '\0');
    free(text);
    CHECK(jbi_file_read(dir, "file", 6, &text, &len, &err) == JB_ECORRUPT);
    CHECK_HAS(err.text, "larger than 6 bytes");
    const struct {
        const char *name;
        int code;
    } cases[] = {{"absent", JB_ENOTFOUND}, {"link", JB_EIO}, {"fifo", JB_EIO}, {"folder", JB_EIO}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        err = (struct jb_error){0};
        CHECK(jbi_file_read(dir, cases[i].name, 100, &text, &len, &err) == cases[i].code);
        CHECK(err.code == cases[i].code);
        CHECK_HAS(err.text, cases[i].name);
    }
    close(dir);
}

static void writes_old_or_new(void)
{
    struct jb_error err = {0};
    struct stat st;
    char *text = NULL;
    size_t len = 0;
    int dir = folder_fd();
    CHECK(jbi_file_write_atomic(dir, "a", "one", 3, 0640, &err) == JB_OK);
    CHECK(fstatat(dir, "a", &st, 0) == 0 && (st.st_mode & 07777) == 0640);
    CHECK(jbi_file_write_atomic(dir, "a", "", 0, 0600, &err) == JB_OK);
    CHECK(fstatat(dir, "a", &st, 0) == 0 && st.st_size == 0 && (st.st_mode & 07777) == 0600);
    CHECK(count_entries(check_folder()) == 1);

    put(dir, "victim", "untouched");
    REQUIRE(symlinkat("victim", dir, ".b.tmp") == 0);
    CHECK(jbi_file_write_atomic(dir, "b", "x", 1, 0600, &err) == JB_EIO);
    CHECK(jbi_file_read(dir, "victim", 100, &text, &len, &err) == JB_OK);
    CHECK_TEXT(text, "untouched");
    free(text);
    unlinkat(dir, "victim", 0);

    err = (struct jb_error){0};
    REQUIRE(mkdirat(dir, "c", 0700) == 0);
    CHECK(jbi_file_write_atomic(dir, "c", "x", 1, 0600, &err) == JB_EIO);
    CHECK_HAS(err.text, "\"c\"");
    CHECK(count_entries(check_folder()) == 2);

    char name[400];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    err = (struct jb_error){0};
    CHECK(jbi_file_write_atomic(dir, name, "x", 1, 0600, &err) == JB_EINVAL);
    name[253] = '\0';
    err = (struct jb_error){0};
    CHECK(jbi_file_write_atomic(dir, name, "x", 1, 0600, &err) == JB_EIO);
    CHECK(count_entries(check_folder()) == 2);
    close(dir);
}

static int same(int dir, const char *a, const char *b)
{
    int fa = openat(dir, a, O_RDONLY | O_CLOEXEC), fb = openat(dir, b, O_RDONLY | O_CLOEXEC);
    int answer = jbi_file_equal(fa, fb, NULL);
    CHECK(lseek(fa, 0, SEEK_CUR) == 0 && lseek(fb, 0, SEEK_CUR) == 0);
    close(fa);
    close(fb);
    return answer;
}

static void compares_files(void)
{
    int dir = folder_fd();
    put(dir, "a", "abc");
    put(dir, "b", "abc");
    put(dir, "c", "abd");
    put(dir, "d", "abcd");
    put(dir, "empty", "");
    CHECK(same(dir, "a", "b") == 1 && same(dir, "empty", "empty") == 1);
    CHECK(same(dir, "a", "c") == 0 && same(dir, "a", "d") == 0 && same(dir, "a", "empty") == 0);
    for (int i = 0; i < 2; i++) {
        int fd = openat(dir, i ? "large2" : "large1", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(ftruncate(fd, 600000) == 0 && pwrite(fd, "x", 1, 599999) == 1);
        close(fd);
    }
    CHECK(same(dir, "large1", "large2") == 1);
    int fd = openat(dir, "large2", O_WRONLY | O_CLOEXEC);
    CHECK(pwrite(fd, "y", 1, 599999) == 1);
    close(fd);
    CHECK(same(dir, "large1", "large2") == 0);
    CHECK(jbi_file_equal(-1, -1, NULL) == JB_EIO);
    close(dir);
}

static void removes_a_tree_and_nothing_beside_it(void)
{
    struct jb_error err = {0};
    int dir = folder_fd();
    REQUIRE(mkdirat(dir, "beside", 0700) == 0 && mkdirat(dir, "tree", 0700) == 0);
    put(dir, "beside/kept", "x");
    REQUIRE(mkdirat(dir, "tree/a", 0700) == 0 && mkdirat(dir, "tree/a/b", 0700) == 0);
    put(dir, "tree/a/file", "x");
    REQUIRE(symlinkat("../../beside", dir, "tree/a/link") == 0);
    REQUIRE(mkfifoat(dir, "tree/a/b/fifo", 0) == 0);
    REQUIRE(symlinkat("beside", dir, "link") == 0);
    CHECK(jbi_remove_tree(dir, "tree", &err) == JB_OK);
    CHECK(jbi_remove_tree(dir, "link", &err) == JB_OK);
    CHECK(jbi_remove_tree(dir, "absent", &err) == JB_OK);
    CHECK(count_entries(check_folder()) == 2);
    CHECK(jbi_remove_tree(dir, "beside/kept", &err) == JB_OK);
    CHECK(jbi_remove_tree(dir, "beside/kept/x", &err) == JB_OK);
    close(dir);
}

/* In a child without root's rights, for whom modes mean something. */
static void removes_folders_that_their_owner_cannot_change(void)
{
    int dir = folder_fd();
    REQUIRE(chmod(check_folder(), 0777) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 &&
            (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534)))
            _exit(9);
        if (mkdirat(dir, "tree", 0700) < 0 || mkdirat(dir, "tree/a", 0700) < 0 ||
            mkdirat(dir, "tree/a/b", 0700) < 0 || fchmodat(dir, "tree/a/b", 0, 0) < 0 ||
            fchmodat(dir, "tree/a", 0500, 0) < 0 || fchmodat(dir, "tree", 0, 0) < 0)
            _exit(8);
        _exit(jbi_remove_tree(dir, "tree", NULL) == JB_OK ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(faccessat(dir, "tree", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
    close(dir);
}

static void opens_folders_only(void)
{
    struct jb_error err = {0};
    int dir = folder_fd(), fd = -1;
    put(dir, "file", "x");
    REQUIRE(symlinkat(".", dir, "link") == 0);
    CHECK(jbi_open_dir(dir, "file", &fd, &err) == JB_EIO);
    err = (struct jb_error){0};
    CHECK(jbi_open_dir(dir, "link", &fd, &err) == JB_EIO);
    err = (struct jb_error){0};
    CHECK(jbi_open_dir(dir, "absent", &fd, &err) == JB_ENOTFOUND);
    CHECK(jbi_open_dir(dir, ".", &fd, NULL) == JB_OK && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
    close(fd);
    close(dir);
}

int main(void)
{
    RUN(reads_over_short_counts);
    RUN(reads_a_regular_file_only);
    RUN(writes_old_or_new);
    RUN(compares_files);
    RUN(removes_a_tree_and_nothing_beside_it);
    RUN(removes_folders_that_their_owner_cannot_change);
    RUN(opens_folders_only);
    return check_end();
}
