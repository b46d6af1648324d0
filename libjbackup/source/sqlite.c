/* SPDX-License-Identifier: MIT */
/*
 * SQLite databases as a source: copy, then check, digest and pack the copy at the same time.
 * Invariant: the copy in the scratch folder is removed by the function that made it, on every way.
 */
#include "source/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/sqlite.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/recipe.h"
#include "source/sqlite_inspection.h"
#include "source/sqlite_pack.h"
#include "source/tables.h"

#define SCRATCH_NAME_SIZE 48

/* Makes an empty file of a new name in the scratch folder, which other runs may use as well. */
static int scratch_make(const struct source_job *job, char name[SCRATCH_NAME_SIZE], int *fd,
                        struct jb_error *err)
{
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, SCRATCH_NAME_SIZE, "sqlite-%d-%u.db", (int)getpid(), i);
        *fd =
            openat(job->scratch_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (*fd >= 0 || errno != EEXIST)
            break;
    }
    if (*fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make a temporary file \"%s\"", name);
    return JB_OK;
}

static void scratch_remove(const struct source_job *job, const char *name)
{
    unlinkat(job->scratch_fd, name, 0);
}

/* ---- Capture ------------------------------------------------------------------------------- */

/* Passes on what the inspection found: damage ends the backup, the rest is worth a warning. */
static int judge_copy(const struct source_job *job, const struct sqlite_source *source,
                      const struct sqlite_found *found, struct jb_error *err)
{
    if (found->damage.len > 0) {
        jbi_fail(err, JB_EDATABASE, "database \"%s\" is damaged: %s", source->path,
                 found->damage.at);
        jbi_hint(err, "REINDEX mends indexes; else restore the last good backup, or rescue what "
                      "can be read with the command .recover of sqlite3");
        return JB_EDATABASE;
    }
    if (found->unchecked.len > 0) {
        jbi_finding(job->report, JB_WARNING, source->path, "was not checked in full: %s",
                    found->unchecked.at);
        jbi_finding_hint(job->report, "the backup is whole; only the application can check this");
    }
    if (found->orphan_rows > 0) {
        jbi_finding(job->report, JB_WARNING, source->path,
                    "%llu rows have a foreign key that leads nowhere, in %s",
                    (unsigned long long)found->orphan_rows, found->orphans.at);
        jbi_finding_hint(job->report, "PRAGMA foreign_key_check lists them; the backup holds them "
                                      "as they are");
    }
    return JB_OK;
}

static void artifact_take(struct artifact *artifact, const struct sqlite_found *found)
{
    artifact->tables = found->digests.tables;
    artifact->table_count = found->digests.table_count;
    artifact->definitions = found->digests.definitions;
    artifact->definition_count = found->digests.definition_count;
    memcpy(artifact->schema_sha256, found->digests.schema_sha256, sizeof artifact->schema_sha256);
}

static int copy_pack_and_check(const struct sqlite_source *source, const struct source_job *job,
                               const char *scratch, int copy_fd, int category_fd,
                               struct artifact *artifact, struct jb_error *err)
{
    struct inspection *inspection;
    struct sqlite_found found = {0};
    int code = jbi_progress(job->hooks, "copy database", 0, 0, "bytes", err);
    if (code == JB_OK)
        code = jbi_sqlite_copy(source->path, job->scratch_fd, scratch, job->hooks, err);
    if (code == JB_OK)
        code = jbi_inspection_begin(&inspection, job->scratch_fd, scratch, source->path, true,
                                    job->arena, err);
    if (code < 0)
        return code;
    code = jbi_sqlite_pack(source, job, copy_fd, category_fd, artifact, err);
    if (code < 0) {
        jbi_inspection_discard(inspection);
        return code;
    }
    code = jbi_inspection_end(inspection, job->hooks, "check database", artifact->raw_size, &found,
                              err);
    if (code == JB_OK)
        code = judge_copy(job, source, &found, err);
    artifact_take(artifact, &found);
    jbi_sqlite_found_free(&found);
    return code;
}

static int capture(const void *config, const struct source_job *job, int category_fd,
                   struct artifact *artifacts, size_t *count, struct jb_error *err)
{
    const struct sqlite_source *source = config;
    int64_t start_ms = jbi_monotonic_ms();
    *count = 0;
    artifacts[0] = (struct artifact){
        .kind = ARTIFACT_SQLITE,
        .name = jbi_arena_text(job->arena, source->name),
        .path = jbi_arena_printf(job->arena, "db_%s/sqlite_%s.db.gz", job->timestamp, source->name),
        .from = jbi_arena_text(job->arena, source->path),
        .server_version = jbi_sqlite_version(),
        .recipe = jbi_recipe(job),
    };
    if (artifacts[0].name == NULL || artifacts[0].path == NULL || artifacts[0].from == NULL ||
        artifacts[0].recipe == NULL)
        return jbi_fail_memory(err);
    struct stat st;
    if (stat(source->path, &st) == 0) { /* if not, the copy says why */
        artifacts[0].mode = st.st_mode & 0777;
        artifacts[0].uid = st.st_uid;
        artifacts[0].gid = st.st_gid;
    }
    char scratch[SCRATCH_NAME_SIZE];
    scope_fd int copy_fd = -1;
    int code = scratch_make(job, scratch, &copy_fd, err);
    if (code < 0)
        return code;
    code = copy_pack_and_check(source, job, scratch, copy_fd, category_fd, &artifacts[0], err);
    scratch_remove(job, scratch);
    artifacts[0].duration_ms = jbi_monotonic_ms() - start_ms;
    *count = code == JB_OK ? 1 : 0;
    return code;
}

