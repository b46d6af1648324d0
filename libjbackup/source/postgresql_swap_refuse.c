/* SPDX-License-Identifier: MIT */
/* What stands in the way of a PostgreSQL database's restore in place: asked before anything is
 * made. Invariant: nothing is changed; what can't be asked is told as a warning. */
#include <string.h>

#include "base/error.h"
#include "base/report.h"
#include "base/text.h"
#include "source/postgresql_needs.h"
#include "source/postgresql_swap_parts.h"

#define MAJOR_LOGICAL    10 /* subscriptions and publications exist */
#define MAJOR_SET_OPTION 16 /* to give a thing to a role one needs its SET option */

/* The first column of all rows, as "a", "b"; "": there are none. */
static int names_of(struct postgres *session, const char *sql, const char *param,
                    struct text *names, struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, "cannot ask for what stands in the way on", sql, &param,
                                  param ? 1 : 0, &rows, err);
    if (code < 0)
        return code;
    for (int i = 0; i < jbi_postgres_row_count(rows); i++)
        jbi_text_addf(names, "%s\"%s\"", i > 0 ? ", " : "", jbi_postgres_value(rows, i, 0));
    jbi_postgres_rows_free(rows);
    return names->failed ? jbi_fail_memory(err) : JB_OK;
}

/* What in the living one is in the way. */
struct obstacle {
    const char *sql, *what, *hint;
};

static int refuse_obstacle(const struct postgresql_swap *s, struct postgres *session,
                           const struct obstacle *obstacle, const char *param,
                           const struct source_job *job, struct jb_error *err)
{
    struct jb_error why = {0};
    scope_text names = {0};
    int code = names_of(session, obstacle->sql, param, &names, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code < 0) {
        jbi_finding(job->report, JB_WARNING, s->database, "whether it has %s is not known: %s",
                    obstacle->what, why.text);
        return JB_OK;
    }
    if (names.len == 0)
        return JB_OK;
    jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" has %s, which a restore would leave behind: %s",
             s->database, obstacle->what, names.at);
    jbi_hint(err, "%s", obstacle->hint);
    return JB_EUNSUPPORTED;
}

/* Publications are known inside only. */
static int refuse_publications(const struct postgresql_swap *s, const struct source_job *job,
                               struct jb_error *err)
{
    static const struct obstacle publications = {
        "SELECT pubname FROM pg_publication ORDER BY 1", "publications",
        "DROP PUBLICATION first, and make it anew after the restore: its subscribers must copy "
        "their tables again"};
    struct postgres *inside = NULL;
    struct postgres_target target = s->live->target;
    target.database = s->database;
    target.is_writable = false;
    int code = jbi_postgres_open(&inside, &target, err);
    if (code == JB_OK)
        code = refuse_obstacle(s, inside, &publications, NULL, job, err);
    jbi_postgres_close(inside);
    return code;
}

int jbi_swap_refuse_contents(const struct postgresql_swap *s, struct postgres *session,
                             const struct source_job *job, struct jb_error *err)
{
    static const struct obstacle slots = {
        "SELECT slot_name FROM pg_replication_slots WHERE database = $1 ORDER BY 1",
        "logical replication slots",
        "end the replication, and drop them with pg_drop_replication_slot(name)"};
    static const struct obstacle prepared = {
        "SELECT gid FROM pg_prepared_xacts WHERE database = $1 ORDER BY 1", "prepared transactions",
        "COMMIT PREPARED or ROLLBACK PREPARED each of them"};
    static const struct obstacle subscriptions = {
        "SELECT subname FROM pg_subscription WHERE subdbid ="
        " (SELECT oid FROM pg_database WHERE datname = $1) ORDER BY 1",
        "subscriptions", "DROP SUBSCRIPTION first, and make it anew after the restore"};
    int code = refuse_obstacle(s, session, &slots, s->database, job, err);
    if (code == JB_OK)
        code = refuse_obstacle(s, session, &prepared, s->database, job, err);
    if (code < 0 || jbi_postgres_server_major(session) < MAJOR_LOGICAL)
        return code;
    code = refuse_obstacle(s, session, &subscriptions, s->database, job, err);
    return code < 0 ? code : refuse_publications(s, job, err);
}

