/* SPDX-License-Identifier: MIT */
/* backup_verify: one backup after the other, and what they come to together. */
#include "api/scratch.h"
#include "api/verify_backup.h"
#include "api/verify_keep.h"
#include "api/verify_rates.h"
#include "base/clock.h"

struct verify_run {
    struct session session;
    struct jb_verify_options options;
    int scratch_fd;
    struct source_checked total;
    uint64_t bytes_decoded, bytes_restored;
    int64_t look_ms, restore_ms;
    size_t backups, artifacts, bad, incomplete, skipped;
    struct past_run *past;
    size_t past_count;
};

static void report_backup(const struct verification *v, enum proof_result result,
                          int64_t duration_ms)
{
    jb_report *report = v->session->report;
    const struct manifest *backup = v->backup;
    struct record *row = jbi_report_row(report);
    jbi_row_text(report, row, "timestamp", backup->timestamp);
    jbi_row_text(report, row, "category", jbi_category_name(backup->category));
    jbi_row_text(report, row, "type", jbi_type_name(backup->type));
    jbi_row_bool(report, row, "ok", result == PROOF_EQUAL);
    jbi_row_text(report, row, "result",
                 result == PROOF_EQUAL && v->skipped > 0 ? "skipped"
                                                         : jbi_proof_result_name(result));
    jbi_row_text(report, row, "depth", jbi_proof_depth_name(jbi_proof_depth_of(v->depth)));
    jbi_row_number(report, row, "artifacts", (int64_t)backup->artifact_count);
    jbi_row_number(report, row, "files", (int64_t)v->sum.files);
    jbi_row_number(report, row, "tables", (int64_t)v->sum.tables);
    jbi_row_number(report, row, "duration_ms", duration_ms);
    jbi_row_text(report, row, "restored_in", v->restored_in);
    jbi_row_number(report, row, "skipped", (int64_t)v->skipped);
}

static void count_backup(struct verify_run *run, const struct verification *v,
                         enum proof_result result)
{
    run->backups++;
    run->bad += result != PROOF_EQUAL;
    run->incomplete += result == PROOF_INCOMPLETE;
    run->artifacts += v->backup->artifact_count - v->skipped;
    run->skipped += v->skipped;
    run->total.bytes_read += v->sum.bytes_read;
    run->total.files += v->sum.files;
    run->total.tables += v->sum.tables;
    run->bytes_decoded += v->bytes_decoded;
    run->bytes_restored += v->bytes_restored;
    run->look_ms += v->look_ms;
    run->restore_ms += v->restore_ms;
}

static int verify_backup(struct verify_run *run, const struct manifest *backup,
                         struct jb_error *err)
{
    struct verification v = {
        .session = &run->session,
        .backup = backup,
        .depth = run->options.depth,
        .sample = run->options.sample ? run->options.sample : 100,
        .scratch_fd = run->scratch_fd,
        .if_older_days = run->options.if_older_days,
        .past = run->past,
        .past_count = run->past_count,
    };
    struct verified verified;
    int code = jbi_verify_backup(&v, &verified, err);
    if (code < 0 || verified.is_gone)
        return code;
    count_backup(run, &v, verified.result);
    report_backup(&v, verified.result, verified.duration_ms);
    return JB_OK;
}

static void count_damaged(struct verify_run *run, const char *timestamp, const char *why)
{
    jbi_finding(run->session.report, JB_ERROR, timestamp, "%s", why);
    run->backups++;
    run->bad++;
}

static int verify_one(struct verify_run *run, struct jb_error *err)
{
    const struct manifest *one;
    struct jb_error why = {0};
    int code = jbi_catalog_find(&run->session.catalog, run->options.timestamp, &one, &why);
    if (code == JB_OK)
        return verify_backup(run, one, err);
    if (code == JB_ECORRUPT) {
        count_damaged(run, run->options.timestamp, why.text);
        return JB_OK;
    }
    *err = why;
    return code;
}

/* A manifest that can't be read may be the latest if its name says so: that is no pass. */
static void count_damaged_latest(struct verify_run *run)
{
    const struct catalog *catalog = &run->session.catalog;
    const char *newest = catalog->count > 0 ? catalog->backups[0].timestamp : "";
    for (size_t i = 0; i < catalog->damaged; i++) {
        if (strcmp(catalog->damaged_timestamps[i], newest) > 0)
            count_damaged(run, catalog->damaged_timestamps[i],
                          "its manifest can't be read, and it may be the latest backup");
    }
}

