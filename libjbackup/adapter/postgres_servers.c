/* SPDX-License-Identifier: MIT */
/*
 * Where a URL, its service and the environment say that servers are. Invariant: a name is looked up
 * by a thread that owns what it works on, so nobody has to wait until a name server is given up.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "adapter/postgres_connection.h"
#include "base/clock.h"
#include "base/error.h"

#define LOOKUP_WAIT_MS 120000 /* resolvers give up long before */
#define SERVERS_MAX    1024

/* ---- Looking a name up ---- */

struct lookup {
    char *name;
    struct addrinfo *found;
    int failure; /* getaddrinfo's */
    int done_fd; /* readable when it has ended */
    atomic_int owners;
};

static void let_go(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->owners, 1) > 1)
        return;
    if (lookup->found != NULL)
        freeaddrinfo(lookup->found);
    if (lookup->done_fd >= 0)
        close(lookup->done_fd);
    free(lookup->name);
    free(lookup);
}

static void *look_up(void *argument)
{
    struct lookup *lookup = argument;
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
    lookup->failure = getaddrinfo(lookup->name, NULL, &wanted, &lookup->found);
    eventfd_write(lookup->done_fd, 1);
    let_go(lookup);
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

static int begin_lookup(struct lookup **out, const char *name, struct jb_error *err)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup == NULL)
        return jbi_fail_memory(err);
    lookup->owners = 2;
    lookup->name = strdup(name);
    lookup->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int why = lookup->name == NULL ? ENOMEM : lookup->done_fd < 0 ? errno : start_thread(lookup);
    if (why == 0) {
        *out = lookup;
        return JB_OK;
    }
    lookup->owners = 1;
    let_go(lookup);
    errno = why;
    return jbi_fail_errno(err, JB_EIO, "cannot look up the host \"%s\"", name);
}

/* ---- Lists ---- */

struct expansion {
    struct postgres_servers *servers;
    const struct hooks *hooks;
    struct arena *arena;
    struct text *said;
    struct jb_error *err;
};

static int add(const struct expansion *e, struct postgres_server server)
{
    if (e->servers->count == SERVERS_MAX)
        return JB_OK;
    e->servers->at[e->servers->count++] = server;
    return server.host != NULL && server.address != NULL && server.port != NULL
               ? JB_OK
               : jbi_fail_memory(e->err);
}

static int add_addresses(const struct expansion *e, struct postgres_server server,
                         const struct addrinfo *found)
{
    int code = JB_OK;
    for (; found != NULL && code == JB_OK; found = found->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, NULL, 0,
                        NI_NUMERICHOST) != 0)
            continue;
        server.address = jbi_arena_text(e->arena, text);
        code = add(e, server);
    }
    return code;
}

static int add_name(const struct expansion *e, struct postgres_server server)
{
    struct lookup *lookup = NULL;
    struct postgres_wait wait = jbi_postgres_wait(e->hooks, "connect", LOOKUP_WAIT_MS);
    bool is_done = false;
    int code = begin_lookup(&lookup, server.host, e->err);
    if (code < 0)
        return code;
    while (code == JB_OK && !is_done && jbi_monotonic_ms() < wait.until_ms)
        code = jbi_postgres_wait_for(&wait, lookup->done_fd, POLLIN, &is_done, e->err);
    if (code == JB_OK && (!is_done || lookup->failure != 0))
        jbi_text_addf(e->said, "could not translate host name \"%s\" to address: %s\n", server.host,
                      gai_strerror(is_done ? lookup->failure : EAI_AGAIN));
    else if (code == JB_OK)
        code = add_addresses(e, server, lookup->found);
    let_go(lookup);
    return code;
}

static bool is_name(const struct postgres_server *server)
{
    return *server->address == '\0' && *server->host != '\0' && *server->host != '/' &&
           *server->host != '@';
}

static size_t list_count(const char *list)
{
    size_t count = 1;
    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

/* The next of the list, which has moved on; with no list left, the last again: one port may be for
 * all, and no address for none. */
static const char *next(const char **list, struct arena *arena)
{
    size_t len = strcspn(*list, ",");
    const char *one = jbi_arena_textn(arena, *list, len);
    if ((*list)[len] == ',')
        *list += len + 1;
    return one;
}

int jbi_postgres_servers(struct postgres_servers *out, const struct postgres_server *lists,
                         const char *default_port, const struct hooks *hooks, struct arena *arena,
                         struct text *said, struct jb_error *err)
{
    struct postgres_server rest = *lists;
    const struct expansion e = {out, hooks, arena, said, err};
    size_t count = list_count(*lists->address != '\0' ? lists->address : lists->host);
    size_t ports = list_count(lists->port);
    *out = (struct postgres_servers){jbi_arena_alloc(arena, SERVERS_MAX * sizeof *out->at), 0};
    if (out->at == NULL)
        return jbi_fail_memory(err);
    if ((*lists->host != '\0' && list_count(lists->host) != count) || (ports > 1 && ports != count))
        return JB_OK;
    int code = JB_OK;
    for (size_t i = 0; i < count && code == JB_OK; i++) {
        struct postgres_server server = {next(&rest.host, arena), next(&rest.address, arena),
                                         next(&rest.port, arena)};
        if (server.host == NULL || server.address == NULL || server.port == NULL)
            return jbi_fail_memory(err);
        if (*server.port == '\0')
            server.port = default_port;
        code = is_name(&server) ? add_name(&e, server) : add(&e, server);
    }
    return code;
}
