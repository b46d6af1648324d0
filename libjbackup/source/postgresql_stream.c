/* SPDX-License-Identifier: MIT */
/*
 * Programs and pipes:
 *
 *     pg_dump ----> us ----> archive/dump ----> .dump
 *                    \----> pg_restore -------> .sql
 *
 * Invariant: what a program said comes before what its end did to us: a dump that is cut short
 * because pg_dump failed is told in pg_dump's words.
 */
#include "source/postgresql_stream.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "archive/dump_text.h"
#include "base/error.h"
#include "os/process.h"

#define LOOK_MS           200                          /* how often the hook is asked */
#define GRACE_MS          5000                         /* for pg_dump to cancel its query */
#define LOCK_WAIT         "--lock-wait-timeout=600000" /* ms: fail behind a lock that stays */
#define MAJOR_FILE_STDOUT 12                           /* pg_restore wants --file=- from here on */
#define ARGUMENTS_MAX     16

struct stream {
    const struct postgresql_dump *dump;
    const char *step;
    struct process *source; /* gives the bytes */
    struct process *sink;   /* gets them, too; NULL: nobody */
    const char *sink_what;  /* e.g. "cannot write as SQL" */
    uint64_t bytes;
    bool is_at_end; /* the source has closed its output */
};

/* ---- Programs ---- */

/* kept_fd: one that it has beside its passfile; -1: none */
static int start_with(const struct postgresql_dump *dump, const char *const arguments[], int in_fd,
                      int out_fd, int kept_fd, struct process **out, struct jb_error *err)
{
    int kept[2];
    size_t count = 0;
    if (dump->login->passfile_fd >= 0)
        kept[count++] = dump->login->passfile_fd;
    if (kept_fd >= 0)
        kept[count++] = kept_fd;
    const struct process_start how = {
        .argv = arguments,
        .environment = dump->login->environment,
        .in_fd = in_fd,
        .out_fd = out_fd,
        .kept_fds = kept,
        .kept_count = count,
    };
    return jbi_process_start(out, &how, err);
}

static int start(const struct postgresql_dump *dump, const char *const arguments[], int in_fd,
                 int out_fd, struct process **out, struct jb_error *err)
{
    return start_with(dump, arguments, in_fd, out_fd, -1, out, err);
}

static int start_pg_dump(const struct postgresql_dump *dump, const char *format,
                         const char *compress, int out_fd, struct process **out,
                         struct jb_error *err)
{
    struct arena *arena = dump->job->arena;
    const char *conninfo = jbi_arena_printf(arena, "--dbname=%s", dump->login->conninfo);
    const char *snapshot =
        dump->snapshot ? jbi_arena_printf(arena, "--snapshot=%s", dump->snapshot) : NULL;
    const char *const arguments[] = {
        dump->tools->pg_dump, format,   compress, LOCK_WAIT,
        "--no-password",      conninfo, snapshot, NULL,
    };
    if (conninfo == NULL || (snapshot == NULL && dump->snapshot != NULL))
        return jbi_fail_memory(err);
    return start(dump, arguments, -1, out_fd, out, err);
}

static int start_pg_restore(const struct postgresql_dump *dump, bool is_data_only, int in_fd,
                            int out_fd, struct process **out, struct jb_error *err)
{
    const char *arguments[ARGUMENTS_MAX];
    size_t count = 0;
    arguments[count++] = dump->tools->pg_restore;
    if (dump->tools->major >= MAJOR_FILE_STDOUT)
        arguments[count++] = "--file=-";
    if (is_data_only)
        arguments[count++] = "--data-only";
    arguments[count] = NULL;
    return start(dump, arguments, in_fd, out_fd, out, err);
}

static int ask_hook(const struct stream *stream, struct jb_error *err)
{
    return jbi_progress(stream->dump->job->hooks, stream->step, stream->bytes, 0, "bytes", err);
}

