/* SPDX-License-Identifier: MIT */
/* Where a restore in place goes. Invariant: what is production is never taken for anything else. */
#include "api/restore_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "adapter/postgres.h"
#include "base/scope.h"

/* ---- Its databases -------------------------------------------------------------------------- */

const struct database *jbi_restore_target_database(const struct restore_target *target,
                                                   const struct jb_project *project,
                                                   const char *name)
{
    for (size_t i = 0; i < project->database_count && i < target->database_count; i++) {
        if (strcmp(project->databases[i].name, name) == 0)
            return &target->databases[i];
    }
    return NULL;
}

static int check_databases(const struct restore_target *target, const struct jb_project *project,
                           struct jb_error *err)
{
    bool is_alike = target->database_count == project->database_count;
    for (size_t i = 0; i < target->database_count && is_alike; i++)
        is_alike = target->databases[i].kind == project->databases[i].kind;
    if (is_alike)
        return JB_OK;
    jbi_fail(err, JB_EINVAL,
             "the databases of the environment \"%s\" are not those of the project: %zu instead of "
             "%zu, or of other kinds",
             target->environment, target->database_count, project->database_count);
    jbi_hint(err, "name in its \"databases\" one for each of the project's, in their order");
    return JB_EINVAL;
}

/* ---- Is it production? ---------------------------------------------------------------------- */

static bool is_same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

/* What tells one database of one running server from all others; NULL: it can't be asked. */
static const char *identity(const struct database *database, struct session *session)
{
    static const char sql[] =
        "SELECT pg_postmaster_start_time()::text || ' ' || current_setting('port') || ' ' ||"
        " (SELECT oid FROM pg_database WHERE datname = current_database())";
    struct postgres_target target = database->postgresql.target;
    struct postgres *postgres;
    struct postgres_rows *rows = NULL;
    struct jb_error unwanted = {0};
    const char *found = NULL;
    if (jbi_postgres_open(&postgres, &target, &unwanted) != JB_OK)
        return NULL;
    if (jbi_postgres_query(postgres, "cannot look at", sql, NULL, 0, &rows, &unwanted) == JB_OK) {
        const char *value = jbi_postgres_value(rows, 0, 0);
        found = value ? jbi_arena_text(&session->arena, value) : NULL;
    }
    jbi_postgres_rows_free(rows);
    jbi_postgres_close(postgres);
    return found;
}

static bool is_same_postgresql(const struct database *a, const struct database *b,
                               struct session *session)
{
    if (strcmp(a->server, b->server) == 0 && strcmp(a->name, b->name) == 0)
        return true;
    const char *one = identity(a, session);
    const char *other = one ? identity(b, session) : NULL;
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

static bool is_production(const struct restore_target *target, struct session *session)
{
    const struct jb_project *project = session->project;
    if (is_same_file(target->root, project->root))
        return true;
    for (size_t i = 0; i < target->database_count; i++) {
        for (size_t j = 0; j < project->database_count; j++) {
            const struct database *a = &target->databases[i], *b = &project->databases[j];
            bool is_same = a->kind == b->kind && (a->kind == DATABASE_SQLITE
                                                      ? is_same_file(a->sqlite.path, b->sqlite.path)
                                                      : is_same_postgresql(a, b, session));
            if (is_same)
                return true;
        }
    }
    return false;
}

/* ---- The whole ------------------------------------------------------------------------------ */

static const struct environment *find_environment(const struct jb_project *project,
                                                  const char *name)
{
    for (size_t i = 0; i < project->environment_count; i++) {
        if (strcmp(project->environments[i].name, name) == 0)
            return &project->environments[i];
    }
    return NULL;
}

static int fail_unknown(const struct jb_project *project, const char *name, struct jb_error *err)
{
    char known[256] = PRODUCTION;
    for (size_t i = 0; i < project->environment_count; i++) {
        size_t len = strlen(known);
        snprintf(known + len, sizeof known - len, ", %s", project->environments[i].name);
    }
    jbi_fail(err, JB_ENOTFOUND, "the configuration has no environment \"%s\"", name);
    jbi_hint(err, "known are %s; \"environments\" in jbackup.json describes others", known);
    return JB_ENOTFOUND;
}

static int take_environment(struct restore_target *out, struct session *session, const char *name,
                            struct jb_error *err)
{
    const struct jb_project *project = session->project;
    const struct environment *environment = find_environment(project, name);
    if (environment == NULL)
        return fail_unknown(project, name, err);
    out->root = environment->root;
    out->databases = environment->databases;
    out->database_count = environment->database_count;
    out->service = environment->service;
    out->health = environment->health;
    int code = check_databases(out, project, err);
    if (code == JB_OK)
        out->is_production = is_production(out, session);
    return code;
}

int jbi_restore_target(struct restore_target *out, struct session *session, const char *name,
                       struct jb_error *err)
{
    const struct jb_project *project = session->project;
    int code = JB_OK;
    *out = (struct restore_target){
        .environment = name ? name : PRODUCTION,
        .is_production = true,
        .root = project->root,
        .databases = project->databases,
        .database_count = project->database_count,
        .service = project->service,
        .health = project->health,
    };
    if (strcmp(out->environment, PRODUCTION) != 0)
        code = take_environment(out, session, name, err);
    if (code == JB_OK)
        code = jbi_project_code(&out->code, project, out->root, out->databases, out->database_count,
                                &session->arena, err);
    return code;
}
