/* SPDX-License-Identifier: MIT */
/*
 * Making the new database beside the living one:
 *
 *     CREATE DATABASE (our mark) -> rights -> pg_restore -> settings, comment -> compared
 *
 * Invariant: it has our mark from its first instant, and a failure drops it again.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/text.h"
#include "os/file.h"
#include "os/pipeline.h"
#include "source/postgresql_compression.h"
#include "source/postgresql_needs.h"
#include "source/postgresql_restored.h"
#include "source/postgresql_swap_parts.h"

#define JOBS_MAX       4
#define MAJOR_PROVIDER 15 /* databases have a provider of their locale */
#define MAJOR_LOCALE   17 /* its column lost the name of one provider */

struct making {
    const struct postgresql_swap *s;
    struct postgres *session;
    const struct source_job *job;
    struct source_job quiet; /* its report is compared */
    jb_report *compared;     /* what differs is the error of the stage */
    struct source_checked checked;
    struct postgres_tools tools;
    struct postgresql_restored restored;
    int fd; /* of the stored dump */
};

/* ---- An empty one ---- */

static void add_text(struct text *sql, const struct postgres *session, const char *before,
                     const char *value, struct arena *arena)
{
    const char *quoted = jbi_postgres_quote_text(session, value, arena);
    jbi_text_adds(sql, before);
    if (quoted != NULL)
        jbi_text_adds(sql, quoted);
    else
        sql->failed = true;
}

static void add_name(struct text *sql, const struct postgres *session, const char *before,
                     const char *name, struct arena *arena)
{
    const char *quoted = jbi_postgres_quote_name(session, name, arena);
    jbi_text_adds(sql, before);
    if (quoted != NULL)
        jbi_text_adds(sql, quoted);
    else
        sql->failed = true;
}

/* What the backup does not tell is taken from the living one: tablespace, and who provides the
 * locale. To name the default tablespace takes rights that nobody else needs. */
static int add_as_living(const struct postgresql_swap *s, struct postgres *session,
                         struct text *sql, struct arena *arena, struct jb_error *err)
{
    int major = jbi_postgres_server_major(session);
    const char *locale = major >= MAJOR_LOCALE     ? "datlocprovider, datlocale"
                         : major >= MAJOR_PROVIDER ? "datlocprovider, daticulocale"
                                                   : "'c', NULL";
    const char *query = jbi_arena_printf(arena,
                                         "SELECT t.spcname, %s FROM pg_database d LEFT JOIN"
                                         " pg_tablespace t ON t.oid = d.dattablespace AND"
                                         " t.spcname <> 'pg_default'"
                                         " WHERE d.datname = $1",
                                         locale);
    struct postgres_rows *rows = NULL;
    if (query == NULL)
        return jbi_fail_memory(err);
    int code = jbi_postgres_query(session, "cannot ask for the databases of", query, &s->database,
                                  1, &rows, err);
    if (code < 0)
        return code;
    const char *tablespace = jbi_postgres_value(rows, 0, 0);
    const char *provider = jbi_postgres_value(rows, 0, 1), *name = jbi_postgres_value(rows, 0, 2);
    if (tablespace != NULL)
        add_name(sql, session, " TABLESPACE ", tablespace, arena);
    if (provider != NULL && *provider == 'i' && name != NULL)
        add_text(sql, session, " LOCALE_PROVIDER icu ICU_LOCALE ", name, arena);
    else if (provider != NULL && *provider == 'b' && name != NULL)
        add_text(sql, session, " LOCALE_PROVIDER builtin BUILTIN_LOCALE ", name, arena);
    else if (major >= MAJOR_PROVIDER)
        jbi_text_adds(sql, " LOCALE_PROVIDER libc");
    jbi_postgres_rows_free(rows);
    return JB_OK;
}

