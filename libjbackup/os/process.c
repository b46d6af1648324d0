/* SPDX-License-Identifier: MIT */
/* A program beside us: its pipes and its end. Invariant: whoever waits for it reads its error
 * output, too, so it never waits for us; it is signalled only while it is unreaped, so that its
 * number can't be that of another one; no other child is touched. */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "os/spawn.h"

#define ERRORS_KEPT (64u << 10)
#define LOOK_MS     100 /* how often one that left its pipes to others is looked for */

struct process {
    pid_t pid;
    bool has_ended;
    bool is_reaped; /* by us, or by somebody else */
    int status;     /* -1: lost */
    int fds[3];     /* our ends of the pipes to 0, 1 and 2; -1: none, or closed */
    size_t errors_len;
    char errors[ERRORS_KEPT + 1];
    char name[];
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Moves fd away from the standard descriptors, which the child's are copied over. */
static int move_up(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int number = errno;
    close(fd);
    errno = number;
    return moved;
}

/* Its input is a socket: only send() can be told not to raise SIGPIPE. It can't write to us by it:
 * what we don't read would cost it, at our close, what it hasn't read. */
static int open_pipe(int *ours, int *theirs, int number)
{
    int ends[2];
    int made = number == 0 ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)
                           : pipe2(ends, O_CLOEXEC);
    if (made < 0)
        return -1;
    *ours = move_up(ends[0]);
    *theirs = move_up(ends[1]);
    if (*ours < 0 || *theirs < 0 || fcntl(*ours, F_SETFL, O_NONBLOCK) < 0)
        return -1;
    if (number == 1) /* else it is smaller */
        (void)fcntl(*ours, F_SETPIPE_SZ, PROCESS_PIPE_MAX);
    return number == 0 ? shutdown(*ours, SHUT_RD) : 0;
}

