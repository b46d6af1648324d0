/* SPDX-License-Identifier: MIT */
/*
 * Connections to PostgreSQL. Invariant: nothing here waits for ever: libpq bounds connecting, the
 * server a statement, and where no answer comes at all the connection is given up. A session can't
 * write unless it is asked for, prints nothing, and resolves names in pg_catalog only.
 */
#include "adapter/postgres.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "adapter/postgres_connection.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"

#define CONNECT_WAIT_S "15" /* for each host */
#define ANSWER_WAIT_S  90   /* the server itself gives up after 60 */
#define WRITE_WAIT_S   630  /* the same: making a database waits for a checkpoint */
#define IPV6_CHARS     "0123456789abcdefABCDEF:."
#define LOOK_MS        1000 /* how often TLS is asked for bytes that it holds back */

struct postgres_rows {
    PGresult *result;
};

/* The server's own limits could end a session that holds a snapshot for as long as a dump takes. */
static const char session[] =
    "SET search_path = pg_catalog;"
    "SET lock_timeout = '60s';"
    "SELECT set_config('client_encoding', getdatabaseencoding(), false);"
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN"
    " ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')";

static const char reading[] =
    "SET statement_timeout = '60s'; SET default_transaction_read_only = on";
static const char writing[] = "SET statement_timeout = '10min'";

static void drop_notice(void *unused, const char *message)
{
    (void)unused;
    (void)message;
}

/* ---- Answers ---- */

static int fail_silence(struct postgres *postgres, const char *what, struct jb_error *err)
{
    postgres->is_lost = true;
    jbi_fail(err, JB_EDATABASE, "%s \"%s\": the server gave no answer within %d s", what,
             postgres->place, postgres->answer_wait_s);
    jbi_hint(err, "see whether the server hangs, or the network lost the connection");
    return JB_EDATABASE;
}

static int fail_lost(struct postgres *postgres, const char *what, struct jb_error *err)
{
    postgres->is_lost = true;
    return jbi_postgres_fail(err, what, postgres->place, PQerrorMessage(postgres->conn));
}

/* Waits until libpq has a whole result. */
static int wait_for_result(struct postgres *postgres, const char *what, int64_t until,
                           struct jb_error *err)
{
    for (;;) {
        int unsent = PQflush(postgres->conn);
        if (unsent < 0)
            return fail_lost(postgres, what, err);
        if (unsent == 0 && !PQisBusy(postgres->conn))
            return JB_OK;
        int64_t left = until - jbi_monotonic_ms();
        if (left <= 0)
            return fail_silence(postgres, what, err);
        struct pollfd line = {.fd = PQsocket(postgres->conn),
                              .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
        if (poll(&line, 1, left < LOOK_MS ? (int)left : LOOK_MS) < 0 && errno != EINTR) {
            postgres->is_lost = true;
            return jbi_fail_errno(err, JB_EIO, "%s \"%s\"", what, postgres->place);
        }
        if (!PQconsumeInput(postgres->conn))
            return fail_lost(postgres, what, err);
    }
}

/* Adds a result to what came before: the first failure stays, else the last result. */
static void take_result(PGresult **kept, PGresult *result, bool *failed)
{
    if (*failed) {
        PQclear(result);
        return;
    }
    ExecStatusType status = PQresultStatus(result);
    *failed = status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK;
    PQclear(*kept);
    *kept = result;
}

/* Reads all results of what was sent. */
static int read_results(struct postgres *postgres, const char *what, PGresult **kept,
                        struct jb_error *err)
{
    int64_t until = jbi_monotonic_ms() + (int64_t)postgres->answer_wait_s * 1000;
    bool failed = false;
    for (;;) {
        int code = wait_for_result(postgres, what, until, err);
        if (code < 0)
            return code;
        PGresult *result = PQgetResult(postgres->conn);
        if (result == NULL)
            break;
        take_result(kept, result, &failed);
        ExecStatusType status = PQresultStatus(*kept);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            postgres->is_lost = true; /* libpq would give this result for ever */
            return jbi_fail(err, JB_EUNSUPPORTED, "%s \"%s\": a COPY is no query", what,
                            postgres->place);
        }
    }
    if (failed)
        return jbi_postgres_fail(err, what, postgres->place, PQresultErrorMessage(*kept));
    return *kept != NULL ? JB_OK : fail_lost(postgres, what, err);
}

