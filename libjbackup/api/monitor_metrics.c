/* SPDX-License-Identifier: MIT */
/* Metrics: one table for the figures, one for what each check and each category has. Invariant: a
 * name has its HELP and TYPE once, before its samples, and only if it has some. */
#include "api/monitor_metrics.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/report.h"

/* What a field is turned into. */
enum measure { MEASURE_NUMBER, MEASURE_MS, MEASURE_DAYS, MEASURE_TIME, MEASURE_LEVEL };

struct metric {
    const char *name, *key;
    enum measure measure;
    const char *help;
};

static const struct metric of_figures[] = {
    {"jbackup_check_timestamp_seconds", "at", MEASURE_TIME, "When the checks ran."},
    {"jbackup_check_run_duration_seconds", "duration_ms", MEASURE_MS,
     "How long all checks took together."},
    {"jbackup_checks", "checks", MEASURE_NUMBER, "Checks that ran."},
    {"jbackup_checks_bad", "bad", MEASURE_NUMBER,
     "Checks with a finding of level WARNING or worse."},
    {"jbackup_backups", "backups", MEASURE_NUMBER, "Backups in the repository."},
    {"jbackup_newest_backup_timestamp_seconds", "newest_at", MEASURE_TIME,
     "When the newest backup was made."},
    {"jbackup_newest_backup_size_bytes", "newest_size", MEASURE_NUMBER,
     "Bytes stored by the newest backup."},
    {"jbackup_newest_proof_timestamp_seconds", "proved_at", MEASURE_TIME,
     "When the newest proved backup was restored and found equal."},
    {"jbackup_backups_size_bytes", "total_size", MEASURE_NUMBER,
     "Bytes of all backups, each counted in full."},
    {"jbackup_repository_size_bytes", "stored_size", MEASURE_NUMBER,
     "Bytes on disk, hard links counted once."},
    {"jbackup_disk_size_bytes", "disk_total", MEASURE_NUMBER,
     "Size of the file system that holds the repository."},
    {"jbackup_disk_free_bytes", "disk_free", MEASURE_NUMBER,
     "Bytes that are free for backups on it."},
    {"jbackup_disk_full_seconds", "disk_full_days", MEASURE_DAYS,
     "Time until it is full, if it goes on growing as in the last days."},
    {"jbackup_artifacts_read", "artifacts_read", MEASURE_NUMBER,
     "Stored files that this run has read again."},
    {"jbackup_read_bytes", "bytes_read", MEASURE_NUMBER, "Bytes of these."},
    {"jbackup_incidents_open", "incidents", MEASURE_NUMBER, "Incidents that have not ended."},
    {"jbackup_spool_waiting", "waiting", MEASURE_NUMBER,
     "Mails and webhook calls that wait to be sent."},
};

static const struct metric of_checks[] = {
    {"jbackup_check_level", "level", MEASURE_LEVEL,
     "Worst finding of the check: 0 none or INFO, 1 WARNING, 2 ERROR, 3 CRITICAL."},
    {"jbackup_check_findings", "findings", MEASURE_NUMBER, "Findings of the check."},
    {"jbackup_check_duration_seconds", "duration_ms", MEASURE_MS, "How long the check took."},
};

/* Of the newest backup of a category. */
static const struct metric of_categories[] = {
    {"jbackup_category_newest_timestamp_seconds", "created_unix", MEASURE_NUMBER,
     "When the newest backup of the category was made."},
    {"jbackup_category_newest_size_bytes", "total_size", MEASURE_NUMBER,
     "Bytes stored by the newest backup of the category."},
    {"jbackup_category_newest_duration_seconds", "duration_ms", MEASURE_MS,
     "How long making the newest backup of the category took."},
};

static const char *const categories[] = {"daily", "weekly", "monthly"};

#define COUNT(table) (sizeof table / sizeof *table)

static const struct field *find_field(const struct record *record, const char *key)
{
    const struct field *field = record->first;
    while (field != NULL && strcmp(field->key, key) != 0)
        field = field->next;
    return field;
}

static const char *text_of(const struct record *record, const char *key)
{
    const struct field *field = find_field(record, key);
    return field != NULL && field->kind == FIELD_TEXT ? field->text : NULL;
}

static int level_of(const char *name)
{
    int level = JB_CRITICAL;
    while (level > JB_INFO && (name == NULL || strcmp(name, jb_level_name(level)) != 0))
        level--;
    return level;
}

