/* SPDX-License-Identifier: MIT */
/* backup_verify: every byte of every artifact read, and held against what the backup says. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "api/scratch.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "source/codebase.h"

struct verify_run {
    struct session session;
    struct jb_verify_options options;
    int scratch_fd;
    struct source_checked total;
    size_t backups, artifacts, bad;
};

/* Errors among the findings added since. */
static size_t errors_since(const jb_report *report, size_t from)
{
    size_t errors = report->findings_dropped > 0;
    for (size_t i = from; i < report->finding_count; i++)
        errors += report->findings[i].level >= JB_ERROR;
    return errors;
}

/* The checksums file must be, to the byte, what the manifest implies, and have its digest. */
static int verify_checksums(struct verify_run *run, const struct manifest *backup,
                            struct jb_error *err)
{
    struct session *session = &run->session;
    char name[LAYOUT_NAME_SIZE], sha256[SHA256_HEX_SIZE];
    scope_free char *text = NULL;
    scope_text expected = {0};
    size_t len;
    struct jb_error why = {0};
    jbi_checksums_name(name, backup->timestamp);
    int code =
        jbi_file_read(jbi_category_fd(session, backup), name, MANIFEST_SIZE_MAX, &text, &len, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code < 0) {
        jbi_finding(session->report, JB_ERROR, name, "%s", why.text);
        return JB_OK;
    }
    scope_digest *digest = jbi_digest_new();
    jbi_checksums_text(backup, &expected);
    if (digest == NULL || expected.failed)
        return jbi_fail_memory(err);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, text, len);
    jbi_digest_end(digest, sha256);
    if (strcmp(sha256, backup->checksum) != 0)
        jbi_finding(session->report, JB_ERROR, name,
                    "it does not have the checksum in the manifest");
    else if (len != expected.len || memcmp(text, expected.at, len) != 0)
        jbi_finding(session->report, JB_ERROR, name, "it names other checksums than the manifest");
    return JB_OK;
}

static const struct source_ops *ops_of(const struct artifact *artifact)
{
    switch (artifact->kind) {
    case ARTIFACT_SQLITE:
        return &jbi_sqlite_source;
    case ARTIFACT_POSTGRESQL:
    case ARTIFACT_POSTGRESQL_SQL:
    case ARTIFACT_POSTGRESQL_GLOBALS:
        return &jbi_postgresql_source;
    case ARTIFACT_CODEBASE:
    case ARTIFACT_INDEX:
        break;
    }
    return &jbi_codebase_source;
}

static int verify_artifact(struct verify_run *run, const struct manifest *backup,
                           const struct artifact *artifact, struct source_checked *sum,
                           struct jb_error *err)
{
    struct session *session = &run->session;
    jb_report *report = session->report;
    struct source_job job = jbi_session_job(session, backup->timestamp, run->scratch_fd);
    struct source_checked checked = {0};
    size_t before = report->finding_count;
    int code =
        ops_of(artifact)->check(&job, jbi_category_fd(session, backup), artifact, &checked, err);
    if (code < 0)
        return code;
    if (checked.sha256_known && strcmp(checked.sha256, artifact->sha256) != 0)
        jbi_finding(report, JB_ERROR, artifact->path,
                    "its %llu bytes do not have the checksum in the manifest",
                    (unsigned long long)checked.bytes_read);
    else if (!checked.sha256_known && errors_since(report, before) == 0)
        jbi_finding(report, JB_ERROR, artifact->path, "its checksum could not be taken");
    sum->bytes_read += checked.bytes_read;
    sum->files += checked.files;
    sum->tables += checked.tables;
    return JB_OK;
}

static void report_backup(struct verify_run *run, const struct manifest *backup, bool is_ok,
                          const struct source_checked *sum)
{
    jb_report *report = run->session.report;
    struct record *row = jbi_report_row(report);
    jbi_row_text(report, row, "timestamp", backup->timestamp);
    jbi_row_text(report, row, "category", jbi_category_name(backup->category));
    jbi_row_text(report, row, "type", jbi_type_name(backup->type));
    jbi_row_bool(report, row, "ok", is_ok);
    jbi_row_number(report, row, "artifacts", (int64_t)backup->artifact_count);
    jbi_row_number(report, row, "files", (int64_t)sum->files);
    jbi_row_number(report, row, "tables", (int64_t)sum->tables);
}

