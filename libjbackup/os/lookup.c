/* SPDX-License-Identifier: MIT */
/* Looking a host up. Invariant: what the thread works on belongs to it, too, so either side can go
 * first; and its end is told by closing a pipe, which unlike writing to one can't fail. */
#include "os/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

struct lookup {
    char *host, *service;
    struct addrinfo *found;
    int failure;     /* getaddrinfo's */
    int done_fds[2]; /* the thread closes the second one */
    atomic_bool is_done;
    atomic_int owners;
};

void jbi_lookup_end(struct lookup *lookup)
{
    if (lookup == NULL || atomic_fetch_sub(&lookup->owners, 1) > 1)
        return;
    if (lookup->found != NULL)
        freeaddrinfo(lookup->found);
    for (int i = 0; i < 2; i++)
        if (lookup->done_fds[i] >= 0)
            close(lookup->done_fds[i]);
    free(lookup->host);
    free(lookup->service);
    free(lookup);
}

static void *look_up(void *argument)
{
    struct lookup *lookup = argument;
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    lookup->failure = getaddrinfo(lookup->host, lookup->service, &wanted, &lookup->found);
    atomic_store(&lookup->is_done, true);
    close(lookup->done_fds[1]);
    lookup->done_fds[1] = -1;
    jbi_lookup_end(lookup);
    return NULL;
}

/* Detached: it may have to be left to itself. */
static int start_thread(struct lookup *lookup)
{
    pthread_attr_t detached;
    pthread_t thread;
    sigset_t all, before;
    int why = pthread_attr_init(&detached);
    if (why != 0)
        return why;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    why = pthread_create(&thread, &detached, look_up, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&detached);
    return why;
}

int jbi_lookup_begin(struct lookup **out, const char *host, const char *service,
                     struct jb_error *err)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    *out = NULL;
    if (lookup == NULL)
        return jbi_fail_memory(err);
    lookup->owners = 2;
    lookup->host = strdup(host);
    lookup->service = service != NULL ? strdup(service) : NULL;
    lookup->done_fds[0] = lookup->done_fds[1] = -1;
    bool is_whole = lookup->host != NULL && (lookup->service != NULL || service == NULL);
    int why = !is_whole                                ? ENOMEM
              : pipe2(lookup->done_fds, O_CLOEXEC) < 0 ? errno
                                                       : start_thread(lookup);
    if (why == 0) {
        *out = lookup;
        return JB_OK;
    }
    lookup->owners = 1;
    jbi_lookup_end(lookup);
    errno = why;
    return jbi_fail_errno(err, JB_EIO, "cannot look up the host \"%s\"", host);
}

int jbi_lookup_fd(const struct lookup *lookup)
{
    return lookup->done_fds[0];
}

int jbi_lookup_result(const struct lookup *lookup, const struct addrinfo **out)
{
    bool is_done = atomic_load(&lookup->is_done);
    *out = is_done ? lookup->found : NULL;
    return is_done ? lookup->failure : EAI_AGAIN;
}
