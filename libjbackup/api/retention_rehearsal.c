/* SPDX-License-Identifier: MIT */
/* Cleanup at work on repositories made for it. Invariant: everything is written below the scratch
 * folder. */
#include "api/retention_rehearsal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/retention_model.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"

#define STRANGER "notes.txt"

struct rehearsing {
    struct retention_model model;
    jb_report *report;
    struct rehearsal *done;
};

/* One repository of made-up backups. */
struct rehearsed {
    const char *name;
    struct repository repository;
    struct trial_series series;
};

/* ---- Made-up backups ---- */

static int make_backups(struct rehearsing *r, struct rehearsed *at, struct jb_error *err)
{
    const struct trial_series *series = &at->series;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/%s", r->model.path, at->name);
    int code = jb_project_set_backup_dir(r->model.project, path, err);
    if (code == JB_OK)
        code = jbi_repository_open(&at->repository, path, true, NULL, err);
    if (code == JB_OK)
        code =
            jbi_model_write(at->repository.category_fd[CATEGORY_DAILY], STRANGER, "mine", 4, err);
    if (code == JB_OK)
        code = jbi_progress(&r->model.project->hooks, "make old backups", 0, series->count,
                            "backups", err);
    for (size_t i = 0; i < series->count && code == JB_OK; i++)
        code = jbi_model_copy(&r->model, &at->repository, &series->backups[i], (int64_t)i + 1, err);
    r->done->made += series->count;
    if (series->count > 0 &&
        (r->done->oldest_s == 0 || series->backups[0].created_s < r->done->oldest_s))
        r->done->oldest_s = series->backups[0].created_s;
    return code;
}

/* ---- What is left ---- */

/* Whether the name is one of the files of a backup that ought to be there. */
static bool is_wanted(const struct rehearsing *r, const struct rehearsed *at,
                      enum category category, bool all, const char *name)
{
    char wanted[LAYOUT_NAME_SIZE];
    if (category == CATEGORY_DAILY && strcmp(name, STRANGER) == 0)
        return true;
    for (size_t i = 0; i < at->series.count; i++) {
        const struct trial_backup *backup = &at->series.backups[i];
        for (size_t j = 0; j < BACKUP_FILES; j++) {
            if (jbi_model_file(wanted, &r->model, j, backup) && strcmp(wanted, name) == 0)
                return backup->category == category && (all || backup->is_kept);
        }
    }
    return false;
}

static int check_folder(struct rehearsing *r, const struct rehearsed *at, enum category category,
                        bool all, size_t *found, struct jb_error *err)
{
    int fd = openat(at->repository.category_fd[category], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    if (dir == NULL)
        return jbi_fail_errno(err, JB_EIO, "cannot list the scratch repository");
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (is_wanted(r, at, category, all, entry->d_name))
            (*found)++;
        else
            jbi_finding(r->report, JB_ERROR, "cleanup", "it left \"%s/%s\" of a removed backup",
                        jbi_category_name(category), entry->d_name);
    }
    return JB_OK;
}

/* How many files the backup has that are there, and how many it ought to have. */
static void count_files(const struct rehearsing *r, const struct rehearsed *at,
                        const struct trial_backup *backup, size_t *found, size_t *wanted)
{
    char name[LAYOUT_NAME_SIZE];
    for (size_t i = 0; i < BACKUP_FILES; i++)
        *wanted += jbi_model_file(name, &r->model, i, backup);
    jbi_model_artifact(name, &r->model, DATABASE_FILE, backup->timestamp);
    *wanted += 1;
    *found += faccessat(at->repository.category_fd[backup->category], name, F_OK,
                        AT_SYMLINK_NOFOLLOW) == 0;
}

/* all: what a dry run must leave, which is everything. */
static int check_files(struct rehearsing *r, const struct rehearsed *at, bool all,
                       struct jb_error *err)
{
    size_t found = 0, wanted = 1; /* the stranger */
    int code = JB_OK;
    for (size_t i = 0; i < at->series.count; i++) {
        if (all || at->series.backups[i].is_kept)
            count_files(r, at, &at->series.backups[i], &found, &wanted);
    }
    for (int i = 0; i < CATEGORY_COUNT && code == JB_OK; i++)
        code = check_folder(r, at, (enum category)i, all, &found, err);
    if (code == JB_OK && found != wanted)
        jbi_finding(r->report, JB_ERROR, "cleanup",
                    "%s took files away (%zu) that are not of a backup to be removed",
                    all ? "a dry run" : "it", wanted - found);
    return code;
}

