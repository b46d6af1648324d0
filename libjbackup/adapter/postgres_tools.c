/* SPDX-License-Identifier: MIT */
/* Finding the client programs that fit a server. Programs are run only from absolute folders. */
#include "adapter/postgres_tools.h"

#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/postgres.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/process.h"

#define CLIENTS_MAX    64
#define VERSION_WAIT_S 10

/* Where distributions put versions beside each other. */
static const char *const version_folders[] = {
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
};

struct finding {
    struct arena *arena;
    struct postgres_client clients[CLIENTS_MAX];
    size_t count;
    bool failed;         /* out of memory */
    struct jb_error why; /* why the first one that could not be asked was not */
};

bool jbi_postgres_client_version(const char *said, struct postgres_client *client)
{
    static const char mark[] = "(PostgreSQL) ";
    const char *at = strstr(said, mark);
    if (at == NULL)
        return false;
    at += sizeof mark - 1;
    size_t len = strcspn(at, " \r\n"), digits = strspn(at, "0123456789");
    if (digits == 0 || digits > 4 || len >= sizeof client->version || !jbi_is_printable(at, len))
        return false;
    client->major = (int)strtol(at, NULL, 10);
    memcpy(client->version, at, len);
    client->version[len] = '\0';
    return true;
}

const struct postgres_client *jbi_postgres_choose(const struct postgres_client clients[],
                                                  size_t count, int server_major)
{
    const struct postgres_client *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (clients[i].major >= server_major && (best == NULL || clients[i].major < best->major))
            best = &clients[i];
    }
    return best;
}

/* ---- Looking ---- */

static const char *program_in(const char *folder, const char *name, struct arena *arena)
{
    struct stat st;
    const char *path = jbi_arena_printf(arena, "%s/%s", folder, name);
    bool is_program =
        path != NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
    return is_program ? path : NULL;
}

static bool is_known(const struct finding *finding, const char *folder)
{
    for (size_t i = 0; i < finding->count; i++) {
        if (strcmp(finding->clients[i].folder, folder) == 0)
            return true;
    }
    return false;
}

static bool ask_version(const char *pg_dump, struct postgres_client *client, struct jb_error *why)
{
    const char *const argv[] = {pg_dump, "--version", NULL};
    scope_text out = {0};
    scope_text errors = {0};
    int status = -1;
    return jbi_process_run(argv, VERSION_WAIT_S, 256, NULL, &out, &errors, &status, why) == JB_OK &&
           status == 0 && out.at != NULL && jbi_postgres_client_version(out.at, client);
}

static void look_into(struct finding *finding, const char *folder)
{
    struct arena *arena = finding->arena;
    const char *pg_dump = program_in(folder, "pg_dump", arena);
    if (pg_dump == NULL || program_in(folder, "pg_restore", arena) == NULL)
        return;
    scope_free char *real = realpath(pg_dump, NULL);
    if (real == NULL || jbi_ends_with(real, "/pg_wrapper"))
        return;
    /* The real folder: there are several ways to most of them. */
    char *slash = strrchr(real, '/');
    bool is_plain = strcmp(slash, "/pg_dump") == 0;
    *slash = '\0';
    if (is_plain && program_in(real, "pg_restore", arena) != NULL)
        folder = real;
    if (finding->count == CLIENTS_MAX || is_known(finding, folder))
        return;
    struct postgres_client *client = &finding->clients[finding->count];
    client->folder = jbi_arena_text(arena, folder);
    finding->failed = finding->failed || client->folder == NULL;
    if (client->folder != NULL && ask_version(pg_dump, client, &finding->why))
        finding->count++;
}

static void look_on_path(struct finding *finding)
{
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t len = strcspn(path, ":");
        const char *folder = *path == '/' ? jbi_arena_textn(finding->arena, path, len) : NULL;
        if (folder != NULL)
            look_into(finding, folder);
        path += len + (path[len] == ':');
    }
}