/* A backup that another run removed while it was read is no damage. */
static bool is_removed(struct session *session, const struct manifest *backup)
{
    char name[LAYOUT_NAME_SIZE];
    jbi_manifest_name(name, backup->timestamp);
    return faccessat(jbi_category_fd(session, backup), name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
           errno == ENOENT;
}

static int verify_backup(struct verify_run *run, const struct manifest *backup,
                         struct jb_error *err)
{
    struct session *session = &run->session;
    jb_report *report = session->report;
    struct source_checked sum = {0};
    size_t before = report->finding_count;
    int verdict_before = report->verdict;
    int code = verify_checksums(run, backup, err);
    for (size_t i = 0; i < backup->artifact_count && code == JB_OK; i++)
        code = verify_artifact(run, backup, &backup->artifacts[i], &sum, err);
    if (code < 0)
        return code;
    if (backup->artifact_count == 0)
        jbi_finding(report, JB_ERROR, backup->timestamp, "the backup holds nothing");
    bool is_ok = errors_since(report, before) == 0;
    if (!is_ok && is_removed(session, backup)) {
        report->finding_count = before;
        report->verdict = verdict_before;
        jbi_finding(report, JB_INFO, backup->timestamp,
                    "it was removed while it was being verified");
        return JB_OK;
    }
    run->backups++;
    run->bad += !is_ok;
    run->artifacts += backup->artifact_count;
    run->total.bytes_read += sum.bytes_read;
    run->total.files += sum.files;
    run->total.tables += sum.tables;
    report_backup(run, backup, is_ok, &sum);
    return JB_OK;
}

static int verify_all(struct verify_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    const struct catalog *catalog = &session->catalog;
    const struct manifest *one;
    int code = JB_OK;
    if (run->options.timestamp != NULL) {
        struct jb_error why = {0};
        code = jbi_catalog_find(catalog, run->options.timestamp, &one, &why);
        if (code == JB_OK)
            return verify_backup(run, one, err);
        if (code != JB_ECORRUPT)
            *err = why;
        bool is_damaged = code == JB_ECORRUPT;
        if (is_damaged)
            jbi_finding(session->report, JB_ERROR, run->options.timestamp, "%s", why.text);
        run->backups += is_damaged;
        run->bad += is_damaged;
        return is_damaged ? JB_OK : code;
    }
    for (size_t i = 0; i < catalog->count && code == JB_OK; i++)
        code = verify_backup(run, &catalog->backups[i], err);
    if (code == JB_OK && catalog->count == 0 && catalog->damaged == 0) {
        jbi_finding(session->report, JB_ERROR, session->project->backup_dir,
                    "there is no backup, so nothing was verified");
        jbi_finding_hint(session->report, "make one with \"jbackup backup\"");
    }
    return code;
}

static void report_figures(struct verify_run *run)
{
    jb_report *report = run->session.report;
    struct record *figures = &report->figures;
    size_t damaged = run->options.timestamp == NULL ? run->session.catalog.damaged : 0;
    jbi_row_number(report, figures, "backups", (int64_t)(run->backups + damaged));
    jbi_row_number(report, figures, "artifacts", (int64_t)run->artifacts);
    jbi_row_number(report, figures, "files", (int64_t)run->total.files);
    jbi_row_number(report, figures, "tables", (int64_t)run->total.tables);
    jbi_row_number(report, figures, "bytes_read", (int64_t)run->total.bytes_read);
    jbi_row_number(report, figures, "duration_ms", jbi_monotonic_ms() - run->session.begin_ms);
    jbi_row_number(report, figures, "bad", (int64_t)(run->bad + damaged));
}

int backup_verify(jb_project *project, const struct jb_verify_options *options, jb_report **report,
                  struct jb_error *err)
{
    struct verify_run run = {.options = JB_VERIFY_OPTIONS_INIT, .scratch_fd = -1};
    struct scratch scratch = SCRATCH_INIT;
    int code = jbi_options_take(&run.options, sizeof run.options, options, err);
    if (code < 0)
        return code;
    code = jbi_session_read(&run.session, project,
                            run.options.timestamp == NULL ? JB_ERROR : JB_WARNING, err);
    if (code == JB_OK)
        code = jbi_scratch_begin(&scratch, run.session.repository.state_fd, run.session.err);
    run.scratch_fd = scratch.fd;
    if (code == JB_OK)
        code = verify_all(&run, run.session.err);
    if (code == JB_OK)
        report_figures(&run);
    jbi_scratch_end(&scratch);
    return jbi_session_end(&run.session, code, report);
}
