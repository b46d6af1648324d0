/* SPDX-License-Identifier: MIT */
/*
 * Proving a dump:
 *
 *     stored dump --pg_restore--> scratch database --pg_dump--> archive/dump, which only counts
 *
 * Invariant: a failure of the server, or of ours, is never told as one of the backup; what was
 * begun is removed in the same function.
 */
#include "source/postgresql_prove.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/pipeline.h"
#include "source/postgresql_restored.h"
#include "source/postgresql_scratch.h"
#include "source/postgresql_stream.h"

#define JOBS_MAX 4

struct proving {
    const struct source_job *job;
    const struct postgresql_proof *what;
    const struct artifact *artifact;
    int fd; /* of the stored dump */
    struct postgresql_restored restored;
    struct postgresql_scratch *scratch;
    bool is_on_server; /* it is, or the last one was */
    struct jb_error *err;
};

/* ---- Restoring ---- */

static int make_roles(struct proving *p)
{
    const struct artifact *globals = p->what->globals;
    struct jb_error unwanted = {0};
    scope_fd int fd = -1;
    if (globals != NULL)
        jbi_open_regular(p->what->category_fd, globals->path, &fd, &unwanted);
    return jbi_postgresql_scratch_roles(p->scratch, fd, p->err);
}

/* Whether a restore that failed failed for the dump's sake. */
static bool is_of_dump(const struct proving *p, int code)
{
    static const char *const others[] = {"No space left",
                                         "could not extend file",
                                         "disk full",
                                         "out of memory",
                                         "out of shared memory",
                                         "ended by signal 9",
                                         "exit status of its program is lost"};
    const char *text = p->err->text;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (strstr(text, others[i]) != NULL)
            return false;
    }
    return code == JB_EDATABASE && jbi_postgresql_scratch_is_alive(p->scratch);
}

/* One place to restore to. *is_refused: the dump can't be restored there, as p->err says. */
static int restore_at(struct proving *p, const struct postgresql_source *source, bool *is_refused,
                      const char **where)
{
    *is_refused = false;
    int code = jbi_postgresql_scratch_begin(&p->scratch, source, p->artifact, p->job, p->err);
    if (code < 0)
        return code;
    const char *why = jbi_postgresql_scratch_why(p->scratch);
    const struct postgresql_dump dump = {
        .job = p->job,
        .tools = jbi_postgresql_scratch_tools(p->scratch),
        .login = jbi_postgresql_scratch_login(p->scratch),
        .database = p->artifact->name,
    };
    *where = jbi_postgresql_scratch_kind(p->scratch);
    p->is_on_server = !jbi_postgresql_scratch_is_cluster(p->scratch);
    p->restored.lacks_subscriptions = p->is_on_server;
    p->restored.server_major = jbi_postgresql_scratch_server_major(p->scratch);
    p->restored.tools = dump.tools;
    const struct postgresql_restore how = {
        .jobs = p->restored.options.jobs < JOBS_MAX ? p->restored.options.jobs : JOBS_MAX,
        .with_subscriptions = !p->is_on_server,
    };
    if (*why != '\0')
        jbi_finding(p->job->report, JB_INFO, p->artifact->path,
                    "it is restored on a cluster of its own, for on the server: %s", why);
    code = make_roles(p);
    if (code == JB_OK) {
        code = jbi_postgresql_restore(&dump, p->fd, &how, p->err);
        *is_refused = code < 0 && is_of_dump(p, code);
    }
    if (code == JB_OK)
        code = jbi_postgresql_restored_read(&p->restored, &dump, p->err);
    if (code == JB_OK)
        code = jbi_postgresql_restored_compare(&p->restored, p->err);
    return code;
}

static int attempt(struct proving *p, const struct postgresql_source *source, bool *is_refused,
                   const char **where)
{
    int code = restore_at(p, source, is_refused, where);
    bool lacks_role = *is_refused && !p->is_on_server && strstr(p->err->text, "role \"") != NULL &&
                      strstr(p->err->text, "\" does not exist") != NULL;
    if (lacks_role) {
        *is_refused = false;
        jbi_hint(p->err, "the backup does not tell of that role: let the login read the roles "
                         "(pg_dumpall --globals-only), or verify with the server up");
    }
    if (code == JB_ECANCELED)
        jbi_postgresql_scratch_hurry(p->scratch);
    jbi_postgresql_scratch_end(p->scratch);
    p->scratch = NULL;
    return code;
}

