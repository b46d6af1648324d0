/* SPDX-License-Identifier: MIT */
/* Runs one program and collects what it says. Invariant: whatever happens, the child has been
 * reaped and its pipes are closed when jbi_process_run returns; no other child is touched. */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

#define PIPE_MAX (1 << 20)
#define LOOK_MS  100 /* how often a child that left its pipes to others is looked for */

struct child {
    pid_t pid;
    bool is_reaped;
    bool is_lost; /* somebody else reaped it, or the process ignores SIGCHLD */
    int wait_status;
};

struct stream {
    int fd; /* our end; -1 once it is at its end */
    struct text *to;
};

/* A pipe whose ends are above the standard descriptors, which the child's are copied over. */
static int pipe_open(int ends[2])
{
    int low[2];
    if (pipe2(low, O_CLOEXEC) < 0)
        return -1;
    ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, 3);
    ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, 3);
    int number = errno;
    close(low[0]);
    close(low[1]);
    if (ends[0] >= 0 && ends[1] >= 0)
        return fcntl(ends[0], F_SETFL, O_NONBLOCK);
    errno = number;
    return -1;
}

/* In a group of its own, with no signal blocked and the default answer to SIGPIPE and SIGCHLD. */
static int spawn_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGCHLD);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (failed == 0)
        failed = posix_spawnattr_setpgroup(attributes, 0);
    const int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
    return failed ? failed : posix_spawnattr_setflags(attributes, (short)flags);
}

static int spawn(pid_t *pid, const char *const argv[], int out_fd, int errors_fd)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    if (failed == 0)
        failed = posix_spawn_file_actions_adddup2(&actions, errors_fd, 2);
    if (failed == 0)
        failed = spawn_attributes(&attributes);
    if (failed == 0) /* the kernel leaves argv alone; only the prototype lacks the const */
        failed = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv,
                              environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Takes what is there now, at most a full pipe, so that an endless talker can't outlast the time
 * limit; at the end of the stream its fd becomes -1. */
static void stream_take(struct stream *stream, size_t limit)
{
    char buffer[16384];
    for (size_t taken = 0; stream->fd >= 0 && taken < PIPE_MAX;) {
        ssize_t len = read(stream->fd, buffer, sizeof buffer);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return;
        if (len <= 0) {
            stream->fd = -1;
            return;
        }
        size_t room = limit > stream->to->len ? limit - stream->to->len : 0;
        jbi_text_add(stream->to, buffer, (size_t)len < room ? (size_t)len : room);
        taken += (size_t)len;
    }
}

static void reap(struct child *child, int flags)
{
    pid_t got;
    do {
        got = waitpid(child->pid, &child->wait_status, flags);
    } while (got < 0 && errno == EINTR);
    child->is_reaped = got == child->pid || got < 0;
    child->is_lost = got < 0;
}

/* Reads both streams until the child has ended and nothing more is to be read; false: time is up.
 * A grandchild that keeps the pipes open does not hold us. */
static bool collect(struct child *child, struct stream streams[2], size_t limit, int64_t until)
{
    int pause = 1;
    for (;;) {
        bool is_open = streams[0].fd >= 0 || streams[1].fd >= 0;
        struct pollfd polls[2] = {{.fd = streams[0].fd, .events = POLLIN},
                                  {.fd = streams[1].fd, .events = POLLIN}};
        int ready = poll(polls, 2, is_open ? LOOK_MS : pause);
        if (!is_open && pause < LOOK_MS)
            pause *= 2;
        if (ready <= 0 || !is_open)
            reap(child, WNOHANG);
        stream_take(&streams[0], limit);
        stream_take(&streams[1], limit);
        if (child->is_reaped)
            return true;
        if (jbi_monotonic_ms() >= until)
            return false;
    }
}

static int run_child(const char *const argv[], int timeout_s, size_t limit,
                     struct stream streams[2], const int child_fds[2], struct child *child,
                     struct jb_error *err)
{
    int failed = spawn(&child->pid, argv, child_fds[0], child_fds[1]);
    close(child_fds[0]);
    close(child_fds[1]);
    if (failed == ENOENT) {
        jbi_fail(err, JB_ENOTFOUND, "there is no program \"%s\"", argv[0]);
        jbi_hint(err, "install it, or put its folder on PATH");
        return JB_ENOTFOUND;
    }
    errno = failed;
    if (failed != 0)
        return jbi_fail_errno(err, JB_EIO, "cannot run \"%s\"", argv[0]);
    if (!collect(child, streams, limit, jbi_monotonic_ms() + (int64_t)timeout_s * 1000)) {
        kill(-child->pid, SIGKILL);
        reap(child, 0);
        return jbi_fail(err, JB_EIO, "\"%s\" did not end within %d s and was killed", argv[0],
                        timeout_s);
    }
    if (child->is_lost) {
        jbi_fail(err, JB_EIO, "the exit status of \"%s\" is lost", argv[0]);
        jbi_hint(err,
                 "this process must not ignore SIGCHLD nor reap children that it did not make");
        return JB_EIO;
    }
    return JB_OK;
}

int jbi_process_run(const char *const argv[], int timeout_s, size_t limit, struct text *out,
                    struct text *errors, int *status, struct jb_error *err)
{
    int out_pipe[2] = {-1, -1}, errors_pipe[2] = {-1, -1};
    int code;
    *status = -1;
    if (pipe_open(out_pipe) < 0 || pipe_open(errors_pipe) < 0) {
        code = jbi_fail_errno(err, JB_EIO, "cannot make a pipe for \"%s\"", argv[0]);
        for (int i = 0; i < 2; i++) {
            if (out_pipe[i] >= 0)
                close(out_pipe[i]);
            if (errors_pipe[i] >= 0)
                close(errors_pipe[i]);
        }
        return code;
    }
    struct child child = {0};
    struct stream streams[2] = {{out_pipe[0], out}, {errors_pipe[0], errors}};
    const int child_fds[2] = {out_pipe[1], errors_pipe[1]};
    code = run_child(argv, timeout_s, limit, streams, child_fds, &child, err);
    close(out_pipe[0]);
    close(errors_pipe[0]);
    if (code != JB_OK)
        return code;
    if (out->failed || errors->failed)
        return jbi_fail_memory(err);
    *status = WIFSIGNALED(child.wait_status) ? 128 + WTERMSIG(child.wait_status)
                                             : WEXITSTATUS(child.wait_status);
    return JB_OK;
}
