/* SPDX-License-Identifier: MIT */
/* A cluster of our own: initdb makes it, a server runs on it that ends with us. Invariant: its
 * programs know nothing of our environment and have none of our descriptors. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/process.h"
#include "source/postgresql_scratch_parts.h"

#define SERVER_USER   "postgres" /* for root: nothing but PostgreSQL runs as it */
#define SUPERUSER     "jbackup"
#define SOCKET_PORT   "5432"
#define LOOK_MS       50
#define GRACE_MS      5000
#define INITDB_WAIT_S 300
#define START_WAIT_S  60
#define ARGUMENTS_MAX 64
#define NAMES_SIZE    16384

struct scratch_cluster {
    const struct source_job *job;
    struct scratch_folder folder;
    const char *url;
    bool has_setpriv;
    struct process *server;
};

/* ---- Running programs as the server's user ---- */

/* Its programs; how many are in argv. Without a user of its own only what ends it with us. */
static size_t add_setpriv(const struct scratch_cluster *cluster, const char **argv)
{
    struct arena *arena = cluster->job->arena;
    size_t count = 0;
    argv[count++] = "setpriv";
    argv[count++] = "--no-new-privs";
    argv[count++] = "--pdeathsig=QUIT";
    if (cluster->folder.is_anothers) {
        argv[count++] = jbi_arena_printf(arena, "--reuid=%u", (unsigned)cluster->folder.uid);
        argv[count++] = jbi_arena_printf(arena, "--regid=%u", (unsigned)cluster->folder.gid);
        argv[count++] = "--clear-groups";
    }
    return count;
}

static int find_user(struct scratch_cluster *cluster, struct jb_error *err)
{
    struct passwd entry, *found = NULL;
    scope_free char *names = malloc(NAMES_SIZE);
    cluster->folder.uid = geteuid();
    cluster->folder.gid = getegid();
    cluster->folder.is_anothers = cluster->folder.uid == 0;
    if (names == NULL)
        return jbi_fail_memory(err);
    if (!cluster->folder.is_anothers)
        return JB_OK;
    getpwnam_r(SERVER_USER, &entry, names, NAMES_SIZE, &found);
    if (found == NULL || entry.pw_uid == 0) {
        jbi_fail(err, JB_EUNSUPPORTED,
                 "PostgreSQL does not run as root, and there is no user \"" SERVER_USER "\"");
        jbi_hint(err, "install the distribution's package of the server, which makes that user, "
                      "or run as another user than root");
        return JB_EUNSUPPORTED;
    }
    cluster->folder.uid = entry.pw_uid;
    cluster->folder.gid = entry.pw_gid;
    return JB_OK;
}

/* Without setpriv a server of root can't be; another one then only ends a run later. */
static int find_setpriv(struct scratch_cluster *cluster, struct jb_error *err)
{
    const char *argv[ARGUMENTS_MAX];
    struct jb_error why = {0};
    scope_text out = {0}, errors = {0};
    int status = -1;
    size_t count = add_setpriv(cluster, argv);
    argv[count++] = "true";
    argv[count] = NULL;
    int code = jbi_process_run(argv, 10, 400, NULL, &out, &errors, &status, &why);
    cluster->has_setpriv = code == JB_OK && status == 0;
    if (cluster->has_setpriv || !cluster->folder.is_anothers)
        return JB_OK;
    jbi_fail(err, JB_EUNSUPPORTED, "cannot become the user \"" SERVER_USER "\": %s",
             code < 0            ? why.text
             : errors.at != NULL ? errors.at
                                 : "setpriv failed");
    jbi_hint(err, "setpriv is of the package util-linux");
    return JB_EUNSUPPORTED;
}

/* arguments without the program's end mark; it knows nothing of our environment. */
static int start(const struct scratch_cluster *cluster, const char *const arguments[],
                 struct process **out, struct jb_error *err)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", NULL};
    const char *argv[ARGUMENTS_MAX];
    size_t count = cluster->has_setpriv ? add_setpriv(cluster, argv) : 0;
    while (*arguments != NULL && count < ARGUMENTS_MAX - 1)
        argv[count++] = *arguments++;
    argv[count] = NULL;
    const struct process_start how = {
        .argv = argv,
        .environment = environment,
        .in_fd = -1,
        .out_fd = -1,
        .folder = cluster->folder.path,
    };
    return jbi_process_start(out, &how, err);
}

