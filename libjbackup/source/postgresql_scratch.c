/* SPDX-License-Identifier: MIT */
/* A scratch place: on the server, else on a cluster of our own. Invariant: what has been made is
 * known to the scratch place at once, so its end removes it. */
#include "source/postgresql_scratch.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "source/postgresql_scratch_parts.h"

#define CLUSTER_DB      "jbackup_scratch"
#define CLUSTER_COMMENT "jbackup scratch"

#define PATIENCE_MS 400 /* for one answer, when somebody has canceled */

/* ---- Canceling ---- */

/* The hook of its sessions. A statement gets a moment to end: what the server makes for a session
 * that was given up stays until the next run. */
static int ask_patiently(void *user, const char *step, uint64_t done, uint64_t total,
                         const char *unit)
{
    struct postgresql_scratch *scratch = user;
    const struct hooks *hooks = scratch->job->hooks;
    bool is_asked = !scratch->is_ending && !scratch->is_canceled && hooks->progress != NULL;
    int64_t now = jbi_monotonic_ms();
    if (is_asked && hooks->progress(hooks->user, step, done, total, unit) != 0) {
        scratch->is_canceled = true;
        scratch->give_up_ms = now + PATIENCE_MS;
    }
    return scratch->give_up_ms != 0 && now >= scratch->give_up_ms;
}

int jbi_scratch_go_on(const struct postgresql_scratch *scratch, struct jb_error *err)
{
    return scratch->is_canceled ? jbi_fail(err, JB_ECANCELED, "canceled while working on: restore")
                                : JB_OK;
}

void jbi_postgresql_scratch_hurry(struct postgresql_scratch *scratch)
{
    if (scratch != NULL)
        scratch->is_canceled = true;
}

/* ---- Beginning ---- */

static int begin_on_cluster(struct postgresql_scratch *scratch, const struct artifact *dump,
                            struct jb_error *err)
{
    const char *server = dump->server_version, *client = dump->postgresql->client_version;
    int of_server = server ? atoi(server) : 0, of_client = client ? atoi(client) : 0;
    /* An older pg_restore can't read the dump, a newer one not always write to an older server. */
    int code = jbi_postgres_server_tools(of_client > of_server ? of_client : of_server,
                                         scratch->job->arena, &scratch->tools, err);
    if (code == JB_OK)
        code = jbi_scratch_cluster_begin(&scratch->cluster, &scratch->tools, scratch->job, err);
    if (code < 0)
        return code;
    const struct postgres_target target = {.url = jbi_scratch_cluster_url(scratch->cluster),
                                           .is_writable = true,
                                           .hooks = &scratch->hooks};
    code = jbi_postgres_open(&scratch->session, &target, err);
    return code < 0 ? code
                    : jbi_scratch_make_database(scratch, CLUSTER_DB, CLUSTER_COMMENT, dump, err);
}

static void undo(struct postgresql_scratch *scratch)
{
    scratch->is_ending = true;
    if (scratch->cluster == NULL && scratch->database != NULL)
        jbi_scratch_database_end(scratch);
    jbi_postgres_close(scratch->session);
    jbi_scratch_cluster_end(scratch->cluster);
    if (scratch->login.passfile_fd >= 0)
        close(scratch->login.passfile_fd);
    scratch->is_ending = false;
    scratch->give_up_ms = 0;
    scratch->session = NULL;
    scratch->cluster = NULL;
    scratch->database = NULL;
    scratch->login = (struct postgres_login){.passfile_fd = -1};
}

static int fail_both(const struct postgresql_scratch *scratch, const struct jb_error *cluster,
                     struct jb_error *err)
{
    if (scratch->why.code == 0 || cluster->code == JB_ECANCELED) {
        if (err != NULL && err->code == 0)
            *err = *cluster;
        return cluster->code;
    }
    jbi_fail(err, cluster->code, "%s; and for a cluster of its own: %s", scratch->why.text,
             cluster->text);
    jbi_hint(err, "let the role create databases (ALTER ROLE ... CREATEDB), or: %s",
             cluster->hint[0] != '\0' ? cluster->hint : "see why no cluster can be made");
    return cluster->code;
}

int jbi_postgresql_scratch_begin(struct postgresql_scratch **out,
                                 const struct postgresql_source *source,
                                 const struct artifact *dump, const struct source_job *job,
                                 struct jb_error *err)
{
    struct jb_error why = {0};
    int code = JB_EUNSUPPORTED;
    struct postgresql_scratch *scratch = calloc(1, sizeof *scratch);
    *out = NULL;
    if (scratch == NULL)
        return jbi_fail_memory(err);
    scratch->job = job;
    scratch->hooks = (struct hooks){.progress = ask_patiently, .user = scratch};
    scratch->login.passfile_fd = -1;
    jbi_scratch_cluster_clear();
    if (source != NULL) {
        code = jbi_scratch_database_begin(scratch, source, dump, &scratch->why);
        if (code < 0)
            undo(scratch);
        why = scratch->why;
    }
    if (code < 0 && code != JB_ECANCELED && code != JB_ENOMEM && !scratch->is_canceled) {
        why = (struct jb_error){0};
        code = begin_on_cluster(scratch, dump, &why);
    }
    if (scratch->is_canceled && code != JB_ECANCELED) {
        why = (struct jb_error){0};
        code = jbi_scratch_go_on(scratch, &why);
    }
    if (code == JB_OK) {
        *out = scratch;
        return JB_OK;
    }
    code = fail_both(scratch, &why, err);
    jbi_postgresql_scratch_end(scratch);
    return code;
}

/* ---- Facts, and the end ---- */

bool jbi_postgresql_scratch_is_cluster(const struct postgresql_scratch *scratch)
{
    return scratch->cluster != NULL;
}

const char *jbi_postgresql_scratch_kind(const struct postgresql_scratch *scratch)
{
    return scratch->cluster != NULL ? "a cluster of its own" : "a database on the server";
}

const char *jbi_postgresql_scratch_why(const struct postgresql_scratch *scratch)
{
    return scratch->why.text;
}

int jbi_postgresql_scratch_server_major(const struct postgresql_scratch *scratch)
{
    return jbi_postgres_server_major(scratch->session);
}

const struct postgres_tools *jbi_postgresql_scratch_tools(const struct postgresql_scratch *scratch)
{
    return &scratch->tools;
}

const struct postgres_login *jbi_postgresql_scratch_login(const struct postgresql_scratch *scratch)
{
    return &scratch->login;
}

bool jbi_postgresql_scratch_is_alive(struct postgresql_scratch *scratch)
{
    struct jb_error unwanted = {0};
    return jbi_postgres_execute(scratch->session, "cannot ask", "SELECT 1", &unwanted) == JB_OK;
}

void jbi_postgresql_scratch_end(struct postgresql_scratch *scratch)
{
    if (scratch == NULL)
        return;
    undo(scratch);
    free(scratch);
}

void jbi_postgresql_scratch_clear(const struct postgresql_source *source,
                                  const struct source_job *job)
{
    struct jb_error unwanted = {0};
    struct postgres *session = NULL;
    jbi_scratch_cluster_clear();
    if (source == NULL)
        return;
    struct postgres_target target = source->target;
    target.is_writable = true;
    target.hooks = job->hooks;
    if (jbi_postgres_open(&session, &target, &unwanted) == JB_OK)
        jbi_scratch_database_clear(session, job);
    jbi_postgres_close(session);
}
