/* SPDX-License-Identifier: MIT */
/* The report of jb_verify_system: what the tests found, and what is known of every backup. */
#include "api/system_report.h"

#include <unistd.h>

#include "api/verification_page.h"
#include "base/clock.h"
#include "base/scope.h"
#include "os/file.h"

#define REPORT_NAME "backup_verification_report_"

/* What is being told, and counted on the way. */
struct telling {
    const struct system_run *run;
    struct session session;
    size_t failed;
    size_t states[PROOF_STATE_BROKEN + 1];
    const struct manifest *proved; /* the newest that is */
    int64_t proved_us;
};

/* ---- Tests ---------------------------------------------------------------------------------- */

static void tell_test(struct telling *t, const struct system_result *result)
{
    jb_report *report = t->session.report;
    const jb_report *found = result->report;
    bool is_ok = found->verdict < JB_ERROR;
    struct record *row = jbi_report_row(report);
    bool has_finding = found->finding_count + found->findings_dropped > 0;
    t->failed += !is_ok;
    report->failed = report->failed || found->failed || result->did.failed;
    jbi_row_text(report, row, "row", "test");
    jbi_row_text(report, row, "test", result->name);
    jbi_row_bool(report, row, "ok", is_ok);
    jbi_row_text(report, row, "level", has_finding ? jb_level_name(found->verdict) : NULL);
    jbi_row_number(report, row, "findings", (int64_t)(found->finding_count));
    jbi_row_number(report, row, "duration_ms", result->duration_ms);
    jbi_row_text(report, row, "did", result->did.at ? result->did.at : "");
    jbi_report_merge(report, found, result->name);
}

/* ---- Backups -------------------------------------------------------------------------------- */

/* The state as jbi_describe_backup has just told it. */
static void count_state(struct telling *t, const struct manifest *backup)
{
    const jb_report *report = t->session.report;
    size_t row = report->row_count - 1;
    const char *state = jb_report_text(report, row, "proof");
    const char *at = jb_report_text(report, row, "proof_at");
    for (int i = PROOF_STATE_UNCHECKED; state != NULL && i <= PROOF_STATE_BROKEN; i++)
        t->states[i] += strcmp(state, jbi_proof_state_name((enum proof_state)i)) == 0;
    if (t->proved == NULL && state != NULL && at != NULL &&
        strcmp(state, jbi_proof_state_name(PROOF_STATE_PROVED)) == 0 &&
        jbi_iso_time_parse(at, &t->proved_us))
        t->proved = backup;
}

static void tell_backup(struct telling *t, const struct manifest *backup)
{
    jb_report *report = t->session.report;
    struct record *row = jbi_report_row(report);
    jbi_row_text(report, row, "row", "backup");
    jbi_describe_backup(&t->session, row, backup);
    jbi_row_number(report, row, "created_unix", backup->created_us / 1000000);
    jbi_row_number(report, row, "duration_ms", backup->duration_ms);
    count_state(t, backup);
}

static void tell_run(struct telling *t, const struct past_run *past)
{
    jb_report *report = t->session.report;
    const struct proof *proof = past->proof;
    struct rates rates = jbi_rates_of(proof);
    struct record *row = jbi_report_row(report);
    char at[ISO_TIME_SIZE];
    jbi_iso_time(at, proof->at_us, false);
    jbi_row_text(report, row, "row", "run");
    jbi_row_text(report, row, "at", at);
    jbi_row_number(report, row, "at_unix", proof->at_us / 1000000);
    jbi_row_text(report, row, "timestamp", past->backup->timestamp);
    jbi_row_text(report, row, "depth", jbi_proof_depth_name(proof->depth));
    jbi_row_text(report, row, "result", jbi_proof_result_name(proof->result));
    jbi_row_number(report, row, "sample", proof->sample);
    jbi_row_number(report, row, "duration_ms", proof->duration_ms);
    jbi_row_number(report, row, "read_mb_s", rates.read);
    jbi_row_number(report, row, "decoded_mb_s", rates.decoded);
    jbi_row_number(report, row, "restored_mb_s", rates.restored);
}

/* ---- The whole ------------------------------------------------------------------------------ */

static void tell_place(struct telling *t)
{
    jb_report *report = t->session.report;
    struct record *figures = &report->figures;
    char at[ISO_TIME_SIZE], host[256] = "";
    gethostname(host, sizeof host - 1);
    jbi_iso_time(at, jbi_now_us(), false);
    jbi_row_text(report, figures, "at", at);
    jbi_row_text(report, figures, "host", host);
    jbi_row_text(report, figures, "tool", "jbackup " JBACKUP_VERSION);
    jbi_row_text(report, figures, "project", t->run->project->name);
    jbi_row_text(report, figures, "repository", t->run->project->backup_dir);
    jbi_row_number(report, figures, "tests", (int64_t)t->run->result_count);
    jbi_row_number(report, figures, "passed", (int64_t)(t->run->result_count - t->failed));
    jbi_row_number(report, figures, "failed", (int64_t)t->failed);
}

