/* SPDX-License-Identifier: MIT */
/* A database as a whole: owner, grants, settings and comment, given to the restored one as
 * recorded, and held against the record. */
#include <string.h>

#include "base/error.h"
#include "base/report.h"
#include "base/text.h"
#include "source/postgresql_swap_parts.h"

static const char what_rights[] = "cannot set the rights of a database on";
static const char what_settings[] = "cannot set up a database on";

/* ---- Rights ---- */

static bool is_privilege(const char *name)
{
    static const char *const privileges[] = {"CREATE", "CONNECT", "TEMPORARY"};
    for (size_t i = 0; i < sizeof privileges / sizeof *privileges; i++) {
        if (strcmp(name, privileges[i]) == 0)
            return true;
    }
    return false;
}

/* One row of the grants: grantor, grantee (NULL: everybody), privilege, with grant option, whether
 * the grantor is the owner. */
static int grant(const struct postgresql_swap *s, struct postgres *session,
                 const struct postgres_rows *rows, int row, struct arena *arena,
                 struct jb_error *err)
{
    const char *grantor = jbi_postgres_value(rows, row, 0);
    const char *grantee = jbi_postgres_value(rows, row, 1);
    const char *privilege = jbi_postgres_value(rows, row, 2);
    bool has_option = strcmp(jbi_postgres_value(rows, row, 3), "t") == 0;
    bool is_owners = strcmp(jbi_postgres_value(rows, row, 4), "t") == 0;
    if (grantor == NULL || !is_privilege(privilege))
        return jbi_fail(err, JB_ECORRUPT, "the backup tells of a right that no database has");
    const char *format =
        jbi_arena_printf(arena, "GRANT %s ON DATABASE %%s TO %s%s", privilege,
                         grantee ? "%s" : "PUBLIC", has_option ? " WITH GRANT OPTION" : "");
    if (format == NULL)
        return jbi_fail_memory(err);
    int code = JB_OK;
    if (!is_owners)
        code = jbi_swap_execute(session, arena, what_rights, err, "SET LOCAL ROLE %s",
                                (const char *const[]){grantor});
    if (code == JB_OK)
        code = jbi_swap_execute(session, arena, what_rights, err, format,
                                (const char *const[]){s->beside, grantee});
    if (code == JB_OK && !is_owners)
        code = jbi_postgres_execute(session, what_rights, "RESET ROLE", err);
    return code;
}

static int grant_all(const struct postgresql_swap *s, struct postgres *session, struct arena *arena,
                     struct jb_error *err)
{
    static const char sql[] =
        "SELECT g.rolname, r.rolname, a.privilege_type, a.is_grantable, a.grantor = d.datdba,"
        " pg_get_userbyid(d.datdba) FROM pg_database d,"
        " aclexplode($1::aclitem[]) WITH ORDINALITY AS"
        " a (grantor, grantee, privilege_type, is_grantable, n)"
        " LEFT JOIN pg_roles g ON g.oid = a.grantor LEFT JOIN pg_roles r ON r.oid = a.grantee"
        " WHERE d.datname = $2 ORDER BY a.grantor <> d.datdba, a.n";
    const char *const params[] = {s->dump->postgresql->acl, s->beside};
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, what_rights, sql, params, 2, &rows, err);
    for (int i = 0; code == JB_OK && i < jbi_postgres_row_count(rows); i++)
        code = grant(s, session, rows, i, arena, err);
    jbi_postgres_rows_free(rows);
    return code;
}

static int revoke_all(const struct postgresql_swap *s, struct postgres *session,
                      struct arena *arena, struct jb_error *err)
{
    static const char sql[] = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1";
    const char *beside = s->beside;
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, what_rights, sql, &beside, 1, &rows, err);
    const char *owner = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
    if (code == JB_OK && owner == NULL)
        code = jbi_fail(err, JB_EDATABASE, "the database \"%s\" is gone", s->beside);
    if (code == JB_OK)
        code = jbi_swap_execute(session, arena, what_rights, err,
                                "REVOKE ALL ON DATABASE %s FROM PUBLIC, %s",
                                (const char *const[]){s->beside, owner});
    jbi_postgres_rows_free(rows);
    return code;
}

