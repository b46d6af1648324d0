/* SPDX-License-Identifier: MIT */
/* Scratch folders. Invariant: a scratch folder without a lock on it belongs to nobody. */
#include "api/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

#define ATTEMPTS  100
#define IN_STATE  "scratch-"
#define ELSEWHERE "jbackup-scratch-"

/* Removes the folder unless a living run has it or it is another user's. */
static void clear_one(int parent_fd, const char *name)
{
    struct stat st;
    struct jb_error unwanted = {0};
    scope_fd int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0)
        jbi_remove_tree(parent_fd, name, &unwanted);
}

static void clear_left(int parent_fd, const char *prefix)
{
    int list_fd = openat(parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (jbi_starts_with(entry->d_name, prefix))
            clear_one(parent_fd, entry->d_name);
    }
}

/* Makes and locks a folder of a new name; 0, or an errno. */
static int make_in(struct scratch *scratch, const char *prefix)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        unsigned number;
        struct stat st;
        if (getrandom(&number, sizeof number, 0) != sizeof number)
            return EIO;
        snprintf(scratch->name, sizeof scratch->name, "%s%08x", prefix, number);
        if (mkdirat(scratch->parent_fd, scratch->name, 0700) < 0) {
            if (errno == EEXIST)
                continue;
            return errno;
        }
        scratch->fd = openat(scratch->parent_fd, scratch->name,
                             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        /* Another run may have taken it for a leaving before it was locked. */
        if (scratch->fd >= 0 && flock(scratch->fd, LOCK_EX) == 0 && fstat(scratch->fd, &st) == 0 &&
            st.st_nlink > 0)
            return 0;
        if (scratch->fd >= 0)
            close(scratch->fd);
        scratch->fd = -1;
    }
    return EEXIST;
}

static int begin_in(struct scratch *scratch, int dir_fd, const char *path, const char *prefix)
{
    scratch->parent_fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (scratch->parent_fd < 0)
        return errno;
    clear_left(scratch->parent_fd, prefix);
    int why = make_in(scratch, prefix);
    if (why != 0)
        jbi_scratch_end(scratch);
    return why;
}

int jbi_scratch_begin(struct scratch *scratch, int state_fd, struct jb_error *err)
{
    *scratch = (struct scratch)SCRATCH_INIT;
    if (state_fd >= 0 && begin_in(scratch, state_fd, ".", IN_STATE) == 0)
        return JB_OK;
    errno = begin_in(scratch, AT_FDCWD, "/var/tmp", ELSEWHERE);
    if (errno != 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make a folder for temporary files in /var/tmp");
    return JB_OK;
}

int jbi_scratch_begin_there(struct scratch *scratch, int state_fd, struct jb_error *err)
{
    *scratch = (struct scratch)SCRATCH_INIT;
    errno = begin_in(scratch, state_fd, ".", IN_STATE);
    if (errno == 0)
        return JB_OK;
    return jbi_fail_errno(err, JB_EIO, "cannot make a folder for temporary files in .jbackup");
}

int jbi_scratch_path(const struct scratch *scratch, char to[PATH_MAX], struct jb_error *err)
{
    char link[32];
    struct stat here, there;
    snprintf(link, sizeof link, "/proc/self/fd/%d", scratch->fd);
    ssize_t len = readlink(link, to, PATH_MAX - 1);
    if (len < 0 || len == PATH_MAX - 1)
        return jbi_fail(err, JB_EIO, "cannot tell where the folder for temporary files is");
    to[len] = '\0';
    if (fstat(scratch->fd, &here) < 0 || stat(to, &there) < 0 || here.st_dev != there.st_dev ||
        here.st_ino != there.st_ino)
        return jbi_fail(err, JB_EIO, "the folder for temporary files is no longer at \"%s\"", to);
    return JB_OK;
}

void jbi_scratch_end(struct scratch *scratch)
{
    struct jb_error unwanted = {0};
    if (scratch->fd >= 0) {
        jbi_remove_tree(scratch->parent_fd, scratch->name, &unwanted);
        close(scratch->fd);
    }
    if (scratch->parent_fd >= 0)
        close(scratch->parent_fd);
    *scratch = (struct scratch)SCRATCH_INIT;
}
