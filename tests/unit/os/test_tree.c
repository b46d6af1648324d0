/* SPDX-License-Identifier: MIT */
#include "os/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../check.h"
#include "base/error.h"
#include "base/text.h"
#include "os/file.h"

static int folder_fd(void)
{
    int fd = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

static void touch(int dir, const char *name)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    close(fd);
}

/* Writes down what it was shown: "path", "<path" on leaving, "!path" if not readable. */
struct record {
    struct text text;
    const char *swap;    /* this folder becomes a symbolic link before it is entered */
    const char *skip;    /* not entered */
    const char *stop_at; /* the visit fails there */
    int deepest, count, errors;
};

static int note(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct record *record = user;
    record->count++;
    record->errors += entry->sys_errno != 0;
    int depth = 0;
    for (const char *at = entry->path; *at != '\0'; at++)
        depth += *at == '/';
    record->deepest = depth > record->deepest ? depth : record->deepest;
    const char *mark = entry->is_leaving            ? "<"
                       : entry->is_listing          ? "!!"
                       : entry->sys_errno != 0      ? "!"
                       : entry->is_mount            ? "@"
                       : S_ISDIR(entry->st.st_mode) ? "/"
                                                    : "";
    jbi_text_addf(&record->text, "%s%s ", mark, entry->path);
    if (entry->is_leaving || entry->sys_errno != 0)
        return TREE_GO_ON;
    if (record->swap != NULL && strcmp(record->swap, entry->path) == 0) {
        REQUIRE(renameat(entry->dir_fd, entry->name, entry->dir_fd, "moved") == 0);
        REQUIRE(symlinkat("/etc", entry->dir_fd, entry->name) == 0);
    }
    if (record->stop_at != NULL && strcmp(record->stop_at, entry->path) == 0)
        return jbi_fail(err, JB_ECANCELED, "enough");
    return record->skip != NULL && strcmp(record->skip, entry->path) == 0 ? TREE_SKIP : TREE_GO_ON;
}

static void shows_names_in_order(void)
{
    struct record record = {0};
    int dir = folder_fd();
    REQUIRE(mkdirat(dir, "b", 0700) == 0 && mkdirat(dir, "b/empty", 0700) == 0);
    touch(dir, "b/2");
    touch(dir, "b/10");
    touch(dir, "b.c");
    touch(dir, "a");
    touch(dir, "\xff");
    touch(dir, "B");
    REQUIRE(symlinkat("b", dir, "link") == 0);
    CHECK(jbi_tree_walk(dir, true, note, &record, NULL) == JB_OK);
    CHECK_TEXT(record.text.at, "B a /b b/10 b/2 /b/empty <b/empty <b b.c link \xff ");
    record.text.len = 0;
    record.skip = "b";
    CHECK(jbi_tree_walk(dir, false, note, &record, NULL) == JB_OK);
    CHECK_TEXT(record.text.at, "B a /b b.c link \xff ");
    jbi_text_free(&record.text);
    close(dir);
}

static void a_visit_may_stop_it(void)
{
    struct jb_error err = {0};
    struct record record = {.stop_at = "a/b"};
    int dir = folder_fd();
    REQUIRE(mkdirat(dir, "a", 0700) == 0 && mkdirat(dir, "a/b", 0700) == 0);
    touch(dir, "a/c");
    CHECK(jbi_tree_walk(dir, true, note, &record, &err) == JB_ECANCELED);
    CHECK_TEXT(err.text, "enough");
    CHECK_TEXT(record.text.at, "/a /a/b ");
    jbi_text_free(&record.text);
    close(dir);
}

