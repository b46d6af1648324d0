/* SPDX-License-Identifier: MIT */
/* Kernel locks on a file. Invariant: the lock is the open descriptor and nothing else; what the
 * file says of its holder is only for people to read. */
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "os/file.h"

#define POLL_MS 100

/* 1: taken, 0: another has it, -1: errno. */
static int try_lock(int fd)
{
    int got;
    do {
        got = flock(fd, LOCK_EX | LOCK_NB);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EWOULDBLOCK)
        return 0;
    return got < 0 ? -1 : 1;
}

/* 1, 0 or -1 as try_lock(); JB_ECANCELED with err filled if the progress hook says so. */
static int wait_for_lock(int fd, int wait_s, const struct hooks *hooks, struct jb_error *err)
{
    const struct timespec nap = {.tv_nsec = POLL_MS * 1000000L};
    int64_t begin = jbi_monotonic_ms(), now = begin;
    int64_t until = begin + (int64_t)wait_s * 1000;
    int got = try_lock(fd);
    while (got == 0 && now < until) {
        int code = jbi_progress(hooks, "wait for the lock", (uint64_t)(now - begin) / 1000,
                                (uint64_t)wait_s, "seconds", err);
        if (code < 0)
            return code;
        nanosleep(&nap, NULL);
        got = try_lock(fd);
        now = jbi_monotonic_ms();
    }
    return got;
}

static void write_holder(int fd, const char *what)
{
    char host[256] = "", since[ISO_TIME_SIZE], line[1024];
    gethostname(host, sizeof host - 1);
    jbi_iso_time(since, jbi_now_us(), false);
    int len = snprintf(line, sizeof line, "pid %ld, %s, host %s, since %s\n", (long)getpid(), what,
                       host, since);
    if (len >= (int)sizeof line)
        len = (int)sizeof line - 1;
    /* A full disk must not keep a cleanup from getting the lock: only the text would be missing. */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, line, (size_t)len, 0) < len)
        (void)!ftruncate(fd, 0);
}

static int fail_locked(int fd, struct jb_error *err)
{
    char holder[512] = "";
    ssize_t len = jbi_pread_full(fd, holder, sizeof holder - 1, 0);
    holder[len > 0 ? len : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    jbi_fail(err, JB_ELOCKED, "locked by another run (%s)",
             holder[0] != '\0' ? holder : "which has not said who it is");
    jbi_hint(err, "let it finish, or wait for it with --wait SECONDS");
    return JB_ELOCKED;
}

int jbi_lock_take(int dir_fd, const char *name, int wait_s, const char *what,
                  const struct hooks *hooks, int *out, struct jb_error *err)
{
    *out = -1;
    const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(dir_fd, name, flags, 0600);
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open the lock \"%s\"", name);
    struct stat st;
    int got = fstat(fd, &st);
    if (got == 0 && !S_ISREG(st.st_mode)) {
        close(fd);
        return jbi_fail(err, JB_EIO, "the lock \"%s\" is not a regular file", name);
    }
    if (got == 0)
        got = wait_for_lock(fd, wait_s, hooks, err);
    if (got == 1) {
        write_holder(fd, what);
        *out = fd;
        return JB_OK;
    }
    int code = got == 0 ? fail_locked(fd, err)
               : got == JB_ECANCELED
                   ? got
                   : jbi_fail_errno(err, JB_EIO, "cannot take the lock \"%s\"", name);
    close(fd);
    return code;
}