static int create(const struct postgresql_swap *s, struct postgres *session, struct arena *arena,
                  struct jb_error *err)
{
    const struct postgresql_facts *facts = s->dump->postgresql;
    bool is_first = err != NULL && err->code == 0;
    scope_text sql = {0};
    add_name(&sql, session, "CREATE DATABASE ", s->beside, arena);
    jbi_text_addf(&sql, " TEMPLATE template0 CONNECTION LIMIT %d", s->mark);
    if (facts->owner != NULL)
        add_name(&sql, session, " OWNER ", facts->owner, arena);
    if (facts->encoding != NULL)
        add_text(&sql, session, " ENCODING ", facts->encoding, arena);
    if (facts->collation != NULL)
        add_text(&sql, session, " LC_COLLATE ", facts->collation, arena);
    if (facts->ctype != NULL)
        add_text(&sql, session, " LC_CTYPE ", facts->ctype, arena);
    int code = add_as_living(s, session, &sql, arena, err);
    if (code == JB_OK && sql.failed)
        code = jbi_fail_memory(err);
    if (code == JB_OK)
        code = jbi_postgres_execute(session, "cannot make a database on", sql.at, err);
    if (code == JB_EDATABASE && is_first && strstr(err->text, "locale") != NULL)
        jbi_hint(err, "install the locale that the error names on the server, and restart it");
    return code;
}

/* For people that meet it; and quick, for the commit that puts it in place is flushed with all
 * before it. The settings go again when it gets those of the backup. */
static int set_up(const struct postgresql_swap *s, struct postgres *session, struct arena *arena,
                  struct jb_error *err)
{
    static const char what[] = "cannot set up a database on";
    const char *const names[] = {s->beside};
    const char *compression = NULL;
    scope_text comment = {0}, setting = {0};
    add_name(&comment, session, "COMMENT ON DATABASE ", s->beside, arena);
    const char *said = jbi_arena_printf(arena, "jbackup restores %s here (%s)", s->database, s->id);
    add_text(&comment, session, " IS ", said ? said : "", arena);
    if (said == NULL || comment.failed)
        return jbi_fail_memory(err);
    int code = jbi_postgres_execute(session, what, comment.at, err);
    if (code == JB_OK)
        code = jbi_swap_execute(session, arena, what, err,
                                "ALTER DATABASE %s SET synchronous_commit = off", names);
    if (code == JB_OK)
        code = jbi_postgresql_compression(session, s->dump->postgresql, arena, &compression, err);
    if (code < 0 || compression == NULL)
        return code;
    add_name(&setting, session, "ALTER DATABASE ", s->beside, arena);
    add_text(&setting, session, " SET default_toast_compression = ", compression, arena);
    return setting.failed ? jbi_fail_memory(err)
                          : jbi_postgres_execute(session, what, setting.at, err);
}

/* ---- Its content ---- */

int jbi_swap_conclude(const struct postgresql_swap *s, const jb_report *compared,
                      size_t not_compared, const char *what, const struct source_job *job,
                      struct jb_error *err)
{
    size_t errors = 0;
    const struct jb_finding *first = NULL;
    for (size_t i = 0; i < compared->finding_count; i++) {
        const struct jb_finding *f = &compared->findings[i];
        errors += f->level >= JB_ERROR;
        if (f->level >= JB_ERROR && first == NULL)
            first = f;
    }
    if (compared->failed)
        return jbi_fail_memory(err);
    if (first != NULL && errors > not_compared) {
        jbi_report_merge(job->report, compared, "");
        return jbi_fail(err, JB_ECORRUPT, "the %s \"%s\" is not what was backed up: %s: %s", what,
                        s->database, first->subject, first->message);
    }
    for (size_t i = 0; i < compared->finding_count; i++) {
        const struct jb_finding *f = &compared->findings[i];
        jbi_finding(job->report, f->level >= JB_WARNING ? JB_WARNING : f->level, f->subject, "%s",
                    f->message);
        if (f->hint != NULL && f->hint[0] != '\0')
            jbi_finding_hint(job->report, "%s", f->hint);
    }
    return JB_OK;
}

static int conclude(struct making *m, const char *what, struct jb_error *err)
{
    return jbi_swap_conclude(m->s, m->compared, m->checked.not_compared, what, m->job, err);
}

void jbi_swap_hint_restore(struct jb_error *err)
{
    if (err == NULL || err->code != JB_EDATABASE)
        return;
    if (strstr(err->text, "must be ") != NULL || strstr(err->text, "permission denied") != NULL) {
        err->hint[0] = '\0';
        jbi_hint(err, "let a superuser restore, or GRANT the role that is named to this login");
    } else if (strstr(err->text, "role \"") != NULL) {
        err->hint[0] = '\0';
        jbi_hint(err, "CREATE ROLE first, as the globals of the backup tell");
    }
}

