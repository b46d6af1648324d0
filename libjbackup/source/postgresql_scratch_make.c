/* SPDX-License-Identifier: MIT */
/* What a scratch database needs wherever it is: made as the dump's was, with the settings that
 * change how values are written, and the extensions and roles that the dump asks for. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "source/postgresql_compression.h"
#include "source/postgresql_needs.h"
#include "source/postgresql_scratch_parts.h"

#define MAJOR_PROVIDER 15 /* databases have a provider of their locale */
#define GLOBALS_MAX    (16u << 20)

/* ---- Making a database ---- */

static void add_literal(struct text *sql, const struct postgresql_scratch *scratch,
                        const char *before, const char *value)
{
    const char *quoted = jbi_postgres_quote_text(scratch->session, value, scratch->job->arena);
    jbi_text_adds(sql, before);
    if (quoted != NULL)
        jbi_text_adds(sql, quoted);
    else
        sql->failed = true;
}

static int create(struct postgresql_scratch *scratch, const char *quoted, const char *encoding,
                  const char *collation, const char *ctype, struct jb_error *err)
{
    scope_text sql = {0};
    jbi_text_addf(&sql, "CREATE DATABASE %s TEMPLATE template0", quoted);
    if (encoding != NULL)
        add_literal(&sql, scratch, " ENCODING ", encoding);
    add_literal(&sql, scratch, " LC_COLLATE ", collation);
    add_literal(&sql, scratch, " LC_CTYPE ", ctype);
    if (jbi_postgresql_scratch_server_major(scratch) >= MAJOR_PROVIDER)
        jbi_text_adds(&sql, " LOCALE_PROVIDER libc");
    if (sql.failed)
        return jbi_fail_memory(err);
    return jbi_postgres_execute(scratch->session, "cannot make a scratch database on", sql.at, err);
}

/* A locale that this server does not have changes nothing of what a table holds. */
static int create_somehow(struct postgresql_scratch *scratch, const char *quoted,
                          const struct postgresql_facts *facts, struct jb_error *err)
{
    struct jb_error again = {0};
    if (facts->collation == NULL || facts->ctype == NULL)
        return create(scratch, quoted, facts->encoding, "C", "C", err);
    int code = create(scratch, quoted, facts->encoding, facts->collation, facts->ctype, err);
    if (code == JB_EDATABASE &&
        create(scratch, quoted, facts->encoding, "C", "C", &again) == JB_OK) {
        *err = (struct jb_error){0};
        return JB_OK;
    }
    return code;
}

static int set(struct postgresql_scratch *scratch, const char *quoted, const char *setting,
               const char *value, struct jb_error *err)
{
    scope_text sql = {0};
    jbi_text_addf(&sql, "ALTER DATABASE %s SET %s = ", quoted, setting);
    add_literal(&sql, scratch, "", value);
    if (sql.failed)
        return jbi_fail_memory(err);
    return jbi_postgres_execute(scratch->session, "cannot set up a scratch database on", sql.at,
                                err);
}

/* Long values as the backup had them, or quick; a server that can't has a way of its own. */
static int choose_compression(struct postgresql_scratch *scratch, const char *quoted,
                              const struct postgresql_facts *facts, struct jb_error *err)
{
    struct jb_error unwanted = {0};
    const char *compression = NULL;
    int code =
        jbi_postgresql_compression(scratch->session, facts, scratch->job->arena, &compression, err);
    if (code == JB_OK && compression != NULL)
        set(scratch, quoted, "default_toast_compression", compression, &unwanted);
    return code;
}

/* Settings that change how values are written, and a quick restore. The money of a cluster of our
 * own is likely that of the database's locale; a server that has it not keeps its own. */
static int set_up(struct postgresql_scratch *scratch, const char *quoted,
                  const struct postgresql_facts *facts, struct jb_error *err)
{
    static const char *const kept[] = {"bytea_output", "lc_monetary"};
    struct jb_error unwanted = {0};
    int code = set(scratch, quoted, "synchronous_commit", "off", err);
    if (code == JB_OK)
        code = choose_compression(scratch, quoted, facts, err);
    if (scratch->cluster != NULL && facts->collation != NULL)
        set(scratch, quoted, "lc_monetary", facts->collation, &unwanted);
    for (size_t i = 0; i < facts->setting_count; i++) {
        const struct named_text *setting = &facts->settings[i];
        for (size_t k = 0; k < sizeof kept / sizeof *kept && code == JB_OK; k++)
            if (strcmp(setting->name, kept[k]) == 0 && setting->text != NULL)
                code = set(scratch, quoted, kept[k], setting->text, err);
    }
    return code;
}

/* ---- In the database ---- */

