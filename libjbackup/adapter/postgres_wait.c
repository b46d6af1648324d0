/* SPDX-License-Identifier: MIT */
/* Waiting for a descriptor. Invariant: who may cancel is asked every 100 ms, be there news or not.
 */
#include <errno.h>
#include <poll.h>

#include "adapter/postgres_connection.h"
#include "base/clock.h"
#include "base/error.h"

#define ASK_MS  100
#define LOOK_MS 1000 /* TLS may hold bytes back that the descriptor does not tell of */

struct postgres_wait jbi_postgres_wait(const struct hooks *hooks, const char *step,
                                       int64_t limit_ms)
{
    int64_t now = jbi_monotonic_ms();
    bool may_cancel = hooks != NULL && hooks->progress != NULL;
    return (struct postgres_wait){may_cancel ? hooks : NULL, step, now + limit_ms, now};
}

int jbi_postgres_wait_for(struct postgres_wait *wait, int fd, short events, bool *is_ready,
                          struct jb_error *err)
{
    int64_t now = jbi_monotonic_ms();
    int64_t end = wait->hooks != NULL ? wait->asked_ms + ASK_MS : now + LOOK_MS;
    struct pollfd line = {.fd = fd, .events = events};
    end = end < wait->until_ms ? end : wait->until_ms;
    int ready = poll(&line, 1, end > now ? (int)(end - now) : 0);
    if (ready < 0 && errno != EINTR)
        return jbi_fail_errno(err, JB_EIO, "cannot wait for a database server");
    *is_ready = ready > 0;
    now = jbi_monotonic_ms();
    if (wait->hooks == NULL || now - wait->asked_ms < ASK_MS)
        return JB_OK;
    wait->asked_ms = now;
    return jbi_progress(wait->hooks, wait->step, 0, 0, "", err);
}