/* Warnings of a program that did its work. */
static void log_said(const struct stream *stream, const struct process *process)
{
    const char *said = jbi_process_errors(process);
    if (*said != '\0')
        jbi_log(stream->dump->job->hooks, LOG_WARNING, "%.*s", (int)strcspn(said, "\n"), said);
}

/* Waits for a program's end; a status other than 0 is a failure in its words. what is e.g. "cannot
 * dump". */
static int finish(const struct stream *stream, struct process *process, const char *what,
                  struct jb_error *err)
{
    int status = 0, code = JB_OK;
    while (code == JB_OK && !jbi_process_wait(process, LOOK_MS, &status))
        code = ask_hook(stream, err);
    if (code == JB_OK && status == 0)
        log_said(stream, process);
    if (code < 0 || status == 0)
        return code;
    char said[512];
    snprintf(said, sizeof said, "%s", jbi_process_errors(process));
    if (status < 0)
        snprintf(said, sizeof said,
                 "the exit status of its program is lost: this process must not "
                 "ignore SIGCHLD nor reap children that it did not make");
    else if (said[0] == '\0' && status > 128)
        snprintf(said, sizeof said, "its program was ended by signal %d", status - 128);
    else if (said[0] == '\0')
        snprintf(said, sizeof said, "its program ended with status %d", status);
    return jbi_postgres_fail(err, what, stream->dump->database, said);
}

/* ---- pg_dump's stream ---- */

/* Hands bytes on to pg_restore. */
static int feed(struct stream *stream, const unsigned char *from, size_t len, struct jb_error *err)
{
    while (len > 0) {
        size_t put = 0;
        int got = jbi_process_write(stream->sink, from, len, LOOK_MS, &put, err);
        if (got == 0) {
            int code = finish(stream, stream->sink, stream->sink_what, err);
            return code < 0 ? code
                            : jbi_fail(err, JB_EDATABASE, "%s \"%s\": pg_restore ended too early",
                                       stream->sink_what, stream->dump->database);
        }
        int code = got == 2 ? ask_hook(stream, err) : got < 0 ? got : JB_OK;
        if (code < 0)
            return code;
        from += put;
        len -= put;
    }
    return JB_OK;
}

static int read_stream(void *user, void *to, size_t room, size_t *got, struct jb_error *err)
{
    struct stream *stream = user;
    for (;;) {
        int what = jbi_process_read(stream->source, to, room, LOOK_MS, got, err);
        int code = what < 0 ? what : JB_OK;
        if (what == 2)
            code = ask_hook(stream, err);
        if (what == 1)
            stream->bytes += *got;
        if (what == 1 && stream->sink != NULL)
            code = feed(stream, to, *got, err);
        if (what == 0) {
            stream->is_at_end = true;
            *got = 0;
        }
        if (code < 0 || what != 2)
            return code;
    }
}

/* What pg_dump and pg_restore made of it, once the stream has been read; code and why are of
 * reading it. */
static int conclude(struct stream *stream, int code, const struct jb_error *why,
                    struct jb_error *err)
{
    bool is_cut_short = code == JB_ECORRUPT && stream->is_at_end;
    if (code == JB_OK || is_cut_short) {
        int end = finish(stream, stream->source, "cannot dump", err);
        if (end < 0)
            return end;
    }
    if (code == JB_OK && stream->sink != NULL) {
        jbi_process_close_input(stream->sink);
        code = finish(stream, stream->sink, stream->sink_what, err);
    }
    if (code < 0 && why->code != 0 && err != NULL && err->code == 0)
        *err = *why;
    return code;
}

