/* SPDX-License-Identifier: MIT */
/* Programs that occupy a folder, found in /proc. Invariant: what is signalled was seen to be of
 * that user and in that folder just before; our own process never is. */
#include "os/occupants.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "os/file.h"

#define LOOK_MS      20
#define KILL_WAIT_MS 5000
#define ARGUMENTS    16384 /* bytes of them that are looked at */
#define PATH_ROOM    4200

struct search {
    const char *folder;
    uid_t uid;
    const char *const *programs;
};

static bool is_one_of(int proc_fd, const char *const programs[])
{
    char name[32];
    scope_fd int fd = openat(proc_fd, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : jbi_read_full(fd, name, sizeof name - 1);
    name[len > 0 ? len : 0] = '\0';
    name[strcspn(name, "\n")] = '\0';
    while (*programs != NULL && strcmp(*programs, name) != 0)
        programs++;
    return *programs != NULL;
}

static bool names_folder(int proc_fd, const char *folder)
{
    scope_free char *arguments = malloc(ARGUMENTS + 1);
    scope_fd int fd = openat(proc_fd, "cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 || arguments == NULL ? -1 : jbi_read_full(fd, arguments, ARGUMENTS);
    if (len <= 0)
        return false;
    arguments[len] = '\0';
    for (const char *at = arguments; at < arguments + len; at += strlen(at) + 1) {
        const char *value = *at == '-' ? strchr(at, '=') : NULL;
        if (strcmp(value != NULL ? value + 1 : at, folder) == 0)
            return true;
    }
    return false;
}

static bool is_occupant(int proc_fd, const struct search *search)
{
    char where[PATH_ROOM];
    struct stat st;
    if (fstat(proc_fd, &st) < 0 || st.st_uid != search->uid ||
        !is_one_of(proc_fd, search->programs))
        return false;
    ssize_t len = readlinkat(proc_fd, "cwd", where, sizeof where - 1);
    where[len > 0 ? len : 0] = '\0';
    return strcmp(where, search->folder) == 0 || names_folder(proc_fd, search->folder);
}

/* Signals all of them (0: none is); how many there are. */
static size_t signal_all(const struct search *search, int number)
{
    size_t count = 0;
    scope_dir DIR *dir = opendir("/proc");
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid <= 1 || pid == (long)getpid())
            continue;
        scope_fd int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || !is_occupant(fd, search))
            continue;
        count++;
        if (number != 0)
            kill((pid_t)pid, number);
    }
    return count;
}

static bool await_none(const struct search *search, int wait_ms)
{
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t until = jbi_monotonic_ms() + wait_ms;
    while (signal_all(search, 0) > 0) {
        if (jbi_monotonic_ms() >= until)
            return false;
        nanosleep(&nap, NULL);
    }
    return true;
}

bool jbi_occupants_end(const char *path, uid_t uid, const char *const programs[], int grace_ms)
{
    const struct search search = {.folder = path, .uid = uid, .programs = programs};
    if (signal_all(&search, SIGQUIT) == 0 || await_none(&search, grace_ms))
        return true;
    signal_all(&search, SIGKILL);
    return await_none(&search, KILL_WAIT_MS);
}
