/* SPDX-License-Identifier: MIT */
/* What a login may read of a PostgreSQL database. The server's own answers count; no row is read.
 */
#include <stdlib.h>
#include <string.h>

#include "api/system_database.h"
#include "base/error.h"

#define SERVER_READS_ALL 14 /* from this version on there is pg_read_all_data */

static const char sql_facts[] =
    "SELECT current_setting('server_version'), pg_database_size(current_database()),"
    " pg_is_in_recovery(), quote_ident(current_user)";

/* What pg_dump reads: not the members of extensions, save those that hold their configuration. */
#define SQL_OWN                                                                                    \
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                               \
    " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT 1"    \
    " FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"                 \
    " AND d.deptype = 'e' AND NOT EXISTS (SELECT 1 FROM pg_extension e"                            \
    " WHERE c.oid = ANY (e.extconfig)))"
#define SQL_SOME " ORDER BY 1 LIMIT 5"

static const char sql_count[] = "SELECT count(*)" SQL_OWN " AND c.relkind IN ('r', 'p')";

/* Name, how many there are, what lets the login read it. */
static const char sql_closed[] =
    "SELECT format('%I.%I', n.nspname, c.relname), count(*) OVER (),"
    " CASE WHEN has_schema_privilege(n.oid, 'USAGE') THEN ''"
    " ELSE format('GRANT USAGE ON SCHEMA %I TO %I; ', n.nspname, current_user) END ||"
    " format('GRANT SELECT ON %s%I.%I TO %I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END,"
    " n.nspname, c.relname, current_user)" SQL_OWN " AND c.relkind IN ('r', 'p', 'S')"
    " AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, "
    "'SELECT'))" SQL_SOME;

static const char sql_policed[] =
    "SELECT format('%I.%I', n.nspname, c.relname), count(*) OVER ()" SQL_OWN
    " AND c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid)" SQL_SOME;

static const char sql_objects[] =
    "SELECT m.oid, count(*) OVER () FROM pg_largeobject_metadata m"
    " WHERE NOT pg_has_role(m.lomowner, 'USAGE') AND NOT EXISTS (SELECT 1 FROM"
    " aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT' AND"
    " CASE WHEN a.grantee = 0 THEN true ELSE pg_has_role(a.grantee, 'USAGE') END)" SQL_SOME;

struct asking {
    struct system_test *test;
    struct postgres *postgres;
    const char *place, *user, *version, *size;
    bool is_standby;
};

static int ask(const struct asking *a, const char *sql, struct postgres_rows **rows,
               struct jb_error *err)
{
    return jbi_postgres_query(a->postgres, "cannot ask what may be read of", sql, NULL, 0, rows,
                              err);
}

static int ask_facts(struct asking *a, struct jb_error *err)
{
    struct arena *arena = a->test->arena;
    struct postgres_rows *rows;
    int code = ask(a, sql_facts, &rows, err);
    if (code != JB_OK)
        return code;
    const char *texts[4];
    for (int i = 0; i < 4; i++) {
        const char *value = jbi_postgres_value(rows, 0, i);
        texts[i] = jbi_arena_text(arena, value ? value : "");
        if (texts[i] == NULL)
            code = jbi_fail_memory(err);
    }
    jbi_postgres_rows_free(rows);
    a->version = texts[0];
    a->size = texts[1];
    a->is_standby = code == JB_OK && strcmp(texts[2], "t") == 0;
    a->user = texts[3];
    return code;
}

/* Asks for names that must not be; "a, b and 3 more". *first: what stands beside the first one. */
static int ask_names(const struct asking *a, const char *sql, const char **names, long *count,
                     const char **first, struct jb_error *err)
{
    struct postgres_rows *rows;
    scope_text list = {0};
    int code = ask(a, sql, &rows, err);
    if (code != JB_OK)
        return code;
    int shown = jbi_postgres_row_count(rows);
    const char *total = jbi_postgres_value(rows, 0, 1), *beside = jbi_postgres_value(rows, 0, 2);
    *count = total ? strtol(total, NULL, 10) : 0;
    for (int i = 0; i < shown; i++) {
        const char *name = jbi_postgres_value(rows, i, 0);
        jbi_text_addf(&list, "%s%s", i > 0 ? ", " : "", name ? name : "?");
    }
    if (*count > shown)
        jbi_text_addf(&list, " and %ld more", *count - shown);
    *names = jbi_arena_text(a->test->arena, list.at ? list.at : "");
    *first = jbi_arena_text(a->test->arena, beside ? beside : "");
    jbi_postgres_rows_free(rows);
    return *names && *first && !list.failed ? JB_OK : jbi_fail_memory(err);
}

