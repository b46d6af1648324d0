/* SPDX-License-Identifier: MIT */
/* The report of monitor_check: figures, rows, and the files that are made of them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/monitor.h"
#include "api/monitor_metrics.h"
#include "api/monitor_page.h"
#include "api/stored_size.h"
#include "base/clock.h"
#include "base/scope.h"
#include "os/file.h"
#include "repository/spool.h"

#define REPORT_NAME  "backup_health_report_"
#define REPORTS_KEPT 20 /* of each kind */
#define BACKUPS_TOLD 400

/* ---- Rows ----------------------------------------------------------------------------------- */

static void tell_check(struct monitor_run *run, const struct monitor_result *result)
{
    jb_report *report = run->session.report;
    const jb_report *found = result->report;
    struct record *row = jbi_report_row(report);
    report->failed = report->failed || found->failed || result->did.failed;
    jbi_row_text(report, row, "row", "check");
    jbi_row_text(report, row, "check", result->name);
    jbi_row_text(report, row, "level",
                 found->finding_count > 0 ? jb_level_name(found->verdict) : NULL);
    jbi_row_number(report, row, "findings", (int64_t)found->finding_count);
    jbi_row_text(report, row, "did", result->did.at ? result->did.at : "");
    jbi_row_number(report, row, "duration_ms", result->duration_ms);
}

/* Damaged proofs were told of by the check "proof". */
static void tell_backup(struct monitor_run *run, const struct manifest *backup)
{
    jb_report *report = run->session.report;
    size_t before = report->finding_count;
    int verdict_before = report->verdict;
    struct record *row = jbi_report_row(report);
    jbi_row_text(report, row, "row", "backup");
    jbi_describe_backup(&run->session, row, backup);
    report->finding_count = before;
    report->verdict = verdict_before;
    jbi_row_number(report, row, "created_unix", backup->created_us / 1000000);
    jbi_row_number(report, row, "duration_ms", backup->duration_ms);
}

static void tell_sample(struct monitor_run *run, const struct disk_sample *sample)
{
    jb_report *report = run->session.report;
    struct record *row = jbi_report_row(report);
    char at[ISO_TIME_SIZE];
    jbi_iso_time(at, sample->at_us, false);
    jbi_row_text(report, row, "row", "disk");
    jbi_row_text(report, row, "at", at);
    jbi_row_number(report, row, "at_unix", sample->at_us / 1000000);
    jbi_row_number(report, row, "used", (int64_t)sample->used);
    jbi_row_number(report, row, "total", (int64_t)sample->total);
}

static void tell_incident(struct monitor_run *run, const struct incident *incident)
{
    jb_report *report = run->session.report;
    struct record *row = jbi_report_row(report);
    char opened[ISO_TIME_SIZE], told[ISO_TIME_SIZE];
    jbi_iso_time(opened, incident->opened_us, false);
    jbi_iso_time(told, incident->told_us, false);
    jbi_row_text(report, row, "row", "incident");
    jbi_row_text(report, row, "key", incident->key);
    jbi_row_text(report, row, "check", incident->check);
    jbi_row_text(report, row, "level", jb_level_name(incident->level));
    jbi_row_text(report, row, "message", incident->message);
    jbi_row_text(report, row, "opened_at", opened);
    jbi_row_text(report, row, "told_at", incident->told_us != 0 ? told : NULL);
}

/* ---- Figures -------------------------------------------------------------------------------- */

static void tell_place(struct monitor_run *run)
{
    jb_report *report = run->session.report;
    struct record *figures = &report->figures;
    char at[ISO_TIME_SIZE], host[256] = "";
    int64_t bad = 0;
    gethostname(host, sizeof host - 1);
    jbi_iso_time(at, run->now_us, false);
    for (size_t i = 0; i < run->result_count; i++)
        bad += run->results[i].report->verdict >= JB_WARNING;
    jbi_row_text(report, figures, "at", at);
    jbi_row_text(report, figures, "host", host);
    jbi_row_text(report, figures, "tool", "jbackup " JBACKUP_VERSION);
    jbi_row_text(report, figures, "project", run->session.project->name);
    jbi_row_text(report, figures, "repository", run->session.project->backup_dir);
    jbi_row_number(report, figures, "checks", (int64_t)run->result_count);
    jbi_row_number(report, figures, "bad", bad);
}