static int verify_many(struct verify_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    const struct catalog *catalog = &session->catalog;
    size_t count = run->options.latest && catalog->count > 1 ? 1 : catalog->count;
    int code = JB_OK;
    if (run->options.latest)
        count_damaged_latest(run);
    for (size_t i = 0; i < count && code == JB_OK; i++)
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
    int64_t duration_ms = jbi_monotonic_ms() - run->session.begin_ms;
    bool is_all = run->options.timestamp == NULL && !run->options.latest;
    size_t damaged = is_all ? run->session.catalog.damaged : 0;
    jbi_row_number(report, figures, "backups", (int64_t)(run->backups + damaged));
    jbi_row_number(report, figures, "artifacts", (int64_t)run->artifacts);
    jbi_row_number(report, figures, "files", (int64_t)run->total.files);
    jbi_row_number(report, figures, "tables", (int64_t)run->total.tables);
    jbi_row_number(report, figures, "bytes_read", (int64_t)run->total.bytes_read);
    jbi_row_number(report, figures, "bytes_restored", (int64_t)run->bytes_restored);
    jbi_row_number(report, figures, "duration_ms", duration_ms);
    jbi_row_text(report, figures, "depth",
                 jbi_proof_depth_name(jbi_proof_depth_of(run->options.depth)));
    jbi_row_number(report, figures, "sample", run->options.sample ? run->options.sample : 100);
    jbi_row_number(report, figures, "read_mb_s", jbi_rate(run->total.bytes_read, run->look_ms));
    jbi_row_number(report, figures, "decoded_mb_s", jbi_rate(run->bytes_decoded, run->look_ms));
    jbi_row_number(report, figures, "restored_mb_s",
                   jbi_rate(run->bytes_restored, run->restore_ms));
    jbi_row_number(report, figures, "bad", (int64_t)(run->bad + damaged));
    jbi_row_number(report, figures, "incomplete", (int64_t)run->incomplete);
    jbi_row_number(report, figures, "skipped", (int64_t)run->skipped);
}

static int check_options(const struct jb_verify_options *options, struct jb_error *err)
{
    if (options->depth < JB_DEPTH_CONTENT || options->depth > JB_DEPTH_RESTORE)
        return jbi_fail(err, JB_EINVAL, "no such depth of verification");
    if (options->sample < 0 || options->sample > 100)
        return jbi_fail(err, JB_EINVAL, "a sample is from 1 to 100 percent");
    bool is_sample = options->sample > 0 && options->sample < 100;
    if (is_sample && options->depth != JB_DEPTH_CONTENT) {
        jbi_fail(err, JB_EINVAL, "a sample is taken at depth content only");
        jbi_hint(err, "leave the sample out: at the other depths all is read");
        return JB_EINVAL;
    }
    if (options->if_older_days < 0)
        return jbi_fail(err, JB_EINVAL, "days are not negative");
    if (options->if_older_days > 0 && options->depth != JB_DEPTH_BYTES) {
        jbi_fail(err, JB_EINVAL, "what was read of late is skipped at depth bytes only");
        jbi_hint(err, "add \"--depth bytes\", or leave the age out");
        return JB_EINVAL;
    }
    if (options->timestamp != NULL && options->latest)
        return jbi_fail(err, JB_EINVAL, "one backup, or the latest: not both");
    return JB_OK;
}

int backup_verify(jb_project *project, const struct jb_verify_options *options, jb_report **report,
                  struct jb_error *err)
{
    struct verify_run run = {.options = JB_VERIFY_OPTIONS_INIT, .scratch_fd = -1};
    struct scratch scratch = SCRATCH_INIT;
    int code = jbi_options_take(&run.options, sizeof run.options, options, err);
    if (code == JB_OK)
        code = check_options(&run.options, err);
    if (code < 0)
        return code;
    bool is_one = run.options.timestamp != NULL || run.options.latest;
    code = jbi_session_read(&run.session, project, is_one ? JB_WARNING : JB_ERROR, err);
    if (code == JB_OK)
        code = jbi_scratch_begin(&scratch, run.session.repository.state_fd, run.session.err);
    run.scratch_fd = scratch.fd;
    if (code == JB_OK)
        code = jbi_past_runs(&run.session, &run.past, &run.past_count, run.session.err);
    if (code == JB_OK)
        code = run.options.timestamp != NULL ? verify_one(&run, run.session.err)
                                             : verify_many(&run, run.session.err);
    if (code == JB_OK)
        report_figures(&run);
    jbi_scratch_end(&scratch);
    return jbi_session_end(&run.session, code, report);
}
