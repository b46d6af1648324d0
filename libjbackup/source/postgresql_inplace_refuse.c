/* SPDX-License-Identifier: MIT */
/* What stands in the way of replacing a database in place, and whether that is needed at all: asked
 * before anything is done. Invariant: nothing is changed. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/report.h"
#include "base/text.h"
#include "source/postgresql_inplace_parts.h"
#include "source/postgresql_needs.h"

#define MAJOR_MIN        11 /* DROP ROUTINE, pg_identify_object of all that is dropped */
#define MAJOR_SET_OPTION 16 /* to give a thing to a role one needs its SET option */
#define NAMED            8  /* things, in an error */

/* ---- Whether it is needed ---- */

static bool is_false(const struct postgres_rows *rows, int column)
{
    const char *value = jbi_postgres_value(rows, 0, column);
    return value != NULL && *value == 'f';
}

int jbi_postgresql_inplace_why(const struct postgresql_source *live, struct arena *arena,
                               const char **why, const char **hint, struct jb_error *err)
{
    static const char sql[] =
        "SELECT r.rolname, r.rolsuper OR r.rolcreatedb, pg_has_role(d.datdba, 'USAGE'),"
        " pg_get_userbyid(d.datdba), d.datname FROM pg_catalog.pg_roles r,"
        " pg_catalog.pg_database d WHERE r.rolname = current_user AND d.datname ="
        " current_database()";
    struct postgres *session = NULL;
    struct postgres_rows *rows = NULL;
    *why = *hint = NULL;
    int code = jbi_postgres_open(&session, &live->target, err);
    if (code == JB_OK)
        code =
            jbi_postgres_query(session, "cannot ask for the rights on", sql, NULL, 0, &rows, err);
    const char *role = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
    if (role != NULL && is_false(rows, 1)) {
        *why = jbi_arena_printf(arena, "the role \"%s\" may not create databases", role);
        *hint = jbi_arena_printf(arena, "as a superuser: ALTER ROLE \"%s\" CREATEDB", role);
    } else if (role != NULL && is_false(rows, 2)) {
        *why =
            jbi_arena_printf(arena, "the role \"%s\" may not rename it, for it belongs to \"%s\"",
                             role, jbi_postgres_value(rows, 0, 3));
        *hint = jbi_arena_printf(arena, "as a superuser: ALTER DATABASE \"%s\" OWNER TO \"%s\"",
                                 jbi_postgres_value(rows, 0, 4), role);
    }
    if ((*why == NULL) != (*hint == NULL))
        code = jbi_fail_memory(err);
    jbi_postgres_rows_free(rows);
    jbi_postgres_close(session);
    return code;
}

/* ---- What is there ---- */

/* What the query names is in the way: what is a format for the names. */
struct objection {
    const char *sql, *what, *hint;
};

static int object(const struct postgresql_inplace *p, struct postgres *session,
                  const struct objection *objection, struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    scope_text names = {0};
    int code = jbi_postgres_query(session, "cannot ask for what stands in the way in",
                                  objection->sql, NULL, 0, &rows, err);
    int count = code == JB_OK ? jbi_postgres_row_count(rows) : 0;
    for (int i = 0; i < count && i < NAMED; i++)
        jbi_text_addf(&names, "%s%s", i > 0 ? ", " : "", jbi_postgres_value(rows, i, 0));
    if (count > NAMED)
        jbi_text_addf(&names, " and %d more", count - NAMED);
    jbi_postgres_rows_free(rows);
    if (code == JB_OK && names.failed)
        code = jbi_fail_memory(err);
    if (code < 0 || names.len == 0)
        return code;
    jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" can't be replaced in place: %s: %s", p->s.database,
             objection->what, names.at);
    jbi_hint(err, "%s; or let it be exchanged: %s", objection->hint,
             p->s.swap.in_place_hint ? p->s.swap.in_place_hint : "GRANT the right");
    return JB_EUNSUPPORTED;
}

static int refuse_things(const struct postgresql_inplace *p, struct postgres *session,
                         struct jb_error *err)
{
    static const char foreign[] =
        "SELECT pg_describe_object(classid, objid, 0) || ' of \"' || pg_get_userbyid(owner) || '\"'"
        " FROM (%s) AS t WHERE NOT pg_has_role(owner, '%s') UNION ALL SELECT 'large object ' || oid"
        " || ' of \"' || pg_get_userbyid(lomowner) || '\"' FROM pg_largeobject_metadata WHERE NOT"
        " pg_has_role(lomowner, '%s') ORDER BY 1";
    static const struct objection triggers = {
        "SELECT quote_ident(evtname) FROM pg_event_trigger ORDER BY 1",
        "it has event triggers, which only a superuser can make again",
        "let a superuser drop them, or restore as one"};
    bool has_option = jbi_postgres_server_major(session) >= MAJOR_SET_OPTION;
    const char *right = has_option ? "SET" : "MEMBER";
    scope_text sql = {0};
    jbi_text_addf(&sql, foreign, jbi_inplace_things, right, right);
    if (sql.failed)
        return jbi_fail_memory(err);
    const struct objection foreigners = {
        sql.at, "it has things of other roles, of which this login is no member",
        "give these things to this login (REASSIGN OWNED), or restore as a superuser"};
    int code = object(p, session, &foreigners, err);
    return code < 0 ? code : object(p, session, &triggers, err);
}

