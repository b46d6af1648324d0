/* SPDX-License-Identifier: MIT */
/* The test "backup": a real full backup of the project into a scratch repository, read back.
 * Invariant: the user's repository is written to in its .jbackup only, and in a scratch folder. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "api/scratch.h"
#include "api/system.h"
#include "base/scope.h"

/* A trial at work: a copy of the user's project whose backups go to the scratch folder. */
struct trial {
    struct system_test *test;
    struct jb_project project;
    char backup_dir[PATH_MAX];
    bool has_failed; /* the finding says why */
};

/* "1,234,567" */
static const char *grouped(struct arena *arena, int64_t number)
{
    char plain[24];
    snprintf(plain, sizeof plain, "%" PRId64, number);
    scope_text text = {0};
    for (size_t i = 0, len = strlen(plain); i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            jbi_text_adds(&text, ",");
        jbi_text_add(&text, plain + i, 1);
    }
    const char *copy = text.failed ? NULL : jbi_arena_text(arena, text.at);
    return copy ? copy : "";
}

/* The result of a verb that did not do its work: the finding of this test, unless there is no
 * memory or the user does not want to go on. */
static int take_failure(struct trial *trial, int code, const struct jb_error *why,
                        struct jb_error *err)
{
    jb_report *report = trial->test->report;
    if (code == JB_ECANCELED || code == JB_ENOMEM) {
        *err = *why;
        return code;
    }
    trial->has_failed = true;
    jbi_finding(report, JB_ERROR, trial->test->project->name, "%s", why->text);
    if (why->hint[0] != '\0')
        jbi_finding_hint(report, "%s", why->hint);
    else if (why->sys_errno == ENOSPC || why->sys_errno == EDQUOT)
        jbi_finding_hint(report, "make room: \"jbackup cleanup\" removes what is old enough");
    return JB_OK;
}

static int refuse_place(const jb_project *project, struct jb_error *err)
{
    jbi_fail_errno(err, JB_EIO, "cannot write to the repository \"%s\"", project->backup_dir);
    jbi_hint(err, "run as the user to whom it belongs, or name another with --backup-dir");
    return JB_EIO;
}

/* The first backup makes the repository, in a folder that must be there. */
static int check_above(const jb_project *project, struct arena *arena, struct jb_error *err)
{
    char *above = jbi_arena_text(arena, project->backup_dir);
    if (above == NULL)
        return jbi_fail_memory(err);
    char *slash = strrchr(above, '/');
    slash[slash == above] = '\0';
    if (faccessat(AT_FDCWD, above, W_OK | X_OK, AT_EACCESS) == 0)
        return JB_OK;
    bool is_absent = errno == ENOENT;
    jbi_fail_errno(err, JB_EIO, "cannot make the repository \"%s\"", project->backup_dir);
    jbi_hint(err, is_absent ? "make the folder above it first, or mount its file system"
                            : "make it as a user who may write to the folder above it");
    return JB_EIO;
}

/* A backup that goes elsewhere would not show that there is no room, or no right, where the user's
 * go; only where there is no place yet the scratch folder may be another one. */
