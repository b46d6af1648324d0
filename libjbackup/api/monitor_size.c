/* SPDX-License-Identifier: MIT */
/* Are backups as large as they should be? Of each type the newest; of each database and of the code
 * the newest against those before: a dump of nothing is made without any error. */
#include <stdlib.h>

#include "api/monitor.h"

#define COMPARED 10 /* at most so many before the newest */

/* The artifacts of one database, or of the code, newest first. */
struct series {
    const char *name;
    const struct manifest *backups[COMPARED + 1];
    const struct artifact *artifacts[COMPARED + 1];
    size_t count;
};

static const struct artifact *find(const struct manifest *backup, const struct database *database)
{
    if (database == NULL)
        return jbi_manifest_artifact(backup, ARTIFACT_CODEBASE, NULL);
    enum artifact_kind kind =
        database->kind == DATABASE_SQLITE ? ARTIFACT_SQLITE : ARTIFACT_POSTGRESQL;
    return jbi_manifest_artifact(backup, kind, database->name);
}

static struct series series_of(const struct catalog *catalog, const struct database *database)
{
    struct series series = {.name = database ? database->name : "code"};
    for (size_t i = 0; i < catalog->count && series.count <= COMPARED; i++) {
        const struct artifact *artifact = find(&catalog->backups[i], database);
        if (artifact == NULL)
            continue;
        series.backups[series.count] = &catalog->backups[i];
        series.artifacts[series.count++] = artifact;
    }
    return series;
}

static int by_size(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void check_drop(struct monitor_task *task, const struct series *series)
{
    uint64_t sizes[COMPARED];
    size_t count = series->count - 1;
    char now[16], usual[16];
    for (size_t i = 0; i < count; i++)
        sizes[i] = series->artifacts[i + 1]->size;
    qsort(sizes, count, sizeof *sizes, by_size);
    uint64_t median = sizes[count / 2], size = series->artifacts[0]->size;
    int drop = task->run->config.size_drop_percent;
    if (drop == 0 || (double)size >= (double)median * (100 - drop) / 100)
        return;
    jbi_finding(task->report, JB_WARNING, series->name,
                "in %s it has %s, and %s is usual (the median of the last %zu): much of it may be "
                "missing",
                series->backups[0]->timestamp, jbi_human_size(now, size),
                jbi_human_size(usual, median), count);
    jbi_finding_hint(task->report,
                     "\"jbackup diff %s %s\" says what is gone; if nothing should be, don't remove "
                     "%s",
                     series->backups[1]->timestamp, series->backups[0]->timestamp,
                     series->backups[1]->timestamp);
}

static uint64_t rows_of(const struct artifact *artifact)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < artifact->table_count; i++)
        rows += artifact->tables[i].rows;
    return rows;
}

static bool check_rows(struct monitor_task *task, const struct series *series)
{
    if (rows_of(series->artifacts[0]) > 0)
        return false;
    for (size_t i = 1; i < series->count; i++) {
        uint64_t rows = rows_of(series->artifacts[i]);
        if (rows == 0)
            continue;
        jbi_finding(task->report, JB_ERROR, series->name,
                    "%s holds no row in any table, and %s has %llu: the backup is of an empty "
                    "database",
                    series->backups[0]->timestamp, series->backups[i]->timestamp,
                    (unsigned long long)rows);
        jbi_finding_hint(task->report,
                         "see whether the application uses another database, or has lost its data; "
                         "then \"jbackup-restore restore %s --type database --confirm\"; \"jbackup "
                         "pin %s\" keeps that from cleanup",
                         series->backups[i]->timestamp, series->backups[i]->timestamp);
        return true;
    }
    return false;
}

static void check_series(struct monitor_task *task, const struct database *database)
{
    struct series series = series_of(&task->run->session.catalog, database);
    if (series.count < 2 || (database != NULL && check_rows(task, &series)))
        return;
    check_drop(task, &series);
}

/* Of what a backup of that type consists of. */
static void check_least(struct monitor_task *task, int type)
{
    const struct monitor_run *run = task->run;
    const struct manifest *newest = NULL;
    char size[16], least[16];
    for (size_t i = 0; i < run->session.catalog.count && newest == NULL; i++) {
        if (run->session.catalog.backups[i].type == type)
            newest = &run->session.catalog.backups[i];
    }
    if (newest == NULL)
        return;
    jbi_human_size(size, newest->total_size);
    jbi_text_addf(&task->did, "%sthe newest %s backup has %s", task->did.len ? ", " : "",
                  jbi_type_name(type), size);
    if ((int64_t)newest->total_size >= run->config.min_backup_size)
        return;
    jbi_finding(task->report, JB_WARNING, jbi_type_name(type),
                "the newest %s backup, %s, has %s in all, less than the %s that are expected",
                jbi_type_name(type), newest->timestamp, size,
                jbi_human_size(least, (uint64_t)run->config.min_backup_size));
    jbi_finding_hint(task->report,
                     "\"jbackup show %s\" says what is in it; if that is all there is: "
                     "\"jbackup-monitor config --set min_backup_size_mb=%.3f\"",
                     newest->timestamp, (double)newest->total_size / 2000000);
}

int jbi_monitor_size(struct monitor_task *task, struct jb_error *err)
{
    const jb_project *project = task->run->session.project;
    (void)err;
    for (int type = JB_TYPE_FULL; type <= JB_TYPE_CODEBASE; type++)
        check_least(task, type);
    for (size_t i = 0; i < project->database_count; i++)
        check_series(task, &project->databases[i]);
    check_series(task, NULL);
    if (task->did.len == 0)
        jbi_text_adds(&task->did, "there is no backup to measure");
    return JB_OK;
}
