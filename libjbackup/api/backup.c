/* SPDX-License-Identifier: MIT */
/* backup_create: capture into staging, link what is unchanged, publish. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/git.h"
#include "api/restore_aftermath.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/text.h"
#include "repository/proof.h"
#include "source/codebase.h"

#define LABEL_MAX     200
#define KEEP_DAYS_MAX 36525 /* 100 years: more is a slip */

struct backup_run {
    struct session session;
    struct jb_backup_options options;
    struct manifest manifest;
    struct git_state git;
    bool with_databases, with_code;
    int staging_fd;
};

static int check_label(const char *label, struct jb_error *err)
{
    if (label == NULL)
        return JB_OK;
    char printable[4 * LABEL_MAX + 8];
    size_t len = strlen(label);
    if (len > LABEL_MAX || len == 0)
        return jbi_fail(err, JB_EINVAL, "a label has from 1 to %d bytes", LABEL_MAX);
    if (strcmp(jbi_escape(printable, sizeof printable, label, len), label) != 0)
        return jbi_fail(err, JB_EINVAL, "the label is not printable text in one line");
    return JB_OK;
}

/* A repository is left out of the code, so one that is the root, or holds it, would leave nothing.
 */
static int check_place(const jb_project *project, struct jb_error *err)
{
    const char *place = project->trial_of ? project->trial_of : project->backup_dir;
    scope_free char *root = realpath(project->root, NULL);
    scope_free char *repository = realpath(place, NULL);
    if (root == NULL || repository == NULL)
        return JB_OK;
    size_t len = strlen(repository);
    if (strncmp(root, repository, len) != 0 || (root[len] != '\0' && root[len] != '/'))
        return JB_OK;
    jbi_fail(err, JB_EINVAL, "the backups would lie in \"%s\", which %s the root of the code",
             place, root[len] == '\0' ? "is" : "holds");
    jbi_hint(err, "name another \"backup_dir\", e.g. the folder backups in it");
    return JB_EINVAL;
}

/* What is to be saved, and under which category. */
static int plan(struct backup_run *run, const jb_project *project, struct jb_error *err)
{
    const struct jb_backup_options *options = &run->options;
    int code = check_label(options->label, err);
    if (code < 0)
        return code;
    if (options->type < JB_TYPE_FULL || options->type > JB_TYPE_CODEBASE || options->wait_s < 0)
        return jbi_fail(err, JB_EINVAL, "no such type of backup, or a negative time to wait");
    if (options->keep_days < 0 || options->keep_days > KEEP_DAYS_MAX)
        return jbi_fail(err, JB_EINVAL, "days to keep a backup are from 0 to %d", KEEP_DAYS_MAX);
    enum category category = jbi_category_of(jbi_now_us() / 1000000);
    if (options->category != NULL && !jbi_category_parse(options->category, &category))
        return jbi_fail(err, JB_EINVAL, "unknown category \"%s\": daily, weekly or monthly",
                        options->category);
    run->manifest.category = category;
    run->with_code = options->type != JB_TYPE_DATABASE;
    run->with_databases = options->type != JB_TYPE_CODEBASE && project->database_count > 0;
    if (options->type != JB_TYPE_CODEBASE && project->ambiguous != NULL) {
        jbi_fail(err, JB_EINVAL, "%s", project->ambiguous);
        jbi_hint(err, "%s",
                 project->ambiguous_hint
                     ? project->ambiguous_hint
                     : "name it in jbackup.json: {\"databases\": [\"sqlite:///path.db\"]}");
        return JB_EINVAL;
    }
    if (options->type == JB_TYPE_DATABASE && !run->with_databases) {
        jbi_fail(err, JB_EINVAL, "the project has no database to back up");
        jbi_hint(err, "name it in jbackup.json (\"databases\") or as DATABASE_URL in .env");
        return JB_EINVAL;
    }
    run->manifest.type = run->with_code && run->with_databases ? JB_TYPE_FULL
                         : run->with_code                      ? JB_TYPE_CODEBASE
                                                               : JB_TYPE_DATABASE;
    return run->with_code ? check_place(project, err) : JB_OK;
}

static void say_what_was_found(struct backup_run *run, const jb_project *project)
{
    jb_report *report = run->session.report;
    if (project->found != NULL && run->with_databases)
        jbi_finding(report, JB_INFO, project->name, "%s", project->found);
    if (run->options.type == JB_TYPE_FULL && !run->with_databases && !project->databases_named) {
        jbi_finding(report, JB_WARNING, project->name,
                    "no database is configured, so only the code was backed up");
        jbi_finding_hint(report, "name it in jbackup.json, or say \"databases\": [] there");
    }
}

