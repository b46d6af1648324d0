/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_PROCESS_H
#define JBI_OS_PROCESS_H

#include <jbackup.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/hooks.h"
#include "base/text.h"

/*
 * Runs a program found on PATH, without a shell, standard input empty, and collects at most limit
 * bytes of its output and of its error output (the rest is read and dropped; of the errors also
 * what is beyond 64 KiB). Killed after timeout_s, or when the progress hook cancels (hooks NULL:
 * nobody does). Only this child is reaped. *status is the exit status, or 128 + the signal.
 * JB_ENOTFOUND: there is no such program; JB_ECANCELED.
 */
int jbi_process_run(const char *const argv[], int timeout_s, size_t limit,
                    const struct hooks *hooks, struct text *out, struct text *errors, int *status,
                    struct jb_error *err);

/* A program that runs beside us, in a process group of its own. */
struct process;

#define PROCESS_PIPE     (-2)      /* a pipe between it and us */
#define PROCESS_PIPE_MAX (1 << 20) /* what its output's holds at most */

struct process_start {
    const char *const *argv;        /* argv[0] is found on PATH, no shell */
    const char *const *environment; /* "NAME=value"; NULL: ours, without passwords */
    int in_fd;                      /* its standard input; -1: empty; PROCESS_PIPE */
    int out_fd;                     /* its standard output; -1: dropped; PROCESS_PIPE */
    bool errors_dropped;            /* its error output, too: of one that leaves others running */
    const char *folder;             /* where it runs; NULL: where we do */
    const int *kept_fds;            /* descriptors of ours, above 2, that it has, too */
    size_t kept_count;
};

/* JB_ENOTFOUND: there is no such program. Its error output is collected, the first 64 KiB kept. */
int jbi_process_start(struct process **out, const struct process_start *start,
                      struct jb_error *err);

/* Reads from its output. 1: *got bytes; 0: it has closed its output; 2: nothing came within
 * timeout_ms; or a negative code. Its error output is read on the side. */
int jbi_process_read(struct process *process, void *to, size_t room, int timeout_ms, size_t *got,
                     struct jb_error *err);
/* Writes to its input. 1: *put bytes, at least 1; 0: it reads no more; 2: it took nothing within
 * timeout_ms. SIGPIPE is never raised. */
int jbi_process_write(struct process *process, const void *from, size_t len, int timeout_ms,
                      size_t *put, struct jb_error *err);
/* Closes its input: it reads the end. */
void jbi_process_close_input(struct process *process);

/* Waits at most timeout_ms for its end; true: it has ended, and *status is as above, or -1: it is
 * lost, since somebody else reaped it. Its output may still hold what it wrote. */
bool jbi_process_wait(struct process *process, int timeout_ms, int *status);
/* What it said on its error output so far, a NUL as a space; "" if nothing. Borrowed. */
const char *jbi_process_errors(const struct process *process);

/* Ends it if no end of it was seen: SIGTERM to its group, SIGKILL to what is left of that when it
 * has ended, at the latest after grace_ms; reaped in any case. Frees all. NULL is fine. */
void jbi_process_end(struct process *process, int grace_ms);

#endif