static int ask_hook(const struct scratch_cluster *cluster, struct jb_error *err)
{
    return jbi_progress(cluster->job->hooks, "make a cluster", 0, 0, "", err);
}

static int fail_said(const char *what, const struct scratch_cluster *cluster,
                     const struct process *process, struct jb_error *err)
{
    const char *said = jbi_process_errors(process);
    return jbi_postgres_fail(err, what, cluster->folder.path, *said ? said : "it said nothing");
}

/* ---- The cluster ---- */

static int make_cluster(struct scratch_cluster *cluster, const char *initdb, struct jb_error *err)
{
    const char *pgdata = jbi_arena_printf(cluster->job->arena, "--pgdata=%s", cluster->folder.data);
    const char *const arguments[] = {
        initdb,       pgdata, "--username=" SUPERUSER, "--auth=trust", "--encoding=SQL_ASCII",
        "--locale=C", "-N", /* no fsync */
        NULL};
    struct process *process = NULL;
    int status = -1;
    if (pgdata == NULL)
        return jbi_fail_memory(err);
    int code = start(cluster, arguments, &process, err);
    int64_t until = jbi_monotonic_ms() + INITDB_WAIT_S * 1000;
    while (code == JB_OK && !jbi_process_wait(process, LOOK_MS, &status)) {
        code = ask_hook(cluster, err);
        if (code == JB_OK && jbi_monotonic_ms() > until)
            code = jbi_fail(err, JB_EDATABASE, "initdb did not end within %d s", INITDB_WAIT_S);
    }
    if (code == JB_OK && status != 0)
        code = fail_said("cannot make a cluster in", cluster, process, err);
    if (code == JB_EDATABASE && cluster->folder.is_anothers)
        jbi_hint(err, "the user \"" SERVER_USER "\" must get into that folder: TMPDIR may name "
                      "another");
    jbi_process_end(process, GRACE_MS);
    return code;
}

/* The list of folders takes commas apart. */
static const char *socket_folder(const struct scratch_cluster *cluster)
{
    scope_text setting = {0};
    jbi_text_adds(&setting, "unix_socket_directories=\"");
    for (const char *at = cluster->folder.data; *at != '\0'; at++)
        jbi_text_addf(&setting, "%s%c", *at == '"' ? "\"" : "", *at);
    jbi_text_adds(&setting, "\"");
    return setting.failed ? NULL : jbi_arena_text(cluster->job->arena, setting.at);
}

/* Nothing of it is to last, so nothing waits for the disk; nothing of it stays outside its folder.
 */
static int start_server(struct scratch_cluster *cluster, const char *postgres, struct jb_error *err)
{
    static const char *const settings[] = {"listen_addresses=",
                                           "port=" SOCKET_PORT,
                                           "unix_socket_permissions=0700",
                                           "ssl=off",
                                           "fsync=off",
                                           "full_page_writes=off",
                                           "synchronous_commit=off",
                                           "wal_level=minimal",
                                           "max_wal_senders=0",
                                           "archive_mode=off",
                                           "autovacuum=off",
                                           "shared_buffers=32MB",
                                           "maintenance_work_mem=64MB",
                                           "max_connections=20",
                                           "max_locks_per_transaction=4096",
                                           "max_logical_replication_workers=0",
                                           "checkpoint_timeout=1h",
                                           "dynamic_shared_memory_type=mmap",
                                           "restart_after_crash=off",
                                           "logging_collector=off",
                                           "log_destination=stderr",
                                           "log_min_messages=fatal",
                                           "lc_messages=C",
                                           "timezone=UTC"};
    const char *arguments[ARGUMENTS_MAX - 8];
    size_t count = 0;
    arguments[count++] = postgres;
    arguments[count++] = "-D";
    arguments[count++] = cluster->folder.data;
    arguments[count++] = "-c";
    arguments[count++] = socket_folder(cluster);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        arguments[count++] = "-c";
        arguments[count++] = settings[i];
    }
    arguments[count] = NULL;
    return arguments[4] != NULL ? start(cluster, arguments, &cluster->server, err)
                                : jbi_fail_memory(err);
}