int jbi_postgresql_stream(const struct postgresql_dump *dump, int dump_fd, int sql_fd,
                          const struct dump_options *options, struct dump_contents *contents,
                          struct jb_error *err)
{
    struct stream stream = {
        .dump = dump, .step = options->step, .sink_what = "cannot write as SQL"};
    struct jb_error why = {0};
    int code =
        start_pg_dump(dump, "--format=custom", "--compress=0", PROCESS_PIPE, &stream.source, err);
    if (code == JB_OK && sql_fd >= 0)
        code = start_pg_restore(dump, false, PROCESS_PIPE, sql_fd, &stream.sink, err);
    if (code == JB_OK) {
        code = jbi_dump_pack(read_stream, &stream, dump_fd, options, contents, &why);
        code = conclude(&stream, code, &why, err);
    }
    jbi_process_end(stream.source, GRACE_MS);
    jbi_process_end(stream.sink, GRACE_MS);
    if (code == JB_EUNSUPPORTED && sql_fd >= 0 && ftruncate(sql_fd, 0) < 0)
        code = jbi_fail_errno(err, JB_EIO, "cannot write the SQL text of \"%s\"", dump->database);
    return code;
}

/* ---- Formats that only pg_dump and pg_restore know ---- */

static int run(const struct postgresql_dump *dump, struct process *process, const char *step,
               const char *what, struct jb_error *err)
{
    const struct stream stream = {.dump = dump, .step = step};
    int code = finish(&stream, process, what, err);
    jbi_process_end(process, GRACE_MS);
    return code;
}

int jbi_postgresql_stream_as_is(const struct postgresql_dump *dump, int dump_fd,
                                struct jb_error *err)
{
    static const char *const levels[] = {
        [COMPRESSION_FAST] = "--compress=1",
        [COMPRESSION_BALANCED] = "--compress=6",
        [COMPRESSION_BEST] = "--compress=9",
    };
    struct process *process = NULL;
    int code = start_pg_dump(dump, "--format=custom", levels[dump->job->compression], dump_fd,
                             &process, err);
    return code < 0 ? code : run(dump, process, "dump database", "cannot dump", err);
}

/* A program that gets the descriptor as its input reads from where its offset is. */
static int rewind_fd(int fd, const char *database, struct jb_error *err)
{
    return lseek(fd, 0, SEEK_SET) == 0
               ? JB_OK
               : jbi_fail_errno(err, JB_EIO, "cannot read the dump of \"%s\"", database);
}

int jbi_postgresql_to_sql(const struct postgresql_dump *dump, int dump_fd, int sql_fd,
                          struct jb_error *err)
{
    struct process *process = NULL;
    int code = rewind_fd(dump_fd, dump->database, err);
    if (code == JB_OK)
        code = start_pg_restore(dump, false, dump_fd, sql_fd, &process, err);
    return code < 0 ? code : run(dump, process, "write SQL", "cannot write as SQL", err);
}

/* Of a stream that has been started. */
static int digest_text(struct stream *stream, const struct dump_options *options,
                       struct dump_contents *contents, struct jb_error *err)
{
    struct jb_error why = {0};
    int code = jbi_dump_text_digest(read_stream, stream, options, contents, &why);
    code = conclude(stream, code, &why, err);
    jbi_process_end(stream->source, GRACE_MS);
    return code;
}

int jbi_postgresql_digest_as_is(const struct postgresql_dump *dump, int dump_fd,
                                const struct dump_options *options, struct dump_contents *contents,
                                struct jb_error *err)
{
    struct stream stream = {.dump = dump, .step = options->step};
    int code = rewind_fd(dump_fd, dump->database, err);
    if (code == JB_OK)
        code = start_pg_restore(dump, true, dump_fd, PROCESS_PIPE, &stream.source, err);
    return code < 0 ? code : digest_text(&stream, options, contents, err);
}

int jbi_postgresql_digest_text(const struct postgresql_dump *dump,
                               const struct dump_options *options, struct dump_contents *contents,
                               struct jb_error *err)
{
    struct stream stream = {.dump = dump, .step = options->step};
    int code =
        start_pg_dump(dump, "--format=plain", "--data-only", PROCESS_PIPE, &stream.source, err);
    return code < 0 ? code : digest_text(&stream, options, contents, err);
}

/* ---- Restoring ---- */

