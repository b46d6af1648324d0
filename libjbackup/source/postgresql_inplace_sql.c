/* SPDX-License-Identifier: MIT */
/*
 * Emptying a database from inside, as far as a restore fills it again. Invariant: what is dropped
 * is asked for within the transaction that drops it; names are quoted by the server.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "source/postgresql_inplace_parts.h"

#define FIRST_OID    "16384" /* of what is made after initdb */
#define LOCK_TIMEOUT "10s"

#define STAYING_EXTENSION "NOT pg_has_role(x.extowner, 'USAGE')"

#define THINGS                                                                                     \
    "SELECT o.classid, o.objid, o.owner, o.rank FROM ("                                            \
    "SELECT 'pg_class'::regclass::oid, oid, relowner, relnamespace, CASE relkind WHEN 'v' THEN 1"  \
    " WHEN 'm' THEN 2 WHEN 'S' THEN 4 ELSE 3 END FROM pg_class"                                    \
    " WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"                                             \
    " UNION ALL SELECT 'pg_type'::regclass, oid, typowner, typnamespace, 8 FROM pg_type t"         \
    " WHERE typtype IN ('b', 'd', 'e', 'r') AND NOT EXISTS (SELECT FROM pg_type e WHERE"           \
    " e.typarray = t.oid) OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND"          \
    " c.relkind = 'c')"                                                                            \
    " UNION ALL SELECT 'pg_operator'::regclass, oid, oprowner, oprnamespace, 5"                    \
    " FROM pg_operator"                                                                            \
    " UNION ALL SELECT 'pg_opclass'::regclass, oid, opcowner, opcnamespace, 5 FROM pg_opclass"     \
    " UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfowner, opfnamespace, 6"                    \
    " FROM pg_opfamily"                                                                            \
    " UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxowner, stxnamespace, 6"               \
    " FROM pg_statistic_ext"                                                                       \
    " UNION ALL SELECT 'pg_proc'::regclass, oid, proowner, pronamespace, 7 FROM pg_proc"           \
    " UNION ALL SELECT 'pg_collation'::regclass, oid, collowner, collnamespace, 9"                 \
    " FROM pg_collation"                                                                           \
    " UNION ALL SELECT 'pg_conversion'::regclass, oid, conowner, connamespace, 9"                  \
    " FROM pg_conversion"                                                                          \
    " UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgowner, cfgnamespace, 9"                   \
    " FROM pg_ts_config"                                                                           \
    " UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictowner, dictnamespace, 10"                  \
    " FROM pg_ts_dict"                                                                             \
    " UNION ALL SELECT 'pg_foreign_server'::regclass, oid, srvowner, 0, 11"                        \
    " FROM pg_foreign_server"                                                                      \
    " UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid, fdwowner, 0, 12"                  \
    " FROM pg_foreign_data_wrapper"                                                                \
    " UNION ALL SELECT 'pg_language'::regclass, oid, lanowner, 0, 13 FROM pg_language"             \
    " UNION ALL SELECT 'pg_namespace'::regclass, oid, nspowner, 0, 14 FROM pg_namespace"           \
    ") AS o (classid, objid, owner, namespace, rank)"                                              \
    " WHERE o.objid >= " FIRST_OID " AND NOT EXISTS (SELECT FROM pg_depend e WHERE"                \
    " e.classid = o.classid AND e.objid = o.objid AND e.objsubid = 0 AND e.deptype IN ('e', 'i'))" \
    " AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.oid = CASE o.classid WHEN"                \
    " 'pg_namespace'::regclass THEN o.objid ELSE o.namespace END AND n.nspname LIKE 'pg\\_%')"     \
    " AND NOT (o.classid = 'pg_namespace'::regclass AND ((SELECT nspname FROM pg_namespace WHERE"  \
    " oid = o.objid) = 'public' OR EXISTS (SELECT FROM pg_extension x WHERE x.extnamespace ="      \
    " o.objid AND " STAYING_EXTENSION ")))"

const char jbi_inplace_things[] = THINGS;

#define GRANTEE                                                                                    \
    "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END"