static int begin_scratch(struct scratch *scratch, struct system_test *test, struct jb_error *err)
{
    struct repository repository;
    const jb_project *project = test->project;
    struct jb_error why = {0};
    int code = jbi_repository_open(&repository, project->backup_dir, false, NULL, &why);
    if (code == JB_ENOTFOUND)
        code = check_above(project, test->arena, err);
    else if (code < 0)
        *err = why;
    for (int i = 0; i < CATEGORY_COUNT && code == JB_OK; i++) {
        int fd = repository.category_fd[i];
        if (fd >= 0 && faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
            code = refuse_place(project, err);
    }
    if (code == JB_OK && repository.fd >= 0 &&
        faccessat(repository.fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
        code = refuse_place(project, err);
    if (code == JB_OK)
        code = repository.state_fd >= 0 ? jbi_scratch_begin_there(scratch, repository.state_fd, err)
                                        : jbi_scratch_begin(scratch, -1, err);
    jbi_repository_close(&repository);
    return code;
}

static int64_t count_databases(const jb_report *made)
{
    int64_t count = 0;
    for (size_t i = 0; i < jb_report_row_count(made); i++) {
        const char *kind = jb_report_text(made, i, "kind");
        count += kind != NULL && (strcmp(kind, jbi_artifact_kind_name(ARTIFACT_SQLITE)) == 0 ||
                                  strcmp(kind, jbi_artifact_kind_name(ARTIFACT_POSTGRESQL)) == 0);
    }
    return count;
}

static void tell_backup(struct trial *trial, const jb_report *made)
{
    struct system_test *test = trial->test;
    int64_t files = jb_report_number(made, JB_FIGURES, "files");
    int64_t databases = count_databases(made);
    char size[16];
    if (files == 0 && databases == 0) {
        trial->has_failed = true;
        jbi_finding(test->report, JB_ERROR, test->project->name,
                    "there is nothing to back up: no database, and no file in \"%s\"",
                    test->project->root);
        jbi_finding_hint(test->report, "name \"databases\" and \"root\" in jbackup.json");
        return;
    }
    jbi_text_addf(&test->did,
                  "backed up %s file%s and %s database%s (%s) to a scratch place in "
                  "%.1f s",
                  grouped(test->arena, files), files == 1 ? "" : "s",
                  grouped(test->arena, databases), databases == 1 ? "" : "s",
                  jbi_human_size(size, (uint64_t)jb_report_number(made, JB_FIGURES, "total_size")),
                  (double)jb_report_number(made, JB_FIGURES, "duration_ms") / 1000);
}

/* As a daily one, since with those goes all that the configuration may ask for. */
static int back_up(struct trial *trial, struct jb_error *err)
{
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    struct jb_error why = {0};
    jb_report *made = NULL;
    options.category = jbi_category_name(CATEGORY_DAILY);
    int code = backup_create(&trial->project, &options, &made, &why);
    if (code < 0)
        return take_failure(trial, code, &why, err);
    jbi_report_merge(trial->test->report, made, "");
    tell_backup(trial, made);
    jb_report_free(made);
    return JB_OK;
}

static int read_back(struct trial *trial, struct jb_error *err)
{
    struct jb_verify_options options = JB_VERIFY_OPTIONS_INIT;
    struct jb_error why = {0};
    jb_report *found = NULL;
    options.depth = JB_DEPTH_CONTENT;
    int code = backup_verify(&trial->project, &options, &found, &why);
    if (code < 0)
        return take_failure(trial, code, &why, err);
    jbi_report_merge(trial->test->report, found, "");
    jbi_text_adds(&trial->test->did, " and read it back");
    jb_report_free(found);
    return JB_OK;
}

static int trial_begin(struct trial *trial, const struct scratch *scratch, struct jb_error *err)
{
    const jb_project *project = trial->test->project;
    char folder[PATH_MAX];
    int code = jbi_scratch_path(scratch, folder, err);
    if (code < 0)
        return code;
    if (snprintf(trial->backup_dir, PATH_MAX, "%s/backups", folder) >= PATH_MAX)
        return jbi_fail(err, JB_EIO, "the path of the folder for temporary files is too long");
    trial->project = *project;
    trial->project.arena = (struct arena){0};
    trial->project.backup_dir = trial->backup_dir;
    trial->project.trial_of = project->backup_dir;
    return JB_OK;
}

int jbi_test_backup(struct system_test *test, struct jb_error *err)
{
    struct trial trial = {.test = test};
    struct scratch scratch = SCRATCH_INIT;
    int code = begin_scratch(&scratch, test, err);
    if (code == JB_OK)
        code = trial_begin(&trial, &scratch, err);
    if (code == JB_OK)
        code = back_up(&trial, err);
    if (code == JB_OK && !trial.has_failed)
        code = read_back(&trial, err);
    jbi_scratch_end(&scratch);
    jbi_arena_free(&trial.project.arena);
    return code;
}
