/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SOURCE_SWAP_CALLS_H
#define TESTS_UNIT_SOURCE_SWAP_CALLS_H

/*
 * System calls that change something, in this program's own hands: the library's calls of them end
 * up here. They are counted, and at a chosen one the process is killed as by kill -9, or the call
 * fails. SQLite's own calls pass by.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    atomic_long number; /* of calls so far */
    long at;            /* the one that is hit; 0: none */
    int error;          /* it fails so; 0: the process is killed */
    bool no_flags;      /* renameat2 knows no flags here */
} calls;

static bool call_passes(void)
{
    if (atomic_fetch_add(&calls.number, 1) + 1 != calls.at)
        return true;
    if (calls.error == 0)
        kill(getpid(), SIGKILL);
    errno = calls.error;
    return false;
}

#define CALL(...) (call_passes() ? (int)syscall(__VA_ARGS__) : -1)

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (calls.no_flags && flags != 0) {
        errno = EINVAL;
        return -1;
    }
    return CALL(SYS_renameat2, from_fd, from, to_fd, to, flags);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return CALL(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

int mkdirat(int dir_fd, const char *name, mode_t mode)
{
    return CALL(SYS_mkdirat, dir_fd, name, mode);
}

int mkdir(const char *name, mode_t mode)
{
    return CALL(SYS_mkdirat, AT_FDCWD, name, mode);
}

int unlinkat(int dir_fd, const char *name, int flags)
{
    return CALL(SYS_unlinkat, dir_fd, name, flags);
}

int fsync(int fd)
{
    return CALL(SYS_fsync, fd);
}

int fchmod(int fd, mode_t mode)
{
    return CALL(SYS_fchmod, fd, mode);
}

int futimens(int fd, const struct timespec times[2])
{
    return CALL(SYS_utimensat, fd, NULL, times, 0);
}

int openat(int dir_fd, const char *name, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    if (name[0] >= '0' && name[0] <= '9') /* of /proc, as many as there are processes */
        return (int)syscall(SYS_openat, dir_fd, name, flags, mode);
    return CALL(SYS_openat, dir_fd, name, flags, mode);
}

#endif