/* What restored things are given besides what the dump grants. */
#define DEFAULT_ACLS                                                                               \
    "(SELECT d.*, quote_ident(pg_get_userbyid(defaclrole)) AS role, CASE defaclobjtype WHEN 'r'"   \
    " THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'"     \
    " WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END AS kind, coalesce(' IN SCHEMA ' ||"         \
    " quote_ident(n.nspname), '') AS place FROM pg_default_acl d LEFT JOIN pg_namespace n ON"      \
    " n.oid = d.defaclnamespace WHERE pg_has_role(defaclrole, 'USAGE')) AS d"

/* The schema public as initdb makes it; a role whose it is not can't do anything about it. */
#define PUBLIC(acl)                                                                                \
    " FROM pg_namespace n LEFT JOIN pg_init_privs i ON i.objoid = n.oid AND i.classoid ="          \
    " 'pg_namespace'::regclass AND i.objsubid = 0, aclexplode(" acl ") a WHERE n.nspname ="        \
    " 'public' AND pg_has_role(n.nspowner, 'USAGE') AND n.nspacl IS DISTINCT FROM i.initprivs"

static const char body[] =
    "SELECT array_agg(s.what ORDER BY s.rank) INTO statements FROM ("
    "SELECT -2 AS rank, format('ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE ALL ON %s FROM %s'"
    ", role, place, kind, " GRANTEE ") AS what FROM " DEFAULT_ACLS ", aclexplode(d.defaclacl) a"
    " UNION ALL SELECT -1, format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT ALL ON %s TO %s',"
    " role, kind, role) FROM " DEFAULT_ACLS " WHERE defaclnamespace = 0"
    " UNION ALL SELECT -1, format('ALTER DEFAULT PRIVILEGES FOR ROLE %s GRANT %s TO PUBLIC', role,"
    " CASE kind WHEN 'TYPES' THEN 'USAGE ON TYPES' ELSE 'EXECUTE ON FUNCTIONS' END) "
    "FROM " DEFAULT_ACLS " WHERE defaclnamespace = 0 AND kind IN ('TYPES', 'FUNCTIONS')"
    " UNION ALL SELECT 0, format('DROP EXTENSION IF EXISTS %I CASCADE', extname) FROM"
    " pg_extension x WHERE NOT (" STAYING_EXTENSION ")"
    " UNION ALL SELECT t.rank, format('DROP %s IF EXISTS %s%s', CASE WHEN i.type IN ('function',"
    " 'procedure', 'aggregate') THEN 'ROUTINE' WHEN i.type = 'statistics object'"
    " THEN 'STATISTICS' ELSE upper(i.type) END, "
    "i.identity, CASE i.type WHEN 'schema' THEN '' ELSE"
    " ' CASCADE' END) FROM (" THINGS ") t, pg_identify_object(t.classid, t.objid, 0) AS i"
    " UNION ALL SELECT 20, 'CREATE SCHEMA public' WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE"
    " nspname = 'public')"
    " UNION ALL SELECT 21, format('REVOKE ALL ON SCHEMA public FROM %s CASCADE', " GRANTEE
    ")" PUBLIC(
        "n.nspacl") " UNION ALL SELECT 22, format('GRANT %s ON SCHEMA public TO %s', "
                    "a.privilege_type, " GRANTEE ")" PUBLIC(
                        "i.initprivs") " UNION ALL SELECT 23, 'COMMENT ON SCHEMA public IS "
                                       "''standard public schema''' FROM"
                                       " pg_namespace n WHERE n.nspname = 'public' AND "
                                       "pg_has_role(n.nspowner, 'USAGE') AND"
                                       " obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM "
                                       "'standard public schema'"
                                       ") AS s; "
                                       "FOREACH statement IN ARRAY coalesce(statements, "
                                       "ARRAY[]::text[]) LOOP"
                                       " EXECUTE statement; "
                                       "END LOOP; "
                                       "PERFORM lo_unlink(oid) FROM pg_largeobject_metadata; "
                                       "END $jbackup$";

/* The lock first, then whether the process that began it still has its own: so whoever follows it
 * and has both knows that nothing is done any more. */
