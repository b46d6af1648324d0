/* SPDX-License-Identifier: MIT */
/*
 * Connecting. libpq decides which server is tried, which one will do, and whether a refusal ends
 * it; ours are the names (postgres_servers.c), the time limit for each address and the hook that
 * may cancel. Invariant: libpq is only called when it needs not wait.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/postgres_connection.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

#define WAIT_S     15 /* for each address */
#define WAIT_S_MIN 2  /* libpq's: its own limit counts whole seconds */
#define TEXT(s)    #s
#define DIGITS(s)  TEXT(s)

static void drop_notice(void *unused, const char *message)
{
    (void)unused;
    (void)message;
}

/* ---- What is to be connected to ---- */

/* What is said beside the URL; NULL: nothing. */
struct beside {
    const char *password, *connect_timeout, *sslmode, *passfile, *database;
    struct postgres_server lists;
};

struct connecting {
    const struct postgres_target *target;
    struct beside beside;
    struct postgres_servers servers; /* not tried yet, or being tried; none: as the URL says */
    size_t current;
    bool is_cut;     /* some have been tried and left out */
    bool is_ordered; /* what comes before the current one need not be tried again */
    int64_t limit_ms;
    PGconn *conn;
    struct arena arena;
    struct text *said;
};

static PGconn *start(const char *url, const struct beside *beside)
{
    static const char *const keywords[] = {"dbname",   "fallback_application_name",
                                           "password", "connect_timeout",
                                           "sslmode",  "passfile",
                                           "host",     "hostaddr",
                                           "port",     "dbname",
                                           NULL};
    const char *const values[] = {url,
                                  "jbackup",
                                  beside->password,
                                  beside->connect_timeout,
                                  beside->sslmode,
                                  beside->passfile,
                                  beside->lists.host,
                                  beside->lists.address,
                                  beside->lists.port,
                                  beside->database,
                                  NULL};
    return PQconnectStartParams(keywords, values, 1);
}

static const PQconninfoOption *option(const PQconninfoOption *options, const char *keyword)
{
    static const PQconninfoOption none;
    for (; options != NULL && options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0)
            return options;
    }
    return &none;
}

/* "": it has none. */
static const char *value(const PQconninfoOption *options, const char *keyword)
{
    const char *val = option(options, keyword)->val;
    return val != NULL ? val : "";
}

static bool choose_limit(struct connecting *c, const char *given)
{
    char *end;
    errno = 0;
    long limit_s = strtol(given, &end, 10);
    end += strspn(end, " \t\n\v\f\r");
    if (*end != '\0' || errno != 0 || limit_s > INT_MAX || limit_s < INT_MIN) {
        jbi_text_addf(c->said,
                      "invalid integer value \"%s\" for connection option \"connect_timeout\"\n",
                      given);
        return false;
    }
    if (limit_s <= 0) {
        c->beside.connect_timeout = DIGITS(WAIT_S); /* for programs that get the login */
        limit_s = WAIT_S;
    }
    c->limit_ms = 1000 * (int64_t)(limit_s < WAIT_S_MIN ? WAIT_S_MIN : limit_s);
    return true;
}

static void choose_password(struct connecting *c, const PQconninfoOption *all)
{
    PQconninfoOption *own = PQconninfoParse(c->target->url, NULL);
    bool is_services = *value(own, "service") != '\0' && *value(all, "password") != '\0';
    if (*value(own, "password") == '\0' && !is_services)
        c->beside.password = c->target->password;
    PQconninfoFree(own);
}

static int choose_servers(struct connecting *c, const PQconninfoOption *all, struct jb_error *err)
{
    const char *balance = value(all, "load_balance_hosts");
    const struct postgres_server lists = {value(all, "host"), value(all, "hostaddr"),
                                          value(all, "port")};
    const char *compiled = option(all, "port")->compiled;
    const char *port = jbi_arena_text(&c->arena, compiled != NULL ? compiled : "5432");
    c->is_ordered = strcmp(value(all, "target_session_attrs"), "prefer-standby") != 0 &&
                    (*balance == '\0' || strcmp(balance, "disable") == 0);
    return port != NULL ? jbi_postgres_servers(&c->servers, &lists, port, c->target->hooks,
                                               &c->arena, c->said, err)
                        : jbi_fail_memory(err);
}

/* What the URL, its service and the environment say together libpq tells of a connection only, so
 * one is begun that can't be: it never gets as far as the network. It stays when there is nothing
 * to connect to. */
static int choose(struct connecting *c, struct jb_error *err)
{
    const struct beside hopeless = {.sslmode = "none, this only asks for the options",
                                    .passfile = "/dev/null/none",
                                    .database = c->target->database};
    c->conn = start(c->target->url, &hopeless);
    PQconninfoOption *all = c->conn != NULL ? PQconninfo(c->conn) : NULL;
    if (all == NULL)
        return jbi_fail_memory(err);
    c->beside.database = c->target->database;
    choose_password(c, all);
    int code = JB_OK;
    if (choose_limit(c, value(all, "connect_timeout")))
        code = choose_servers(c, all, err);
    PQconninfoFree(all);
    return code;
}

/* ---- Attempts ---- */