/* ---- Naming the place ---- */

/* As a part of a URL, readable where that can be. */
static void add_escaped(struct text *text, const char *part)
{
    for (size_t len = strlen(part); len > 0;) {
        size_t step = jbi_utf8_len(part, len);
        bool is_plain = step > 0 && jbi_is_printable(part, step) &&
                        (step > 1 || strchr(" \"%/:?#@[]\\", *part) == NULL);
        if (is_plain)
            jbi_text_add(text, part, step);
        step = step ? step : 1;
        for (size_t i = 0; !is_plain && i < step; i++)
            jbi_text_addf(text, "%%%02X", (unsigned char)part[i]);
        part += step;
        len -= step;
    }
}

/* "postgresql://user@host:port/database", malloc'd. */
static char *place_of(const PGconn *conn)
{
    const char *user = PQuser(conn), *host = PQhost(conn), *port = PQport(conn);
    const char *database = PQdb(conn);
    struct text place = {0};
    jbi_text_adds(&place, "postgresql://");
    if (user != NULL && *user != '\0') {
        add_escaped(&place, user);
        jbi_text_adds(&place, "@");
    }
    if (host != NULL && strchr(host, ':') != NULL && strspn(host, IPV6_CHARS) == strlen(host))
        jbi_text_addf(&place, "[%s]", host);
    else if (host != NULL)
        add_escaped(&place, host);
    if (port != NULL && *port != '\0') {
        jbi_text_adds(&place, ":");
        add_escaped(&place, port);
    }
    if (database != NULL && *database != '\0') {
        jbi_text_adds(&place, "/");
        add_escaped(&place, database);
    }
    if (!place.failed)
        return place.at;
    jbi_text_free(&place);
    return NULL;
}

/* ---- Connecting ---- */

/* What is said beside the URL; NULL: nothing. */
struct beside {
    const char *password, *connect_timeout, *sslmode, *passfile, *database;
};

static PGconn *start(const char *url, const struct beside *beside)
{
    static const char *const keywords[] = {"dbname",   "fallback_application_name",
                                           "password", "connect_timeout",
                                           "sslmode",  "passfile",
                                           "dbname",   NULL};
    const char *const values[] = {url,
                                  "jbackup",
                                  beside->password,
                                  beside->connect_timeout,
                                  beside->sslmode,
                                  beside->passfile,
                                  beside->database,
                                  NULL};
    return PQconnectStartParams(keywords, values, 1);
}

static bool has_value(const PQconninfoOption *options, const char *keyword)
{
    for (; options != NULL && options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0)
            return options->val != NULL && *options->val != '\0';
    }
    return false;
}

/* What the URL, its service and the environment say together. libpq tells that of a connection
 * only, so one is begun that can't be: it never gets as far as the network. */
static PQconninfoOption *all_options(const char *url)
{
    const struct beside hopeless = {.sslmode = "none, this only asks for the options",
                                    .passfile = "/dev/null/none"};
    PGconn *conn = start(url, &hopeless);
    PQconninfoOption *options = conn != NULL ? PQconninfo(conn) : NULL;
    PQfinish(conn);
    return options;
}

static void choose_beside(const struct postgres_target *target, struct beside *beside)
{
    PQconninfoOption *all = all_options(target->url);
    PQconninfoOption *own = PQconninfoParse(target->url, NULL);
    bool is_services = has_value(own, "service") && has_value(all, "password");
    if (!has_value(own, "password") && !is_services)
        beside->password = target->password;
    if (!has_value(all, "connect_timeout"))
        beside->connect_timeout = CONNECT_WAIT_S;
    PQconninfoFree(own);
    PQconninfoFree(all);
}

/* Only PQreset, on a connection just begun, gives libpq's time limit for each host and no notice
 * of the server on our error output, both. */
static PGconn *connect_to(const struct postgres_target *target)
{
    struct beside beside = {.database = target->database};
    choose_beside(target, &beside);
    PGconn *conn = start(target->url, &beside);
    if (conn == NULL || PQstatus(conn) == CONNECTION_BAD)
        return conn;
    PQsetNoticeProcessor(conn, drop_notice, NULL);
    PQreset(conn);
    return conn;
}

