/* SPDX-License-Identifier: MIT */
#include "os/lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../check.h"
#include "base/clock.h"

static const struct hooks quiet = {0};

static int folder_fd(void)
{
    int fd = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

static void says_who_holds_it(void)
{
    struct jb_error err = {0};
    struct stat st;
    char pid[32];
    int dir = folder_fd(), first = -1, second = -1;
    snprintf(pid, sizeof pid, "(pid %ld, backup, host ", (long)getpid());
    CHECK(jbi_lock_take(dir, "lock", 0, "backup", &quiet, &first, &err) == JB_OK);
    CHECK(fstatat(dir, "lock", &st, 0) == 0 && (st.st_mode & 07777) == 0600);
    CHECK((fcntl(first, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(jbi_lock_take(dir, "lock", 0, "cleanup", &quiet, &second, &err) == JB_ELOCKED);
    CHECK(second == -1);
    CHECK_HAS(err.text, "locked by another run");
    CHECK_HAS(err.text, pid);
    CHECK_HAS(err.text, "since 2");
    CHECK_HAS(err.hint, "--wait");
    close(first);
    struct jb_error again = {0};
    CHECK(jbi_lock_take(dir, "lock", 0, "cleanup", &quiet, &second, &again) == JB_OK);
    close(second);
    close(dir);
}

static void waits_for_a_lock_that_dies_with_its_process(void)
{
    struct jb_error err = {0};
    int dir = folder_fd(), lock = -1, ready[2];
    REQUIRE(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        int held = -1;
        if (jbi_lock_take(dir, "lock", 0, "backup", &quiet, &held, NULL) != JB_OK)
            _exit(1);
        if (write(ready[1], "x", 1) == 1)
            usleep(300 * 1000);
        _exit(0);
    }
    char byte;
    REQUIRE(read(ready[0], &byte, 1) == 1);
    int64_t start = jbi_monotonic_ms();
    CHECK(jbi_lock_take(dir, "lock", 0, "x", &quiet, &lock, &err) == JB_ELOCKED);
    CHECK(jbi_monotonic_ms() - start < 200);
    err = (struct jb_error){0};
    CHECK(jbi_lock_take(dir, "lock", 10, "x", &quiet, &lock, &err) == JB_OK);
    CHECK(jbi_monotonic_ms() - start < 5000);
    waitpid(child, NULL, 0);
    close(lock);
    close(ready[0]);
    close(ready[1]);
    close(dir);
}

static void a_wait_ends(void)
{
    struct jb_error err = {0};
    int dir = folder_fd(), first = -1, second = -1;
    REQUIRE(jbi_lock_take(dir, "lock", 0, "backup", &quiet, &first, NULL) == JB_OK);
    int64_t start = jbi_monotonic_ms();
    CHECK(jbi_lock_take(dir, "lock", 1, "x", &quiet, &second, &err) == JB_ELOCKED);
    int64_t took = jbi_monotonic_ms() - start;
    CHECK(took >= 1000 && took < 3000);
    close(first);
    close(dir);
}

static void what_the_file_says_is_hostile(void)
{
    struct jb_error err = {0};
    int dir = folder_fd(), first = -1, second = -1;
    REQUIRE(jbi_lock_take(dir, "lock", 0, "backup", &quiet, &first, NULL) == JB_OK);
    char junk[4096];
    memset(junk, '\x1b', sizeof junk);
    CHECK(pwrite(first, junk, sizeof junk, 0) == sizeof junk);
    CHECK(jbi_lock_take(dir, "lock", 0, "x", &quiet, &second, &err) == JB_ELOCKED);
    CHECK_HAS(err.text, "\\x1b\\x1b");
    CHECK(strchr(err.text, '\x1b') == NULL);
    close(first);
    close(dir);
}

static void only_a_regular_file_is_a_lock(void)
{
    struct jb_error err = {0};
    int dir = folder_fd(), lock = -1;
    REQUIRE(symlinkat("elsewhere", dir, "link") == 0 && mkfifoat(dir, "fifo", 0600) == 0);
    CHECK(jbi_lock_take(dir, "link", 0, "x", &quiet, &lock, &err) == JB_EIO);
    CHECK(faccessat(dir, "elsewhere", F_OK, 0) < 0);
    err = (struct jb_error){0};
    CHECK(jbi_lock_take(dir, "fifo", 0, "x", &quiet, &lock, &err) == JB_EIO);
    CHECK_HAS(err.text, "not a regular file");
    close(dir);
}

static int cancel_second(void *user, const char *step, uint64_t done, uint64_t total,
                         const char *unit)
{
    (void)step, (void)done, (void)total, (void)unit;
    return ++*(int *)user == 2;
}

static void waiting_can_be_canceled(void)
{
    int calls = 0, first = -1, second = -1, dir = folder_fd();
    const struct hooks hooks = {.progress = cancel_second, .user = &calls};
    struct jb_error err = {0};
    REQUIRE(jbi_lock_take(dir, "lock", 0, "backup", &quiet, &first, NULL) == JB_OK);
    int64_t begin = jbi_monotonic_ms();
    CHECK(jbi_lock_take(dir, "lock", 60, "x", &hooks, &second, &err) == JB_ECANCELED);
    CHECK(second == -1 && err.code == JB_ECANCELED && jbi_monotonic_ms() - begin < 5000);
    close(first);
    close(dir);
}

int main(void)
{
    RUN(says_who_holds_it);
    RUN(waits_for_a_lock_that_dies_with_its_process);
    RUN(a_wait_ends);
    RUN(what_the_file_says_is_hostile);
    RUN(only_a_regular_file_is_a_lock);
    RUN(waiting_can_be_canceled);
    return check_end();
}
