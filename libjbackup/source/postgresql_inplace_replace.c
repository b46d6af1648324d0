/* SPDX-License-Identifier: MIT */
/* Replacing all that is in a database by a dump, and comparing both. Invariant: what is there
 * changes in one transaction of pg_restore, or not at all. */
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "os/pipeline.h"
#include "source/postgresql_inplace_parts.h"
#include "source/postgresql_needs.h"
#include "source/postgresql_restored.h"

/* ---- Nobody cancels ---- */

static int tell(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    const struct inplace_job *to = user;
    if (to->told->progress != NULL)
        to->told->progress(to->told->user, step, done, total, unit);
    return 0;
}

static void log_on(void *user, int level, const char *line)
{
    const struct inplace_job *to = user;
    if (to->told->log != NULL)
        to->told->log(to->told->user, level, line);
}

const struct source_job *jbi_inplace_steadfast(struct inplace_job *to, const struct source_job *job)
{
    *to = (struct inplace_job){.job = *job, .told = job->hooks};
    to->hooks = (struct hooks){.log = log_on, .progress = tell, .user = to};
    to->job.hooks = &to->hooks;
    return &to->job;
}

/* ---- Replacing ---- */

/* What pg_restore said, or who was in its way. */
static int fail_restore(const struct postgresql_inplace *p, const struct jb_error *why,
                        struct jb_error *err)
{
    struct postgres *session = NULL;
    struct jb_error unwanted = {0}, first = *why;
    bool is_held = strstr(why->text, "lock timeout") != NULL;
    if (is_held && jbi_inplace_session(p, &session, &unwanted) == JB_OK &&
        jbi_swap_fail_holders(session, err) == JB_EDATABASE) {
        jbi_postgres_close(session);
        return JB_EDATABASE;
    }
    jbi_postgres_close(session);
    jbi_swap_hint_restore(&first);
    if (strstr(first.text, "out of shared memory") != NULL) {
        first.hint[0] = '\0';
        jbi_hint(&first, "raise max_locks_per_transaction of the server, for all is dropped in one "
                         "transaction; or grant what the plan of the restore names");
    }
    if (err != NULL && err->code == 0)
        *err = first;
    return why->code;
}

static int restore(const struct postgresql_inplace *p, struct postgres *session,
                   const struct inplace_content *content, const struct source_job *job,
                   struct jb_error *err)
{
    struct inplace_staying staying;
    struct postgres_tools tools;
    struct postgres_login login = {.passfile_fd = -1};
    const struct postgresql_dump dump = {
        .job = job, .tools = &tools, .login = &login, .database = p->s.database};
    struct dump_splice splice = {
        .name = content->artifact->path, .is_left_out = jbi_inplace_stays, .user = &staying};
    int major = jbi_postgres_server_major(session);
    int code = jbi_postgresql_need_tools(content->artifact, major, job->arena, &tools, err);
    if (code == JB_OK)
        code = jbi_inplace_staying(session, job->arena, &staying, err);
    if (code == JB_OK) {
        splice.first = jbi_inplace_empty(p, session, job->arena, err);
        code = splice.first ? JB_OK : JB_EDATABASE;
    }
    if (code == JB_OK)
        code = jbi_postgres_login(session, NULL, job->arena, &login, err);
    if (code == JB_OK)
        code = jbi_postgresql_restore_at_once(&dump, content->fd, &splice, err);
    if (login.passfile_fd >= 0)
        close(login.passfile_fd);
    return code;
}

int jbi_inplace_replace(const struct postgresql_inplace *p, struct postgres **session,
                        const struct inplace_content *content, const struct source_job *job,
                        struct jb_error *err)
{
    struct jb_error why = {0};
    int code = jbi_inplace_end_sessions(*session, &why);
    if (code == JB_OK)
        code = restore(p, *session, content, job, &why);
    jbi_postgres_close(*session);
    *session = NULL;
    return code < 0 ? fail_restore(p, &why, err) : JB_OK;
}

/* ---- Comparing ---- */

static int compare(struct postgresql_restored *r, struct postgres *session,
                   const struct inplace_content *content, const char *database,
                   struct postgres_tools *tools, struct jb_error *err)
{
    struct postgres_login login = {.passfile_fd = -1};
    struct arena *arena = r->job->arena;
    const struct postgresql_dump dump = {
        .job = r->job, .tools = tools, .login = &login, .database = database};
    int code = jbi_postgresql_need_tools(content->artifact, r->server_major, arena, tools, err);
    if (code == JB_OK)
        code = jbi_postgres_login(session, NULL, arena, &login, err);
    if (code == JB_OK)
        code = jbi_postgresql_restored_look(r, content->fd, err);
    if (code == JB_OK)
        code = jbi_postgresql_restored_read(r, &dump, err);
    if (code == JB_OK)
        code = jbi_postgresql_restored_compare(r, err);
    if (login.passfile_fd >= 0)
        close(login.passfile_fd);
    return code;
}

int jbi_inplace_compare(const struct postgresql_inplace *p, struct postgres *session,
                        const struct inplace_content *content, const char *what,
                        const struct source_job *job, struct jb_error *err)
{
    struct source_job quiet = *job;
    struct source_checked checked = {0};
    struct postgres_tools tools;
    jb_report *compared = jbi_report_new();
    if (compared == NULL)
        return jbi_fail_memory(err);
    quiet.report = compared;
    struct postgresql_restored restored = {
        .job = &quiet,
        .artifact = content->artifact,
        .options = {.compression = job->compression,
                    .jobs = job->jobs ? job->jobs : jbi_worker_count(0),
                    .hooks = job->hooks,
                    .step = "compare database",
                    .name = content->artifact->path,
                    .arena = job->arena},
        .lacks_subscriptions = true,
        .server_major = jbi_postgres_server_major(session),
        .tools = &tools,
        .checked = &checked,
    };
    int code = compare(&restored, session, content, p->s.database, &tools, err);
    if (code == JB_OK)
        code = jbi_swap_conclude(&p->s, compared, checked.not_compared, what, job, err);
    jb_report_free(compared);
    return code;
}