static void tell_newest(struct monitor_run *run)
{
    jb_report *report = run->session.report;
    struct record *figures = &report->figures;
    const struct catalog *catalog = &run->session.catalog;
    const struct manifest *newest = catalog->count > 0 ? &catalog->backups[0] : NULL;
    char at[ISO_TIME_SIZE];
    jbi_iso_time(at, newest ? newest->created_us : 0, false);
    jbi_row_text(report, figures, "newest", newest ? newest->timestamp : NULL);
    jbi_row_text(report, figures, "newest_at", newest ? at : NULL);
    jbi_row_number(report, figures, "newest_age_s",
                   newest ? (run->now_us - newest->created_us) / 1000000 : -1);
    jbi_row_number(report, figures, "newest_size", newest ? (int64_t)newest->total_size : 0);
    jbi_row_text(report, figures, "newest_type", newest ? jbi_type_name(newest->type) : NULL);

    int64_t proved_us = 0;
    const struct manifest *proved = run->proofs ? jbi_monitor_proved(run, &proved_us) : NULL;
    jbi_iso_time(at, proved_us, false);
    jbi_row_text(report, figures, "proved", proved ? proved->timestamp : NULL);
    jbi_row_text(report, figures, "proved_at", proved ? at : NULL);
    jbi_row_number(report, figures, "proof_age_s",
                   proved ? (run->now_us - proved_us) / 1000000 : -1);
}

static int tell_sizes(struct monitor_run *run, struct jb_error *err)
{
    jb_report *report = run->session.report;
    struct record *figures = &report->figures;
    const struct catalog *catalog = &run->session.catalog;
    struct monitor_disk disk = {0};
    struct jb_error unwanted = {0};
    uint64_t stored, total = 0;
    for (size_t i = 0; i < catalog->count; i++)
        total += catalog->backups[i].total_size;
    int code = jbi_stored_size(&run->session.repository, &stored, err);
    if (code < 0)
        return code;
    if (run->session.repository.fd >= 0 && jbi_monitor_measure(run, &disk, &unwanted) < 0)
        disk = (struct monitor_disk){0};
    jbi_row_number(report, figures, "backups", (int64_t)catalog->count);
    jbi_row_number(report, figures, "total_size", (int64_t)total);
    jbi_row_number(report, figures, "stored_size", (int64_t)stored);
    jbi_row_number(report, figures, "disk_total", (int64_t)disk.total);
    jbi_row_number(report, figures, "disk_free", (int64_t)disk.free);
    jbi_row_number(report, figures, "disk_used_percent", disk.percent);
    jbi_row_number(report, figures, "disk_full_days",
                   (int64_t)jbi_disk_days_left(run->samples, run->sample_count));
    return JB_OK;
}

static int tell_spool(struct monitor_run *run, struct jb_error *err)
{
    jb_report *report = run->session.report;
    struct record *figures = &report->figures;
    uint64_t *numbers;
    struct jb_error why = {0};
    if (!run->options.alert && run->session.repository.state_fd >= 0 &&
        jbi_spool_list(&run->session.repository, &run->session.arena, &numbers, &run->waiting,
                       &why) == JB_ENOMEM)
        return jbi_fail_memory(err); /* another failure is one of the check "delivery" */
    jbi_row_number(report, figures, "artifacts_read", (int64_t)run->artifacts_read);
    jbi_row_number(report, figures, "bytes_read", (int64_t)run->bytes_read);
    jbi_row_number(report, figures, "incidents", (int64_t)run->incidents.open_count);
    jbi_row_number(report, figures, "alerts", (int64_t)run->alerts);
    jbi_row_number(report, figures, "waiting", (int64_t)run->waiting);
    return JB_OK;
}

int jbi_monitor_describe(struct monitor_run *run, struct jb_error *err)
{
    const struct catalog *catalog = &run->session.catalog;
    jb_report *report = run->session.report;
    tell_place(run);
    tell_newest(run);
    int code = tell_sizes(run, err);
    if (code == JB_OK)
        code = tell_spool(run, err);
    if (code < 0)
        return code;
    for (size_t i = 0; i < run->result_count; i++)
        tell_check(run, &run->results[i]);
    for (size_t i = 0; i < catalog->count && i < BACKUPS_TOLD; i++)
        tell_backup(run, &catalog->backups[i]);
    for (size_t i = 0; i < run->sample_count; i++)
        tell_sample(run, &run->samples[i]);
    for (size_t i = 0; i < run->incidents.open_count; i++)
        tell_incident(run, &run->incidents.open[i]);
    jbi_row_number(report, &report->figures, "duration_ms",
                   jbi_monotonic_ms() - run->session.begin_ms);
    return JB_OK;
}

/* ---- Files ---------------------------------------------------------------------------------- */

static int newest_first(const void *left, const void *right)
{
    return strcmp(*(const char *const *)right, *(const char *const *)left);
}

/* Whether a file is a report of ours of that kind. */
static bool is_report(const char *name, const char *ending)
{
    const size_t before = sizeof REPORT_NAME - 1;
    char timestamp[TIMESTAMP_SIZE] = "";
    if (strncmp(name, REPORT_NAME, before) != 0 || strlen(name) < before + TIMESTAMP_SIZE - 1)
        return false;
    memcpy(timestamp, name + before, TIMESTAMP_SIZE - 1);
    return jbi_is_timestamp(timestamp) && strcmp(name + before + TIMESTAMP_SIZE - 1, ending) == 0;
}