/* ---- Live ---------------------------------------------------------------------------------- */

static int copy_and_inspect(const struct sqlite_source *source, const struct source_job *job,
                            const char *scratch, int copy_fd, struct artifact *artifact,
                            struct jb_error *err)
{
    struct inspection *inspection;
    struct sqlite_found found = {0};
    struct stat st;
    int code = jbi_sqlite_copy(source->path, job->scratch_fd, scratch, job->hooks, err);
    if (code == JB_OK && fstat(copy_fd, &st) < 0)
        code = jbi_fail_errno(err, JB_EIO, "cannot look at the copy of \"%s\"", source->path);
    if (code == JB_OK)
        code = jbi_inspection_begin(&inspection, job->scratch_fd, scratch, source->path, false,
                                    job->arena, err);
    if (code < 0)
        return code;
    code = jbi_inspection_end(inspection, job->hooks, "compare database", (uint64_t)st.st_size,
                              &found, err);
    if (code == JB_OK && found.damage.len > 0)
        code = jbi_fail(err, JB_EDATABASE, "database \"%s\" is damaged: %s", source->path,
                        found.damage.at);
    artifact_take(artifact, &found);
    jbi_sqlite_found_free(&found);
    return code;
}

int jbi_sqlite_look_at_live(const struct sqlite_source *source, const struct source_job *job,
                            struct artifact *artifact, struct jb_error *err)
{
    char scratch[SCRATCH_NAME_SIZE];
    scope_fd int copy_fd = -1;
    *artifact = (struct artifact){.kind = ARTIFACT_SQLITE, .name = source->name};
    int code = scratch_make(job, scratch, &copy_fd, err);
    if (code < 0)
        return code;
    code = copy_and_inspect(source, job, scratch, copy_fd, artifact, err);
    scratch_remove(job, scratch);
    return code;
}

/* ---- Check --------------------------------------------------------------------------------- */

static int compare_found(const struct source_job *job, const struct artifact *artifact,
                         const struct sqlite_found *found, struct source_checked *checked,
                         struct jb_error *err)
{
    if (found->damage.len > 0)
        jbi_finding(job->report, JB_ERROR, artifact->path, "the database in it is damaged: %s",
                    found->damage.at);
    if (!found->is_digested)
        return JB_OK;
    checked->tables += found->digests.table_count;
    int code =
        jbi_tables_compare(job, artifact, found->digests.tables, found->digests.table_count, err);
    size_t before = job->report->finding_count;
    jbi_definitions_compare(job, artifact, found->digests.definitions,
                            found->digests.definition_count);
    bool is_named = job->report->finding_count > before;
    if (!is_named && strcmp(found->digests.schema_sha256, artifact->schema_sha256) != 0)
        jbi_finding(job->report, JB_ERROR, artifact->path,
                    "its schema differs from what was backed up");
    return code;
}

/* What the file itself says is wrong with it is a finding; all else ends the check. */
static int as_finding(const struct source_job *job, const struct artifact *artifact, int code,
                      const struct jb_error *reason, struct jb_error *err)
{
    /* A full disk is that of the scratch folder; other I/O errors are the artifact's. */
    bool is_scratch_full = reason->sys_errno == ENOSPC || reason->sys_errno == EDQUOT;
    if (code == JB_ECORRUPT || code == JB_EDATABASE || code == JB_EUNSUPPORTED ||
        (code == JB_EIO && !is_scratch_full)) {
        jbi_finding(job->report, JB_ERROR, artifact->path, "%s", reason->text);
        return JB_OK;
    }
    if (code < 0 && err != NULL && err->code == 0)
        *err = *reason;
    return code;
}

static int check_content(const struct source_job *job, const struct artifact *artifact,
                         const char *scratch, struct source_checked *checked, struct jb_error *err)
{
    struct inspection *inspection;
    struct sqlite_found found = {0};
    struct jb_error reason = {0};
    int code = jbi_inspection_begin(&inspection, job->scratch_fd, scratch, artifact->path, false,
                                    job->arena, &reason);
    if (code == JB_OK)
        code = jbi_inspection_end(inspection, job->hooks, "check database", artifact->raw_size,
                                  &found, &reason);
    if (code == JB_OK)
        code = compare_found(job, artifact, &found, checked, &reason);
    jbi_sqlite_found_free(&found);
    return as_finding(job, artifact, code, &reason, err);
}