/* Order by sequence holds whatever the clock does, but people should hear of the clock. */
static void say_clock(struct backup_run *run, int64_t now_us)
{
    const struct catalog *catalog = &run->session.catalog;
    if (catalog->count == 0 || catalog->backups[0].created_us <= now_us + 60 * 1000000LL)
        return;
    char newest[ISO_TIME_SIZE];
    jbi_iso_time(newest, catalog->backups[0].created_us, false);
    jbi_finding(run->session.report, JB_WARNING, "clock",
                "the newest backup is of %s, which is still to come", newest);
    jbi_finding_hint(run->session.report, "check the clock of this machine");
}

static int manifest_begin(struct backup_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    struct manifest *manifest = &run->manifest;
    char host[256] = "";
    int64_t now_us = jbi_now_us();
    say_clock(run, now_us);
    int code =
        jbi_timestamp_reserve(&session->repository, now_us / 1000000, manifest->timestamp, err);
    if (code < 0)
        return code;
    gethostname(host, sizeof host - 1);
    manifest->created_us = now_us;
    manifest->label = run->options.label;
    if (run->options.keep_days > 0)
        manifest->keep_until_us = now_us + run->options.keep_days * 86400LL * 1000000;
    manifest->project = session->project->name;
    manifest->host = jbi_arena_text(&session->arena, host);
    manifest->tool = "jbackup " JBACKUP_VERSION;
    size_t most = (session->project->database_count + 1) * SOURCE_ARTIFACTS_MAX;
    manifest->artifacts = jbi_arena_alloc(&session->arena, most * sizeof *manifest->artifacts);
    for (size_t i = 0; i < session->catalog.count; i++) {
        if (session->catalog.backups[i].sequence >= manifest->sequence)
            manifest->sequence = session->catalog.backups[i].sequence + 1;
    }
    if (manifest->sequence == 0)
        manifest->sequence = 1;
    return manifest->host && manifest->artifacts ? JB_OK : jbi_fail_memory(err);
}

static int capture_one(struct backup_run *run, const struct source_ops *ops, const void *config,
                       struct jb_error *err)
{
    struct session *session = &run->session;
    struct manifest *manifest = &run->manifest;
    struct source_job job = jbi_session_job(session, manifest->timestamp, run->staging_fd);
    size_t count = 0;
    int code = ops->capture(config, &job, run->staging_fd,
                            manifest->artifacts + manifest->artifact_count, &count, err);
    if (code == JB_OK)
        manifest->artifact_count += count;
    return code;
}

/* The newest backup that has such an artifact; NULL: none has. */
static const struct manifest *newest_with(const struct catalog *catalog, enum artifact_kind kind,
                                          const char *name)
{
    for (size_t i = 0; i < catalog->count; i++) {
        if (jbi_manifest_artifact(&catalog->backups[i], kind, name) != NULL)
            return &catalog->backups[i];
    }
    return NULL;
}

/* Whether members may be copied from this backup (NULL: there is none): not if it was found
 * different from what it should be, nor if the clock has been set back to before it. */
static int can_copy_from(struct backup_run *run, const struct manifest *backup,
                         struct jb_error *err)
{
    struct session *session = &run->session;
    struct proofs proofs;
    int64_t since;
    if (backup == NULL || backup->created_us > run->manifest.created_us)
        return 0;
    int code = jbi_proofs_load(&session->repository, backup, &session->arena, session->report,
                               &proofs, err);
    return code < 0 ? code : jbi_proofs_state(&proofs, &since) != PROOF_STATE_BROKEN;
}

static int capture_sqlite(struct backup_run *run, const struct sqlite_source *configured,
                          struct jb_error *err)
{
    struct session *session = &run->session;
    struct sqlite_source source = *configured;
    struct sqlite_previous previous;
    const struct manifest *newest = newest_with(&session->catalog, ARTIFACT_SQLITE, source.name);
    int can_copy = run->options.reread ? 0 : can_copy_from(run, newest, err);
    if (can_copy < 0)
        return can_copy;
    if (can_copy > 0) {
        previous = (struct sqlite_previous){
            .category_fd = jbi_category_fd(session, newest),
            .artifact = jbi_manifest_artifact(newest, ARTIFACT_SQLITE, source.name),
        };
        source.previous = &previous;
    }
    return capture_one(run, &jbi_sqlite_source, &source, err);
}

