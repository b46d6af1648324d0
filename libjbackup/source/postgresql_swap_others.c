/* SPDX-License-Identifier: MIT */
/* Sessions of others in the databases that are swapped: who they are, and ending them. Invariant:
 * if there is one that may not be ended, none is. */
#include <stdio.h>

#include "base/error.h"
#include "source/postgresql_swap_parts.h"

#define WHO_SIZE 400

/* Those in either database; of the server's own, which have no user, a rename itself takes care. */
static const char sql_sessions[] =
    "SELECT a.pid, a.usename, a.application_name, host(a.client_addr), a.datname,"
    " (SELECT r.rolsuper OR (NOT coalesce(u.rolsuper, true) AND"
    "   (pg_has_role(r.oid, a.usesysid, 'USAGE') OR pg_has_role(r.oid, 'pg_signal_backend', "
    "'USAGE')))"
    "  FROM pg_roles r WHERE r.rolname = current_user)"
    " FROM pg_stat_activity a LEFT JOIN pg_roles u ON u.oid = a.usesysid"
    " WHERE a.datname IN ($1, $2) AND a.usename IS NOT NULL AND a.pid <> pg_backend_pid()";

/* Those that hold what a restore waits for; of the server's own, autovacuum gives way. */
static const char sql_holders[] =
    "SELECT a.pid, a.usename, a.application_name, host(a.client_addr), a.datname"
    " FROM pg_stat_activity a WHERE a.datname = current_database() AND a.usename IS NOT NULL"
    " AND a.pid <> pg_backend_pid() AND EXISTS (SELECT FROM pg_locks l JOIN pg_database d"
    " ON d.oid = l.database WHERE l.pid = a.pid AND d.datname = a.datname"
    " AND l.locktype IN ('relation', 'object'))";

static int fail_sessions(const struct postgres_rows *rows, const char *why, bool all,
                         struct jb_error *err)
{
    char who[WHO_SIZE] = "";
    size_t len = 0;
    const char *database = "";
    for (int i = 0; i < jbi_postgres_row_count(rows) && len < sizeof who - 1; i++) {
        const char *application = jbi_postgres_value(rows, i, 2);
        const char *host = jbi_postgres_value(rows, i, 3), *may = jbi_postgres_value(rows, i, 5);
        if (!all && may != NULL && *may == 't')
            continue;
        database = jbi_postgres_value(rows, i, 4);
        len += (size_t)snprintf(who + len, sizeof who - len, "%suser \"%s\"%s%s%s%s%s (process %s)",
                                len > 0 ? ", " : "", jbi_postgres_value(rows, i, 1),
                                application && *application ? " of \"" : "",
                                application && *application ? application : "",
                                application && *application ? "\"" : "", host ? " at " : "",
                                host ? host : "", jbi_postgres_value(rows, i, 0));
    }
    jbi_fail(err, JB_EDATABASE, "%s in \"%s\": %s", why, database, who);
    jbi_hint(err, "stop these programs, or GRANT pg_signal_backend TO the role; sessions of a "
                  "superuser only a superuser may end");
    return JB_EDATABASE;
}

static bool may_end_all(const struct postgres_rows *rows)
{
    for (int i = 0; i < jbi_postgres_row_count(rows); i++) {
        const char *may = jbi_postgres_value(rows, i, 5);
        if (may == NULL || *may != 't')
            return false;
    }
    return true;
}

static int ask_sessions(struct postgres *session, const char *one, const char *other,
                        struct postgres_rows **rows, struct jb_error *err)
{
    const char *const params[] = {one, other};
    return jbi_postgres_query(session, "cannot ask for the sessions of", sql_sessions, params, 2,
                              rows, err);
}

int jbi_swap_may_end(const struct postgresql_swap *s, struct postgres *session,
                     struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    int code = ask_sessions(session, s->database, s->beside, &rows, err);
    if (code == JB_OK && !may_end_all(rows))
        code = fail_sessions(rows, "this login may not end sessions", false, err);
    jbi_postgres_rows_free(rows);
    return code;
}

static int terminate(struct postgres *session, const struct postgres_rows *rows,
                     struct jb_error *err)
{
    int code = JB_OK;
    for (int i = 0; i < jbi_postgres_row_count(rows) && code == JB_OK; i++) {
        const char *pid = jbi_postgres_value(rows, i, 0);
        struct postgres_rows *done = NULL;
        code = jbi_postgres_query(session, "cannot end a session on",
                                  "SELECT pg_terminate_backend($1::int4)", &pid, 1, &done, err);
        jbi_postgres_rows_free(done);
    }
    return code;
}

int jbi_swap_end_sessions(struct postgres *session, const char *one, const char *other,
                          bool is_last, int *count, struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    int code = ask_sessions(session, one, other, &rows, err);
    if (code < 0)
        return code;
    *count = jbi_postgres_row_count(rows);
    if (!may_end_all(rows))
        code = fail_sessions(rows, "this login may not end sessions", false, err);
    else if (is_last && *count > 0)
        code = fail_sessions(rows, "sessions that were told to end are still", true, err);
    else
        code = terminate(session, rows, err);
    jbi_postgres_rows_free(rows);
    return code;
}

int jbi_swap_fail_holders(struct postgres *session, struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, "cannot ask for the locks of", sql_holders, NULL, 0,
                                  &rows, err);
    if (code == JB_OK && jbi_postgres_row_count(rows) > 0)
        code = fail_sessions(rows, "what is to be replaced is held by sessions", true, err);
    jbi_postgres_rows_free(rows);
    return code;
}
