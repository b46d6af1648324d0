/* SPDX-License-Identifier: MIT */
/* Is there a backup that is recent enough, of each database and of the code? Only those count whose
 * files are all there. */
#include <stdio.h>

#include "api/monitor.h"

#define HOUR_S 3600
#define DAY_S  86400

char *jbi_monitor_age(char to[MONITOR_AGE_SIZE], int64_t age_s)
{
    long long age = age_s > 0 ? age_s : 0, count = age;
    const char *unit = "second";
    if (age >= 2 * DAY_S) {
        count = age / DAY_S;
        unit = "day";
    } else if (age >= 2 * HOUR_S) {
        count = age / HOUR_S;
        unit = "hour";
    } else if (age >= 120) {
        count = age / 60;
        unit = "minute";
    }
    snprintf(to, MONITOR_AGE_SIZE, "%lld %s%s", count, unit, count == 1 ? "" : "s");
    return to;
}

/* What is asked of one component. */
struct wanted {
    const char *name;    /* the subject */
    const char *article; /* in messages */
    const char *command; /* that makes one */
    int64_t limit_s;
    bool is_code;
    const struct database *database;
};

/* How long a schedule that is on may take until it runs again, with two hours' grace as 26 is of a
 * day. */
static int64_t period_s(enum schedule schedule)
{
    static const int days[SCHEDULE_BACKUPS] = {1, 7, 31};
    return (int64_t)days[schedule] * DAY_S + (schedule == SCHEDULE_DAILY ? 2 * HOUR_S : DAY_S);
}

/* By the schedule that saves the code most often; 0: none does, and there is more than code. */
static int64_t code_limit_s(const struct monitor_run *run)
{
    const jb_project *project = run->session.project;
    int64_t allowed_s = (int64_t)run->config.max_backup_age_hours * HOUR_S;
    for (int i = 0; i < SCHEDULE_BACKUPS; i++) {
        const struct schedule_entry *entry = &project->schedules[i];
        if (entry->is_on && entry->type != JB_TYPE_DATABASE)
            return period_s((enum schedule)i) > allowed_s ? period_s((enum schedule)i) : allowed_s;
    }
    return project->database_count == 0 ? allowed_s : 0;
}

static bool holds(const struct manifest *backup, const struct wanted *wanted)
{
    if (wanted->is_code)
        return jbi_manifest_has_codebase(backup);
    enum artifact_kind kind =
        wanted->database->kind == DATABASE_SQLITE ? ARTIFACT_SQLITE : ARTIFACT_POSTGRESQL;
    return jbi_manifest_artifact(backup, kind, wanted->database->name) != NULL;
}

static const struct manifest *newest_whole(const struct monitor_run *run,
                                           const struct wanted *wanted)
{
    const struct catalog *catalog = &run->session.catalog;
    for (size_t i = 0; i < catalog->count; i++) {
        if (holds(&catalog->backups[i], wanted) &&
            jbi_backup_is_whole(&run->session.repository, &catalog->backups[i]))
            return &catalog->backups[i];
    }
    return NULL;
}

static void hint_backup(struct monitor_task *task, const struct wanted *wanted)
{
    jbi_finding_hint(task->report,
                     "run \"%s\" now; then see why none was made: \"jbackup-scheduler status\", "
                     "and backup.log in the repository",
                     wanted->command);
}

/* Where there is none, time counts from the oldest backup: since then it should have been saved. */
static void say_none(struct monitor_task *task, const struct wanted *wanted)
{
    const struct monitor_run *run = task->run;
    const struct catalog *catalog = &run->session.catalog;
    const struct manifest *oldest = &catalog->backups[catalog->count - 1];
    if (!wanted->is_code) {
        jbi_finding(task->report, JB_CRITICAL, wanted->name,
                    "no backup that is whole holds %s: it could not be restored", wanted->article);
        hint_backup(task, wanted);
    } else if ((run->now_us - oldest->created_us) / 1000000 > wanted->limit_s) {
        jbi_finding(task->report, JB_ERROR, wanted->name,
                    "no backup that is whole holds %s: it could not be restored", wanted->article);
        hint_backup(task, wanted);
    } else {
        jbi_text_addf(&task->did, "%s%s is not due to be saved yet", task->did.len ? ", " : "",
                      wanted->article);
    }
}

static void look_for(struct monitor_task *task, const struct wanted *wanted)
{
    const struct monitor_run *run = task->run;
    char age[MONITOR_AGE_SIZE], allowed[MONITOR_AGE_SIZE];
    const struct manifest *newest = newest_whole(run, wanted);
    if (newest == NULL) {
        say_none(task, wanted);
        return;
    }
    int64_t age_s = (run->now_us - newest->created_us) / 1000000;
    jbi_monitor_age(age, age_s);
    jbi_monitor_age(allowed, wanted->limit_s);
    jbi_text_addf(&task->did, "%s%s was saved %s ago", task->did.len ? ", " : "", wanted->article,
                  age);
    if (age_s <= wanted->limit_s)
        return;
    jbi_finding(task->report, age_s > 2 * wanted->limit_s ? JB_ERROR : JB_WARNING, wanted->name,
                "the newest whole backup of %s, %s, is %s old, and %s are allowed: what was "
                "written since then would be lost",
                wanted->article, newest->timestamp, age, allowed);
    hint_backup(task, wanted);
}

static void look_for_databases(struct monitor_task *task)
{
    const jb_project *project = task->run->session.project;
    for (size_t i = 0; i < project->database_count; i++) {
        const struct database *database = &project->databases[i];
        const char *article =
            jbi_arena_printf(&task->run->session.arena, "database %s", database->name);
        const struct wanted wanted = {
            .name = database->name,
            .article = article ? article : database->name,
            .command = "jbackup backup --db-only",
            .limit_s = (int64_t)task->run->config.max_backup_age_hours * HOUR_S,
            .database = database,
        };
        look_for(task, &wanted);
    }
}

static void look_for_code(struct monitor_task *task)
{
    const struct wanted wanted = {
        .name = "code",
        .article = "the code",
        .command = "jbackup backup",
        .limit_s = code_limit_s(task->run),
        .is_code = true,
    };
    if (wanted.limit_s > 0)
        look_for(task, &wanted);
}

static void tell_damage(struct monitor_task *task)
{
    const jb_report *opened = task->run->opened;
    for (size_t i = 0; i < opened->finding_count; i++) {
        const struct jb_finding *finding = &opened->findings[i];
        if (finding->level < JB_ERROR)
            continue;
        jbi_finding(task->report, finding->level, finding->subject,
                    "%s; so the backup can't be found or restored by jbackup", finding->message);
        jbi_finding_hint(task->report, "%s", finding->hint);
    }
}

int jbi_monitor_freshness(struct monitor_task *task, struct jb_error *err)
{
    (void)err;
    tell_damage(task);
    if (task->run->session.catalog.count == 0) {
        jbi_finding(task->report, JB_CRITICAL, "backups",
                    "there is no backup at all: nothing could be restored");
        jbi_finding_hint(task->report, "run \"jbackup backup\" now, then let it be done by itself: "
                                       "\"jbackup-scheduler install\"");
        jbi_text_adds(&task->did, "found no backup");
        return JB_OK;
    }
    look_for_databases(task);
    look_for_code(task);
    return JB_OK;
}