int jbi_postgresql_restore(const struct postgresql_dump *dump, int dump_fd,
                           const struct postgresql_restore *how, struct jb_error *err)
{
    struct process *process = NULL;
    struct arena *arena = dump->job->arena;
    const char *conninfo = jbi_arena_printf(arena, "--dbname=%s", dump->login->conninfo);
    const char *workers = jbi_arena_printf(arena, "--jobs=%u", how->jobs < 2 ? 2 : how->jobs);
    /* Each of its processes opens the file anew. */
    const char *file = jbi_arena_printf(arena, "/proc/self/fd/%d", dump_fd);
    const char *arguments[ARGUMENTS_MAX] = {dump->tools->pg_restore, conninfo,          workers,
                                            "--no-password",         "--exit-on-error", file};
    if (conninfo == NULL || workers == NULL || file == NULL)
        return jbi_fail_memory(err);
    size_t count = 6;
    if (!how->with_rights) {
        arguments[count++] = "--no-owner";
        arguments[count++] = "--no-privileges";
        arguments[count++] = "--no-tablespaces";
    }
    if (!how->with_subscriptions)
        arguments[count++] = "--no-subscriptions";
    int code = start_with(dump, arguments, -1, -1, dump_fd, &process, err);
    return code < 0 ? code : run(dump, process, "restore database", "cannot restore", err);
}

/* A restore that is fed by us. */
struct pouring {
    struct stream stream;
    const struct dump_splice *how;
};

static bool is_left_out(void *user, const struct dump_item *item)
{
    const struct pouring *p = user;
    return p->how->is_left_out(p->how->user, item);
}

static int pour(void *user, const void *bytes, size_t len, struct jb_error *err)
{
    struct pouring *p = user;
    p->stream.bytes += len;
    return feed(&p->stream, bytes, len, err);
}

int jbi_postgresql_restore_at_once(const struct postgresql_dump *dump, int dump_fd,
                                   const struct dump_splice *how, struct jb_error *err)
{
    struct pouring p = {{.dump = dump, .step = "restore database", .sink_what = "cannot restore"},
                        how};
    const struct dump_splice splice = {how->name, how->first, is_left_out, pour, &p};
    const char *conninfo = jbi_arena_printf(dump->job->arena, "--dbname=%s", dump->login->conninfo);
    const char *const arguments[] = {dump->tools->pg_restore,
                                     conninfo,
                                     "--single-transaction",
                                     "--exit-on-error",
                                     "--no-password",
                                     "--no-subscriptions",
                                     NULL};
    if (conninfo == NULL)
        return jbi_fail_memory(err);
    int code = start(dump, arguments, PROCESS_PIPE, -1, &p.stream.sink, err);
    if (code == JB_OK)
        code = jbi_dump_splice(dump_fd, &splice, err);
    if (code == JB_OK) {
        jbi_process_close_input(p.stream.sink);
        code = finish(&p.stream, p.stream.sink, p.stream.sink_what, err);
    }
    jbi_process_end(p.stream.sink, GRACE_MS);
    return code;
}

/* ---- Globals ---- */

int jbi_postgresql_globals(const struct postgresql_dump *dump, int out_fd, struct jb_error *err)
{
    struct process *process = NULL;
    const char *conninfo = jbi_arena_printf(dump->job->arena, "--dbname=%s", dump->login->conninfo);
    /* The login may have the right to connect to its own database alone. A plain name would be
     * taken for a connection string, too, if it looks like one. */
    const char *database =
        jbi_arena_printf(dump->job->arena, "--database=%s", dump->login->conninfo);
    const char *const arguments[] = {
        dump->tools->pg_dumpall,
        "--globals-only",
        "--no-role-passwords",
        "--no-password",
        conninfo,
        database,
        NULL,
    };
    if (conninfo == NULL || database == NULL)
        return jbi_fail_memory(err);
    int code = start(dump, arguments, -1, out_fd, &process, err);
    return code < 0 ? code : run(dump, process, "dump globals", "cannot read the roles of", err);
}
