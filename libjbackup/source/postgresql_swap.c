/* SPDX-License-Identifier: MIT */
/* A PostgreSQL database in place: the operations, and what the journal keeps of them. Invariant:
 * each operation looks at OIDs on the server first, so it may be repeated, by any process. */
#include "source/postgresql_swap.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/report.h"
#include "source/postgresql_swap_parts.h"

#define INVALID_LIMIT (-2) /* of a database whose drop was cut short */

static struct postgresql_swap *self(struct swap *swap)
{
    return (struct postgresql_swap *)swap;
}

/* ---- Operations ---- */

static int stage(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    struct postgresql_swap *s = self(swap);
    struct postgres *session = NULL;
    if (s->dump == NULL)
        return jbi_fail(err, JB_EINVAL, "the restore of \"%s\" is over", s->database);
    int code = jbi_progress(job->hooks, "restore database", 0, 0, "bytes", err);
    if (code == JB_OK)
        code = jbi_swap_session(s, &session, err);
    if (code == JB_OK)
        code = jbi_swap_refuse_live(s, session, job, err);
    if (code == JB_OK)
        code = jbi_swap_refuse_dump(s, session, job, err);
    if (code == JB_OK)
        code = jbi_swap_make(s, &session, job, err);
    jbi_postgres_close(session);
    s->is_beside = code == JB_OK;
    return code;
}

/* What is there is written down: OIDs, and what of the old one is changed by holding off. */
static int write_down(struct postgresql_swap *s, struct postgres *session,
                      const struct source_job *job, struct jb_error *err)
{
    struct swap_look look;
    struct postgres_rows *rows = NULL;
    struct jb_error unwanted = {0};
    s->is_planned = false;
    s->system = "";
    if (jbi_postgres_query(session, "cannot ask",
                           "SELECT system_identifier FROM pg_control_system()", NULL, 0, &rows,
                           &unwanted) == JB_OK &&
        jbi_postgres_value(rows, 0, 0) != NULL)
        s->system = jbi_arena_text(&s->arena, jbi_postgres_value(rows, 0, 0));
    jbi_postgres_rows_free(rows);
    int code = jbi_swap_look(s, session, job->arena, &look, err);
    if (code == JB_OK && s->system == NULL)
        code = jbi_fail_memory(err);
    if (code == JB_OK && (look.at_beside == 0 || look.beside_limit != s->mark))
        code =
            jbi_fail(err, JB_EDATABASE, "the new database \"%s\" is not there any more", s->beside);
    if (code < 0)
        return code;
    s->old_oid = look.at_live;
    s->new_oid = look.at_beside;
    s->live_limit = look.at_live ? look.live_limit : -1;
    s->is_planned = true;
    return JB_OK;
}

static int plan(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    struct postgresql_swap *s = self(swap);
    struct postgres *session = NULL;
    int code = jbi_swap_session(s, &session, err);
    if (code == JB_OK)
        code = jbi_swap_refuse_live(s, session, job, err);
    if (code == JB_OK)
        code = jbi_swap_may_end(s, session, err);
    if (code == JB_OK)
        code = write_down(s, session, job, err);
    jbi_postgres_close(session);
    return code;
}

static int swap_names(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    const struct postgresql_swap *s = self(swap);
    struct postgres *session = NULL;
    if (!s->is_planned)
        return jbi_fail(err, JB_EINVAL, "the restore of \"%s\" was not planned", s->database);
    int code = jbi_swap_session(s, &session, err);
    if (code == JB_OK)
        code = jbi_swap_rename(s, &session, true, job->arena, err);
    jbi_postgres_close(session);
    return code;
}

static int undo(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    const struct postgresql_swap *s = self(swap);
    struct postgres *session = NULL;
    if (!s->is_planned) /* nothing has been exchanged or held off before that */
        return JB_OK;
    int code = jbi_swap_session(s, &session, err);
    if (code == JB_OK)
        code = jbi_swap_rename(s, &session, false, job->arena, err);
    jbi_postgres_close(session);
    return code;
}

/* Whether what lies beside may be dropped. Before the plan our number tells, or that the server
 * itself calls it a ruin; after it the OID, and then the last of the two is never dropped. */
static int check_droppable(const struct postgresql_swap *s, const struct swap_look *look,
                           const struct source_job *job, bool *is_droppable, struct jb_error *err)
{
    *is_droppable = false;
    if (look->at_beside == 0)
        return JB_OK;
    if (!s->is_planned) {
        *is_droppable = look->beside_limit == s->mark || look->beside_limit == INVALID_LIMIT;
        if (!*is_droppable)
            jbi_finding(
                job->report, JB_WARNING, s->beside,
                "a database of this name is there that this restore did not make: it stays");
        return JB_OK;
    }
    bool is_new = look->at_beside == s->new_oid, is_old = look->at_beside == s->old_oid;
    if ((is_new && look->at_live == s->old_oid) || (is_old && look->at_live == s->new_oid)) {
        *is_droppable = true;
        return JB_OK;
    }
    return jbi_swap_fail_look(s, look, err);
}

