/* SPDX-License-Identifier: MIT */
/*
 * SQLite's own lock, taken from outside. Invariant: the lock is one of the open file description,
 * so that no other descriptor of this process that is closed can drop it.
 */
#include "source/sqlite_hold.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/openers.h"

/* https://www.sqlite.org/lockingv3.html: PENDING, RESERVED and 510 bytes SHARED. Who writes, who
 * reads, and who has a database in WAL mode open has a lock on one of them. */
#define LOCK_BYTE  0x40000000
#define LOCK_BYTES 512
#define WAIT_MS    1000
#define NAP_MS     20

/* 0: taken; 1: somebody has it, *pid if known (else 0); -1: errno. */
static int try_hold(int fd, bool is_writable, pid_t *pid)
{
    struct flock lock = {.l_type = F_WRLCK, .l_start = LOCK_BYTE, .l_len = LOCK_BYTES};
    *pid = 0;
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
        return -1;
    if (lock.l_type != F_UNLCK) {
        *pid = lock.l_pid > 0 ? lock.l_pid : 0;
        return 1;
    }
    /* A file that we may only read takes no other lock; it keeps writers off. */
    lock = (struct flock){
        .l_type = is_writable ? F_WRLCK : F_RDLCK, .l_start = LOCK_BYTE, .l_len = LOCK_BYTES};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? 1 : -1;
}

static int fail_in_use(const char *path, pid_t pid, struct jb_error *err)
{
    char name[64] = "";
    if (pid > 0)
        jbi_process_name(pid, name, sizeof name);
    if (pid > 0 && name[0] != '\0')
        jbi_fail(err, JB_EDATABASE, "database \"%s\" is in use by process %ld (%s)", path,
                 (long)pid, name);
    else if (pid > 0)
        jbi_fail(err, JB_EDATABASE, "database \"%s\" is in use by process %ld", path, (long)pid);
    else
        jbi_fail(err, JB_EDATABASE, "database \"%s\" is in use by another process", path);
    jbi_hint(err, "stop what uses it, then run again; fuser -v shows who has the file open");
    return JB_EDATABASE;
}

static int hold(int fd, bool is_writable, const char *name, const char *path, struct jb_error *err)
{
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};
    int64_t until = jbi_monotonic_ms() + WAIT_MS;
    for (;;) {
        pid_t pid;
        int got = try_hold(fd, is_writable, &pid);
        if (got < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot lock database \"%s\"", path);
        if (got == 0) {
            pid = jbi_opener_of(fd, name);
            got = pid != 0;
        }
        if (got == 0)
            return JB_OK;
        if (jbi_monotonic_ms() >= until)
            return fail_in_use(path, pid, err);
        nanosleep(&nap, NULL);
    }
}

int jbi_sqlite_hold(int dir_fd, const char *name, const char *path, int *out, struct jb_error *err)
{
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    bool is_writable = true;
    *out = -1;
    int fd = openat(dir_fd, name, O_RDWR | flags);
    if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM)) {
        is_writable = false;
        fd = openat(dir_fd, name, O_RDONLY | flags);
    }
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open database \"%s\" to lock it", path);
    int code = hold(fd, is_writable, name, path, err);
    if (code < 0)
        close(fd);
    else
        *out = fd;
    return code;
}