static int open_inside(const struct postgresql_scratch *scratch, struct postgres **out,
                       struct jb_error *err)
{
    struct postgres_target target = {0};
    if (scratch->cluster != NULL)
        target.url = jbi_scratch_cluster_url(scratch->cluster);
    else
        target = scratch->source->target;
    target.database = scratch->database;
    target.is_writable = true;
    target.hooks = &scratch->hooks;
    return jbi_postgres_open(out, &target, err);
}

/* A schema public that is not initdb's any more is in the dump, but only as far as its owner makes
 * it so; owners are not restored. */
static void own_public(struct postgres *inside, const struct artifact *dump)
{
    struct jb_error unwanted = {0};
    for (size_t i = 0; i < dump->definition_count; i++) {
        if (strcmp(dump->definitions[i].name, "SCHEMA public") == 0)
            jbi_postgres_execute(inside, "cannot own", "ALTER SCHEMA public OWNER TO CURRENT_USER",
                                 &unwanted);
    }
}

static int prepare_inside(struct postgresql_scratch *scratch, const struct artifact *dump,
                          struct jb_error *err)
{
    struct postgres *inside = NULL;
    int code = open_inside(scratch, &inside, err);
    if (code == JB_OK)
        code = jbi_postgresql_need_extensions(inside, dump, err);
    if (code == JB_OK)
        own_public(inside, dump);
    jbi_postgres_close(inside);
    return code;
}

int jbi_scratch_make_database(struct postgresql_scratch *scratch, const char *name,
                              const char *comment, const struct artifact *dump,
                              struct jb_error *err)
{
    struct jb_error first = {0};
    struct arena *arena = scratch->job->arena;
    const char *quoted = jbi_postgres_quote_name(scratch->session, name, arena);
    if (quoted == NULL)
        return jbi_fail_memory(err);
    int code = create_somehow(scratch, quoted, dump->postgresql, &first);
    if (code == JB_ECANCELED)
        jbi_log(scratch->job->hooks, LOG_WARNING,
                "the scratch database \"%s\" may stay until the next run", name);
    if (code < 0) {
        if (err != NULL && err->code == 0)
            *err = first;
        return code;
    }
    scratch->database = name;
    scope_text sql = {0};
    jbi_text_addf(&sql, "COMMENT ON DATABASE %s IS ", quoted);
    add_literal(&sql, scratch, "", comment);
    code = sql.failed
               ? jbi_fail_memory(err)
               : jbi_postgres_execute(scratch->session, "cannot comment on a scratch database on",
                                      sql.at, err);
    if (code == JB_OK)
        code = set_up(scratch, quoted, dump->postgresql, err);
    if (code == JB_OK)
        code = jbi_postgres_login(scratch->session, name, arena, &scratch->login, err);
    return code < 0 ? code : prepare_inside(scratch, dump, err);
}

/* ---- Roles ---- */

/* The name in "CREATE ROLE name;" or "CREATE ROLE "na""me";"; NULL: it is something else. */
static char *role_in(const char *line)
{
    static const char create_role[] = "CREATE ROLE ";
    if (!jbi_starts_with(line, create_role))
        return NULL;
    line += sizeof create_role - 1;
    bool is_quoted = *line == '"';
    line += is_quoted;
    char *name = malloc(strlen(line) + 1);
    size_t len = 0;
    while (name != NULL && *line != '\0') {
        bool is_quote = is_quoted && *line == '"';
        if (is_quote && line[1] != '"')
            break;
        if (!is_quoted && (*line == ';' || *line == '\n'))
            break;
        name[len++] = *line;
        line += is_quote ? 2 : 1;
    }
    if (name != NULL)
        name[len] = '\0';
    if (name != NULL && jbi_starts_with(line, is_quoted ? "\";" : ";"))
        return name;
    free(name);
    return NULL;
}

int jbi_postgresql_scratch_roles(struct postgresql_scratch *scratch, int globals_fd,
                                 struct jb_error *err)
{
    if (scratch->cluster == NULL || globals_fd < 0)
        return JB_OK;
    scope_free char *globals = calloc(1, GLOBALS_MAX + 1);
    if (globals == NULL)
        return jbi_fail_memory(err);
    if (jbi_pread_full(globals_fd, globals, GLOBALS_MAX, 0) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read the roles of the backup");
    for (const char *line = globals; *line != '\0';) {
        struct jb_error unwanted = {0}; /* one of that name may be there */
        scope_free char *role = role_in(line);
        const char *quoted =
            role ? jbi_postgres_quote_name(scratch->session, role, scratch->job->arena) : NULL;
        scope_text sql = {0};
        jbi_text_addf(&sql, "CREATE ROLE %s", quoted ? quoted : "");
        if (quoted != NULL && !sql.failed)
            jbi_postgres_execute(scratch->session, "cannot make a role on", sql.at, &unwanted);
        if (jbi_scratch_go_on(scratch, err) < 0)
            return JB_ECANCELED;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return JB_OK;
}
