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

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/pipeline.h"
#include "source/names.h"
#include "source/postgresql_compare.h"
#include "source/postgresql_scratch.h"
#include "source/postgresql_stream.h"
#include "source/tables.h"

#define JOBS_MAX      4
#define MINOR_GROUPED 16 /* from here on large objects are dumped by owner */

struct proving {
    const struct source_job *job;
    const struct postgresql_proof *what;
    const struct artifact *artifact;
    int fd; /* of the stored dump */
    struct dump_options options;
    struct dump_contents stored, restored; /* of the stored one no data */
    struct postgresql_scratch *scratch;
    bool is_on_server; /* it is, or the last one was */
    struct source_checked *checked;
    struct jb_error *err;
};

/* ---- Comparing ---- */

/* ERROR findings that say: this was not compared. */
static void not_compared(const struct proving *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void not_compared(const struct proving *p, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    jbi_finding(p->job->report, JB_ERROR, p->artifact->path, "%s", message);
    p->checked->not_compared++;
}

/* Whether the same programs wrote the definitions as then. */
static bool is_of_same_versions(const struct proving *p)
{
    const char *client = p->artifact->postgresql->client_version;
    const char *server = p->artifact->server_version;
    return client != NULL && server != NULL &&
           atoi(client) == jbi_postgresql_scratch_tools(p->scratch)->major &&
           atoi(server) == jbi_postgresql_scratch_server_major(p->scratch);
}

static void say(const struct proving *p, const char *name, const char *message)
{
    const char *subject = jbi_arena_printf(p->job->arena, "%s: %s", p->artifact->path, name);
    const char *client = p->artifact->postgresql->client_version;
    const char *server = p->artifact->server_version;
    jbi_finding(p->job->report, JB_ERROR, subject ? subject : p->artifact->path, "%s", message);
    if (is_of_same_versions(p))
        return;
    p->checked->not_compared++; /* it may be there under another name */
    jbi_finding_hint(p->job->report,
                     "the backup is of PostgreSQL %s by pg_dump %s, here they are %d and %d, which "
                     "may name it otherwise: verify with the versions of the backup",
                     server ? server : "?", client ? client : "?",
                     jbi_postgresql_scratch_server_major(p->scratch),
                     jbi_postgresql_scratch_tools(p->scratch)->major);
}

/* The stored definitions have been held against the backup; here, whether a restore makes them all.
 * Its text may change on the way: a server writes a list of texts in another way when it has read
 * it from a dump. */
static void compare_definitions(const struct proving *p)
{
    const struct named_text *was = p->stored.definitions, *is = p->restored.definitions;
    const struct named_text *was_end = was + p->stored.definition_count;
    const struct named_text *is_end = is + p->restored.definition_count;
    const char *reworded = NULL;
    size_t reworded_count = 0;
    while (was < was_end || is < is_end) {
        int order = was == was_end ? 1 : is == is_end ? -1 : strcmp(was->name, is->name);
        if (order < 0) {
            if (!p->is_on_server || !jbi_starts_with(was->name, "SUBSCRIPTION "))
                say(p, was->name, "is in the dump, and not there when that is restored");
            was++;
        } else if (order > 0) {
            say(p, is++->name, "is not in the dump, and there when that is restored");
        } else {
            if (strcmp(was->text, is->text) != 0 && reworded_count++ == 0)
                reworded = was->name;
            was++, is++;
        }
    }
    if (reworded_count > 0)
        jbi_finding(p->job->report, JB_INFO, p->artifact->path,
                    "the server writes %zu definitions in other words after a restore, %s first",
                    reworded_count, reworded);
}

/* From version 1.16 of the format the order of large objects is that of their owners, too, which a
 * restore does not keep. */
static void allow_other_order(struct proving *p)
{
    const struct large_objects *was = &p->artifact->postgresql->large_objects;
    struct large_objects *is = &p->restored.large_objects;
    const char *minor = strchr(p->restored.format, '.');
    if (minor == NULL || atoi(minor + 1) < MINOR_GROUPED || was->count != is->count ||
        was->bytes != is->bytes || strcmp(was->sha256, is->sha256) == 0)
        return;
    not_compared(p, "the content of its restored large objects was not compared: they have several "
                    "owners, and so another order");
    *is = *was;
}

static int compare(struct proving *p)
{
    int code = jbi_utf8_names(&p->restored, p->job->arena, p->err);
    if (code < 0)
        return code;
    if (!p->artifact->postgresql->is_recoded || p->restored.format[0] == '\0') {
        p->checked->tables += p->restored.table_count;
        not_compared(p, "only its tables were compared: its format is not known to this jbackup");
        jbi_finding_hint(p->job->report, "a newer jbackup compares the rest, too");
        return jbi_tables_compare(p->job, p->artifact, p->restored.tables, p->restored.table_count,
                                  p->err);
    }
    compare_definitions(p);
    allow_other_order(p);
    return jbi_postgresql_compare_data(p->job, p->artifact, &p->restored, p->checked, p->err);
}

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

/* Dumps the scratch database into nothing. */
static int read_back(struct proving *p, const struct postgresql_dump *dump)
{
    struct jb_error why = {0};
    int code = JB_EUNSUPPORTED;
    if (p->artifact->postgresql->is_recoded)
        code = jbi_postgresql_stream(dump, -1, -1, &p->options, &p->restored, &why);
    if (code == JB_EUNSUPPORTED) {
        p->restored = (struct dump_contents){0};
        return jbi_postgresql_digest_text(dump, &p->options, &p->restored, p->err);
    }
    if (code < 0 && p->err->code == 0)
        *p->err = why;
    return code;
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
    if (*why != '\0')
        jbi_finding(p->job->report, JB_INFO, p->artifact->path,
                    "it is restored on a cluster of its own, for on the server: %s", why);
    code = make_roles(p);
    if (code == JB_OK) {
        code = jbi_postgresql_restore(&dump, p->fd,
                                      p->options.jobs < JOBS_MAX ? p->options.jobs : JOBS_MAX,
                                      !p->is_on_server, p->err);
        *is_refused = code < 0 && is_of_dump(p, code);
    }
    if (code == JB_OK)
        code = read_back(p, &dump);
    if (code == JB_OK)
        code = compare(p);
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
    if (!p->artifact->postgresql->is_recoded)
        return JB_OK;
    int code = jbi_dump_look(p->fd, &p->options, &p->stored, &reason);
    if (code == JB_ECORRUPT || code == JB_EUNSUPPORTED || code == JB_EIO) {
        jbi_finding(p->job->report, JB_ERROR, p->artifact->path, "%s", reason.text);
        *goes_on = false;
        return JB_OK;
    }
    if (code < 0 && p->err->code == 0)
        *p->err = reason;
    if (code == JB_OK)
        code = jbi_utf8_names(&p->stored, p->job->arena, p->err);
    if (code == JB_OK)
        jbi_postgresql_compare_schema(p->job, p->artifact, &p->stored);
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
        .options = {.compression = job->compression,
                    .jobs = job->jobs ? job->jobs : jbi_worker_count(0),
                    .hooks = job->hooks,
                    .step = "compare database",
                    .name = what->dump->path,
                    .arena = job->arena},
        .checked = checked,
        .err = &why,
    };
    code = look(&p, &goes_on);
    if (code == JB_OK && goes_on)
        code = restore(&p, where);
    if (code == JB_OK && goes_on) {
        checked->bytes_read += (uint64_t)st.st_size;
        *restored_bytes = p.restored.raw_size;
    }
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    return code;
}