/* Connects until that succeeds. */
static int await_server(const struct scratch_cluster *cluster, struct jb_error *err)
{
    const struct postgres_target target = {.url = cluster->url, .hooks = cluster->job->hooks};
    int64_t until = jbi_monotonic_ms() + START_WAIT_S * 1000;
    int status = -1, code = JB_OK;
    while (code == JB_OK) {
        struct jb_error why = {0};
        struct postgres *postgres = NULL;
        if (jbi_process_wait(cluster->server, LOOK_MS, &status))
            return fail_said("cannot start a server in", cluster, cluster->server, err);
        code = jbi_postgres_open(&postgres, &target, &why);
        if (code == JB_OK) {
            jbi_postgres_close(postgres);
            return JB_OK;
        }
        if (code == JB_ECANCELED && err != NULL && err->code == 0)
            *err = why;
        if (code != JB_ECANCELED)
            code = ask_hook(cluster, err);
        if (code == JB_OK && jbi_monotonic_ms() > until)
            code = jbi_fail(err, JB_EDATABASE, "the server in \"%s\" is not ready after %d s: %s",
                            cluster->folder.path, START_WAIT_S, why.text);
    }
    return code;
}

/* All that the environment could say otherwise is said. */
static int make_url(struct scratch_cluster *cluster, struct jb_error *err)
{
    scope_text url = {0};
    jbi_text_adds(&url, "postgresql:///postgres?user=" SUPERUSER "&port=" SOCKET_PORT
                        "&hostaddr=&options=&sslmode=disable&gssencmode=disable&requirepeer="
                        "&target_session_attrs=any&connect_timeout=15&passfile=/dev/null/none"
                        "&host=");
    for (const char *at = cluster->folder.data; *at != '\0'; at++)
        jbi_text_addf(&url, "%%%02X", (unsigned char)*at);
    cluster->url = url.failed ? NULL : jbi_arena_text(cluster->job->arena, url.at);
    return cluster->url ? JB_OK : jbi_fail_memory(err);
}

int jbi_scratch_cluster_begin(struct scratch_cluster **out, const struct postgres_tools *tools,
                              const struct source_job *job, struct jb_error *err)
{
    struct scratch_cluster *cluster = calloc(1, sizeof *cluster);
    if (cluster == NULL)
        return jbi_fail_memory(err);
    cluster->job = job;
    cluster->folder.parent_fd = cluster->folder.fd = -1;
    int code = find_user(cluster, err);
    if (code == JB_OK)
        code = find_setpriv(cluster, err);
    if (code == JB_OK)
        code = jbi_scratch_folder_make(&cluster->folder, job->arena, err);
    if (code == JB_OK)
        code = make_url(cluster, err);
    if (code == JB_OK)
        code = make_cluster(cluster, tools->initdb, err);
    if (code == JB_OK)
        code = start_server(cluster, tools->postgres, err);
    if (code == JB_OK)
        code = await_server(cluster, err);
    if (code < 0)
        jbi_scratch_cluster_end(cluster);
    else
        *out = cluster;
    return code;
}

const char *jbi_scratch_cluster_url(const struct scratch_cluster *cluster)
{
    return cluster->url;
}

void jbi_scratch_cluster_end(struct scratch_cluster *cluster)
{
    if (cluster == NULL)
        return;
    jbi_scratch_folder_quiet(&cluster->folder);
    jbi_process_end(cluster->server, 0);
    if (!jbi_scratch_folder_end(&cluster->folder))
        jbi_log(cluster->job->hooks, LOG_WARNING, "\"%s\" stays until the next run",
                cluster->folder.path);
    free(cluster);
}