static int unpack_and_check(const struct source_job *job, const struct artifact *artifact,
                            int in_fd, const char *scratch, int copy_fd,
                            struct source_checked *checked, struct jb_error *err)
{
    struct members_options options = jbi_sqlite_packing(job, "unpack database", artifact->path);
    struct members_totals totals;
    struct jb_error reason = {0};
    int code = jbi_members_unpack_to(in_fd, copy_fd, &options, &totals, &reason);
    if (code == JB_OK || code == JB_ECORRUPT) {
        checked->bytes_read += totals.size;
        checked->sha256_known = true;
        memcpy(checked->sha256, totals.sha256, sizeof checked->sha256);
    }
    if (code < 0)
        return as_finding(job, artifact, code, &reason, err);
    if (totals.raw_size != artifact->raw_size)
        jbi_finding(job->report, JB_ERROR, artifact->path,
                    "the database in it is not the one that was backed up (%llu bytes)",
                    (unsigned long long)totals.raw_size);
    return check_content(job, artifact, scratch, checked, err);
}

static int check(const struct source_job *job, int category_fd, const struct artifact *artifact,
                 struct source_checked *checked, struct jb_error *err)
{
    struct jb_error reason = {0};
    scope_fd int in_fd = -1;
    int code = jbi_open_regular(category_fd, artifact->path, &in_fd, &reason);
    if (code < 0) {
        jbi_finding(job->report, JB_ERROR, artifact->path, "%s", reason.text);
        return JB_OK;
    }
    char scratch[SCRATCH_NAME_SIZE];
    scope_fd int copy_fd = -1;
    code = scratch_make(job, scratch, &copy_fd, err);
    if (code < 0)
        return code;
    code = unpack_and_check(job, artifact, in_fd, scratch, copy_fd, checked, err);
    scratch_remove(job, scratch);
    return code;
}

/* ---- Stage --------------------------------------------------------------------------------- */

static int fail_other_database(const struct artifact *artifact, const char *why,
                               struct jb_error *err)
{
    jbi_fail(err, JB_ECORRUPT, "the database in \"%s\" is not the one that was backed up: %s",
             artifact->path, why);
    jbi_hint(err, "restore from another backup; verify tells which ones are sound");
    return JB_ECORRUPT;
}

/* Every table is compared here, too: a restore ends with what was backed up, or not at all. */
static int check_staged(const struct source_job *job, const struct artifact *artifact, int dir_fd,
                        const char *name, struct jb_error *err)
{
    struct source_job staged = *job;
    struct source_checked checked = {0};
    staged.scratch_fd = dir_fd;
    staged.report = jbi_report_new();
    if (staged.report == NULL)
        return jbi_fail_memory(err);
    int code = check_content(&staged, artifact, name, &checked, err);
    if (code == JB_OK && jb_report_verdict(staged.report) >= JB_ERROR)
        code = fail_other_database(artifact, jb_report_finding(staged.report, 0)->message, err);
    jb_report_free(staged.report);
    return code;
}

static int stage_into(const struct source_job *job, int in_fd, int out_fd, int dir_fd,
                      const char *name, const struct artifact *artifact, struct jb_error *err)
{
    struct members_options options = jbi_sqlite_packing(job, "restore database", artifact->path);
    struct members_totals totals;
    int code = jbi_members_unpack_to(in_fd, out_fd, &options, &totals, err);
    if (code < 0)
        return code;
    if (strcmp(totals.sha256, artifact->sha256) != 0 || totals.raw_size != artifact->raw_size)
        return fail_other_database(artifact, "its checksum differs", err);
    code = check_staged(job, artifact, dir_fd, name, err);
    if (code < 0)
        return code;
    /* Owner first: the file is ours alone until it is its owner's. */
    if (fchown(out_fd, (uid_t)artifact->uid, (gid_t)artifact->gid) < 0 &&
        (geteuid() != artifact->uid || getegid() != artifact->gid)) {
        jbi_finding(
            job->report, JB_WARNING, artifact->path,
            "the restored database belongs to who restored it, not to user %llu, group %llu",
            (unsigned long long)artifact->uid, (unsigned long long)artifact->gid);
        jbi_finding_hint(job->report, "restore as root, or give it to the application with chown");
    }
    if (fchmod(out_fd, artifact->mode & 0777) < 0 || fsync(out_fd) < 0 || fsync(dir_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the database of \"%s\"", artifact->path);
    return JB_OK;
}

int jbi_sqlite_stage(const struct source_job *job, int category_fd, const struct artifact *artifact,
                     int dir_fd, const char *name, struct jb_error *err)
{
    scope_fd int in_fd = -1;
    int code = jbi_open_regular(category_fd, artifact->path, &in_fd, err);
    if (code < 0)
        return code;
    scope_fd int out_fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", name);
    code = stage_into(job, in_fd, out_fd, dir_fd, name, artifact, err);
    if (code < 0)
        unlinkat(dir_fd, name, 0);
    return code;
}

const struct source_ops jbi_sqlite_source = {
    .name = "sqlite",
    .capture = capture,
    .check = check,
};