/* ---- One repository after the other ---- */

static int clean(struct rehearsing *r, bool dry_run, jb_report **report, struct jb_error *err)
{
    struct jb_cleanup_options options = JB_CLEANUP_OPTIONS_INIT;
    options.dry_run = dry_run;
    return jb_cleanup(r->model.project, &options, report, err);
}

static void compare_runs(struct rehearsing *r, const jb_report *dry, const jb_report *real)
{
    size_t count = jb_report_row_count(real);
    bool same =
        jb_report_row_count(dry) == count &&
        jb_report_number(dry, JB_FIGURES, "freed") == jb_report_number(real, JB_FIGURES, "freed");
    for (size_t i = 0; i < count && same; i++) {
        const char *told = jb_report_text(dry, i, "timestamp");
        const char *done = jb_report_text(real, i, "timestamp");
        same = told != NULL && done != NULL && strcmp(told, done) == 0 &&
               jb_report_number(dry, i, "keep") == jb_report_number(real, i, "keep") &&
               jb_report_number(dry, i, "freed") == jb_report_number(real, i, "freed");
    }
    if (!same)
        jbi_finding(r->report, JB_ERROR, "cleanup", "it does not do what its dry run tells");
}

static int verify_kept(struct rehearsing *r, const struct trial_series *series,
                       struct jb_error *err)
{
    jb_report *found = NULL;
    int code = backup_verify(r->model.project, NULL, &found, err);
    if (code < 0)
        return code;
    for (size_t i = 0; i < series->count; i++) {
        const struct trial_backup *backup = &series->backups[i];
        bool is_ok = false;
        for (size_t row = 0; row < jb_report_row_count(found); row++) {
            const char *timestamp = jb_report_text(found, row, "timestamp");
            if (timestamp != NULL && strcmp(timestamp, backup->timestamp) == 0)
                is_ok = jb_report_number(found, row, "ok") != 0;
        }
        if (backup->is_kept && !backup->is_cut && !is_ok)
            jbi_finding(r->report, JB_ERROR, "cleanup",
                        "a backup that it kept is not whole any more: %s", backup->timestamp);
    }
    jb_report_free(found);
    return JB_OK;
}

static int rehearse_one(struct rehearsing *r, struct rehearsed *at, struct jb_error *err)
{
    jb_report *dry = NULL, *real = NULL;
    int code = make_backups(r, at, err);
    if (code == JB_OK)
        code = clean(r, true, &dry, err);
    if (code == JB_OK)
        code = check_files(r, at, true, err);
    if (code == JB_OK)
        code = clean(r, false, &real, err);
    if (code == JB_OK) {
        jbi_trial_compare(&at->series, dry, r->report);
        jbi_trial_compare(&at->series, real, r->report);
        compare_runs(r, dry, real);
        r->done->removed += (size_t)jb_report_number(real, JB_FIGURES, "removed");
        code = check_files(r, at, false, err);
    }
    if (code == JB_OK)
        code = verify_kept(r, &at->series, err);
    jb_report_free(dry);
    jb_report_free(real);
    jbi_repository_close(&at->repository);
    return code;
}

int jbi_rehearse_cleanup(const jb_project *project, const struct scratch *scratch,
                         jb_report *report, struct rehearsal *out, struct jb_error *err)
{
    struct rehearsing r = {.report = report, .done = out};
    struct rehearsed regular = {.name = "regular"}, neglected = {.name = "neglected"};
    int64_t now_s = jbi_now_us() / 1000000;
    *out = (struct rehearsal){0};
    jbi_trial_plan_regular(&regular.series, &project->retention, now_s);
    jbi_trial_plan_neglected(&neglected.series, &project->retention, now_s);
    int code = jbi_model_make(&r.model, scratch, project, err);
    if (code == JB_OK)
        code = rehearse_one(&r, &regular, err);
    if (code == JB_OK && neglected.series.count > 0)
        code = rehearse_one(&r, &neglected, err);
    jbi_model_free(&r.model);
    return code;
}