static bool wants_sql(const struct backup_run *run)
{
    enum plain_sql wanted = run->session.project->plain_sql;
    return wanted == PLAIN_SQL_ALWAYS ||
           (wanted == PLAIN_SQL_DAILY && run->manifest.category == CATEGORY_DAILY);
}

static int capture_databases(struct backup_run *run, struct jb_error *err)
{
    const jb_project *project = run->session.project;
    int code = JB_OK;
    for (size_t i = 0; i < project->database_count && code == JB_OK; i++) {
        const struct database *database = &project->databases[i];
        struct postgresql_source postgresql = database->postgresql;
        postgresql.with_sql = wants_sql(run);
        code = database->kind == DATABASE_SQLITE
                   ? capture_sqlite(run, &database->sqlite, err)
                   : capture_one(run, &jbi_postgresql_source, &postgresql, err);
    }
    return code;
}

static int capture_code(struct backup_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    const jb_project *project = session->project;
    const struct manifest *newest = newest_with(&session->catalog, ARTIFACT_CODEBASE, NULL);
    struct codebase_previous previous;
    struct codebase_source source;
    int code = jbi_project_code(&source, project, project->root, project->databases,
                                project->database_count, &session->arena, err);
    int can_copy = code == JB_OK ? can_copy_from(run, newest, err) : code;
    if (can_copy < 0)
        return can_copy;
    if (can_copy > 0 && jbi_manifest_artifact(newest, ARTIFACT_INDEX, NULL) != NULL) {
        previous = (struct codebase_previous){
            .category_fd = jbi_category_fd(session, newest),
            .archive = jbi_manifest_artifact(newest, ARTIFACT_CODEBASE, NULL),
            .index = jbi_manifest_artifact(newest, ARTIFACT_INDEX, NULL),
            .created_us = newest->created_us,
            .only_compare = run->options.reread != 0 || run->manifest.category == CATEGORY_MONTHLY,
        };
        source.previous = &previous;
    }
    return capture_one(run, &jbi_codebase_source, &source, err);
}

static int capture_all(struct backup_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    int code = JB_OK;
    if (run->with_databases)
        code = capture_databases(run, err);
    if (code == JB_OK && run->with_code) {
        jbi_git_look(&run->git, session->project->root, &session->arena, session->report);
        code = capture_code(run, err);
    }
    run->manifest.git_commit = run->git.commit;
    run->manifest.git_branch = run->git.branch;
    run->manifest.git_dirty = run->git.dirty;
    return code;
}

static int make(struct backup_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    int code = jbi_staging_begin(&session->repository, run->manifest.timestamp, run->with_databases,
                                 &run->staging_fd, err);
    if (code == JB_OK)
        code = capture_all(run, err);
    if (code == JB_OK)
        code = jbi_staging_link_equal(&session->repository, run->staging_fd, &run->manifest,
                                      &session->catalog, err);
    if (code == JB_OK) {
        run->manifest.duration_ms = jbi_monotonic_ms() - session->begin_ms;
        code = jbi_progress(&session->project->hooks, "publish", 0, 0, "", err);
    }
    if (code == JB_OK)
        code = jbi_repository_publish(&session->repository, run->staging_fd, &run->manifest, err);
    if (run->staging_fd >= 0)
        close(run->staging_fd);
    return code;
}

static void report_postgresql(jb_report *report, struct record *row,
                              const struct artifact *artifact)
{
    jbi_row_text(report, row, "from", artifact->from);
    jbi_row_text(report, row, "server_version", artifact->server_version);
    jbi_row_text(report, row, "client_version", artifact->postgresql->client_version);
    jbi_row_number(report, row, "table_count", (int64_t)artifact->table_count);
    jbi_row_bool(report, row, "encrypted", artifact->postgresql->is_encrypted);
}