static void tell_proofs(struct telling *t)
{
    jb_report *report = t->session.report;
    struct record *figures = &report->figures;
    const struct catalog *catalog = &t->session.catalog;
    const struct manifest *newest = catalog->count > 0 ? &catalog->backups[0] : NULL;
    char created[ISO_TIME_SIZE], proved[ISO_TIME_SIZE];
    jbi_iso_time(created, newest ? newest->created_us : 0, false);
    jbi_iso_time(proved, t->proved_us, false);
    jbi_row_number(report, figures, "backups", (int64_t)catalog->count);
    for (int i = PROOF_STATE_BROKEN; i >= PROOF_STATE_UNCHECKED; i--)
        jbi_row_number(report, figures, jbi_proof_state_name((enum proof_state)i),
                       (int64_t)t->states[i]);
    jbi_row_text(report, figures, "newest", newest ? newest->timestamp : NULL);
    jbi_row_text(report, figures, "newest_at", newest ? created : NULL);
    jbi_row_text(report, figures, "newest_proved", t->proved ? t->proved->timestamp : NULL);
    jbi_row_text(report, figures, "proved_at", t->proved ? proved : NULL);
    jbi_row_number(report, figures, "proof_age_s",
                   t->proved ? (jbi_now_us() - t->proved_us) / 1000000 : -1);
}

/* The newest backup of the code and all databases; else the newest. */
static const struct manifest *backup_to_estimate(const struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->backups[i].type == JB_TYPE_FULL)
            return &catalog->backups[i];
    }
    return catalog->count > 0 ? &catalog->backups[0] : NULL;
}

static void tell_speed(struct telling *t, const struct past_run *past, size_t count)
{
    jb_report *report = t->session.report;
    struct record *figures = &report->figures;
    const struct manifest *of = backup_to_estimate(&t->session.catalog);
    int64_t estimate_ms = of ? jbi_restore_estimate_ms(of, past, count) : 0;
    jbi_row_number(report, figures, "read_mb_s", t->run->rates.read);
    jbi_row_number(report, figures, "decoded_mb_s", t->run->rates.decoded);
    jbi_row_number(report, figures, "restored_mb_s", t->run->rates.restored);
    jbi_row_number(report, figures, "restore_estimate_ms", estimate_ms);
    jbi_row_text(report, figures, "restore_estimate_of", estimate_ms > 0 ? of->timestamp : NULL);
    jbi_row_number(report, figures, "duration_ms", jbi_monotonic_ms() - t->run->begin_ms);
}

static int write_file(const struct repository *repository, const char *name, const char *text,
                      size_t len, struct jb_error *err)
{
    return jbi_file_write_atomic(repository->fd, name, text, len, 0600, err);
}

/* The files' own names stand in them, so they come last. */
static int write_report(struct telling *t, struct jb_error *err)
{
    jb_report *report = t->session.report;
    const char *folder = t->run->project->backup_dir;
    struct repository repository;
    struct arena *arena = &t->session.arena;
    char timestamp[TIMESTAMP_SIZE];
    jbi_timestamp(timestamp, jbi_now_us() / 1000000);
    const char *json = jbi_arena_printf(arena, "%s/" REPORT_NAME "%s.json", folder, timestamp);
    const char *html = jbi_arena_printf(arena, "%s/" REPORT_NAME "%s.html", folder, timestamp);
    if (json == NULL || html == NULL)
        return jbi_fail_memory(err);
    int code = jbi_repository_open(&repository, folder, true, NULL, err);
    if (code == JB_OK) {
        scope_text page = {0};
        jbi_row_text(report, &report->figures, "json", json);
        jbi_row_text(report, &report->figures, "html", html);
        jbi_verification_page(report, &page);
        const char *text = jb_report_json(report);
        if (text == NULL || page.failed || report->failed)
            code = jbi_fail_memory(err);
        if (code == JB_OK)
            code = write_file(&repository, strrchr(json, '/') + 1, text, strlen(text), err);
        if (code == JB_OK)
            code = write_file(&repository, strrchr(html, '/') + 1, page.at, page.len, err);
    }
    jbi_repository_close(&repository);
    return code;
}

static int tell(struct telling *t, struct jb_error *err)
{
    jb_report *report = t->session.report;
    const struct catalog *catalog = &t->session.catalog;
    struct past_run *past;
    size_t count;
    int code = jbi_past_runs(&t->session, &past, &count, err);
    if (code < 0)
        return code;
    for (size_t i = 0; i < t->run->result_count; i++)
        tell_test(t, &t->run->results[i]);
    for (size_t i = 0; i < catalog->count; i++)
        tell_backup(t, &catalog->backups[i]);
    for (size_t i = 0; i < count && i < SYSTEM_RUNS_TOLD; i++)
        tell_run(t, &past[i]);
    tell_place(t);
    tell_proofs(t);
    tell_speed(t, past, count);
    if (t->run->options.write_report)
        return write_report(t, err);
    jbi_row_text(report, &report->figures, "json", NULL);
    jbi_row_text(report, &report->figures, "html", NULL);
    return JB_OK;
}

int jbi_system_report(const struct system_run *run, jb_report **report, struct jb_error *err)
{
    struct telling t = {.run = run};
    int code = jbi_session_read(&t.session, run->project, JB_WARNING, err);
    if (code == JB_OK) {
        /* What reading the catalog found, the test "stats" tells. */
        jb_report_free(t.session.report);
        t.session.report = jbi_report_new();
        code = t.session.report ? tell(&t, t.session.err) : jbi_fail_memory(t.session.err);
    }
    return jbi_session_end(&t.session, code, report);
}