static const char *joined(struct arena *arena, const struct postgres_servers *servers,
                          size_t member, bool is_twice)
{
    scope_text list = {0};
    for (size_t i = 0; i < servers->count + is_twice; i++) {
        const struct postgres_server *server = &servers->at[is_twice ? 0 : i];
        const char *const members[] = {server->host, server->address, server->port};
        jbi_text_addf(&list, "%s%s", i > 0 ? "," : "", members[member]);
    }
    return list.failed ? NULL : jbi_arena_text(arena, list.at);
}

/* libpq does not heed an empty value where the URL has one that was cut: a list of two empty ones
 * is none. */
static int begin(struct connecting *c, struct jb_error *err)
{
    struct postgres_server *lists = &c->beside.lists;
    PQfinish(c->conn);
    c->conn = NULL;
    c->current = 0;
    if (c->servers.count > 0) {
        const struct postgres_server *first = &c->servers.at[0];
        bool is_twice =
            c->is_cut && c->servers.count == 1 && (*first->host == '\0' || *first->address == '\0');
        lists->host = joined(&c->arena, &c->servers, 0, is_twice);
        lists->address = joined(&c->arena, &c->servers, 1, is_twice);
        lists->port = joined(&c->arena, &c->servers, 2, is_twice);
        if (lists->host == NULL || lists->address == NULL || lists->port == NULL)
            return jbi_fail_memory(err);
    }
    c->conn = start(c->target->url, &c->beside);
    if (c->conn == NULL)
        return jbi_fail_memory(err);
    PQsetNoticeProcessor(c->conn, drop_notice, NULL);
    return JB_OK;
}

/* As libpq writes addresses, a scope is not told. */
static bool is_same_address(const char *one, const char *other)
{
    unsigned char bytes[2][sizeof(struct in6_addr)];
    char plain[INET6_ADDRSTRLEN] = "";
    size_t len = strcspn(one, "%");
    if (len < sizeof plain)
        memcpy(plain, one, len);
    int family = strchr(other, ':') != NULL ? AF_INET6 : AF_INET;
    return inet_pton(family, plain, bytes[0]) == 1 && inet_pton(family, other, bytes[1]) == 1 &&
           memcmp(bytes[0], bytes[1], family == AF_INET6 ? 16 : 4) == 0;
}

static bool is_tried(const PGconn *conn, const struct postgres_server *server)
{
    return strcmp(server->port, PQport(conn)) == 0 &&
           (*server->host == '\0' || strcmp(server->host, PQhost(conn)) == 0) &&
           (*server->address == '\0' || is_same_address(server->address, PQhostaddr(conn)));
}

/* Which one libpq is at. It mostly goes forwards. */
static size_t find_current(const struct connecting *c)
{
    for (size_t i = 0; i < c->servers.count; i++) {
        size_t at = (c->current + i) % c->servers.count;
        if (is_tried(c->conn, &c->servers.at[at]))
            return at;
    }
    return c->current;
}

/* Leaves the current one out. Those before it have been tried, too; but where libpq goes through
 * the list twice, or in an order of its own, they stay. */
static void cut(struct connecting *c)
{
    size_t first = c->is_ordered ? 0 : c->current, past = c->current + 1;
    c->is_cut = true;
    if (past >= c->servers.count && c->is_ordered) {
        c->servers.count = 0;
        return;
    }
    memmove(&c->servers.at[first], &c->servers.at[past],
            (c->servers.count - past) * sizeof *c->servers.at);
    c->servers.count -= past - first;
}

/* Follows libpq until it is connected or has failed, or an address is silent. */
static int follow(struct connecting *c, bool *is_silent, struct jb_error *err)
{
    struct postgres_wait wait = jbi_postgres_wait(c->target->hooks, "connect", c->limit_ms);
    PostgresPollingStatusType status =
        PQstatus(c->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    *is_silent = false;
    while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
        bool is_ready;
        int code = jbi_postgres_wait_for(&wait, PQsocket(c->conn),
                                         status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                                         &is_ready, err);
        if (code < 0)
            return code;
        if (is_ready)
            status = PQconnectPoll(c->conn);
        size_t current = find_current(c);
        if (current != c->current)
            wait.until_ms = jbi_monotonic_ms() + c->limit_ms;
        c->current = current;
        *is_silent = !is_ready && jbi_monotonic_ms() >= wait.until_ms;
        if (*is_silent)
            break;
    }
    return JB_OK;
}

static int try_all(struct connecting *c, struct jb_error *err)
{
    bool is_silent;
    do {
        int code = begin(c, err);
        if (code == JB_OK)
            code = follow(c, &is_silent, err);
        if (code < 0)
            return code;
        if (PQstatus(c->conn) == CONNECTION_OK)
            return JB_OK;
        jbi_text_adds(c->said, PQerrorMessage(c->conn));
        if (is_silent) {
            jbi_text_adds(c->said, "timeout expired\n");
            cut(c);
        }
    } while (is_silent && c->servers.count > 0);
    return JB_OK;
}

int jbi_postgres_connect(const struct postgres_target *target, struct pg_conn **conn,
                         struct text *said, struct jb_error *err)
{
    struct connecting c = {.target = target, .said = said};
    int code = choose(&c, err);
    /* Without a server only what is said. */
    if (code == JB_OK && (c.servers.count > 0 || said->len == 0))
        code = try_all(&c, err);
    jbi_arena_free(&c.arena);
    *conn = c.conn;
    return code;
}
