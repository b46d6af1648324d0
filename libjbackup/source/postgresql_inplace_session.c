/* SPDX-License-Identifier: MIT */
/* The session in a database that is replaced in place, and what it sees there. Invariant: it is not
 * begun before what the pg_restore of a killed process did has ended, one way or the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "source/postgresql_inplace_parts.h"

#define NUMBER_SIZE 16
#define LOOK_MS     50
#define END_LOOKS   100 /* 5 s */

/* ---- Beginning ---- */

/* It may be at work on indexes for hours, for a process that is gone. */
static int end_orphan(const struct postgresql_inplace *p, struct postgres *session,
                      struct jb_error *err)
{
    static const char sql[] =
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid ="
        " l.database WHERE l.locktype = 'advisory' AND l.classid = $1::oid AND l.objid = $2::oid"
        " AND l.objsubid = 2 AND d.datname = current_database()";
    char keys[2][NUMBER_SIZE];
    const char *const params[] = {keys[0], keys[1]};
    struct postgres_rows *rows = NULL;
    snprintf(keys[0], sizeof keys[0], "%d", INPLACE_RESTORE_CLASS);
    snprintf(keys[1], sizeof keys[1], "%d", p->s.mark);
    int code = jbi_postgres_query(session, "cannot end a session on", sql, params, 2, &rows, err);
    jbi_postgres_rows_free(rows);
    rows = NULL;
    if (code == JB_OK)
        code = jbi_swap_await_lock(&p->s, session, INPLACE_RESTORE_CLASS, err);
    if (code == JB_OK)
        code = jbi_postgres_query(session, "cannot unlock on",
                                  "SELECT pg_advisory_unlock($1::int4, $2::int4)", params, 2, &rows,
                                  err);
    jbi_postgres_rows_free(rows);
    return code;
}

int jbi_inplace_session(const struct postgresql_inplace *p, struct postgres **out,
                        struct jb_error *err)
{
    struct postgres_target target = p->s.live->target;
    target.database = p->s.database;
    target.is_writable = true;
    target.hooks = NULL;
    int code = jbi_postgres_open(out, &target, err);
    if (code == JB_OK)
        code =
            jbi_postgres_execute(*out, "cannot begin a session with", "SET search_path = ''", err);
    if (code == JB_OK)
        code = jbi_swap_begin_session(&p->s, *out, err);
    if (code == JB_OK)
        code = end_orphan(p, *out, err);
    if (code < 0) {
        jbi_postgres_close(*out);
        *out = NULL;
    }
    return code;
}

/* ---- Looking ---- */

/* OIDs tell what is there from what was made anew; large objects get back theirs. */
static const char sql_look[] =
    "SELECT d.oid, (SELECT md5(coalesce(string_agg(x, ',' ORDER BY x), '')) FROM ("
    "SELECT 'c' || c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid >="
    " 16384 AND nspname NOT LIKE 'pg\\_%' UNION ALL SELECT 'p' || oid FROM pg_proc WHERE oid >="
    " 16384 UNION ALL SELECT 't' || t.oid FROM pg_type t JOIN pg_namespace n ON n.oid ="
    " typnamespace WHERE t.oid >= 16384 AND nspname NOT LIKE 'pg\\_%' UNION ALL SELECT 'n' || oid"
    " FROM pg_namespace WHERE oid >= 16384 AND nspname NOT LIKE 'pg\\_%' UNION ALL SELECT 'l' ||"
    " oid || ' ' || xmin FROM pg_largeobject_metadata) AS t (x)),"
    " (SELECT coalesce(min(c.oid::int8), 0) FROM pg_class c JOIN pg_namespace n ON n.oid ="
    " relnamespace WHERE c.oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname"
    " NOT LIKE 'pg\\_%' AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid ="
    " 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')),"
    " (SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables)"
    " FROM pg_database d WHERE d.datname = current_database()";

static uint64_t number_at(const struct postgres_rows *rows, int column)
{
    const char *value = jbi_postgres_value(rows, 0, column);
    return value ? strtoull(value, NULL, 10) : 0;
}

int jbi_inplace_look(struct postgres *session, struct inplace_look *look, struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    *look = (struct inplace_look){0};
    int code = jbi_postgres_query(session, "cannot look into", sql_look, NULL, 0, &rows, err);
    const char *mark = code == JB_OK ? jbi_postgres_value(rows, 0, 1) : NULL;
    if (code == JB_OK && (mark == NULL || strlen(mark) != MARK_SIZE - 1))
        code = jbi_fail(err, JB_EDATABASE, "\"%s\" does not say what is in it",
                        jbi_postgres_place(session));
    if (code == JB_OK) {
        look->oid = (uint32_t)number_at(rows, 0);
        memcpy(look->mark, mark, MARK_SIZE);
        look->first = (uint32_t)number_at(rows, 2);
        look->written = number_at(rows, 3);
    }
    jbi_postgres_rows_free(rows);
    return code;
}

/* ---- Sessions of others ---- */

/* A superuser's only a superuser may end. */
static const char sql_end[] =
    "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_roles u ON u.oid ="
    " a.usesysid WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND NOT"
    " u.rolsuper AND (pg_has_role(u.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE'))";

int jbi_inplace_end_sessions(struct postgres *session, struct jb_error *err)
{
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    int code = JB_OK, left = 1;
    for (int i = 0; i < END_LOOKS && code == JB_OK && left > 0; i++) {
        struct postgres_rows *rows = NULL;
        if (i > 0)
            nanosleep(&nap, NULL);
        code = jbi_postgres_query(session, "cannot end a session on", sql_end, NULL, 0, &rows, err);
        left = code == JB_OK ? jbi_postgres_row_count(rows) : 0;
        jbi_postgres_rows_free(rows);
    }
    return code;
}