/* ---- Rights ---- */

static bool is_true(const struct postgres_rows *rows, int column)
{
    const char *value = jbi_postgres_value(rows, 0, column);
    return value != NULL && *value == 't';
}

static int refuse_rights(const struct postgresql_swap *s, struct postgres *session,
                         struct jb_error *err)
{
    static const char sql[] =
        "SELECT current_user, rolsuper OR rolcreatedb, pg_is_in_recovery() FROM pg_roles"
        " WHERE rolname = current_user";
    struct postgres_rows *rows = NULL;
    int code =
        jbi_postgres_query(session, "cannot ask for the rights on", sql, NULL, 0, &rows, err);
    if (code == JB_OK && is_true(rows, 2)) {
        code = jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" is a standby: nothing can be restored there",
                        jbi_postgres_place(session));
        jbi_hint(err, "let the URL name the primary server");
    } else if (code == JB_OK && !is_true(rows, 1)) {
        const char *role = jbi_postgres_value(rows, 0, 0);
        code = jbi_fail(err, JB_EUNSUPPORTED,
                        "the role \"%s\" may not create databases, so \"%s\" can't be restored "
                        "beside the living one",
                        role ? role : "", s->database);
        jbi_hint(err, "as a superuser: ALTER ROLE \"%s\" CREATEDB", role ? role : "");
    }
    jbi_postgres_rows_free(rows);
    return code;
}

/* *is_there: the living one is. */
static int refuse_database(const struct postgresql_swap *s, struct postgres *session,
                           bool *is_there, struct jb_error *err)
{
    static const char sql[] =
        "SELECT d.datistemplate, d.datallowconn, pg_has_role(d.datdba, 'USAGE'),"
        " pg_get_userbyid(d.datdba), current_user FROM pg_database d WHERE d.datname = $1";
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, "cannot ask for the databases of", sql, &s->database, 1,
                                  &rows, err);
    *is_there = code == JB_OK && jbi_postgres_row_count(rows) > 0;
    if (*is_there && is_true(rows, 0)) {
        code = jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" is a template of databases", s->database);
        jbi_hint(err, "ALTER DATABASE ... IS_TEMPLATE false first");
    } else if (*is_there && !is_true(rows, 1)) {
        code = jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" lets nobody in", s->database);
        jbi_hint(err, "if no other restore of it is under way: ALTER DATABASE ... "
                      "ALLOW_CONNECTIONS true");
    } else if (*is_there && !is_true(rows, 2)) {
        code = jbi_fail(
            err, JB_EUNSUPPORTED, "\"%s\" belongs to the role \"%s\", so \"%s\" may not rename it",
            s->database, jbi_postgres_value(rows, 0, 3), jbi_postgres_value(rows, 0, 4));
        jbi_hint(err, "restore as its owner, or as a superuser");
    }
    jbi_postgres_rows_free(rows);
    return code;
}

int jbi_swap_refuse_live(const struct postgresql_swap *s, struct postgres *session,
                         const struct source_job *job, struct jb_error *err)
{
    bool is_there = false;
    int code = refuse_rights(s, session, err);
    if (code == JB_OK)
        code = refuse_database(s, session, &is_there, err);
    return code < 0 || !is_there ? code : jbi_swap_refuse_contents(s, session, job, err);
}

/* ---- The backup ---- */

static int refuse_owner(const struct postgresql_swap *s, struct postgres *session,
                        struct jb_error *err)
{
    static const char member[] =
        "SELECT pg_has_role(rolname, 'MEMBER') FROM pg_roles WHERE rolname = $1";
    static const char set_option[] =
        "SELECT pg_has_role(rolname, 'SET') FROM pg_roles WHERE rolname = $1";
    const char *owner = s->dump->postgresql->owner;
    bool has_option = jbi_postgres_server_major(session) >= MAJOR_SET_OPTION;
    struct postgres_rows *rows = NULL;
    if (owner == NULL)
        return JB_OK;
    int code = jbi_postgres_query(session, "cannot ask for the roles of",
                                  has_option ? set_option : member, &owner, 1, &rows, err);
    if (code == JB_OK && jbi_postgres_row_count(rows) == 0) {
        code = jbi_fail(err, JB_EUNSUPPORTED,
                        "the role \"%s\", to which the database belonged, is not on the server",
                        owner);
        jbi_hint(err, "CREATE ROLE \"%s\", as the globals of the backup tell", owner);
    } else if (code == JB_OK && !is_true(rows, 0)) {
        code = jbi_fail(
            err, JB_EUNSUPPORTED,
            "the database belonged to the role \"%s\", of which this login is no member", owner);
        jbi_hint(err, "restore as that role, or as a superuser");
    }
    jbi_postgres_rows_free(rows);
    return code;
}