static void look_at_versions(struct finding *finding)
{
    for (size_t i = 0; i < sizeof version_folders / sizeof *version_folders; i++) {
        glob_t found;
        int failed = glob(version_folders[i], GLOB_NOSORT, NULL, &found);
        for (size_t j = 0; failed == 0 && j < found.gl_pathc; j++)
            look_into(finding, found.gl_pathv[j]);
        if (failed == 0)
            globfree(&found);
    }
}

/* ---- Choosing ---- */

static int fail_none(const struct finding *finding, int server_major, struct jb_error *err)
{
    const struct postgres_client *newest = NULL;
    if (finding->why.code != 0 && finding->why.code != JB_ENOTFOUND)
        return jbi_fail(err, finding->why.code, "cannot see which pg_dump is installed: %s",
                        finding->why.text);
    for (size_t i = 0; i < finding->count; i++) {
        if (newest == NULL || finding->clients[i].major > newest->major)
            newest = &finding->clients[i];
    }
    if (newest == NULL)
        jbi_fail(err, JB_EUNSUPPORTED,
                 "the server is PostgreSQL %d, and no pg_dump with a pg_restore is installed",
                 server_major);
    else
        jbi_fail(err, JB_EUNSUPPORTED,
                 "the server is PostgreSQL %d, and the newest pg_dump that is installed is %s, "
                 "in \"%s\"",
                 server_major, newest->version, newest->folder);
    jbi_hint(err,
             "install the package postgresql-client-%d (Debian, Ubuntu) or postgresql%d (Red Hat, "
             "SUSE), or put the folder of a newer pg_dump on PATH",
             server_major, server_major);
    return JB_EUNSUPPORTED;
}

static int fail_no_server(int major, struct jb_error *err)
{
    jbi_fail(err, JB_EUNSUPPORTED,
             "the programs of a PostgreSQL server (initdb, postgres) of version %d or newer are "
             "not installed",
             major);
    jbi_hint(err,
             "install the package postgresql-%d (Debian, Ubuntu) or postgresql%d-server (Red Hat), "
             "or put their folder on PATH; no server needs to run",
             major, major);
    return JB_EUNSUPPORTED;
}

static void keep_servers(struct finding *finding)
{
    size_t kept = 0;
    for (size_t i = 0; i < finding->count; i++) {
        const char *folder = finding->clients[i].folder;
        if (program_in(folder, "initdb", finding->arena) != NULL &&
            program_in(folder, "postgres", finding->arena) != NULL)
            finding->clients[kept++] = finding->clients[i];
    }
    finding->count = kept;
}

static int find_tools(int major, bool with_server, struct arena *arena, struct postgres_tools *out,
                      struct jb_error *err)
{
    struct finding finding = {.arena = arena};
    look_on_path(&finding);
    look_at_versions(&finding);
    if (with_server)
        keep_servers(&finding);
    const struct postgres_client *best = jbi_postgres_choose(finding.clients, finding.count, major);
    if (finding.failed)
        return jbi_fail_memory(err);
    if (best == NULL)
        return with_server ? fail_no_server(major, err) : fail_none(&finding, major, err);
    *out = (struct postgres_tools){
        .major = best->major,
        .version = jbi_arena_text(arena, best->version),
        .pg_dump = jbi_arena_printf(arena, "%s/pg_dump", best->folder),
        .pg_restore = jbi_arena_printf(arena, "%s/pg_restore", best->folder),
        .pg_dumpall = program_in(best->folder, "pg_dumpall", arena),
        .initdb = program_in(best->folder, "initdb", arena),
        .postgres = program_in(best->folder, "postgres", arena),
    };
    if (out->version != NULL && out->pg_dump != NULL && out->pg_restore != NULL)
        return JB_OK;
    return jbi_fail_memory(err);
}

int jbi_postgres_tools(int server_major, struct arena *arena, struct postgres_tools *out,
                       struct jb_error *err)
{
    return find_tools(server_major, false, arena, out, err);
}

int jbi_postgres_server_tools(int major, struct arena *arena, struct postgres_tools *out,
                              struct jb_error *err)
{
    return find_tools(major, true, arena, out, err);
}
