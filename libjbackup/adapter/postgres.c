/* SPDX-License-Identifier: MIT */
/*
 * Connections to PostgreSQL. Invariant: nothing here waits for ever: an address has its time, the
 * server ends a statement, and where no answer comes at all the connection is given up. A session
 * can't write unless it is asked for, prints nothing, and resolves names in pg_catalog only.
 */
#include "adapter/postgres.h"

#include <arpa/inet.h>
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

#define ANSWER_WAIT_S 90  /* the server itself gives up after 60 */
#define WRITE_WAIT_S  630 /* the same: making a database waits for a checkpoint */
#define IPV6_CHARS    "0123456789abcdefABCDEF:."

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
static int wait_for_result(struct postgres *postgres, const char *what, struct postgres_wait *wait,
                           struct jb_error *err)
{
    for (;;) {
        bool is_ready;
        int unsent = PQflush(postgres->conn);
        if (unsent < 0)
            return fail_lost(postgres, what, err);
        if (unsent == 0 && !PQisBusy(postgres->conn))
            return JB_OK;
        if (jbi_monotonic_ms() >= wait->until_ms)
            return fail_silence(postgres, what, err);
        int code = jbi_postgres_wait_for(wait, PQsocket(postgres->conn),
                                         (short)(POLLIN | (unsent ? POLLOUT : 0)), &is_ready, err);
        if (code < 0) {
            postgres->is_lost = true; /* the server ends the statement by its own time limit */
            return code;
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
    struct postgres_wait wait =
        jbi_postgres_wait(postgres->hooks, "ask database", postgres->answer_wait_s * INT64_C(1000));
    bool failed = false;
    for (;;) {
        int code = wait_for_result(postgres, what, &wait, err);
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
    scope_text said = {0};
    postgres->hooks = target->hooks;
    postgres->answer_wait_s = target->is_writable ? WRITE_WAIT_S : ANSWER_WAIT_S;
    int code = jbi_postgres_connect(target, &postgres->conn, &said, err);
    if (code == JB_OK)
        postgres->place = place_of(postgres->conn);
    if (code == JB_OK && (postgres->place == NULL || said.failed))
        code = jbi_fail_memory(err);
    else if (code == JB_OK && PQstatus(postgres->conn) != CONNECTION_OK)
        code =
            jbi_postgres_fail(err, "cannot connect to", postgres->place, said.len ? said.at : "");
    else if (code == JB_OK)
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

int jbi_postgres_execute(struct postgres *postgres, const char *what, const char *sql,
                         struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(postgres, what, sql, NULL, 0, &rows, err);
    jbi_postgres_rows_free(rows);
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
