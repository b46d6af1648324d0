/* SPDX-License-Identifier: MIT */
/* A PostgreSQL database that is replaced where it is: the operations. Invariant: nothing is
 * replaced before what was there lies on the disk, and is in the journal. */
#include "source/postgresql_inplace.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/postgresql_check.h"
#include "source/postgresql_inplace_parts.h"
#include "source/postgresql_needs.h"

static struct postgresql_inplace *self(struct swap *swap)
{
    return (struct postgresql_inplace *)swap;
}

/* ---- Stage ---- */

/* Every byte of the backup against what it says was in it. */
static int check_backup(const struct postgresql_inplace *p, const struct source_job *job,
                        struct jb_error *err)
{
    struct source_job quiet = *job;
    struct source_checked checked = {0};
    jb_report *compared = jbi_report_new();
    if (compared == NULL)
        return jbi_fail_memory(err);
    quiet.report = compared;
    int code = jbi_postgresql_check(&quiet, p->s.category_fd, p->s.dump, &checked, err);
    if (code == JB_OK)
        code = jbi_swap_conclude(&p->s, compared, checked.not_compared, "dump of", job, err);
    jb_report_free(compared);
    return code;
}

static int check_roles(const struct postgresql_inplace *p, struct postgres *session, int fd,
                       const struct source_job *job, struct jb_error *err)
{
    const struct dump_options options = {.name = p->s.dump->path, .arena = job->arena};
    struct dump_contents contents;
    int code = jbi_dump_look(fd, &options, &contents, err);
    return code < 0 ? code : jbi_swap_refuse_roles(session, &contents, err);
}

static int ask_beforehand(const struct postgresql_inplace *p, struct postgres *session,
                          const struct source_job *job, struct jb_error *err)
{
    struct postgres_tools tools;
    scope_fd int fd = -1;
    if (!p->s.dump->postgresql->is_recoded)
        return jbi_fail(
            err, JB_EUNSUPPORTED,
            "\"%s\" can't be replaced in place by a dump that pg_dump itself compressed",
            p->s.database);
    int code = jbi_inplace_refuse(p, session, job, err);
    if (code == JB_OK)
        code = jbi_open_regular(p->s.category_fd, p->s.dump->path, &fd, err);
    if (code == JB_OK)
        code = jbi_postgresql_need_tools(p->s.dump, jbi_postgres_server_major(session), job->arena,
                                         &tools, err);
    if (code == JB_OK)
        code = check_roles(p, session, fd, job, err);
    if (code == JB_OK)
        code = jbi_inplace_refuse_dump(p, session, fd, job, err);
    return code < 0 ? code : check_backup(p, job, err);
}

static int stage(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    const struct postgresql_inplace *p = self(swap);
    struct postgres *session = NULL;
    if (p->s.dump == NULL)
        return jbi_fail(err, JB_EINVAL, "the restore of \"%s\" is over", p->s.database);
    int code = jbi_progress(job->hooks, "check database", 0, 0, "bytes", err);
    if (code == JB_OK)
        code = jbi_inplace_session(p, &session, err);
    if (code == JB_OK)
        code = ask_beforehand(p, session, job, err);
    jbi_postgres_close(session);
    return code;
}

/* ---- Plan ---- */

static void note_system(struct postgresql_inplace *p, struct postgres *session)
{
    struct postgres_rows *rows = NULL;
    struct jb_error unwanted = {0};
    p->s.system = "";
    if (jbi_postgres_query(session, "cannot ask",
                           "SELECT system_identifier FROM pg_control_system()", NULL, 0, &rows,
                           &unwanted) == JB_OK &&
        jbi_postgres_value(rows, 0, 0) != NULL)
        p->s.system = jbi_arena_text(&p->s.arena, jbi_postgres_value(rows, 0, 0));
    if (p->s.system == NULL)
        p->s.system = "";
    jbi_postgres_rows_free(rows);
}

static int plan(struct swap *swap, const struct source_job *given, struct jb_error *err)
{
    struct postgresql_inplace *p = self(swap);
    struct inplace_job steadfast;
    struct inplace_look look;
    const struct source_job *job = jbi_inplace_steadfast(&steadfast, given);
    struct postgres *session = NULL;
    p->is_planned = p->s.is_planned = p->is_swapped = p->is_back = false;
    int code = jbi_inplace_session(p, &session, err);
    if (code == JB_OK)
        code = jbi_inplace_refuse(p, session, job, err);
    if (code == JB_OK)
        code = jbi_inplace_end_sessions(session, err);
    if (code == JB_OK)
        code = jbi_inplace_look(session, &look, err);
    if (code == JB_OK)
        code = jbi_inplace_keep(p, session, job, err);
    if (code == JB_OK) {
        note_system(p, session);
        p->oid = look.oid;
        p->written = look.written;
        memcpy(p->old_mark, look.mark, sizeof p->old_mark);
        p->is_planned = p->s.is_planned = true;
    }
    jbi_postgres_close(session);
    return code;
}

