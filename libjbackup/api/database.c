/* SPDX-License-Identifier: MIT */
/* Databases of a project: from a URL to a source with a name of its own. */
#include <string.h>

#include "api/project.h"
#include "base/error.h"
#include "base/text.h"

#define DATABASES_MAX 64

char *jbi_path_join(struct arena *arena, const char *base, const char *path)
{
    struct text joined = {0};
    if (path[0] != '/')
        jbi_text_addf(&joined, "%s/", base);
    jbi_text_adds(&joined, path);
    char *out = jbi_arena_alloc(arena, joined.len + 2);
    if (out == NULL || joined.failed) {
        jbi_text_free(&joined);
        return NULL;
    }
    size_t at = 0;
    for (const char *from = joined.at; *from != '\0';) {
        size_t len = strcspn(from, "/");
        if (len > 0 && !(len == 1 && from[0] == '.')) {
            out[at++] = '/';
            memcpy(out + at, from, len);
            at += len;
        }
        from += len + (from[len] == '/');
    }
    if (at == 0)
        out[at++] = '/';
    out[at] = '\0';
    jbi_text_free(&joined);
    return out;
}

static bool is_name_taken(const struct jb_project *project, const char *name)
{
    for (size_t i = 0; i < project->database_count; i++) {
        if (strcmp(project->databases[i].name, name) == 0)
            return true;
    }
    return false;
}

/* A name of its own, but not the reserved one; what a file name should not hold becomes "_". Cuts
 * the text. */
static const char *name_for(struct jb_project *project, char *name, const char *reserved)
{
    for (char *c = name; *c != '\0'; c++) {
        bool is_plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                        (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' ||
                        (*c == '.' && c != name);
        if (!is_plain)
            *c = '_';
    }
    if (strlen(name) > 100)
        name[100] = '\0';
    const char *unique = name;
    for (int n = 2; unique != NULL && (is_name_taken(project, unique) ||
                                       (reserved != NULL && strcmp(unique, reserved) == 0));
         n++)
        unique = jbi_arena_printf(&project->arena, "%s-%d", name, n);
    return unique;
}

/* "journal" for "/srv/app/instance/journal.db". */
static const char *sqlite_name(struct jb_project *project, const char *path)
{
    static const char *const endings[] = {".db", ".sqlite", ".sqlite3", ".db3"};
    const char *slash = strrchr(path, '/');
    char *name = jbi_arena_text(&project->arena, slash ? slash + 1 : path);
    if (name == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (jbi_ends_with(name, endings[i]) && strlen(name) > strlen(endings[i])) {
            name[strlen(name) - strlen(endings[i])] = '\0';
            break;
        }
    }
    return name_for(project, name, NULL);
}

static int database_add(struct jb_project *project, const struct database *database,
                        struct jb_error *err)
{
    size_t count = project->database_count;
    if (count == DATABASES_MAX)
        return jbi_fail(err, JB_EINVAL, "more than %d databases in one project", DATABASES_MAX);
    struct database *grown = jbi_arena_grow(&project->arena, project->databases,
                                            count * sizeof *grown, (count + 1) * sizeof *grown);
    if (grown == NULL || database->name == NULL)
        return jbi_fail_memory(err);
    grown[count] = *database;
    project->databases = grown;
    project->database_count++;
    return JB_OK;
}

static int add_sqlite(struct jb_project *project, const char *given, const char *base,
                      const char *where, struct jb_error *err)
{
    size_t len = strcspn(given, "?");
    char *path = jbi_arena_textn(&project->arena, given, len);
    if (path == NULL)
        return jbi_fail_memory(err);
    if (len == 0 || strcmp(path, ":memory:") == 0)
        return jbi_fail(err, JB_EINVAL, "%s: the SQLite database has no file", where);
    struct database database = {.kind = DATABASE_SQLITE};
    database.sqlite.path = jbi_path_join(&project->arena, base, path);
    database.name = sqlite_name(project, path);
    database.sqlite.name = database.name;
    if (database.sqlite.path == NULL)
        return jbi_fail_memory(err);
    return database_add(project, &database, err);
}

/* The first database of each server has the server's roles with it. Not said is not the same as
 * said to be what libpq would take anyway: then a server has two copies of them. */
static void share_globals(const struct jb_project *project, struct database *database)
{
    bool is_first = true;
    for (size_t i = 0; i < project->database_count; i++) {
        const struct database *other = &project->databases[i];
        if (other->kind != DATABASE_POSTGRESQL)
            continue;
        if (strcmp(other->server, database->server) == 0)
            return;
        is_first = false;
    }
    database->postgresql.with_globals = true;
    database->postgresql.globals_name = is_first ? NULL : database->name;
}

static const char *or_none(const char *text)
{
    return text ? text : "";
}

static int add_postgresql(struct jb_project *project, const char *given, const char *where,
                          struct jb_error *err)
{
    struct postgres_url url;
    struct database database = {.kind = DATABASE_POSTGRESQL};
    int code = jbi_postgres_url(given, where, &project->arena, &url, err);
    if (code < 0)
        return code;
    char *name = jbi_arena_text(&project->arena, url.name);
    database.name = name ? name_for(project, name, "globals") : NULL;
    database.server = jbi_arena_printf(&project->arena, "%s %s %s", or_none(url.host),
                                       or_none(url.port), or_none(url.service));
    if (database.name == NULL || database.server == NULL)
        return jbi_fail_memory(err);
    database.postgresql.target.url = url.url;
    database.postgresql.name = database.name;
    share_globals(project, &database);
    return database_add(project, &database, err);
}

int jbi_project_add_database(struct jb_project *project, const char *url, const char *base,
                             const char *where, struct jb_error *err)
{
    static const char sqlite[] = "sqlite:///";
    if (jbi_starts_with(url, sqlite))
        return add_sqlite(project, url + sizeof sqlite - 1, base, where, err);
    if (jbi_postgres_is_url(url))
        return add_postgresql(project, url, where, err);
    jbi_fail(err, JB_EINVAL, "%s: not the URL of a database that jbackup knows", where);
    jbi_hint(err, "write sqlite:///relative/path.db, sqlite:////absolute/path.db or "
                  "postgresql://user@host/name");
    return JB_EINVAL;
}