int jbi_swap_give_rights(const struct postgresql_swap *s, struct postgres *session,
                         struct arena *arena, struct jb_error *err)
{
    struct jb_error unwanted = {0};
    if (s->dump->postgresql->acl == NULL)
        return JB_OK;
    int code = jbi_postgres_execute(session, what_rights, "BEGIN", err);
    if (code == JB_OK)
        code = revoke_all(s, session, arena, err);
    if (code == JB_OK)
        code = grant_all(s, session, arena, err);
    if (code == JB_OK)
        return jbi_postgres_execute(session, what_rights, "COMMIT", err);
    jbi_postgres_execute(session, what_rights, "ROLLBACK", &unwanted);
    return code;
}

/* ---- Settings ---- */

/* Whose value the server keeps as a list of quoted names: it must come in unquoted. */
static bool is_list(const char *name)
{
    static const char *const lists[] = {"search_path", "temp_tablespaces",
                                        "session_preload_libraries", "local_preload_libraries",
                                        "shared_preload_libraries"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (strcmp(name, lists[i]) == 0)
            return true;
    }
    return false;
}

/* "a.b" as "a"."b". */
static int add_name(struct text *sql, struct postgres *session, const char *name,
                    struct arena *arena, struct jb_error *err)
{
    while (true) {
        size_t len = strcspn(name, ".");
        const char *part = jbi_arena_textn(arena, name, len);
        const char *quoted = part ? jbi_postgres_quote_name(session, part, arena) : NULL;
        if (quoted == NULL)
            return jbi_fail_memory(err);
        jbi_text_adds(sql, quoted);
        if (name[len] == '\0')
            return JB_OK;
        jbi_text_adds(sql, ".");
        name += len + 1;
    }
}

/* A list: the session takes the value as it is kept, and hands it on. */
static int set_list(struct postgres *session, const char *statement, const char *name,
                    const char *value, struct jb_error *err)
{
    const char *const params[] = {name, value};
    struct postgres_rows *rows = NULL;
    struct jb_error unwanted = {0};
    int code = jbi_postgres_execute(session, what_settings, "BEGIN", err);
    if (code == JB_OK)
        code = jbi_postgres_query(session, what_settings, "SELECT set_config($1, $2, true)", params,
                                  2, &rows, err);
    jbi_postgres_rows_free(rows);
    if (code == JB_OK)
        code = jbi_postgres_execute(session, what_settings, statement, err);
    if (code == JB_OK)
        return jbi_postgres_execute(session, what_settings, "COMMIT", err);
    jbi_postgres_execute(session, what_settings, "ROLLBACK", &unwanted);
    return code;
}

/* role NULL: for all. */
static int set(const struct postgresql_swap *s, struct postgres *session, const char *role,
               const char *name, const char *value, struct arena *arena, struct jb_error *err)
{
    scope_text sql = {0};
    const char *database = jbi_postgres_quote_name(session, s->beside, arena);
    const char *of_role = role ? jbi_postgres_quote_name(session, role, arena) : "";
    const char *literal = jbi_postgres_quote_text(session, value, arena);
    if (database == NULL || of_role == NULL || literal == NULL)
        return jbi_fail_memory(err);
    if (role != NULL)
        jbi_text_addf(&sql, "ALTER ROLE %s IN ", of_role);
    jbi_text_addf(&sql, "%sDATABASE %s SET ", role ? "" : "ALTER ", database);
    int code = add_name(&sql, session, name, arena, err);
    if (is_list(name))
        jbi_text_adds(&sql, " FROM CURRENT");
    else
        jbi_text_addf(&sql, " = %s", literal);
    if (code == JB_OK && sql.failed)
        code = jbi_fail_memory(err);
    if (code < 0)
        return code;
    return is_list(name) ? set_list(session, sql.at, name, value, err)
                         : jbi_postgres_execute(session, what_settings, sql.at, err);
}