/* Whether a server refused for what it does not let this login do. */
static bool is_of_rights(const struct jb_error *why)
{
    return strstr(why->text, "permission denied") != NULL ||
           strstr(why->text, "must be ") != NULL || strstr(why->text, "role \"") != NULL;
}

static void say_refused(const struct proving *p, const struct jb_error *why)
{
    jbi_finding(p->job->report, JB_ERROR, p->artifact->path, "%s", why->text);
    if (why->hint[0] != '\0')
        jbi_finding_hint(p->job->report, "%s", why->hint);
}

/* A server may refuse a dump for want of rights: a cluster, where we have all, decides. */
static int restore_again(struct proving *p, const struct jb_error *first, const char **where)
{
    bool is_refused;
    int code = attempt(p, NULL, &is_refused, where);
    if (code == JB_OK) {
        jbi_finding(p->job->report, JB_INFO, p->artifact->path,
                    "it was restored on a cluster of its own, for on the server: %s", first->text);
        return JB_OK;
    }
    if (code == JB_ECANCELED || code == JB_ENOMEM || (!is_refused && is_of_rights(first)))
        return code;
    say_refused(p, first);
    return JB_OK;
}

static int restore(struct proving *p, const char **where)
{
    bool is_refused;
    int code = attempt(p, p->what->source, &is_refused, where);
    if (!is_refused)
        return code;
    const struct jb_error first = *p->err;
    *p->err = (struct jb_error){0};
    if (p->is_on_server)
        return restore_again(p, &first, where);
    say_refused(p, &first);
    return JB_OK;
}

/* ---- The whole ---- */

/* The definitions and sequences in the stored dump, before anything is restored. *goes_on: it can
 * be. */
static int look(struct proving *p, bool *goes_on)
{
    struct jb_error reason = {0};
    *goes_on = true;
    int code = jbi_postgresql_restored_look(&p->restored, p->fd, &reason);
    if (code == JB_ECORRUPT || code == JB_EUNSUPPORTED || code == JB_EIO) {
        jbi_finding(p->job->report, JB_ERROR, p->artifact->path, "%s", reason.text);
        *goes_on = false;
        return JB_OK;
    }
    if (code < 0 && p->err->code == 0)
        *p->err = reason;
    return code;
}

int jbi_postgresql_prove(const struct source_job *job, const struct postgresql_proof *what,
                         struct source_checked *checked, uint64_t *restored_bytes,
                         const char **where, struct jb_error *err)
{
    struct jb_error reason = {0}, why = {0};
    struct stat st;
    scope_fd int fd = -1;
    bool goes_on;
    *restored_bytes = 0;
    *where = NULL;
    int code = jbi_open_regular(what->category_fd, what->dump->path, &fd, &reason);
    if (code < 0 || fstat(fd, &st) < 0) {
        jbi_finding(job->report, JB_ERROR, what->dump->path, "%s", reason.text);
        return JB_OK;
    }
    struct proving p = {
        .job = job,
        .what = what,
        .artifact = what->dump,
        .fd = fd,
        .restored.options = {.compression = job->compression,
                             .jobs = job->jobs ? job->jobs : jbi_worker_count(0),
                             .hooks = job->hooks,
                             .step = "compare database",
                             .name = what->dump->path,
                             .arena = job->arena},
        .restored.job = job,
        .restored.artifact = what->dump,
        .restored.checked = checked,
        .restored.lacks_owners = true,
        .err = &why,
    };
    code = look(&p, &goes_on);
    if (code == JB_OK && goes_on)
        code = restore(&p, where);
    if (code == JB_OK && goes_on) {
        checked->bytes_read += (uint64_t)st.st_size;
        *restored_bytes = p.restored.restored.raw_size;
    }
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    return code;
}