/* theirs: what the child gets as its standard descriptors, all above 2 and the caller's to close */
static int open_ends(struct process *process, const struct process_start *start, int theirs[3])
{
    const int errors = start->errors_dropped ? -1 : PROCESS_PIPE;
    const int wanted[3] = {start->in_fd, start->out_fd, errors};
    for (int i = 0; i < 3; i++) {
        if (wanted[i] == PROCESS_PIPE) {
            if (open_pipe(&process->fds[i], &theirs[i], i) < 0)
                return -1;
            continue;
        }
        if (wanted[i] < 0)
            theirs[i] = move_up(open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
        else
            theirs[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, 3);
        if (theirs[i] < 0)
            return -1;
    }
    return 0;
}

static int start_child(struct process *process, const struct process_start *start,
                       struct jb_error *err)
{
    int theirs[3] = {-1, -1, -1};
    int failed = open_ends(process, start, theirs) < 0 ? errno : 0;
    bool has_ends = failed == 0;
    if (has_ends)
        failed = jbi_spawn(&process->pid, start, theirs);
    for (int i = 0; i < 3; i++)
        close_end(&theirs[i]);
    if (failed == 0)
        return JB_OK;
    if (has_ends && failed == ENOENT) {
        jbi_fail(err, JB_ENOTFOUND, "there is no program \"%s\"", process->name);
        jbi_hint(err, "install it, or put its folder on PATH");
        return JB_ENOTFOUND;
    }
    errno = failed;
    return jbi_fail_errno(err, JB_EIO,
                          has_ends ? "cannot run \"%s\"" : "cannot make the pipes for \"%s\"",
                          process->name);
}

int jbi_process_start(struct process **out, const struct process_start *start, struct jb_error *err)
{
    *out = NULL;
    size_t name_size = strlen(start->argv[0]) + 1;
    struct process *process = calloc(1, sizeof *process + name_size);
    if (process == NULL)
        return jbi_fail_memory(err);
    memcpy(process->name, start->argv[0], name_size);
    for (int i = 0; i < 3; i++)
        process->fds[i] = -1;
    int code = start_child(process, start, err);
    if (code == JB_OK) {
        *out = process;
        return JB_OK;
    }
    process->has_ended = process->is_reaped = true;
    jbi_process_end(process, 0);
    return code;
}

/* Takes what is there now, at most a large pipe, so that an endless talker can't outlast a time
 * limit. It is kept as a text: a NUL would hide what follows. */
static void take_errors(struct process *process)
{
    char buffer[16384];
    for (size_t taken = 0; process->fds[2] >= 0 && taken < PROCESS_PIPE_MAX;) {
        ssize_t len = read(process->fds[2], buffer, sizeof buffer);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return;
        if (len <= 0) {
            close_end(&process->fds[2]);
            return;
        }
        for (ssize_t i = 0; i < len && process->errors_len < ERRORS_KEPT; i++)
            process->errors[process->errors_len++] = buffer[i] != '\0' ? buffer[i] : ' ';
        taken += (size_t)len;
    }
}

/* Waits for an end of ours (-1: none) and for error output; false: until has passed. */
static bool wait_for(struct process *process, int fd, short events, int limit_ms, int64_t until)
{
    int64_t left = until - jbi_monotonic_ms();
    struct pollfd polls[2] = {{.fd = fd, .events = events},
                              {.fd = process->fds[2], .events = POLLIN}};
    if (left > 0)
        poll(polls, 2, left < limit_ms ? (int)left : limit_ms);
    take_errors(process);
    return left > 0;
}

int jbi_process_read(struct process *process, void *to, size_t room, int timeout_ms, size_t *got,
                     struct jb_error *err)
{
    int64_t until = jbi_monotonic_ms() + timeout_ms;
    *got = 0;
    for (;;) {
        ssize_t len = process->fds[1] < 0 ? 0 : read(process->fds[1], to, room);
        if (len >= 0) {
            *got = (size_t)len;
            return len > 0;
        }
        if (errno != EAGAIN && errno != EINTR)
            return jbi_fail_errno(err, JB_EIO, "cannot read the output of \"%s\"", process->name);
        if (!wait_for(process, process->fds[1], POLLIN, INT_MAX, until))
            return 2;
    }
}

int jbi_process_write(struct process *process, const void *from, size_t len, int timeout_ms,
                      size_t *put, struct jb_error *err)
{
    int64_t until = jbi_monotonic_ms() + timeout_ms;
    *put = 0;
    while (process->fds[0] >= 0) {
        ssize_t sent = send(process->fds[0], from, len, MSG_NOSIGNAL);
        if (sent >= 0) {
            *put = (size_t)sent;
            return 1;
        }
        if (errno == EPIPE || errno == ECONNRESET)
            break;
        if (errno != EAGAIN && errno != EINTR)
            return jbi_fail_errno(err, JB_EIO, "cannot write to \"%s\"", process->name);
        if (!wait_for(process, process->fds[0], POLLOUT, INT_MAX, until))
            return 2;
    }
    close_end(&process->fds[0]);
    return 0;
}

void jbi_process_close_input(struct process *process)
{
    close_end(&process->fds[0]);
}

/* Whether it has ended. With WNOWAIT it is not reaped, with WNOHANG not waited for. */
static void look(struct process *process, int flags)
{
    siginfo_t info = {0};
    while (waitid(P_PID, (id_t)process->pid, &info, WEXITED | flags) < 0) {
        if (errno == EINTR)
            continue;
        /* Somebody else reaped it, or this process ignores SIGCHLD. */
        process->has_ended = process->is_reaped = true;
        process->status = -1;
        return;
    }
    if (info.si_pid == 0)
        return;
    process->has_ended = true;
    process->is_reaped = (flags & WNOWAIT) == 0;
    process->status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

/* The end of its error output tells of its end; others may have that, or it may have closed it. */
static bool await_end(struct process *process, int timeout_ms, int flags)
{
    int64_t until = jbi_monotonic_ms() + timeout_ms;
    int pause = 1;
    while (!process->has_ended) {
        look(process, WNOHANG | flags);
        if (process->has_ended)
            break;
        if (!wait_for(process, -1, 0, process->fds[2] >= 0 ? LOOK_MS : pause, until))
            break;
        if (process->fds[2] < 0 && pause < LOOK_MS)
            pause *= 2;
    }
    take_errors(process);
    return process->has_ended;
}

bool jbi_process_wait(struct process *process, int timeout_ms, int *status)
{
    if (!await_end(process, timeout_ms, 0))
        return false;
    *status = process->status;
    return true;
}

const char *jbi_process_errors(const struct process *process)
{
    return process->errors;
}

/* Until it is reaped its number is its own, so SIGKILL finds what is left of its group. */
static void stop(struct process *process, int grace_ms)
{
    look(process, WNOHANG | WNOWAIT);
    if (process->is_reaped)
        return;
    kill(-process->pid, SIGTERM);
    close_end(&process->fds[0]);
    close_end(&process->fds[1]);
    await_end(process, grace_ms, WNOWAIT);
    if (process->is_reaped)
        return;
    kill(-process->pid, SIGKILL);
    kill(process->pid, SIGKILL); /* it may have gone to another group */
    look(process, 0);
}

void jbi_process_end(struct process *process, int grace_ms)
{
    if (process == NULL)
        return;
    if (!process->is_reaped)
        stop(process, grace_ms);
    for (int i = 0; i < 3; i++)
        close_end(&process->fds[i]);
    free(process);
}