/* Content, then what is of the database as a whole, then both compared. */
static int fill(struct making *m, const struct postgres_login *login, struct jb_error *err)
{
    const struct postgresql_swap *s = m->s;
    const struct postgresql_dump dump = {
        .job = m->job, .tools = &m->tools, .login = login, .database = s->database};
    const struct postgresql_restore how = {
        .jobs = m->restored.options.jobs < JOBS_MAX ? m->restored.options.jobs : JOBS_MAX,
        .with_rights = true,
    };
    struct jb_error why = {0};
    int code = jbi_postgresql_restore(&dump, m->fd, &how, &why);
    jbi_swap_hint_restore(&why);
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    if (code == JB_OK)
        code = jbi_swap_give_properties(s, m->session, m->job, err);
    if (code == JB_OK)
        code = jbi_postgresql_restored_read(&m->restored, &dump, err);
    if (code == JB_OK)
        code = jbi_postgresql_restored_compare(&m->restored, err);
    if (code == JB_OK)
        code = jbi_swap_compare_properties(s, m->session, err);
    return code < 0 ? code : conclude(m, "restored", err);
}

/* Into the new one, which is there. */
static int fill_new(struct making *m, struct jb_error *err)
{
    struct postgres_login login = {.passfile_fd = -1};
    struct arena *arena = m->job->arena;
    int code = set_up(m->s, m->session, arena, err);
    if (code == JB_OK)
        code = jbi_swap_give_rights(m->s, m->session, arena, err);
    if (code == JB_OK)
        code = jbi_postgres_login(m->session, m->s->beside, arena, &login, err);
    if (code == JB_OK)
        code = fill(m, &login, err);
    if (login.passfile_fd >= 0)
        close(login.passfile_fd);
    return code;
}

/* The session may have been lost, or the statement that makes it may have been cut short. */
static void drop_again(const struct postgresql_swap *s, const struct source_job *job)
{
    struct jb_error why = {0};
    struct postgres *session = NULL;
    struct swap_look look;
    int code = jbi_swap_session(s, &session, &why);
    if (code == JB_OK)
        code = jbi_swap_look(s, session, job->arena, &look, &why);
    if (code == JB_OK && look.at_beside != 0 && look.beside_limit == s->mark)
        code = jbi_swap_drop(s, session, job->arena, &why);
    if (code < 0)
        jbi_log(job->hooks, LOG_WARNING, "the database \"%s\" stays: %s", s->beside, why.text);
    jbi_postgres_close(session);
}

/* All that can be known before anything is made. */
static int look(struct making *m, struct jb_error *err)
{
    const struct postgresql_swap *s = m->s;
    int major = jbi_postgres_server_major(m->session);
    int code = jbi_open_regular(s->category_fd, s->dump->path, &m->fd, err);
    if (code == JB_OK)
        code = jbi_postgresql_need_tools(s->dump, major, m->job->arena, &m->tools, err);
    if (code < 0)
        return code;
    m->quiet = *m->job;
    m->quiet.report = m->compared;
    m->restored = (struct postgresql_restored){
        .job = &m->quiet,
        .artifact = s->dump,
        .options = {.compression = m->job->compression,
                    .jobs = m->job->jobs ? m->job->jobs : jbi_worker_count(0),
                    .hooks = m->job->hooks,
                    .step = "compare database",
                    .name = s->dump->path,
                    .arena = m->job->arena},
        .lacks_subscriptions = true,
        .server_major = major,
        .tools = &m->tools,
        .checked = &m->checked,
    };
    code = jbi_postgresql_restored_look(&m->restored, m->fd, err);
    if (code == JB_OK)
        code = conclude(m, "dump of", err);
    return code < 0 ? code : jbi_swap_refuse_roles(m->session, &m->restored.stored, err);
}

int jbi_swap_make(const struct postgresql_swap *s, struct postgres **session,
                  const struct source_job *job, struct jb_error *err)
{
    struct making m = {.s = s, .session = *session, .job = job, .fd = -1};
    m.compared = jbi_report_new();
    int code = m.compared ? look(&m, err) : jbi_fail_memory(err);
    bool is_made = code == JB_OK;
    if (code == JB_OK)
        code = create(s, *session, job->arena, err);
    if (code == JB_OK)
        code = fill_new(&m, err);
    if (code < 0 && is_made) {
        jbi_postgres_close(*session); /* it has the lock */
        *session = NULL;
        drop_again(s, job);
    }
    if (m.fd >= 0)
        close(m.fd);
    jb_report_free(m.compared);
    return code;
}