static void report_artifacts(struct backup_run *run)
{
    jb_report *report = run->session.report;
    const struct manifest *manifest = &run->manifest;
    for (size_t i = 0; i < manifest->artifact_count; i++) {
        const struct artifact *artifact = &manifest->artifacts[i];
        struct record *row = jbi_report_row(report);
        jbi_row_text(report, row, "path", artifact->path);
        jbi_row_text(report, row, "kind", jbi_artifact_kind_name(artifact->kind));
        jbi_row_text(report, row, "name", artifact->name);
        jbi_row_number(report, row, "size", (int64_t)artifact->size);
        jbi_row_number(report, row, "raw_size", (int64_t)artifact->raw_size);
        jbi_row_text(report, row, "sha256", artifact->sha256);
        jbi_row_bool(report, row, "linked", artifact->linked);
        jbi_row_number(report, row, "copied_bytes", (int64_t)artifact->copied_bytes);
        if (artifact->kind == ARTIFACT_POSTGRESQL)
            report_postgresql(report, row, artifact);
    }
}

static void report_backup(struct backup_run *run)
{
    struct session *session = &run->session;
    jb_report *report = session->report;
    struct record *figures = &report->figures;
    const struct manifest *manifest = &run->manifest;
    const struct artifact *code = jbi_manifest_artifact(manifest, ARTIFACT_CODEBASE, NULL);
    char *path =
        jbi_arena_printf(&session->arena, "%s/%s/manifest_%s.json", session->project->backup_dir,
                         jbi_category_name(manifest->category), manifest->timestamp);
    int64_t linked = 0, copied = 0;
    for (size_t i = 0; i < manifest->artifact_count; i++) {
        linked += manifest->artifacts[i].linked;
        copied += (int64_t)manifest->artifacts[i].copied_bytes;
    }
    jbi_row_text(report, figures, "timestamp", manifest->timestamp);
    jbi_row_text(report, figures, "category", jbi_category_name(manifest->category));
    jbi_row_text(report, figures, "type", jbi_type_name(manifest->type));
    jbi_row_text(report, figures, "path", path);
    jbi_row_number(report, figures, "duration_ms", jbi_monotonic_ms() - session->begin_ms);
    jbi_row_number(report, figures, "total_size", (int64_t)manifest->total_size);
    jbi_row_number(report, figures, "linked", linked);
    jbi_row_number(report, figures, "files", code ? (int64_t)code->files : 0);
    jbi_row_number(report, figures, "file_bytes", code ? (int64_t)code->file_bytes : 0);
    jbi_row_number(report, figures, "copied_bytes", copied);
    report_artifacts(run);
}

/* After the backup is published nothing may turn it into a failure. */
static void finish(struct backup_run *run)
{
    struct session *session = &run->session;
    struct jb_error why = {0};
    char size[16], line[256];
    if (jbi_repository_write_restore_text(&session->repository, &why) < 0)
        jbi_finding(session->report, JB_WARNING, "RESTORE.txt", "%s", why.text);
    say_what_was_found(run, session->project);
    jbi_restore_forget(session);
    report_backup(run);
    snprintf(line, sizeof line, "backup %s %s %s: %s in %.1f s, %zu findings",
             run->manifest.timestamp, jbi_category_name(run->manifest.category),
             jbi_type_name(run->manifest.type), jbi_human_size(size, run->manifest.total_size),
             (double)(jbi_monotonic_ms() - session->begin_ms) / 1000,
             session->report->finding_count);
    jbi_repository_log(&session->repository, line);
    jbi_log(&session->project->hooks, LOG_INFO, "%s", line);
}

static void give_up(struct backup_run *run)
{
    struct session *session = &run->session;
    struct jb_error unwanted = {0};
    jbi_staging_discard(&session->repository, &unwanted);
    char line[1200];
    snprintf(line, sizeof line, "backup failed: %s", session->err->text);
    jbi_repository_log(&session->repository, line);
    jbi_log(&session->project->hooks, LOG_ERROR, "%s", line);
}

int backup_create(jb_project *project, const struct jb_backup_options *options, jb_report **report,
                  struct jb_error *err)
{
    struct backup_run run = {.options = JB_BACKUP_OPTIONS_INIT, .staging_fd = -1};
    run.git.dirty = -1;
    int code = jbi_options_take(&run.options, sizeof run.options, options, err);
    if (code == JB_OK)
        code = plan(&run, project, err);
    if (code < 0)
        return code;
    code = jbi_session_write(&run.session, project, run.options.wait_s, "backup", err);
    if (code == JB_OK) {
        code = jbi_restore_warn(&run.session, run.session.err);
        if (code == JB_OK)
            code = manifest_begin(&run, run.session.err);
        if (code == JB_OK)
            code = make(&run, run.session.err);
        if (code == JB_OK)
            finish(&run);
        else
            give_up(&run);
    }
    return jbi_session_end(&run.session, code, report);
}
