/* SPDX-License-Identifier: MIT */
/* Runs one program that soon ends, and collects what it says. Invariant: whatever happens, the
 * child has been reaped and its pipes are closed when jbi_process_run returns. */
#include "os/process.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"

#define TURN_MS 100 /* how often a child that left its pipe to others is looked for */

static void add_within(struct text *text, const char *add, size_t len, size_t limit)
{
    size_t room = limit > text->len ? limit - text->len : 0;
    jbi_text_add(text, add, len < room ? len : room);
}

/* Reads its output until it has ended and nothing more is to be read; *has_ended is false if time
 * was up before. A grandchild that keeps the pipe open does not hold us. */
static int collect(struct process *process, const char *name, int timeout_s, size_t limit,
                   const struct hooks *hooks, struct text *out, bool *has_ended, int *status,
                   struct jb_error *err)
{
    char buffer[16384];
    size_t got, left = PROCESS_PIPE_MAX;
    int64_t until = jbi_monotonic_ms() + (int64_t)timeout_s * 1000;
    *has_ended = false;
    do {
        int answer = jbi_process_read(process, buffer, sizeof buffer, TURN_MS, &got, err);
        if (answer < 0)
            return answer;
        add_within(out, buffer, got, limit);
        *has_ended = jbi_process_wait(process, answer == 0 ? TURN_MS : 0, status);
        if (!*has_ended && hooks != NULL && jbi_progress(hooks, name, 0, 0, "", err) < 0)
            return JB_ECANCELED;
    } while (!*has_ended && jbi_monotonic_ms() < until);
    /* It can have left no more than a full pipe; what follows is others'. */
    while (*has_ended && left > 0) {
        int answer = jbi_process_read(process, buffer, sizeof buffer, 0, &got, err);
        if (answer != 1)
            return answer < 0 ? answer : JB_OK;
        add_within(out, buffer, got, limit);
        left -= got < left ? got : left;
    }
    return JB_OK;
}

int jbi_process_run(const char *const argv[], int timeout_s, size_t limit,
                    const struct hooks *hooks, struct text *out, struct text *errors, int *status,
                    struct jb_error *err)
{
    const struct process_start start = {.argv = argv, .in_fd = -1, .out_fd = PROCESS_PIPE};
    struct process *process;
    bool has_ended;
    *status = -1;
    int code = jbi_process_start(&process, &start, err);
    if (code != JB_OK)
        return code;
    code = collect(process, argv[0], timeout_s, limit, hooks, out, &has_ended, status, err);
    const char *said = jbi_process_errors(process);
    add_within(errors, said, strlen(said), limit);
    jbi_process_end(process, 0);
    if (code != JB_OK)
        return code;
    if (!has_ended)
        return jbi_fail(err, JB_EIO, "\"%s\" did not end within %d s and was killed", argv[0],
                        timeout_s);
    if (*status < 0) {
        jbi_fail(err, JB_EIO, "the exit status of \"%s\" is lost", argv[0]);
        jbi_hint(err,
                 "this process must not ignore SIGCHLD nor reap children that it did not make");
        return JB_EIO;
    }
    return out->failed || errors->failed ? jbi_fail_memory(err) : JB_OK;
}