/* That old ones stay is no reason to fail. */
static void remove_old(struct monitor_run *run, const char *ending)
{
    struct arena *arena = &run->session.arena;
    const int fd = openat(run->session.repository.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    size_t count = 0, room = 0;
    const char **names = NULL;
    if (dir == NULL && fd >= 0)
        close(fd);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (!is_report(entry->d_name, ending))
            continue;
        if (count == room) {
            room = room ? 2 * room : 64;
            names = jbi_arena_grow(arena, names, count * sizeof *names, room * sizeof *names);
        }
        if (names == NULL || (names[count++] = jbi_arena_text(arena, entry->d_name)) == NULL)
            return;
    }
    if (count > 1)
        qsort(names, count, sizeof *names, newest_first);
    for (size_t i = REPORTS_KEPT; i < count; i++)
        unlinkat(run->session.repository.fd, names[i], 0);
}

/* The files' own names stand in them, so they come last. */
static int write_report(struct monitor_run *run, struct jb_error *err)
{
    jb_report *report = run->session.report;
    struct arena *arena = &run->session.arena;
    const char *folder = run->session.project->backup_dir;
    const int fd = run->session.repository.fd;
    char timestamp[TIMESTAMP_SIZE];
    scope_text page = {0};
    jbi_timestamp(timestamp, run->now_us / 1000000);
    const char *json = jbi_arena_printf(arena, "%s/" REPORT_NAME "%s.json", folder, timestamp);
    const char *html = jbi_arena_printf(arena, "%s/" REPORT_NAME "%s.html", folder, timestamp);
    if (json == NULL || html == NULL)
        return jbi_fail_memory(err);
    jbi_row_text(report, &report->figures, "json", json);
    jbi_row_text(report, &report->figures, "html", html);
    jbi_monitor_page(report, &page);
    const char *text = jb_report_json(report);
    if (text == NULL || page.failed || report->failed)
        return jbi_fail_memory(err);
    int code = jbi_file_write_atomic(fd, strrchr(json, '/') + 1, text, strlen(text), 0600, err);
    if (code == JB_OK)
        code = jbi_file_write_atomic(fd, strrchr(html, '/') + 1, page.at, page.len, 0600, err);
    if (code == JB_OK) {
        remove_old(run, ".json");
        remove_old(run, ".html");
    }
    return code;
}

/* Where it is asked for; a configured one only when others are told, too. */
static const char *metrics_path(struct monitor_run *run)
{
    if (run->options.prometheus != NULL)
        return run->options.prometheus;
    if (!run->options.alert || run->config.prometheus_file == NULL)
        return NULL;
    return jbi_path_join(&run->session.arena, run->session.project->folder,
                         run->config.prometheus_file);
}

/* Whoever collects them is another user. */
static int write_metrics(struct monitor_run *run, const char *path, struct jb_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *folder = slash == NULL ? "."
                         : slash == path
                             ? "/"
                             : jbi_arena_textn(&run->session.arena, path, (size_t)(slash - path));
    scope_text text = {0};
    jbi_monitor_metrics(run->session.report, &text);
    if (folder == NULL || text.failed)
        return jbi_fail_memory(err);
    scope_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open the folder of \"%s\"", path);
    return jbi_file_write_atomic(fd, slash ? slash + 1 : path, text.at ? text.at : "", text.len,
                                 0644, err);
}

/* A failure is told, and the rest goes on: whoever collects them sees that they are old. */
static int try_metrics(struct monitor_run *run, struct jb_error *err)
{
    struct jb_error why = {0};
    const char *path = metrics_path(run);
    int code = path != NULL ? write_metrics(run, path, &why) : JB_OK;
    if (code == JB_OK)
        return JB_OK;
    jb_report *report = code == JB_ENOMEM ? NULL : jbi_report_new();
    if (report == NULL)
        return jbi_fail_memory(err);
    jbi_finding(report, JB_ERROR, "metrics", "they were not written: %s", why.text);
    jbi_finding_hint(report, "%s", why.hint[0] ? why.hint : "let this user write to that folder");
    jbi_monitor_take(run, "delivery", report);
    jb_report_free(report);
    return JB_OK;
}

int jbi_monitor_write(struct monitor_run *run, struct jb_error *err)
{
    jb_report *report = run->session.report;
    int code = try_metrics(run, err);
    if (code < 0)
        return code;
    if (run->options.write_report && run->session.repository.fd >= 0)
        return write_report(run, err);
    jbi_row_text(report, &report->figures, "json", NULL);
    jbi_row_text(report, &report->figures, "html", NULL);
    return JB_OK;
}