static void walks_and_removes_a_deep_tree(void)
{
    enum { LEVELS = 5000 };
    struct record record = {0};
    int dir = folder_fd(), at = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < LEVELS; i++) {
        REQUIRE(mkdirat(at, "d", 0700) == 0);
        int below = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        touch(at, "z"); /* is shown on the way back, so each level is gone on with */
        close(at);
        at = below;
        REQUIRE(at >= 0);
    }
    close(at);
    CHECK(jbi_tree_walk(dir, true, note, &record, NULL) == JB_OK);
    CHECK(record.deepest == LEVELS - 1 && record.count == 3 * LEVELS && record.errors == 0);
    jbi_text_free(&record.text);
    CHECK(jbi_remove_tree(dir, "d", NULL) == JB_OK);
    CHECK(faccessat(dir, "d", F_OK, 0) < 0 && faccessat(dir, "z", F_OK, 0) == 0);
    close(dir);
}

static void a_folder_swapped_for_a_link_is_not_followed(void)
{
    struct record record = {.swap = "b"};
    int dir = folder_fd();
    REQUIRE(mkdirat(dir, "b", 0700) == 0);
    touch(dir, "b/inside");
    touch(dir, "c");
    CHECK(jbi_tree_walk(dir, false, note, &record, NULL) == JB_OK);
    CHECK_TEXT(record.text.at, "/b !!b c ");
    jbi_text_free(&record.text);
    close(dir);
}

static int as_nobody(int dir, int (*run)(int dir))
{
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 &&
            (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534)))
            _exit(9);
        _exit(run(dir));
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The name's length is varied over a growth of the path's room. */
static int unreadable_folders_are_told(int dir)
{
    struct record record = {0};
    char name[256];
    for (int len = 1; len <= 250; len++) {
        memset(name, 'n', (size_t)len);
        name[len] = '\0';
        if (mkdirat(dir, name, 0) < 0)
            return 2;
    }
    if (mkdirat(dir, "x", 0700) < 0 || mkdirat(dir, "x/inside", 0700) < 0 ||
        fchmodat(dir, "x", 0600, 0) < 0)
        return 3;
    int code = jbi_tree_walk(dir, false, note, &record, NULL);
    fchmodat(dir, "x", 0700, 0);
    bool has_both = strstr(record.text.at, "/x !x/inside ") != NULL;
    bool is_right = code == JB_OK && record.errors == 251 && has_both;
    jbi_text_free(&record.text);
    return is_right ? 0 : 1;
}

static void what_cannot_be_read_is_shown(void)
{
    REQUIRE(chmod(check_folder(), 0777) == 0);
    int dir = folder_fd();
    CHECK(as_nobody(dir, unreadable_folders_are_told) == 0);
    close(dir);
}

/* One descriptor is left for the folders, so none to list them with. The name's length is varied
 * over a growth of the path's room. */
static void a_folder_that_cannot_be_listed_is_told(void)
{
    struct record record = {0};
    struct rlimit limit;
    char name[131];
    int dir = folder_fd(), status = -1;
    for (int len = 1; len <= 130; len++) {
        memset(name, 'n', (size_t)len);
        name[len] = '\0';
        REQUIRE(mkdirat(dir, name, 0700) == 0);
    }
    pid_t child = fork();
    if (child == 0) {
        int next = dup(dir);
        close(next);
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = (rlim_t)next + 2;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            _exit(9);
        int code = jbi_tree_walk(dir, false, note, &record, NULL);
        bool is_right = code == JB_OK && record.errors == 130 &&
                        strncmp(record.text.at, "/n !!n /nn !!nn ", 16) == 0;
        jbi_text_free(&record.text);
        _exit(is_right ? 0 : 1);
    }
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(dir);
}

static void the_root_must_be_readable(void)
{
    struct jb_error err = {0};
    CHECK(jbi_tree_walk(-1, false, note, NULL, &err) == JB_EIO);
    CHECK(err.sys_errno == EBADF);
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && jbi_write_full(fd, text, strlen(text)) == 0)
        close(fd);
}