static int begin_session(struct postgres *postgres, bool is_writable, struct jb_error *err)
{
    static const char what[] = "cannot begin a session with";
    scope_text all = {0};
    /* First the time limit, for the login may have one that is too short for the rest. */
    jbi_text_addf(&all, "%s;%s", is_writable ? writing : reading, session);
    if (all.failed)
        return jbi_fail_memory(err);
    if (PQsetnonblocking(postgres->conn, 1) < 0 || !PQsendQuery(postgres->conn, all.at))
        return fail_lost(postgres, what, err);
    PGresult *last = NULL;
    int code = read_results(postgres, what, &last, err);
    PQclear(last);
    return code;
}

int jbi_postgres_open(struct postgres **out, const struct postgres_target *target,
                      struct jb_error *err)
{
    struct postgres *postgres = calloc(1, sizeof *postgres);
    if (postgres == NULL)
        return jbi_fail_memory(err);
    postgres->answer_wait_s = target->is_writable ? WRITE_WAIT_S : ANSWER_WAIT_S;
    postgres->conn = connect_to(target);
    postgres->place = postgres->conn != NULL ? place_of(postgres->conn) : NULL;
    int code = JB_OK;
    if (postgres->place == NULL)
        code = jbi_fail_memory(err);
    else if (PQstatus(postgres->conn) != CONNECTION_OK)
        code = jbi_postgres_fail(err, "cannot connect to", postgres->place,
                                 PQerrorMessage(postgres->conn));
    else
        code = begin_session(postgres, target->is_writable, err);
    if (code < 0)
        jbi_postgres_close(postgres);
    else
        *out = postgres;
    return code;
}

void jbi_postgres_close(struct postgres *postgres)
{
    if (postgres == NULL)
        return;
    PQfinish(postgres->conn);
    free(postgres->place);
    free(postgres);
}

/* ---- Facts ---- */

const char *jbi_postgres_database(const struct postgres *postgres)
{
    return PQdb(postgres->conn);
}

const char *jbi_postgres_place(const struct postgres *postgres)
{
    return postgres->place;
}

int jbi_postgres_server_major(const struct postgres *postgres)
{
    return PQserverVersion(postgres->conn) / 10000;
}

bool jbi_postgres_is_encrypted(const struct postgres *postgres)
{
    return PQsslInUse(postgres->conn) || PQgssEncInUse(postgres->conn);
}

bool jbi_postgres_is_local(const struct postgres *postgres)
{
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof peer;
    if (getpeername(PQsocket(postgres->conn), (struct sockaddr *)&peer, &len) < 0)
        return false;
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&peer;
        return ntohl(four->sin_addr.s_addr) >> 24 == 127;
    }
    if (peer.ss_family == AF_INET6) {
        const struct in6_addr *six = &((const struct sockaddr_in6 *)&peer)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
    }
    return peer.ss_family == AF_UNIX;
}

/* ---- Queries ---- */

int jbi_postgres_query(struct postgres *postgres, const char *what, const char *sql,
                       const char *const params[], int param_count, struct postgres_rows **out,
                       struct jb_error *err)
{
    if (postgres->is_lost)
        return jbi_fail(err, JB_EDATABASE, "%s \"%s\": the connection is lost", what,
                        postgres->place);
    if (!PQsendQueryParams(postgres->conn, sql, param_count, NULL, params, NULL, NULL, 0))
        return fail_lost(postgres, what, err);
    struct postgres_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL) {
        postgres->is_lost = true;
        return jbi_fail_memory(err);
    }
    int code = read_results(postgres, what, &rows->result, err);
    if (code < 0)
        jbi_postgres_rows_free(rows);
    else
        *out = rows;
    return code;
}

int jbi_postgres_row_count(const struct postgres_rows *rows)
{
    return PQntuples(rows->result);
}

const char *jbi_postgres_value(const struct postgres_rows *rows, int row, int column)
{
    bool is_there = row >= 0 && row < PQntuples(rows->result) && column >= 0 &&
                    column < PQnfields(rows->result);
    return is_there && !PQgetisnull(rows->result, row, column)
               ? PQgetvalue(rows->result, row, column)
               : NULL;
}

void jbi_postgres_rows_free(struct postgres_rows *rows)
{
    if (rows == NULL)
        return;
    PQclear(rows->result);
    free(rows);
}
