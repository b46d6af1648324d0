/* SPDX-License-Identifier: MIT */
/* What a restore in place will do, and whether it can. */
#include "api/restore_plan.h"

#include <stdio.h>
#include <sys/statvfs.h>

#include "api/verify_rates.h"
#include "base/text.h"

/* Where a thing is, for people. */
static const char *place_of(const struct transaction *t, const struct swap *swap)
{
    if (strcmp(swap->ops->kind, "codebase") == 0)
        return t->target.root;
    for (size_t i = 0; i < t->target.database_count; i++) {
        const struct database *database = &t->target.databases[i];
        if (strcmp(database->name, swap->name) == 0)
            return database->kind == DATABASE_SQLITE ? database->sqlite.path : database->name;
    }
    return swap->name;
}

static uint64_t size_of(const struct manifest *backup, const struct swap *swap)
{
    for (size_t i = 0; i < backup->artifact_count; i++) {
        const struct artifact *artifact = &backup->artifacts[i];
        bool is_code = artifact->kind == ARTIFACT_CODEBASE;
        bool is_database =
            artifact->kind == ARTIFACT_SQLITE || artifact->kind == ARTIFACT_POSTGRESQL;
        if (is_code && strcmp(swap->ops->kind, "codebase") == 0)
            return artifact->file_bytes;
        if (is_database && strcmp(artifact->name, swap->name) == 0)
            return artifact->raw_size;
    }
    return 0;
}

static void tell_targets(struct restore_plan *plan, struct transaction *t,
                         const struct manifest *backup)
{
    jb_report *report = t->session->report;
    for (size_t i = 0; i < t->count; i++) {
        const struct swap *swap = t->swaps[i];
        uint64_t size = size_of(backup, swap);
        struct record *row = jbi_report_row(report);
        jbi_row_text(report, row, "row", "replace");
        jbi_row_text(report, row, "kind", swap->in_place ? "postgresql" : swap->ops->kind);
        jbi_row_text(report, row, "name", swap->name);
        jbi_row_text(report, row, "place", place_of(t, swap));
        jbi_row_number(report, row, "size", (int64_t)size);
        jbi_row_text(report, row, "way", swap->in_place ? "in place" : "exchange");
        if (swap->in_place == NULL && strcmp(swap->ops->kind, "postgresql") != 0)
            plan->space_needed += size;
    }
}

/* Room for what is made beside; a little more, for folders and the like. */
static int check_space(struct restore_plan *plan, const struct transaction *t, struct jb_error *err)
{
    struct statvfs disk;
    if (plan->space_needed == 0 || statvfs(t->target.root, &disk) < 0)
        return JB_OK; /* a root that is not there is told by who makes it */
    plan->space_free = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (plan->space_free >= plan->space_needed + plan->space_needed / 20)
        return JB_OK;
    char needed[16], there[16];
    jbi_fail(err, JB_EIO, "there is not enough room on the disk of \"%s\": %s needed, %s free",
             t->target.root, jbi_human_size(needed, plan->space_needed),
             jbi_human_size(there, plan->space_free));
    jbi_hint(err, "make room%s, or restore a part (--type, --database, --path)",
             jbi_journal_is_there(&t->session->repository)
                 ? " (\"jbackup-restore discard-old\" removes what the last restore has kept)"
                 : "");
    return JB_EIO;
}

static int look_at_service(struct restore_plan *plan, const struct transaction *t,
                           struct jb_error *err)
{
    if (t->target.service == NULL)
        return JB_OK;
    int code = jbi_service_look(t->target.service, &t->session->project->hooks, &t->session->arena,
                                &plan->service_is_active, err);
    if (code < 0)
        jbi_hint(err, "see that \"service\" in jbackup.json is the one that runs here");
    return code;
}

/* What takes its time with the service stopped, by the last time of all together. */
static void tell_in_place(struct transaction *t, int64_t last_ms)
{
    jb_report *report = t->session->report;
    char time[48] = "as long as a restore takes";
    if (last_ms > 0)
        snprintf(time, sizeof time, "about %.1f s or more", (double)last_ms / 1000);
    for (size_t i = 0; i < t->count; i++) {
        const struct swap *swap = t->swaps[i];
        if (swap->in_place == NULL)
            continue;
        jbi_finding(report, JB_WARNING, swap->name,
                    "%s, so it is replaced in place: the service is down for all of that, %s",
                    swap->in_place, time);
        jbi_finding_hint(report, "to have it exchanged in a moment: %s", swap->in_place_hint);
    }
}

static int tell_last(struct transaction *t, const struct manifest *backup, struct jb_error *err)
{
    struct past_run *past;
    size_t count;
    int code = jbi_past_runs(t->session, &past, &count, err);
    if (code < 0)
        return code;
    int64_t last_ms = jbi_restore_estimate_ms(backup, past, count);
    jbi_row_number(t->session->report, &t->session->report->figures, "last_restore_ms", last_ms);
    tell_in_place(t, last_ms);
    return JB_OK;
}

static void tell_figures(const struct restore_plan *plan, const struct transaction *t,
                         const struct manifest *backup)
{
    jb_report *report = t->session->report;
    struct record *figures = &report->figures;
    const struct health *health = t->target.health;
    jbi_row_text(report, figures, "timestamp", backup->timestamp);
    jbi_row_text(report, figures, "environment", t->target.environment);
    jbi_row_text(report, figures, "root", t->target.root);
    jbi_row_text(report, figures, "service",
                 t->target.service ? jbi_service_name(t->target.service) : NULL);
    jbi_row_bool(report, figures, "service_active", plan->service_is_active);
    jbi_row_text(report, figures, "health",
                 health == NULL        ? NULL
                 : health->url != NULL ? health->shown
                                       : health->command[0]);
    jbi_row_number(report, figures, "space_needed", (int64_t)plan->space_needed);
    jbi_row_number(report, figures, "space_free", (int64_t)plan->space_free);
    jbi_row_bool(report, figures, "confirm_needed", t->target.is_production);
}

int jbi_restore_plan(struct restore_plan *plan, struct transaction *t,
                     const struct manifest *backup, struct jb_error *err)
{
    *plan = (struct restore_plan){0};
    tell_targets(plan, t, backup);
    int code = look_at_service(plan, t, err);
    if (code == JB_OK)
        code = check_space(plan, t, err);
    if (code < 0)
        return code;
    tell_figures(plan, t, backup);
    if (t->target.is_production && strcmp(t->target.environment, PRODUCTION) != 0)
        jbi_finding(t->session->report, JB_WARNING, t->target.environment,
                    "this environment has the root or a database of production, so it is "
                    "production");
    return tell_last(t, backup, err);
}