char *jbi_inplace_empty(const struct postgresql_inplace *p, struct postgres *session,
                        struct arena *arena, struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    int code =
        jbi_postgres_query(session, "cannot ask", "SELECT pg_backend_pid()", NULL, 0, &rows, err);
    const char *pid = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
    scope_text sql = {0};
    jbi_text_addf(
        &sql,
        "DO $jbackup$ DECLARE statements text[]; statement text; BEGIN "
        "PERFORM set_config('lock_timeout', '" LOCK_TIMEOUT "', true); "
        "PERFORM pg_advisory_xact_lock(%d, %d); "
        "IF NOT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE"
        " l.locktype = 'advisory' AND l.classid = %d AND l.objid = %d AND l.objsubid = 2"
        " AND l.granted AND l.pid = %s AND d.datname = current_database()) THEN"
        " RAISE EXCEPTION 'the process that began to restore is gone'; END IF; ",
        INPLACE_RESTORE_CLASS, p->s.mark, SWAP_LOCK_CLASS, p->s.mark, pid ? pid : "0");
    jbi_text_adds(&sql, body);
    jbi_postgres_rows_free(rows);
    char *kept = code == JB_OK && !sql.failed ? jbi_arena_text(arena, sql.at) : NULL;
    if (code == JB_OK && kept == NULL)
        jbi_fail_memory(err);
    return kept;
}

/* ---- What stays ---- */

static const char **column_of(const struct postgres_rows *rows, int column, struct arena *arena)
{
    int count = jbi_postgres_row_count(rows);
    const char **list = jbi_arena_alloc(arena, ((size_t)count + 1) * sizeof *list);
    for (int i = 0; i < count && list != NULL; i++) {
        const char *value = jbi_postgres_value(rows, i, column);
        list[i] = jbi_arena_text(arena, value ? value : "");
        if (list[i] == NULL)
            return NULL;
    }
    return list;
}

int jbi_inplace_staying(struct postgres *session, struct arena *arena,
                        struct inplace_staying *staying, struct jb_error *err)
{
    static const char sql[] = "SELECT x.extname, quote_ident(x.extname), n.nspname, "
                              "quote_ident(n.nspname) FROM pg_extension x JOIN pg_namespace"
                              " n ON n.oid = x.extnamespace WHERE " STAYING_EXTENSION;
    struct postgres_rows *rows = NULL;
    *staying = (struct inplace_staying){0};
    int code =
        jbi_postgres_query(session, "cannot ask for the extensions of", sql, NULL, 0, &rows, err);
    if (code < 0)
        return code;
    staying->count = (size_t)jbi_postgres_row_count(rows);
    staying->extensions = column_of(rows, 0, arena);
    staying->quoted_extensions = column_of(rows, 1, arena);
    staying->schemas = column_of(rows, 2, arena);
    staying->quoted_schemas = column_of(rows, 3, arena);
    jbi_postgres_rows_free(rows);
    return staying->extensions && staying->quoted_extensions && staying->schemas &&
                   staying->quoted_schemas
               ? JB_OK
               : jbi_fail_memory(err);
}

static bool is_among(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], name) == 0)
            return true;
    }
    return false;
}

/* "EXTENSION name", as the tags of comments and grants are; public is as in any new database. */
static bool is_on(const char *tag, const char *of, const char *const *quoted, size_t count)
{
    return jbi_starts_with(tag, of) && is_among(tag + strlen(of), quoted, count) &&
           strcmp(tag, "SCHEMA public") != 0;
}

bool jbi_inplace_stays(void *user, const struct dump_item *item)
{
    const struct inplace_staying *staying = user;
    if (strcmp(item->desc, "EXTENSION") == 0)
        return is_among(item->tag, staying->extensions, staying->count);
    if (strcmp(item->desc, "COMMENT") == 0 || strcmp(item->desc, "ACL") == 0)
        return is_on(item->tag, "EXTENSION ", staying->quoted_extensions, staying->count) ||
               is_on(item->tag, "SCHEMA ", staying->quoted_schemas, staying->count);
    return strcmp(item->desc, "SCHEMA") == 0 && strcmp(item->tag, "public") != 0 &&
           is_among(item->tag, staying->schemas, staying->count);
}