static int refuse_database(const struct postgresql_inplace *p, struct postgres *session,
                           struct jb_error *err)
{
    static const char sql[] =
        "SELECT pg_is_in_recovery(), pg_encoding_to_char(d.encoding), d.datistemplate,"
        " has_language_privilege('plpgsql', 'USAGE') FROM pg_database d WHERE d.datname ="
        " current_database()";
    struct postgres_rows *rows = NULL;
    const char *recorded = p->s.dump->postgresql->encoding;
    int major = jbi_postgres_server_major(session);
    if (major < MAJOR_MIN)
        return jbi_fail(err, JB_EUNSUPPORTED,
                        "\"%s\" can't be replaced in place on PostgreSQL %d, only from %d on",
                        p->s.database, major, MAJOR_MIN);
    int code = jbi_postgres_query(session, "cannot ask for the facts of", sql, NULL, 0, &rows, err);
    const char *values[4];
    for (int i = 0; i < 4 && code == JB_OK; i++) {
        values[i] = jbi_postgres_value(rows, 0, i);
        values[i] = values[i] ? values[i] : "";
    }
    if (code == JB_OK && *values[0] == 't')
        code = jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" is a standby: nothing can be restored there",
                        jbi_postgres_place(session));
    else if (code == JB_OK && *values[2] == 't')
        code = jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" is a template of databases", p->s.database);
    else if (code == JB_OK && recorded != NULL && strcmp(recorded, values[1]) != 0)
        code =
            jbi_fail(err, JB_EUNSUPPORTED,
                     "\"%s\" has the encoding %s, the backup %s, which can't be changed in place",
                     p->s.database, values[1], recorded);
    else if (code == JB_OK && *values[3] != 't')
        code = jbi_fail(err, JB_EUNSUPPORTED,
                        "this login may not use the language plpgsql, which emptying \"%s\" needs",
                        p->s.database);
    jbi_postgres_rows_free(rows);
    return code;
}

int jbi_inplace_refuse(const struct postgresql_inplace *p, struct postgres *session,
                       const struct source_job *job, struct jb_error *err)
{
    int code = refuse_database(p, session, err);
    if (code == JB_OK)
        code = jbi_swap_refuse_contents(&p->s, session, job, err);
    return code < 0 ? code : refuse_things(p, session, err);
}

/* ---- What the dump brings ---- */

struct survey {
    const struct postgresql_inplace *p;
    struct postgres *session;
    struct inplace_staying staying;
    struct arena *arena;
    const char **owners;
    size_t owner_count, owner_room;
    bool makes_schemas, is_in_public;
};

static int fail_entry(const struct survey *s, const struct dump_item *item, const char *why,
                      struct jb_error *err)
{
    jbi_fail(err, JB_EUNSUPPORTED,
             "\"%s\" can't be replaced in place: the backup has %s \"%s\", %s", s->p->s.database,
             item->desc, item->tag, why);
    jbi_hint(err, "restore as a superuser");
    return JB_EUNSUPPORTED;
}

static int add_owner(struct survey *s, const char *owner, struct jb_error *err)
{
    for (size_t i = 0; i < s->owner_count; i++) {
        if (strcmp(s->owners[i], owner) == 0)
            return JB_OK;
    }
    if (s->owner_count == s->owner_room) {
        size_t size = sizeof *s->owners, room = s->owner_room ? 2 * s->owner_room : 8;
        const char **grown =
            jbi_arena_grow(s->arena, s->owners, s->owner_count * size, room * size);
        if (grown == NULL)
            return jbi_fail_memory(err);
        s->owners = grown;
        s->owner_room = room;
    }
    s->owners[s->owner_count] = jbi_arena_text(s->arena, owner);
    return s->owners[s->owner_count++] ? JB_OK : jbi_fail_memory(err);
}

/* What is of the database as a whole is not restored. */
static int survey_item(void *user, const struct dump_item *item, struct jb_error *err)
{
    static const char *const of_superusers[] = {"EVENT TRIGGER", "FOREIGN DATA WRAPPER",
                                                "PROCEDURAL LANGUAGE", "ACCESS METHOD"};
    struct survey *s = user;
    bool is_of_database = jbi_starts_with(item->desc, "DATABASE") ||
                          jbi_starts_with(item->tag, "DATABASE ") ||
                          jbi_starts_with(item->desc, "SUBSCRIPTION");
    if (is_of_database || jbi_inplace_stays(&s->staying, item))
        return JB_OK;
    for (size_t i = 0; i < sizeof of_superusers / sizeof *of_superusers; i++) {
        if (strcmp(item->desc, of_superusers[i]) == 0)
            return fail_entry(s, item, "which only a superuser can make", err);
    }
    s->makes_schemas = s->makes_schemas || strcmp(item->desc, "EXTENSION") == 0 ||
                       (strcmp(item->desc, "SCHEMA") == 0 && strcmp(item->tag, "public") != 0);
    s->is_in_public = s->is_in_public || strcmp(item->schema, "public") == 0;
    return item->owner[0] != '\0' ? add_owner(s, item->owner, err) : JB_OK;
}

