/* SPDX-License-Identifier: MIT */
/* PostgreSQL databases as a source: a session holds the snapshot, pg_dump reads at it. */
#include "source/postgresql.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/names.h"
#include "source/postgresql_check.h"
#include "source/postgresql_facts.h"
#include "source/postgresql_stream.h"

#define READ_SIZE (1u << 20)

/* One capture under way. */
struct capture {
    const struct postgresql_source *source;
    const struct source_job *job;
    int category_fd;
    struct postgres *postgres;
    struct postgres_tools tools;
    struct postgres_login login;
    struct postgresql_dump dump;
    struct postgresql_facts *facts;
    struct artifact *artifact; /* the dump */
    struct jb_error *err;
};

/* ---- Files of the backup ---- */

static int make_file(const struct capture *c, const struct artifact *artifact, int *out)
{
    *out = openat(c->category_fd, artifact->path,
                  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *out >= 0 ? JB_OK : jbi_fail_errno(c->err, JB_EIO, "cannot make \"%s\"", artifact->path);
}

/* Size and digests of a finished file, which is fsynced. The digest of a dump can't be taken while
 * it is written: its offsets are filled in last. */
static int finish_file(const struct capture *c, int fd, struct artifact *artifact)
{
    scope_free unsigned char *buffer = malloc(READ_SIZE);
    scope_digest *digest = jbi_digest_new();
    if (buffer == NULL || digest == NULL)
        return jbi_fail_memory(c->err);
    jbi_digest_begin(digest);
    for (;;) {
        ssize_t len = jbi_pread_full(fd, buffer, READ_SIZE, artifact->size);
        if (len < 0)
            return jbi_fail_errno(c->err, JB_EIO, "cannot read \"%s\"", artifact->path);
        jbi_digest_add(digest, buffer, (size_t)len);
        artifact->crc32 = jbi_crc32(artifact->crc32, buffer, (size_t)len);
        artifact->size += (uint64_t)len;
        int code =
            jbi_progress(c->job->hooks, "digest database", artifact->size, 0, "bytes", c->err);
        if (code < 0)
            return code;
        if ((size_t)len < READ_SIZE)
            break;
    }
    jbi_digest_end(digest, artifact->sha256);
    if (fsync(fd) < 0)
        return jbi_fail_errno(c->err, JB_EIO, "cannot write \"%s\"", artifact->path);
    return JB_OK;
}

/* ---- Steps ---- */

static int connect_and_ask(struct capture *c, const char **snapshot)
{
    struct artifact *artifact = c->artifact;
    int code = jbi_progress(c->job->hooks, "connect", 0, 0, "", c->err);
    struct postgres_target target = c->source->target;
    target.hooks = c->job->hooks;
    if (code == JB_OK)
        code = jbi_postgres_open(&c->postgres, &target, c->err);
    if (code == JB_OK)
        code = jbi_postgres_tools(jbi_postgres_server_major(c->postgres), c->job->arena, &c->tools,
                                  c->err);
    if (code == JB_OK)
        code = jbi_postgresql_facts(c->postgres, c->job->arena, c->facts, &artifact->server_version,
                                    snapshot, c->err);
    if (code == JB_OK)
        code = jbi_postgres_login(c->postgres, NULL, c->job->arena, &c->login, c->err);
    if (code < 0)
        return code;
    c->facts->client_version = c->tools.version;
    artifact->from = jbi_arena_text(c->job->arena, jbi_postgres_place(c->postgres));
    return artifact->from ? JB_OK : jbi_fail_memory(c->err);
}

static struct postgresql_dump dump_at(const struct capture *c, const char *snapshot)
{
    return (struct postgresql_dump){
        .job = c->job,
        .tools = &c->tools,
        .login = &c->login,
        .database = jbi_postgres_database(c->postgres),
        .snapshot = snapshot,
    };
}

static void say_unencrypted(const struct capture *c)
{
    if (c->facts->is_encrypted || jbi_postgres_is_local(c->postgres))
        return;
    jbi_finding(c->job->report, JB_WARNING, c->artifact->from,
                "the connection to the database was not encrypted");
    jbi_finding_hint(c->job->report, "turn on TLS in the server, and add ?sslmode=require, or "
                                     "verify-full, to the URL");
}

static void take_contents(struct capture *c, const struct dump_contents *contents)
{
    struct artifact *artifact = c->artifact;
    artifact->tables = contents->tables;
    artifact->table_count = contents->table_count;
    artifact->raw_size = contents->raw_size;
    artifact->definitions = contents->definitions;
    artifact->definition_count = contents->definition_count;
    memcpy(artifact->schema_sha256, contents->schema_sha256, sizeof artifact->schema_sha256);
    c->facts->sequences = contents->sequences;
    c->facts->sequence_count = contents->sequence_count;
    c->facts->large_objects = contents->large_objects;
}

/* What is in the database, without writing it anywhere. */
static int read_database(struct capture *c)
{
    struct dump_contents contents;
    struct jb_error why = {0};
    const struct dump_options options = {
        .compression = c->job->compression,
        .jobs = c->job->jobs,
        .hooks = c->job->hooks,
        .step = "compare database",
        .name = c->dump.database,
        .arena = c->job->arena,
    };
    int code = jbi_postgresql_stream(&c->dump, -1, -1, &options, &contents, &why);
    c->facts->is_recoded = code == JB_OK;
    if (code == JB_EUNSUPPORTED) {
        contents = (struct dump_contents){0};
        code = jbi_postgresql_digest_text(&c->dump, &options, &contents, c->err);
    } else if (code < 0 && c->err != NULL && c->err->code == 0) {
        *c->err = why;
    }
    if (code == JB_OK)
        code = jbi_utf8_names(&contents, c->job->arena, c->err);
    if (code == JB_OK)
        take_contents(c, &contents);
    return code;
}

/* Where archive/dump does not know what pg_dump writes. */
static int dump_as_is(struct capture *c, int dump_fd, int sql_fd,
                      const struct dump_options *options, struct dump_contents *contents)
{
    const char *format = contents->format[0] ? contents->format : "unknown";
    c->facts->dump_format = jbi_arena_text(c->job->arena, format);
    c->facts->is_recoded = false;
    jbi_finding(c->job->report, JB_WARNING, c->artifact->path,
                "pg_dump %s writes version %s of the dump format, which this jbackup does not "
                "know: it is stored as pg_dump made it",
                c->tools.version, format);
    jbi_finding_hint(c->job->report, "it is slower so, and verify needs pg_restore; a newer "
                                     "jbackup may know it");
    int code = jbi_postgresql_stream_as_is(&c->dump, dump_fd, c->err);
    if (code == JB_OK && sql_fd >= 0)
        code = jbi_postgresql_to_sql(&c->dump, dump_fd, sql_fd, c->err);
    if (code == JB_OK)
        code = jbi_postgresql_digest_as_is(&c->dump, dump_fd, options, contents, c->err);
    return code;
}

static int dump_database(struct capture *c, int dump_fd, int sql_fd)
{
    struct dump_contents contents;
    struct jb_error why = {0};
    const struct dump_options options = {
        .compression = c->job->compression,
        .jobs = c->job->jobs,
        .hooks = c->job->hooks,
        .step = "dump database",
        .name = c->artifact->path,
        .arena = c->job->arena,
    };
    int code = jbi_postgresql_stream(&c->dump, dump_fd, sql_fd, &options, &contents, &why);
    if (code == JB_EUNSUPPORTED) {
        code = dump_as_is(c, dump_fd, sql_fd, &options, &contents);
    } else if (code == JB_OK) {
        c->facts->dump_format = jbi_arena_text(c->job->arena, contents.format);
        c->facts->is_recoded = true;
    } else if (c->err != NULL && c->err->code == 0) {
        *c->err = why;
    }
    if (code == JB_OK)
        code = jbi_utf8_names(&contents, c->job->arena, c->err);
    if (code == JB_OK)
        take_contents(c, &contents);
    return code;
}

/* The dump and, if wanted, its SQL text. */
static int capture_dump(struct capture *c, struct artifact *sql)
{
    bool with_sql = c->source->with_sql;
    scope_fd int dump_fd = -1;
    scope_fd int sql_fd = -1;
    int code = make_file(c, c->artifact, &dump_fd);
    if (code == JB_OK && with_sql)
        code = make_file(c, sql, &sql_fd);
    if (code == JB_OK)
        code = dump_database(c, dump_fd, sql_fd);
    if (code == JB_OK)
        code = finish_file(c, dump_fd, c->artifact);
    if (code == JB_OK && with_sql)
        code = finish_file(c, sql_fd, sql);
    sql->raw_size = sql->size;
    return code;
}

/* Not to be allowed to read the roles, or to have no program for it, is no failure of the backup;
 * *is_there tells. */
static int capture_globals(struct capture *c, struct artifact *globals, bool *is_there)
{
    struct jb_error why = {0};
    scope_fd int fd = -1;
    *is_there = false;
    int code = make_file(c, globals, &fd);
    if (code < 0)
        return code;
    if (c->tools.pg_dumpall == NULL)
        code =
            jbi_fail(&why, JB_EUNSUPPORTED, "there is no pg_dumpall beside %s", c->tools.pg_dump);
    else
        code = jbi_postgresql_globals(&c->dump, fd, &why);
    if (code == JB_EDATABASE || code == JB_EUNSUPPORTED) {
        unlinkat(c->category_fd, globals->path, 0);
        jbi_finding(c->job->report, JB_WARNING, c->artifact->from,
                    "roles and tablespaces are not in the backup: %s", why.text);
        jbi_finding_hint(c->job->report, "%s", why.hint[0] ? why.hint : "see the server's log");
        return JB_OK;
    }
    if (code < 0 && c->err != NULL && c->err->code == 0)
        *c->err = why;
    if (code == JB_OK)
        code = finish_file(c, fd, globals);
    globals->raw_size = globals->size;
    *is_there = code == JB_OK;
    return code;
}

/* ---- The whole ---- */

static bool name_artifact(const struct capture *c, struct artifact *artifact,
                          enum artifact_kind kind, const char *ending)
{
    struct arena *arena = c->job->arena;
    *artifact = (struct artifact){
        .kind = kind,
        .name = jbi_arena_text(arena, c->source->name),
        .path = jbi_arena_printf(arena, "db_%s/postgresql_%s", c->job->timestamp, ending),
    };
    return artifact->name != NULL && artifact->path != NULL;
}

static bool name_artifacts(struct capture *c, struct artifact artifacts[SOURCE_ARTIFACTS_MAX])
{
    struct arena *arena = c->job->arena;
    const struct postgresql_source *source = c->source;
    const char *dump = jbi_arena_printf(arena, "%s.dump", source->name);
    const char *sql = jbi_arena_printf(arena, "%s.sql", source->name);
    const char *globals = source->globals_name
                              ? jbi_arena_printf(arena, "globals@%s.sql", source->globals_name)
                              : "globals.sql";
    c->facts = jbi_arena_alloc(arena, sizeof *c->facts);
    c->artifact = &artifacts[0];
    bool ok = dump != NULL && sql != NULL && globals != NULL && c->facts != NULL &&
              name_artifact(c, &artifacts[0], ARTIFACT_POSTGRESQL, dump) &&
              name_artifact(c, &artifacts[1], ARTIFACT_POSTGRESQL_SQL, sql) &&
              name_artifact(c, &artifacts[2], ARTIFACT_POSTGRESQL_GLOBALS, globals);
    artifacts[0].postgresql = c->facts;
    return ok;
}

static int capture_all(struct capture *c, struct artifact artifacts[SOURCE_ARTIFACTS_MAX],
                       size_t *count)
{
    const struct postgresql_source *source = c->source;
    const char *snapshot = NULL;
    bool has_globals = false;
    int code = connect_and_ask(c, &snapshot);
    if (code < 0)
        return code;
    c->dump = dump_at(c, snapshot);
    say_unencrypted(c);
    struct artifact globals = artifacts[2];
    code = capture_dump(c, &artifacts[1]);
    if (code == JB_OK && source->with_globals)
        code = capture_globals(c, &globals, &has_globals);
    *count = source->with_sql ? 2 : 1;
    if (has_globals)
        artifacts[(*count)++] = globals;
    return code;
}

static int capture(const void *config, const struct source_job *job, int category_fd,
                   struct artifact *artifacts, size_t *count, struct jb_error *err)
{
    struct capture c = {
        .source = config,
        .job = job,
        .category_fd = category_fd,
        .login = {.passfile_fd = -1},
        .err = err,
    };
    int64_t start_ms = jbi_monotonic_ms();
    *count = 0;
    int code =
        name_artifacts(&c, artifacts) ? capture_all(&c, artifacts, count) : jbi_fail_memory(err);
    if (c.login.passfile_fd >= 0)
        close(c.login.passfile_fd);
    jbi_postgres_close(c.postgres);
    artifacts[0].duration_ms = jbi_monotonic_ms() - start_ms;
    if (code < 0)
        *count = 0;
    return code;
}

int jbi_postgresql_look_at_live(const struct postgresql_source *source,
                                const struct source_job *job, struct artifact *artifact,
                                struct jb_error *err)
{
    struct capture c = {
        .source = source,
        .job = job,
        .login = {.passfile_fd = -1},
        .artifact = artifact,
        .facts = jbi_arena_alloc(job->arena, sizeof *c.facts),
        .err = err,
    };
    const char *snapshot = NULL;
    *artifact =
        (struct artifact){.kind = ARTIFACT_POSTGRESQL, .name = source->name, .postgresql = c.facts};
    int code = c.facts != NULL ? connect_and_ask(&c, &snapshot) : jbi_fail_memory(err);
    if (code == JB_OK) {
        c.dump = dump_at(&c, snapshot);
        code = read_database(&c);
    }
    if (c.login.passfile_fd >= 0)
        close(c.login.passfile_fd);
    jbi_postgres_close(c.postgres);
    return code;
}

const struct source_ops jbi_postgresql_source = {
    .name = "postgresql",
    .capture = capture,
    .check = jbi_postgresql_check,
};
