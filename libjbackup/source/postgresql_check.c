/* SPDX-License-Identifier: MIT */
/* Checking PostgreSQL artifacts without a server. */
#include "source/postgresql_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/names.h"
#include "source/postgresql_compare.h"
#include "source/postgresql_stream.h"
#include "source/stored.h"
#include "source/tables.h"

static int compare_contents(const struct source_job *job, const struct artifact *artifact,
                            struct dump_contents *contents, struct source_checked *checked,
                            struct jb_error *err)
{
    int code = jbi_utf8_names(contents, job->arena, err);
    if (code < 0)
        return code;
    jbi_postgresql_compare_schema(job, artifact, contents);
    return jbi_postgresql_compare_data(job, artifact, contents, checked, err);
}

static int check_dump(const struct source_job *job, int fd, const struct artifact *artifact,
                      const struct dump_options *options, struct source_checked *checked,
                      struct jb_error *err)
{
    struct dump_contents contents;
    struct dump_seen seen;
    struct jb_error reason = {0};
    int code = jbi_dump_check(fd, options, &contents, &seen, &reason);
    if (code == JB_OK || code == JB_ECORRUPT || code == JB_EUNSUPPORTED) {
        checked->bytes_read += seen.bytes;
        checked->sha256_known = true;
        memcpy(checked->sha256, seen.sha256, sizeof checked->sha256);
    }
    if (code == JB_OK)
        return compare_contents(job, artifact, &contents, checked, err);
    if (code == JB_ECORRUPT && seen.table != NULL) {
        jbi_table_finding(job, artifact, jbi_utf8_name(seen.schema, job->arena),
                          jbi_utf8_name(seen.table, job->arena), seen.why);
        return JB_OK;
    }
    if (code == JB_ECORRUPT || code == JB_EUNSUPPORTED || code == JB_EIO) {
        jbi_finding(job->report, JB_ERROR, artifact->path, "%s", reason.text);
        return JB_OK;
    }
    if (err != NULL && err->code == 0)
        *err = reason;
    return code;
}

/* The tables by way of pg_restore, where the format is known to it alone. */
static int check_as_is(const struct source_job *job, int fd, const struct artifact *artifact,
                       const struct dump_options *options, struct source_checked *checked,
                       struct jb_error *err)
{
    struct postgres_tools tools;
    struct dump_contents contents;
    struct jb_error reason = {0};
    const char *version = artifact->postgresql->client_version;
    int code = jbi_postgres_tools(version ? atoi(version) : 0, job->arena, &tools, &reason);
    if (code < 0) {
        checked->not_compared++;
        jbi_finding(job->report, JB_ERROR, artifact->path,
                    "only its checksum was compared, not its tables: %s", reason.text);
        jbi_finding_hint(job->report, "%s", reason.hint);
        return code == JB_EUNSUPPORTED ? jbi_stored_read(job, fd, artifact, checked, err) : code;
    }
    const struct postgres_login login = {.passfile_fd = -1};
    const struct postgresql_dump dump = {
        .job = job, .tools = &tools, .login = &login, .database = artifact->name};
    code = jbi_postgresql_digest_as_is(&dump, fd, options, &contents, &reason);
    if (code == JB_ECORRUPT || code == JB_EDATABASE) {
        jbi_finding(job->report, JB_ERROR, artifact->path, "%s", reason.text);
        code = JB_OK;
    } else if (code == JB_OK) {
        checked->tables += contents.table_count;
        code = jbi_utf8_names(&contents, job->arena, err);
        if (code == JB_OK)
            code = jbi_tables_compare(job, artifact, contents.tables, contents.table_count, err);
    } else if (err != NULL && err->code == 0) {
        *err = reason;
    }
    if (code == JB_OK && lseek(fd, 0, SEEK_SET) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", artifact->path);
    return code < 0 ? code : jbi_stored_read(job, fd, artifact, checked, err);
}

int jbi_postgresql_check(const struct source_job *job, int category_fd,
                         const struct artifact *artifact, struct source_checked *checked,
                         struct jb_error *err)
{
    struct jb_error reason = {0};
    scope_fd int fd = -1;
    int code = jbi_open_regular(category_fd, artifact->path, &fd, &reason);
    if (code < 0) {
        jbi_finding(job->report, JB_ERROR, artifact->path, "%s", reason.text);
        return JB_OK;
    }
    if (artifact->kind != ARTIFACT_POSTGRESQL)
        return jbi_stored_read(job, fd, artifact, checked, err);
    const struct dump_options options = {
        .compression = job->compression,
        .jobs = job->jobs,
        .hooks = job->hooks,
        .step = "check database",
        .name = artifact->path,
        .arena = job->arena,
    };
    return artifact->postgresql->is_recoded
               ? check_dump(job, fd, artifact, &options, checked, err)
               : check_as_is(job, fd, artifact, &options, checked, err);
}