/* ---- What may not be read ---- */

static int check_grants(const struct asking *a, struct jb_error *err)
{
    jb_report *report = a->test->report;
    const char *names, *grant;
    long count;
    int code = ask_names(a, sql_closed, &names, &count, &grant, err);
    if (code != JB_OK || count == 0)
        return code;
    jbi_finding(report, JB_ERROR, a->place, "%s may not read %ld of its tables and sequences: %s",
                a->user, count, names);
    if (jbi_postgres_server_major(a->postgres) >= SERVER_READS_ALL)
        jbi_finding_hint(report,
                         "%s; or, for all there are and will be: GRANT pg_read_all_data TO "
                         "%s",
                         grant, a->user);
    else
        jbi_finding_hint(report, "%s", grant);
    return JB_OK;
}

static int check_policies(const struct asking *a, struct jb_error *err)
{
    jb_report *report = a->test->report;
    const char *names, *unused;
    long count;
    int code = ask_names(a, sql_policed, &names, &count, &unused, err);
    if (code != JB_OK || count == 0)
        return code;
    jbi_finding(report, JB_ERROR, a->place, "row security hides rows of %ld table%s from %s: %s",
                count, count == 1 ? "" : "s", a->user, names);
    jbi_finding_hint(report,
                     "ALTER ROLE %s BYPASSRLS; or back up as the owner of the table, where "
                     "it has no FORCE ROW LEVEL SECURITY",
                     a->user);
    return JB_OK;
}

static int check_objects(const struct asking *a, struct jb_error *err)
{
    jb_report *report = a->test->report;
    const char *names, *unused;
    long count;
    int code = ask_names(a, sql_objects, &names, &count, &unused, err);
    if (code != JB_OK || count == 0)
        return code;
    jbi_finding(report, JB_ERROR, a->place, "%s may not read %ld large object%s: %s", a->user,
                count, count == 1 ? "" : "s", names);
    jbi_finding_hint(report,
                     "GRANT SELECT ON LARGE OBJECT ... TO %s, for each of them, or back up "
                     "as their owner",
                     a->user);
    return JB_OK;
}

/* ---- The whole ---- */

static void check_connection(const struct asking *a)
{
    jb_report *report = a->test->report;
    if (!jbi_postgres_is_encrypted(a->postgres) && !jbi_postgres_is_local(a->postgres)) {
        jbi_finding(report, JB_WARNING, a->place,
                    "the connection to the database is not encrypted");
        jbi_finding_hint(report, "turn on TLS in the server, and add ?sslmode=require, or "
                                 "verify-full, to the URL");
    }
    if (a->is_standby) {
        jbi_finding(report, JB_INFO, a->place,
                    "is a standby: backups hold what it has received so far");
    }
}

static int tell(const struct asking *a, const struct database *database, struct jb_error *err)
{
    struct postgres_rows *rows;
    char size[16];
    int code = ask(a, sql_count, &rows, err);
    if (code != JB_OK)
        return code;
    const char *count = jbi_postgres_value(rows, 0, 0);
    bool is_one = count != NULL && strcmp(count, "1") == 0;
    jbi_text_addf(&a->test->did, "connected to %s (PostgreSQL %.*s, %s table%s, %s, %s)",
                  database->name, (int)strcspn(a->version, " "), a->version, count ? count : "no",
                  is_one ? "" : "s", jbi_human_size(size, strtoull(a->size, NULL, 10)),
                  jbi_postgres_is_encrypted(a->postgres) ? "encrypted"
                  : jbi_postgres_is_local(a->postgres)   ? "local"
                                                         : "not encrypted");
    jbi_postgres_rows_free(rows);
    return JB_OK;
}

int jbi_test_postgresql(struct system_test *test, const struct database *database,
                        struct jb_error *err)
{
    struct asking a = {.test = test};
    struct postgres_target target = database->postgresql.target;
    target.hooks = &test->project->hooks;
    int code = jbi_postgres_open(&a.postgres, &target, err);
    if (code != JB_OK)
        return code;
    a.place = jbi_postgres_place(a.postgres);
    code = ask_facts(&a, err);
    if (code == JB_OK) {
        check_connection(&a);
        code = check_grants(&a, err);
    }
    if (code == JB_OK)
        code = check_policies(&a, err);
    if (code == JB_OK)
        code = check_objects(&a, err);
    if (code == JB_OK)
        code = tell(&a, database, err);
    jbi_postgres_close(a.postgres);
    return code;
}
