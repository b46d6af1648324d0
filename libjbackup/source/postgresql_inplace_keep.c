/* SPDX-License-Identifier: MIT */
/* The dump of the old state. Invariant: it counts once it is on the disk and was read again in
 * full; its digest is then in the journal. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/names.h"
#include "source/postgresql_inplace_parts.h"
#include "source/postgresql_needs.h"
#include "source/postgresql_stream.h"

static struct dump_options options_of(const struct postgresql_inplace *p,
                                      const struct source_job *job, const char *step)
{
    return (struct dump_options){.compression = job->compression,
                                 .jobs = job->jobs,
                                 .hooks = job->hooks,
                                 .step = step,
                                 .name = p->file,
                                 .arena = job->arena};
}

static int dump_to(const struct postgresql_inplace *p, struct postgres *session, int fd,
                   const struct source_job *job, struct jb_error *err)
{
    const struct dump_options options = options_of(p, job, "dump database");
    struct dump_contents contents;
    struct postgres_tools tools;
    struct postgres_login login = {.passfile_fd = -1};
    struct postgresql_dump dump = {
        .job = job, .tools = &tools, .login = &login, .database = p->s.database};
    int code = jbi_postgres_tools(jbi_postgres_server_major(session), job->arena, &tools, err);
    if (code == JB_OK)
        code = jbi_postgres_login(session, NULL, job->arena, &login, err);
    if (code == JB_OK)
        code = jbi_postgresql_stream(&dump, fd, -1, &options, &contents, err);
    if (code == JB_EUNSUPPORTED && err != NULL && err->code == 0)
        jbi_fail(err, code, "pg_dump %s writes a format that this jbackup does not know",
                 tools.version);
    if (login.passfile_fd >= 0)
        close(login.passfile_fd);
    return code;
}

/* Reads what was written; of the file, its digest. */
static int read_again(const struct postgresql_inplace *p, int fd, const struct source_job *job,
                      struct dump_contents *contents, struct dump_seen *seen, struct jb_error *err)
{
    const struct dump_options options = options_of(p, job, "check database");
    if (lseek(fd, 0, SEEK_SET) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read \"%s/%s\"", p->folder, p->file);
    return jbi_dump_check(fd, &options, contents, seen, err);
}

int jbi_inplace_keep(struct postgresql_inplace *p, struct postgres *session,
                     const struct source_job *job, struct jb_error *err)
{
    struct dump_contents contents;
    struct dump_seen seen;
    scope_fd int fd = -1;
    int code = jbi_inplace_unkeep(p, err);
    if (code < 0)
        return code;
    fd = openat(p->folder_fd, p->file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s/%s\"", p->folder, p->file);
    code = dump_to(p, session, fd, job, err);
    if (code == JB_OK && (fsync(fd) < 0 || fsync(p->folder_fd) < 0))
        code = jbi_fail_errno(err, JB_EIO, "cannot write \"%s/%s\"", p->folder, p->file);
    if (code == JB_OK)
        code = read_again(p, fd, job, &contents, &seen, err);
    if (code == JB_OK) {
        p->size = seen.bytes;
        memcpy(p->sha256, seen.sha256, sizeof p->sha256);
    }
    return code;
}

static int fail_kept(const struct postgresql_inplace *p, struct jb_error *err)
{
    jbi_fail(err, JB_ECORRUPT, "\"%s/%s\" is not the dump that the restore kept", p->folder,
             p->file);
    jbi_hint(err, "\"jbackup list\" shows the backup that was made before the restore");
    return JB_ECORRUPT;
}

/* What a backup's manifest says of its dump. */
static const struct artifact *describe(const struct postgresql_inplace *p,
                                       const struct dump_contents *contents, struct arena *arena)
{
    struct artifact *artifact = jbi_arena_alloc(arena, sizeof *artifact);
    struct postgresql_facts *facts = jbi_arena_alloc(arena, sizeof *facts);
    if (artifact == NULL || facts == NULL)
        return NULL;
    *facts = (struct postgresql_facts){.client_version = contents->client_version,
                                       .dump_format = contents->format,
                                       .is_recoded = true,
                                       .sequences = contents->sequences,
                                       .sequence_count = contents->sequence_count,
                                       .large_objects = contents->large_objects};
    *artifact = (struct artifact){.kind = ARTIFACT_POSTGRESQL,
                                  .name = p->s.database,
                                  .path = p->file,
                                  .raw_size = contents->raw_size,
                                  .server_version = contents->server_version,
                                  .definitions = contents->definitions,
                                  .definition_count = contents->definition_count,
                                  .tables = contents->tables,
                                  .table_count = contents->table_count,
                                  .postgresql = facts};
    memcpy(artifact->schema_sha256, contents->schema_sha256, sizeof artifact->schema_sha256);
    return artifact;
}

int jbi_inplace_kept(const struct postgresql_inplace *p, const struct source_job *job,
                     struct inplace_content *content, struct jb_error *err)
{
    struct dump_contents *contents = jbi_arena_alloc(job->arena, sizeof *contents);
    struct dump_seen seen;
    struct jb_error why = {0};
    *content = (struct inplace_content){.fd = -1};
    if (contents == NULL)
        return jbi_fail_memory(err);
    int code = jbi_open_regular(p->folder_fd, p->file, &content->fd, &why);
    if (code == JB_OK)
        code = read_again(p, content->fd, job, contents, &seen, &why);
    if (code == JB_OK && (seen.bytes != p->size || strcmp(seen.sha256, p->sha256) != 0))
        code = JB_ECORRUPT;
    if (code == JB_ECORRUPT || code == JB_ENOTFOUND)
        return fail_kept(p, err);
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    if (code == JB_OK)
        code = jbi_utf8_names(contents, job->arena, err);
    if (code == JB_OK) {
        content->artifact = describe(p, contents, job->arena);
        code = content->artifact ? JB_OK : jbi_fail_memory(err);
    }
    return code;
}

int jbi_inplace_unkeep(const struct postgresql_inplace *p, struct jb_error *err)
{
    int code = jbi_remove_tree(p->folder_fd, p->file, err);
    if (code == JB_OK && fsync(p->folder_fd) < 0)
        code = jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", p->folder);
    return code;
}
