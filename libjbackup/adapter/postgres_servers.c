/* SPDX-License-Identifier: MIT */
/* Where a URL, its service and the environment say that servers are. Invariant: waiting for a name
 * server can be canceled. */
#include <netdb.h>
#include <poll.h>
#include <string.h>

#include "adapter/postgres_connection.h"
#include "base/clock.h"
#include "base/error.h"
#include "os/lookup.h"

#define LOOKUP_WAIT_MS 120000 /* resolvers give up long before */
#define SERVERS_MAX    1024

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
    const struct addrinfo *found;
    struct postgres_wait wait = jbi_postgres_wait(e->hooks, "connect", LOOKUP_WAIT_MS);
    bool is_done = false;
    int code = jbi_lookup_begin(&lookup, server.host, NULL, e->err);
    if (code < 0)
        return code;
    while (code == JB_OK && !is_done && jbi_monotonic_ms() < wait.until_ms)
        code = jbi_postgres_wait_for(&wait, jbi_lookup_fd(lookup), POLLIN, &is_done, e->err);
    int failure = jbi_lookup_result(lookup, &found);
    if (code == JB_OK && failure != 0)
        jbi_text_addf(e->said, "could not translate host name \"%s\" to address: %s\n", server.host,
                      gai_strerror(failure));
    else if (code == JB_OK)
        code = add_addresses(e, server, found);
    jbi_lookup_end(lookup);
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
