/* SPDX-License-Identifier: MIT */
/* Who has a file open, found in /proc. Invariant: reads there, and waits for no file system: only
 * a link that ends in the file's name is followed. */
#include "os/openers.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

struct wanted {
    const struct stat *st;
    const char *name;
};

static bool is_link_to(int fds, const char *link, const struct wanted *wanted)
{
    char path[PATH_MAX];
    struct stat st;
    ssize_t len = readlinkat(fds, link, path, sizeof path - 1);
    if (len <= 0)
        return false;
    path[len] = '\0';
    const char *last = strrchr(path, '/');
    return last != NULL && strcmp(last + 1, wanted->name) == 0 && fstatat(fds, link, &st, 0) == 0 &&
           st.st_dev == wanted->st->st_dev && st.st_ino == wanted->st->st_ino;
}

static bool has_open(int proc_fd, const char *pid, const struct wanted *wanted)
{
    char path[32];
    snprintf(path, sizeof path, "%.20s/fd", pid);
    int fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.' && is_link_to(fd, entry->d_name, wanted))
            return true;
    return false;
}

pid_t jbi_opener_of(int fd, const char *name)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return 0;
    const struct wanted wanted = {&st, name};
    scope_dir DIR *dir = opendir("/proc");
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 0 && pid != (long)getpid() && has_open(dirfd(dir), entry->d_name, &wanted))
            return (pid_t)pid;
    }
    return 0;
}

void jbi_process_name(pid_t pid, char *to, size_t size)
{
    char path[48], name[32];
    snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
    scope_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : jbi_read_full(fd, name, sizeof name - 1);
    name[len > 0 ? len : 0] = '\0';
    jbi_escape(to, size, name, strcspn(name, "\n"));
}