static int refuse_owners(const struct survey *s, struct jb_error *err)
{
    static const char member[] =
        "SELECT pg_has_role(rolname, 'MEMBER') FROM pg_roles WHERE rolname = $1";
    static const char set_option[] =
        "SELECT pg_has_role(rolname, 'SET') FROM pg_roles WHERE rolname = $1";
    bool has_option = jbi_postgres_server_major(s->session) >= MAJOR_SET_OPTION;
    int code = JB_OK;
    for (size_t i = 0; i < s->owner_count && code == JB_OK; i++) {
        struct postgres_rows *rows = NULL;
        code = jbi_postgres_query(s->session, "cannot ask for the roles of",
                                  has_option ? set_option : member, &s->owners[i], 1, &rows, err);
        const char *may = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
        if (may != NULL && *may != 't') { /* one that is not there is named with all others */
            code = jbi_fail(err, JB_EUNSUPPORTED,
                            "the backup of \"%s\" has things of the role \"%s\", of which this "
                            "login is no member",
                            s->p->s.database, s->owners[i]);
            jbi_hint(err, "GRANT that role to this login, or restore as a superuser");
        }
        jbi_postgres_rows_free(rows);
    }
    return code;
}

static int refuse_rights(const struct survey *s, struct jb_error *err)
{
    static const char sql[] =
        "SELECT has_database_privilege(current_database(), 'CREATE'), coalesce((SELECT"
        " has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = 'public'), true),"
        " current_user";
    struct postgres_rows *rows = NULL;
    int code =
        jbi_postgres_query(s->session, "cannot ask for the rights on", sql, NULL, 0, &rows, err);
    const char *role = code == JB_OK ? jbi_postgres_value(rows, 0, 2) : NULL;
    if (role != NULL && s->makes_schemas && is_false(rows, 0)) {
        code = jbi_fail(err, JB_EUNSUPPORTED, "the role \"%s\" may not create schemas in \"%s\"",
                        role, s->p->s.database);
        jbi_hint(err, "as its owner: GRANT CREATE ON DATABASE \"%s\" TO \"%s\"", s->p->s.database,
                 role);
    } else if (role != NULL && s->is_in_public && is_false(rows, 1)) {
        code = jbi_fail(err, JB_EUNSUPPORTED,
                        "the role \"%s\" may not create things in the schema \"public\" of \"%s\"",
                        role, s->p->s.database);
        jbi_hint(err, "as a superuser: GRANT CREATE ON SCHEMA public TO \"%s\"", role);
    }
    jbi_postgres_rows_free(rows);
    return code;
}

/* Those that stay must be of the backup, too; those of the backup must stay, or be made. */
static int refuse_extensions(const struct survey *s, struct jb_error *err)
{
    const struct postgresql_facts *facts = s->p->s.dump->postgresql;
    struct named_text *made =
        jbi_arena_alloc(s->arena, (facts->extension_count + 1) * sizeof *made);
    struct postgresql_facts others = *facts;
    struct artifact dump = *s->p->s.dump;
    if (made == NULL)
        return jbi_fail_memory(err);
    others.extension_count = 0;
    for (size_t i = 0; i < facts->extension_count; i++) {
        struct dump_item item = {"EXTENSION", facts->extensions[i].name, "", ""};
        if (!jbi_inplace_stays((void *)(uintptr_t)&s->staying, &item))
            made[others.extension_count++] = facts->extensions[i];
    }
    for (size_t i = 0; i < s->staying.count; i++) {
        const char *name = s->staying.extensions[i];
        bool is_known = strcmp(name, "plpgsql") == 0;
        for (size_t j = 0; j < facts->extension_count && !is_known; j++)
            is_known = strcmp(facts->extensions[j].name, name) == 0;
        if (is_known)
            continue;
        jbi_fail(err, JB_EUNSUPPORTED,
                 "\"%s\" has the extension \"%s\", which the backup has not, and it belongs to "
                 "another role",
                 s->p->s.database, name);
        jbi_hint(err, "let its owner DROP EXTENSION \"%s\" first", name);
        return JB_EUNSUPPORTED;
    }
    others.extensions = made;
    dump.postgresql = &others;
    return jbi_postgresql_need_extensions(s->session, &dump, err);
}

int jbi_inplace_refuse_dump(const struct postgresql_inplace *p, struct postgres *session,
                            int dump_fd, const struct source_job *job, struct jb_error *err)
{
    struct survey s = {.p = p, .session = session, .arena = job->arena};
    int code = jbi_inplace_staying(session, job->arena, &s.staying, err);
    if (code == JB_OK)
        code = jbi_dump_items(dump_fd, p->s.dump->path, survey_item, &s, err);
    if (code == JB_OK)
        code = refuse_owners(&s, err);
    if (code == JB_OK)
        code = refuse_extensions(&s, err);
    return code < 0 ? code : refuse_rights(&s, err);
}