/* The server reads the grants as it wrote them, which fails for a role that it does not have. */
static int refuse_grants(const struct postgresql_swap *s, struct postgres *session,
                         struct jb_error *err)
{
    const char *acl = s->dump->postgresql->acl;
    struct postgres_rows *rows = NULL;
    struct jb_error why = {0};
    if (acl == NULL)
        return JB_OK;
    int code =
        jbi_postgres_query(session, "cannot read the grants of the backup on",
                           "SELECT count(*) FROM aclexplode($1::aclitem[])", &acl, 1, &rows, &why);
    jbi_postgres_rows_free(rows);
    if (code == JB_OK || err == NULL || err->code != 0)
        return code;
    bool lacks_role = strstr(why.text, "does not exist") != NULL;
    code = jbi_fail(err, lacks_role ? JB_EUNSUPPORTED : why.code, "%s", why.text);
    jbi_hint(err, "%s",
             lacks_role ? "CREATE ROLE first, as the globals of the backup tell" : why.hint);
    return code;
}

static int refuse_name(const struct postgresql_swap *s, struct postgres *session,
                       struct arena *arena, struct jb_error *err)
{
    struct swap_look look;
    int code = jbi_swap_look(s, session, arena, &look, err);
    if (code < 0 || look.at_beside == 0)
        return code;
    jbi_fail(err, JB_EDATABASE, "there is a database \"%s\" already", s->beside);
    jbi_hint(err, "if nobody wants it, DROP DATABASE \"%s\"", s->beside);
    return JB_EDATABASE;
}

int jbi_swap_refuse_dump(const struct postgresql_swap *s, struct postgres *session,
                         const struct source_job *job, struct jb_error *err)
{
    int code = refuse_name(s, session, job->arena, err);
    if (code == JB_OK)
        code = refuse_owner(s, session, err);
    if (code == JB_OK)
        code = refuse_grants(s, session, err);
    if (code == JB_OK)
        code = jbi_postgresql_need_extensions(session, s->dump, err);
    for (size_t i = 0; i < s->dump->definition_count && code == JB_OK; i++) {
        const char *name = s->dump->definitions[i].name;
        if (!jbi_starts_with(name, "SUBSCRIPTION "))
            continue;
        jbi_finding(job->report, JB_WARNING, s->database, "its %s is not restored", name);
        jbi_finding_hint(job->report, "pg_restore of the dump, with --list and --use-list, gives "
                                      "the statement that makes it");
    }
    return code;
}

int jbi_swap_refuse_roles(struct postgres *session, const struct dump_contents *contents,
                          struct jb_error *err)
{
    scope_text names = {0};
    for (size_t i = 0; i < contents->role_count; i++) {
        const char *role = contents->roles[i];
        struct postgres_rows *rows = NULL;
        int code =
            jbi_postgres_query(session, "cannot ask for the roles of",
                               "SELECT 1 FROM pg_roles WHERE rolname = $1", &role, 1, &rows, err);
        if (code < 0)
            return code;
        if (jbi_postgres_row_count(rows) == 0)
            jbi_text_addf(&names, "%s\"%s\"", names.len > 0 ? ", " : "", role);
        jbi_postgres_rows_free(rows);
    }
    if (names.failed)
        return jbi_fail_memory(err);
    if (names.len == 0)
        return JB_OK;
    jbi_fail(err, JB_EUNSUPPORTED, "the backup names roles that are not on the server: %s",
             names.at);
    jbi_hint(err, "CREATE ROLE each of them, as the globals of the backup tell");
    return JB_EUNSUPPORTED;
}
