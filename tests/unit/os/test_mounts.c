/* SPDX-License-Identifier: MIT */
#include "os/mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../check.h"
#include "base/error.h"
#include "base/text.h"

static int note(void *user, const char *path, struct jb_error *err)
{
    (void)err;
    jbi_text_addf(user, "%s;", path);
    return strcmp(path, "stop") == 0 ? JB_ECANCELED : JB_OK;
}

static void check_mounts(int dir, const char *want, int code)
{
    scope_text seen = {0};
    CHECK(jbi_mounts_below(dir, note, &seen, NULL) == code);
    CHECK_TEXT(seen.at ? seen.at : "", want);
}

static void bind(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    REQUIRE(mount(path, path, NULL, MS_BIND, NULL) == 0);
}

/* File systems, bound folders and bound files; not what is mounted beside. */
static void mount_and_look(int dir)
{
    char path[200];
    static const char *const folders[] = {"code", "code/sub", "code/odd \\ \n\tname", "code-2",
                                          "code/stop"};
    for (size_t i = 0; i < 5; i++)
        REQUIRE(mkdirat(dir, folders[i], 0700) == 0);
    close(openat(dir, "code/sub/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    int code = openat(dir, "code", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check_mounts(code, "", JB_OK);
    bind("code-2");
    bind("code/odd \\ \n\tname");
    bind("code/sub/file");
    check_mounts(code, "odd \\ \n\tname;sub/file;", JB_OK);
    bind("code");
    check_mounts(code, "odd \\ \n\tname;sub/file;", JB_OK);
    snprintf(path, sizeof path, "%s/code/stop", check_folder());
    REQUIRE(mount("none", path, "tmpfs", 0, NULL) == 0);
    check_mounts(code, "odd \\ \n\tname;sub/file;stop;", JB_ECANCELED);
    close(code);
}

static void what_is_mounted_below_is_named(void)
{
    int status, dir = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(dir >= 0 && pid >= 0);
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
            _exit(77);
        mount_and_look(dir);
        fflush(stdout);
        _exit(check_state.failed);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    bool has_run = !WIFEXITED(status) || WEXITSTATUS(status) != 77;
    CHECK(!has_run || status == 0);
    if (!has_run)
        printf("# mounting is not allowed here\n");
    close(dir);
}

int main(void)
{
    RUN(what_is_mounted_below_is_named);
    return check_end();
}