/* The value in thousandths; false: there is none to tell. */
static bool measure(const struct metric *metric, const struct record *record, int64_t *value)
{
    const struct field *field = find_field(record, metric->key);
    int64_t us;
    if (field == NULL)
        return false;
    switch (metric->measure) {
    case MEASURE_LEVEL:
        *value = 1000 * level_of(field->text);
        return true;
    case MEASURE_TIME:
        if (field->text == NULL || !jbi_iso_time_parse(field->text, &us))
            return false;
        *value = us / 1000;
        return true;
    case MEASURE_MS:
        *value = field->number;
        return field->number >= 0;
    case MEASURE_DAYS:
        *value = field->number * 86400 * 1000;
        return field->number >= 0 && field->number <= 36500000;
    default:
        *value = field->number * 1000;
        return field->number >= 0 && field->number <= INT64_MAX / 1000;
    }
}

static void add_label_text(struct text *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            jbi_text_adds(out, "\\n");
        else if (*text == '"' || *text == '\\')
            jbi_text_addf(out, "\\%c", *text);
        else
            jbi_text_add(out, text, 1);
    }
}

/* What stands before the first sample of a name. */
static void add_head(struct text *out, const char *name, const char *help)
{
    jbi_text_addf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

/* label NULL: the project alone. */
static void add_sample(const jb_report *report, struct text *out, const char *name,
                       const char *label, const char *is, int64_t thousandths)
{
    const char *project = text_of(&report->figures, "project");
    jbi_text_addf(out, "%s{project=\"", name);
    add_label_text(out, project ? project : "");
    if (label != NULL) {
        jbi_text_addf(out, "\",%s=\"", label);
        add_label_text(out, is);
    }
    jbi_text_addf(out, "\"} %" PRId64, thousandths / 1000);
    if (thousandths % 1000 != 0)
        jbi_text_addf(out, ".%03d", (int)(thousandths % 1000));
    jbi_text_adds(out, "\n");
}

static void add_figure(const jb_report *report, struct text *out, const struct metric *metric)
{
    int64_t value;
    if (!measure(metric, &report->figures, &value))
        return;
    add_head(out, metric->name, metric->help);
    add_sample(report, out, metric->name, NULL, NULL, value);
}

static void add_checks(const jb_report *report, struct text *out, const struct metric *metric)
{
    bool is_first = true;
    for (size_t i = 0; i < report->row_count; i++) {
        const char *kind = text_of(report->rows[i], "row"), *name;
        int64_t value;
        if (kind == NULL || strcmp(kind, "check") != 0 ||
            (name = text_of(report->rows[i], "check")) == NULL ||
            !measure(metric, report->rows[i], &value))
            continue;
        if (is_first)
            add_head(out, metric->name, metric->help);
        add_sample(report, out, metric->name, "check", name, value);
        is_first = false;
    }
}

/* The first row, which is the newest, of a category; NULL: it has no backup. */
static const struct record *newest_of(const jb_report *report, const char *category)
{
    for (size_t i = 0; i < report->row_count; i++) {
        const char *kind = text_of(report->rows[i], "row");
        const char *is = text_of(report->rows[i], "category");
        if (kind != NULL && strcmp(kind, "backup") == 0 && is != NULL && strcmp(is, category) == 0)
            return report->rows[i];
    }
    return NULL;
}

static void add_categories(const jb_report *report, struct text *out, const struct metric *metric)
{
    bool is_first = true;
    for (size_t i = 0; i < COUNT(categories); i++) {
        const struct record *newest = newest_of(report, categories[i]);
        int64_t value;
        if (newest == NULL || !measure(metric, newest, &value))
            continue;
        if (is_first)
            add_head(out, metric->name, metric->help);
        add_sample(report, out, metric->name, "category", categories[i], value);
        is_first = false;
    }
}

void jbi_monitor_metrics(const jb_report *report, struct text *out)
{
    add_head(out, "jbackup_verdict",
             "Worst finding of all: 0 none or INFO, 1 WARNING, 2 ERROR, 3 CRITICAL.");
    add_sample(report, out, "jbackup_verdict", NULL, NULL, 1000 * jb_report_verdict(report));
    for (size_t i = 0; i < COUNT(of_figures); i++)
        add_figure(report, out, &of_figures[i]);
    for (size_t i = 0; i < COUNT(of_checks); i++)
        add_checks(report, out, &of_checks[i]);
    for (size_t i = 0; i < COUNT(of_categories); i++)
        add_categories(report, out, &of_categories[i]);
    add_head(out, "jbackup_build_info", "The version, as a label.");
    add_sample(report, out, "jbackup_build_info", "version", jb_version(), 1000);
}