static int discard(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    struct postgresql_swap *s = self(swap);
    struct postgres *session = NULL;
    struct swap_look look;
    bool is_droppable = false;
    int code = jbi_swap_session(s, &session, err);
    if (code == JB_OK)
        code = jbi_swap_look(s, session, job->arena, &look, err);
    if (code == JB_OK)
        code = check_droppable(s, &look, job, &is_droppable, err);
    if (code == JB_OK && is_droppable)
        code = jbi_swap_drop(s, session, job->arena, err);
    jbi_postgres_close(session);
    if (code == JB_OK)
        s->is_beside = false;
    return code;
}

/* ---- Checking ---- */

/* As the application does it. */
static int answers(const struct postgresql_swap *s, uint32_t oid, struct jb_error *err)
{
    static const char sql[] = "SELECT d.oid, (SELECT count(*) FROM pg_class) FROM pg_database d"
                              " WHERE d.datname = current_database()";
    struct postgres *session = NULL;
    struct postgres_rows *rows = NULL;
    struct postgres_target target = s->live->target;
    target.database = s->database;
    target.is_writable = false;
    int code = jbi_postgres_open(&session, &target, err);
    if (code == JB_OK)
        code = jbi_postgres_query(session, "cannot ask", sql, NULL, 0, &rows, err);
    const char *value = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
    uint32_t found = value ? (uint32_t)strtoul(value, NULL, 10) : 0;
    if (code == JB_OK && oid != 0 && found != oid)
        code = jbi_fail(err, JB_EDATABASE, "\"%s\" is the database with OID %u, not %u",
                        s->database, found, oid);
    if (code == JB_OK)
        jbi_postgres_rows_free(rows);
    jbi_postgres_close(session);
    return code;
}

static int check(struct swap *swap, const struct source_job *job, bool is_new, struct jb_error *err)
{
    const struct postgresql_swap *s = self(swap);
    struct postgres *session = NULL;
    struct swap_look look;
    int code = jbi_swap_session(s, &session, err);
    if (code == JB_OK)
        code = jbi_swap_look(s, session, job->arena, &look, err);
    jbi_postgres_close(session);
    if (code < 0)
        return code;
    uint32_t wanted = !s->is_planned ? 0 : is_new ? s->new_oid : s->old_oid;
    if (s->is_planned ? look.at_live != wanted : is_new)
        return jbi_fail(err, JB_EDATABASE, "\"%s\" is not the %s database", s->database,
                        is_new ? "restored" : "old");
    return look.at_live == 0 ? JB_OK : answers(s, wanted, err);
}

/* ---- Beginning and end ---- */

static const char *kept(const struct swap *swap)
{
    const struct postgresql_swap *s = (const struct postgresql_swap *)swap;
    return s->is_beside ? s->kept : "";
}

static void close_swap(struct swap *swap)
{
    struct postgresql_swap *s = self(swap);
    if (s == NULL)
        return;
    jbi_arena_free(&s->arena);
    free(s);
}

static const struct swap_ops operations = {
    .kind = "postgresql",
    .stage = stage,
    .plan = plan,
    .swap = swap_names,
    .undo = undo,
    .discard = discard,
    .check = check,
    .print = jbi_swap_print,
    .kept = kept,
    .close = close_swap,
};

static struct postgresql_swap *make(const struct postgresql_source *live)
{
    struct postgresql_swap *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->swap.ops = &operations;
    s->swap.name = live->name;
    s->live = live;
    s->category_fd = -1;
    s->system = "";
    return s;
}

int jbi_postgresql_swap_begin(struct swap **out, const struct postgresql_swap_what *what,
                              struct jb_error *err)
{
    *out = NULL;
    struct postgresql_swap *s = make(what->live);
    if (s == NULL)
        return jbi_fail_memory(err);
    s->category_fd = what->category_fd;
    s->dump = what->dump;
    int code = jbi_swap_name(s, what->id, err);
    if (code < 0)
        close_swap(&s->swap);
    else
        *out = &s->swap;
    return code;
}

int jbi_postgresql_swap_resume(struct swap **out, const struct json *state,
                               const struct postgresql_source *live, struct jb_error *err)
{
    *out = NULL;
    struct postgresql_swap *s = make(live);
    if (s == NULL)
        return jbi_fail_memory(err);
    if (!jbi_swap_parse(s, state)) {
        close_swap(&s->swap);
        return jbi_fail(err, JB_ECORRUPT, "the journal does not say how \"%s\" was restored",
                        live->name);
    }
    *out = &s->swap;
    return JB_OK;
}