/* A value that the manifest does not hold, since it may be a secret. */
static int set_from_live(const struct postgresql_swap *s, struct postgres *session,
                         const char *name, const struct source_job *job, struct jb_error *err)
{
    static const char sql[] =
        "SELECT substr(c, strpos(c, '=') + 1) FROM pg_db_role_setting, unnest(setconfig) AS c"
        " WHERE setrole = 0 AND split_part(c, '=', 1) = $2 AND setdatabase ="
        " (SELECT oid FROM pg_database WHERE datname = $1)";
    const char *const params[] = {s->database, name};
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, what_settings, sql, params, 2, &rows, err);
    const char *value = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
    if (value != NULL) {
        code = set(s, session, NULL, name, value, job->arena, err);
        jbi_finding(job->report, JB_INFO, s->database,
                    "its setting \"%s\" keeps the value that it has today", name);
    } else if (code == JB_OK) {
        jbi_finding(job->report, JB_WARNING, s->database,
                    "its setting \"%s\" is not restored: only the dump has its value", name);
        jbi_finding_hint(job->report, "pg_restore --create --schema-only --file=- of the dump "
                                      "shows it; set it with ALTER DATABASE ... SET");
    }
    jbi_postgres_rows_free(rows);
    return code;
}

static int give_settings(const struct postgresql_swap *s, struct postgres *session,
                         const struct source_job *job, struct jb_error *err)
{
    const struct postgresql_facts *facts = s->dump->postgresql;
    int code = JB_OK;
    for (size_t i = 0; i < facts->setting_count && code == JB_OK; i++) {
        const struct named_text *setting = &facts->settings[i];
        code = setting->text != NULL
                   ? set(s, session, NULL, setting->name, setting->text, job->arena, err)
                   : set_from_live(s, session, setting->name, job, err);
    }
    return code;
}

/* Settings of single roles in the living one are in no backup: the restored one gets them, too. */
static int carry_role_settings(const struct postgresql_swap *s, struct postgres *session,
                               const struct source_job *job, struct jb_error *err)
{
    static const char sql[] =
        "SELECT r.rolname, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)"
        " FROM pg_db_role_setting d JOIN pg_roles r ON r.oid = d.setrole, unnest(d.setconfig) AS c"
        " WHERE d.setdatabase = (SELECT oid FROM pg_database WHERE datname = $1)";
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, what_settings, sql, &s->database, 1, &rows, err);
    for (int i = 0; code == JB_OK && i < jbi_postgres_row_count(rows); i++) {
        const char *role = jbi_postgres_value(rows, i, 0), *name = jbi_postgres_value(rows, i, 1);
        struct jb_error why = {0};
        int set_code =
            set(s, session, role, name, jbi_postgres_value(rows, i, 2), job->arena, &why);
        if (set_code == JB_ENOMEM)
            code = jbi_fail_memory(err);
        else if (set_code < 0)
            jbi_finding(job->report, JB_WARNING, s->database,
                        "the setting \"%s\" of the role \"%s\" in it is not carried over: %s", name,
                        role, why.text);
    }
    jbi_postgres_rows_free(rows);
    return code;
}

int jbi_swap_give_properties(const struct postgresql_swap *s, struct postgres *session,
                             const struct source_job *job, struct jb_error *err)
{
    const char *comment = s->dump->postgresql->comment;
    const char *names[] = {s->beside};
    int code = jbi_swap_execute(session, job->arena, what_settings, err,
                                "ALTER DATABASE %s RESET ALL", names);
    if (code == JB_OK)
        code = give_settings(s, session, job, err);
    if (code == JB_OK)
        code = carry_role_settings(s, session, job, err);
    const char *literal = comment ? jbi_postgres_quote_text(session, comment, job->arena) : "NULL";
    const char *quoted = jbi_postgres_quote_name(session, s->beside, job->arena);
    scope_text sql = {0};
    jbi_text_addf(&sql, "COMMENT ON DATABASE %s IS %s", quoted ? quoted : "",
                  literal ? literal : "");
    if (code == JB_OK && (quoted == NULL || literal == NULL || sql.failed))
        code = jbi_fail_memory(err);
    return code < 0 ? code : jbi_postgres_execute(session, what_settings, sql.at, err);
}

/* ---- Comparing ---- */