/* ---- Swap ---- */

/* Whether it is the database that was planned. */
static int look_at(const struct postgresql_inplace *p, struct postgres *session,
                   struct inplace_look *look, struct jb_error *err)
{
    int code = jbi_inplace_look(session, look, err);
    if (code == JB_OK && p->is_planned && look->oid != p->oid) {
        code = jbi_fail(err, JB_EDATABASE, "\"%s\" is the database with OID %u, not %u",
                        p->s.database, look->oid, p->oid);
        jbi_hint(err,
                 "somebody renamed or dropped it: put the one that was restored in its place; the "
                 "state before lies in \"%s/%s\"",
                 p->folder, p->file);
    }
    return code;
}

static int refuse_written(const struct postgresql_inplace *p, const struct inplace_look *look,
                          struct jb_error *err)
{
    if (strcmp(look->mark, p->old_mark) == 0 && look->written == p->written)
        return JB_OK;
    jbi_fail(
        err, JB_EDATABASE,
        "\"%s\" was changed while it was dumped for the way back: somebody writes to it, though "
        "the service is stopped",
        p->s.database);
    jbi_hint(err, "stop all programs that write to it, then restore again");
    return JB_EDATABASE;
}

/* A session of its own, for the one that replaced is ended. */
static int compare_new(struct postgresql_inplace *p, const struct inplace_content *content,
                       const struct source_job *job, struct jb_error *err)
{
    struct postgres *session = NULL;
    struct inplace_look look;
    int code = jbi_inplace_session(p, &session, err);
    if (code == JB_OK)
        code = look_at(p, session, &look, err);
    if (code == JB_OK)
        code = jbi_inplace_compare(p, session, content, "restored", job, err);
    jbi_postgres_close(session);
    p->is_swapped = code == JB_OK;
    p->new_first = code == JB_OK ? look.first : 0;
    return code;
}

static int replace_by_backup(struct postgresql_inplace *p, const struct source_job *job,
                             struct jb_error *err)
{
    struct inplace_content content = {-1, p->s.dump};
    struct inplace_look look;
    struct postgres *session = NULL;
    int code = jbi_open_regular(p->s.category_fd, p->s.dump->path, &content.fd, err);
    if (code == JB_OK)
        code = jbi_inplace_session(p, &session, err);
    if (code == JB_OK)
        code = look_at(p, session, &look, err);
    bool is_done = code == JB_OK && p->is_swapped && look.first == p->new_first;
    if (code == JB_OK && !is_done && !p->is_back)
        code = refuse_written(p, &look, err);
    p->is_back = false;
    if (code == JB_OK && !is_done)
        code = jbi_inplace_replace(p, &session, &content, job, err);
    if (code == JB_OK && !is_done)
        code = compare_new(p, &content, job, err);
    jbi_postgres_close(session);
    if (content.fd >= 0)
        close(content.fd);
    return code;
}

static int swap_all(struct swap *swap, const struct source_job *given, struct jb_error *err)
{
    struct postgresql_inplace *p = self(swap);
    struct inplace_job steadfast;
    if (!p->is_planned)
        return jbi_fail(err, JB_EINVAL, "the restore of \"%s\" was not planned", p->s.database);
    if (p->s.dump == NULL)
        return jbi_fail(err, JB_EINVAL, "the restore of \"%s\" is over", p->s.database);
    return replace_by_backup(p, jbi_inplace_steadfast(&steadfast, given), err);
}

/* ---- Undo ---- */

/* Of a process that was killed it is not known how far it came: then the content tells. */
static int is_old(struct postgresql_inplace *p, struct postgres *session,
                  const struct inplace_content *content, const struct inplace_look *look,
                  const struct source_job *job, bool *is_it, struct jb_error *err)
{
    struct source_job quiet = *job;
    struct jb_error why = {0};
    *is_it = false;
    if (p->is_swapped && look->first == p->new_first)
        return JB_OK;
    quiet.report = jbi_report_new();
    if (quiet.report == NULL)
        return jbi_fail_memory(err);
    int code = jbi_inplace_compare(p, session, content, "old", &quiet, &why);
    jb_report_free(quiet.report);
    *is_it = code == JB_OK;
    if (code == JB_OK || code == JB_ECORRUPT || code == JB_EDATABASE) /* one can't read all of it */
        return JB_OK;
    if (err != NULL && err->code == 0)
        *err = why;
    return code;
}

static int put_back(struct postgresql_inplace *p, struct postgres **session,
                    const struct inplace_look *look, const struct source_job *job,
                    struct jb_error *err)
{
    struct inplace_content content;
    bool is_it = false;
    int code = jbi_inplace_kept(p, job, &content, err);
    if (code == JB_OK)
        code = is_old(p, *session, &content, look, job, &is_it, err);
    if (code == JB_OK && !is_it)
        code = jbi_inplace_replace(p, session, &content, job, err);
    if (code == JB_OK && !is_it)
        code = jbi_inplace_session(p, session, err);
    if (code == JB_OK && !is_it)
        code = jbi_inplace_compare(p, *session, &content, "old", job, err);
    if (content.fd >= 0)
        close(content.fd);
    return code;
}