/* Namespaces of its own, where it may mount. */
static bool enter_namespaces(void)
{
    char map[64];
    snprintf(map, sizeof map, "0 %u 1", geteuid());
    if (unshare(CLONE_NEWNS) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return false;
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %u 1", getegid());
    write_text("/proc/self/gid_map", map);
    return true;
}

/* Not everyone may do that: 77 then. */
static int mounts_are_marked(void)
{
    struct record record = {.skip = "b"};
    if (!enter_namespaces() || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        chdir(check_folder()) < 0 || mount("tmpfs", "b", "tmpfs", 0, "size=1m") < 0)
        return 77;
    int dir = folder_fd(); /* one of before would be of the other namespace */
    touch(dir, "b/inside");
    int code = jbi_tree_walk(dir, true, note, &record, NULL);
    bool is_right = code == JB_OK && strcmp(record.text.at, "/a <a @b c ") == 0;
    record.text.len = 0;
    record.skip = NULL;
    code = jbi_tree_walk(dir, false, note, &record, NULL);
    is_right = is_right && code == JB_OK && strcmp(record.text.at, "/a @b b/inside c ") == 0;
    jbi_text_free(&record.text);
    return is_right ? 0 : 1;
}

static void other_file_systems_are_marked(void)
{
    int dir = folder_fd(), status = -1;
    REQUIRE(mkdirat(dir, "a", 0700) == 0 && mkdirat(dir, "b", 0700) == 0);
    touch(dir, "c");
    pid_t child = fork();
    if (child == 0)
        _exit(mounts_are_marked());
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        printf("# skipped: no right to mount\n");
    close(dir);
}

/* Each path comes before all that follow it. */
static void the_order_of_a_walk_is_known(void)
{
    static const char *const paths[] = {".",      "a",     "a/b",   "a/b/c",    "a/b/c d", "a/bb",
                                        "a\x01b", "a b/c", "a-b",   "a.txt",    "ab",      "b",
                                        "b/\x01", "b/a",   "b\xff", "\xc3\xa9", "\xff"};
    enum { COUNT = sizeof paths / sizeof *paths };
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < COUNT; j++) {
            int order = jbi_tree_order(paths[i], paths[j]);
            CHECK(i < j ? order < 0 : i > j ? order > 0 : order == 0);
        }
    }
    CHECK(jbi_tree_order("", ".") == 0 && jbi_tree_order("", "a") < 0);
}

struct brief {
    int files, folders, wrong;
};

static int note_brief(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct brief *brief = user;
    struct stat st;
    (void)err;
    REQUIRE(fstatat(entry->dir_fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0);
    bool is_folder = S_ISDIR(st.st_mode);
    brief->folders += is_folder;
    brief->files += !is_folder;
    brief->wrong += (st.st_mode & S_IFMT) != (entry->st.st_mode & S_IFMT);
    brief->wrong += st.st_ino != entry->st.st_ino || st.st_dev != entry->st.st_dev;
    brief->wrong += is_folder && (entry->is_brief || entry->st.st_mode != st.st_mode);
    return TREE_GO_ON;
}

static void a_brief_walk_knows_types_and_folders(void)
{
    struct brief brief = {0};
    int dir = folder_fd();
    REQUIRE(mkdirat(dir, "a", 0750) == 0 && mkdirat(dir, "a/b", 0700) == 0);
    touch(dir, "a/b/file");
    touch(dir, "z");
    REQUIRE(symlinkat("a", dir, "link") == 0 && mkfifoat(dir, "a/pipe", 0600) == 0);
    CHECK(jbi_tree_walk_brief(dir, note_brief, &brief, NULL) == JB_OK);
    CHECK(brief.files == 4 && brief.folders == 2 && brief.wrong == 0);
    close(dir);
}

int main(void)
{
    RUN(shows_names_in_order);
    RUN(the_order_of_a_walk_is_known);
    RUN(a_visit_may_stop_it);
    RUN(walks_and_removes_a_deep_tree);
    RUN(a_folder_swapped_for_a_link_is_not_followed);
    RUN(what_cannot_be_read_is_shown);
    RUN(a_folder_that_cannot_be_listed_is_told);
    RUN(the_root_must_be_readable);
    RUN(other_file_systems_are_marked);
    RUN(a_brief_walk_knows_types_and_folders);
    return check_end();
}
