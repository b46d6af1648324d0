/* SPDX-License-Identifier: MIT */
/* Going from folder to folder: always the one that was asked for, or none. */
#include "os/climb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static int root_fd;

static void root_open(void)
{
    root_fd = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(root_fd >= 0);
}

/* Whether the climb stands where a lookup from the root leads. */
static bool is_at(struct climb *climb, const char *path, bool is_made)
{
    struct stat a, b;
    int fd = jbi_climb_to(climb, path, strlen(path), is_made, 0755);
    return fd >= 0 && fstat(fd, &a) == 0 &&
           fstatat(root_fd, *path ? path : ".", &b, AT_SYMLINK_NOFOLLOW) == 0 &&
           a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static bool fails_with(struct climb *climb, const char *path, bool is_made, int why)
{
    int fd = jbi_climb_to(climb, path, strlen(path), is_made, 0755);
    return fd < 0 && errno == why;
}

static void goes_where_it_is_sent(void)
{
    struct climb climb;
    root_open();
    jbi_climb_begin(&climb, root_fd);
    CHECK(is_at(&climb, "a/b/c", true));
    CHECK(is_at(&climb, "a/b", false));
    CHECK(is_at(&climb, "a/bc", true)); /* a name that begins like another */
    CHECK(is_at(&climb, "a/b/c", false));
    CHECK(is_at(&climb, "", false));
    CHECK(is_at(&climb, "d", true));
    CHECK(is_at(&climb, "a/b/c/e/f", true));
    CHECK(fails_with(&climb, "a/none/x", false, ENOENT));
    CHECK(is_at(&climb, "a/b/c/e", false));
    jbi_climb_end(&climb);
    close(root_fd);
}

static void follows_no_link(void)
{
    struct climb climb;
    root_open();
    REQUIRE(mkdirat(root_fd, "a", 0755) == 0);
    jbi_climb_begin(&climb, root_fd);
    CHECK(symlinkat("a", root_fd, "link") == 0);
    CHECK(jbi_climb_to(&climb, "link/b", 6, true, 0755) < 0 &&
          (errno == ELOOP || errno == ENOTDIR));
    CHECK(is_at(&climb, "a", false));
    jbi_climb_end(&climb);
    close(root_fd);
}

/* A folder that is moved while the climb stands in it leads up to another place. */
static void is_not_led_astray(void)
{
    struct climb climb;
    root_open();
    jbi_climb_begin(&climb, root_fd);
    CHECK(is_at(&climb, "m/n/o", true));
    CHECK(mkdirat(root_fd, "elsewhere", 0755) == 0);
    CHECK(renameat(root_fd, "m/n", root_fd, "elsewhere/n") == 0);
    CHECK(is_at(&climb, "m", false));
    CHECK(is_at(&climb, "elsewhere/n/o", false));
    jbi_climb_end(&climb);
    close(root_fd);
}

int main(void)
{
    RUN(goes_where_it_is_sent);
    RUN(follows_no_link);
    RUN(is_not_led_astray);
    return check_end();
}