static int undo(struct swap *swap, const struct source_job *given, struct jb_error *err)
{
    struct postgresql_inplace *p = self(swap);
    struct inplace_job steadfast;
    struct inplace_look look;
    const struct source_job *job = jbi_inplace_steadfast(&steadfast, given);
    struct postgres *session = NULL;
    if (!p->is_planned || p->is_back)
        return JB_OK;
    int code = jbi_inplace_session(p, &session, err);
    if (code == JB_OK)
        code = look_at(p, session, &look, err);
    if (code == JB_OK && strcmp(look.mark, p->old_mark) != 0)
        code = put_back(p, &session, &look, job, err);
    jbi_postgres_close(session);
    p->is_back = code == JB_OK;
    return code;
}

static int discard(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    (void)job;
    return jbi_inplace_unkeep(self(swap), err);
}

/* ---- Checking ---- */

/* The service may have made things of its own since. */
static int check(struct swap *swap, const struct source_job *job, bool is_new, struct jb_error *err)
{
    const struct postgresql_inplace *p = self(swap);
    struct postgres *session = NULL;
    struct inplace_look look;
    (void)job;
    int code = jbi_inplace_session(p, &session, err);
    if (code == JB_OK)
        code = look_at(p, session, &look, err);
    jbi_postgres_close(session);
    if (code < 0)
        return code;
    bool is_there = is_new ? p->is_swapped && !p->is_back && look.first == p->new_first
                           : !p->is_swapped || p->is_back || look.first != p->new_first;
    return is_there ? JB_OK
                    : jbi_fail(err, JB_EDATABASE, "\"%s\" is not the %s database", p->s.database,
                               is_new ? "restored" : "old");
}

static const char *kept(const struct swap *swap)
{
    const struct postgresql_inplace *p = (const struct postgresql_inplace *)swap;
    struct stat st;
    return fstatat(p->folder_fd, p->file, &st, AT_SYMLINK_NOFOLLOW) == 0 ? p->kept : "";
}

/* ---- Beginning and end ---- */

static void close_swap(struct swap *swap)
{
    struct postgresql_inplace *p = self(swap);
    if (p == NULL)
        return;
    jbi_arena_free(&p->s.arena);
    free(p);
}

static const struct swap_ops operations = {
    .kind = POSTGRESQL_INPLACE_KIND,
    .stage = stage,
    .plan = plan,
    .swap = swap_all,
    .undo = undo,
    .discard = discard,
    .check = check,
    .print = jbi_inplace_print,
    .kept = kept,
    .close = close_swap,
};

static struct postgresql_inplace *make(const struct postgresql_inplace_what *what)
{
    struct postgresql_inplace *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->s.swap = (struct swap){&operations, what->swap.live->name, what->why, what->hint};
    p->s.live = what->swap.live;
    p->s.category_fd = -1;
    p->s.system = "";
    p->folder_fd = what->folder_fd;
    p->folder = jbi_arena_text(&p->s.arena, what->folder);
    return p;
}

/* A source's name is fit for a file's. */
static bool name_file(struct postgresql_inplace *p)
{
    p->file = jbi_arena_printf(&p->s.arena, "before_%s_%s.dump", p->s.id, p->s.live->name);
    p->kept = p->file && p->folder ? jbi_arena_printf(&p->s.arena, "file %s/%s", p->folder, p->file)
                                   : NULL;
    return p->kept != NULL;
}

int jbi_postgresql_inplace_begin(struct swap **out, const struct postgresql_inplace_what *what,
                                 struct jb_error *err)
{
    *out = NULL;
    struct postgresql_inplace *p = make(what);
    if (p == NULL)
        return jbi_fail_memory(err);
    p->s.category_fd = what->swap.category_fd;
    p->s.dump = what->swap.dump;
    int code = jbi_swap_name(&p->s, what->swap.id, err);
    if (code == JB_OK && !name_file(p))
        code = jbi_fail_memory(err);
    if (code < 0)
        close_swap(&p->s.swap);
    else
        *out = &p->s.swap;
    return code;
}

int jbi_postgresql_inplace_resume(struct swap **out, const struct json *state,
                                  const struct postgresql_inplace_what *what, struct jb_error *err)
{
    *out = NULL;
    struct postgresql_inplace *p = make(what);
    if (p == NULL)
        return jbi_fail_memory(err);
    if (!jbi_inplace_parse(p, state) || !name_file(p)) {
        close_swap(&p->s.swap);
        return jbi_fail(err, JB_ECORRUPT, "the journal does not say how \"%s\" was restored",
                        what->swap.live->name);
    }
    *out = &p->s.swap;
    return JB_OK;
}