static int differs(const struct postgresql_swap *s, const char *what, const char *was,
                   const char *is, struct jb_error *err)
{
    return jbi_fail(err, JB_EDATABASE,
                    "the %s of the restored \"%s\" is \"%s\", \"%s\" was backed up", what,
                    s->database, is ? is : "", was ? was : "");
}

static bool is_same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* recorded NULL: not known, but for the comment: none. */
static int compare_facts(const struct postgresql_swap *s, struct postgres *session,
                         struct jb_error *err)
{
    static const char sql[] =
        "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype,"
        " shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1";
    const struct postgresql_facts *f = s->dump->postgresql;
    const struct {
        const char *what, *was;
    } facts[] = {{"owner", f->owner},
                 {"encoding", f->encoding},
                 {"collation", f->collation},
                 {"character type", f->ctype},
                 {"comment", f->comment ? f->comment : ""}};
    const char *beside = s->beside;
    struct postgres_rows *rows = NULL;
    int code =
        jbi_postgres_query(session, "cannot compare the database on", sql, &beside, 1, &rows, err);
    for (int i = 0; code == JB_OK && i < (int)(sizeof facts / sizeof *facts); i++) {
        const char *is = jbi_postgres_value(rows, 0, i);
        if (facts[i].was != NULL && !is_same(facts[i].was, is))
            code = differs(s, facts[i].what, facts[i].was, is, err);
    }
    jbi_postgres_rows_free(rows);
    return code;
}

static int compare_grants(const struct postgresql_swap *s, struct postgres *session,
                          struct jb_error *err)
{
    static const char sql[] =
        "WITH d AS (SELECT coalesce(datacl, acldefault('d', datdba)) AS has,"
        " coalesce($2::aclitem[], acldefault('d', datdba)) AS had FROM pg_database"
        " WHERE datname = $1),"
        " a AS (SELECT e.* FROM d, aclexplode(d.has) e), b AS (SELECT e.* FROM d, "
        "aclexplode(d.had) e)"
        " SELECT d.has::text, d.had::text, NOT EXISTS (TABLE a EXCEPT TABLE b)"
        " AND NOT EXISTS (TABLE b EXCEPT TABLE a) FROM d";
    const char *const params[] = {s->beside, s->dump->postgresql->acl};
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, "cannot compare the grants of the database on", sql,
                                  params, 2, &rows, err);
    if (code == JB_OK && !is_same(jbi_postgres_value(rows, 0, 2), "t"))
        code = differs(s, "access list", jbi_postgres_value(rows, 0, 1),
                       jbi_postgres_value(rows, 0, 0), err);
    jbi_postgres_rows_free(rows);
    return code;
}

static int compare_settings(const struct postgresql_swap *s, struct postgres *session,
                            struct jb_error *err)
{
    static const char sql[] =
        "SELECT substr(c, strpos(c, '=') + 1) FROM pg_db_role_setting, unnest(setconfig) AS c"
        " WHERE setrole = 0 AND lower(split_part(c, '=', 1)) = lower($2) AND setdatabase ="
        " (SELECT oid FROM pg_database WHERE datname = $1)";
    const struct postgresql_facts *facts = s->dump->postgresql;
    int code = JB_OK;
    for (size_t i = 0; i < facts->setting_count && code == JB_OK; i++) {
        const struct named_text *setting = &facts->settings[i];
        const char *const params[] = {s->beside, setting->name};
        struct postgres_rows *rows = NULL;
        code = jbi_postgres_query(session, "cannot compare the settings of the database on", sql,
                                  params, 2, &rows, err);
        const char *is = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
        if (code == JB_OK && setting->text != NULL && !is_same(setting->text, is))
            code = differs(s, setting->name, setting->text, is, err);
        jbi_postgres_rows_free(rows);
    }
    return code;
}

int jbi_swap_compare_properties(const struct postgresql_swap *s, struct postgres *session,
                                struct jb_error *err)
{
    int code = compare_facts(s, session, err);
    if (code == JB_OK)
        code = compare_grants(s, session, err);
    return code < 0 ? code : compare_settings(s, session, err);
}
