/* SPDX-License-Identifier: MIT */
/* restore_safe into an empty place: everything compared on the way, and nothing left on failure. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/restore_choice.h"
#include "api/restore_database.h"
#include "api/restore_place.h"
#include "api/session.h"
#include "archive/untar.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "source/codebase.h"

struct restore_run {
    struct session session;
    struct jb_restore_options options;
    const struct manifest *backup;
    int to_fd;
    bool made_folder;
    struct codebase_staged code;
    int64_t databases;
};

static int check_options(const struct jb_restore_options *options, struct jb_error *err)
{
    if (options->timestamp == NULL || (options->to != NULL && *options->to == '\0')) {
        jbi_fail(err, JB_EINVAL, "a restore needs a backup's timestamp");
        jbi_hint(err, "\"jbackup list\" shows the timestamps");
        return JB_EINVAL;
    }
    bool is_place = options->environment != NULL || options->confirm || options->plan ||
                    options->without_safety_backup || options->discard_old;
    if (options->to != NULL && is_place)
        return jbi_fail(err, JB_EINVAL, "that is for a restore in place, not into a folder");
    if (options->type < JB_TYPE_FULL || options->type > JB_TYPE_CODEBASE)
        return jbi_fail(err, JB_EINVAL, "no such type of restore");
    bool wants_code = options->path != NULL || options->type == JB_TYPE_CODEBASE;
    bool wants_database = options->database != NULL || options->type == JB_TYPE_DATABASE;
    if (wants_code && wants_database)
        return jbi_fail(err, JB_EINVAL,
                        "a path or the code, and a database, can't be restored together");
    return JB_OK;
}

int jbi_code_path(struct arena *arena, const char *given, const char **out, struct jb_error *err)
{
    *out = NULL;
    if (given == NULL)
        return JB_OK;
    char *path = jbi_path_join(arena, "", given[0] == '/' ? given + 1 : given);
    if (path == NULL)
        return jbi_fail_memory(err);
    bool is_inside = given[0] != '/' && jbi_is_safe_path(path + 1);
    if (!is_inside)
        return jbi_fail(err, JB_EINVAL, "\"%s\" is no path inside the project", given);
    *out = path + 1;
    return JB_OK;
}

/* Whether the folder has nothing in it: 1, 0, or -1 with errno. */
static int is_empty_folder(int fd)
{
    int list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    if (dir == NULL)
        return -1;
    const struct dirent *entry;
    errno = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return 0;
    }
    return errno == 0 ? 1 : -1;
}

/* Opens the target, which must be absent (then it is made) or an empty folder. */
static int target_open(struct restore_run *run, struct jb_error *err)
{
    const char *to = run->options.to;
    run->made_folder = mkdir(to, 0700) == 0;
    if (!run->made_folder && errno != EEXIST)
        return jbi_fail_errno(err, JB_EIO, "cannot make the folder \"%s\"", to);
    scope_fd int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int is_empty = fd < 0 ? -1 : is_empty_folder(fd);
    if (is_empty < 0)
        return jbi_fail_errno(err, JB_EINVAL, "cannot open the folder \"%s\"", to);
    if (is_empty == 0) {
        jbi_fail(err, JB_EINVAL, "\"%s\" is not empty", to);
        jbi_hint(err, "restore into a new folder, look at it, then move what you need");
        return JB_EINVAL;
    }
    run->to_fd = fd; /* from here on a failure empties it again */
    fd = -1;
    return JB_OK;
}

/* Removes what a failed restore wrote. */
static void target_undo(struct restore_run *run)
{
    struct jb_error unwanted = {0};
    if (run->to_fd < 0)
        return;
    int list_fd = openat(run->to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            jbi_remove_tree(run->to_fd, entry->d_name, &unwanted);
    }
    if (run->made_folder)
        rmdir(run->options.to);
}

static int restore_code(struct restore_run *run, const char *path, struct jb_error *err)
{
    struct session *session = &run->session;
    const struct artifact *archive = jbi_manifest_artifact(run->backup, ARTIFACT_CODEBASE, NULL);
    const struct artifact *index = jbi_manifest_artifact(run->backup, ARTIFACT_INDEX, NULL);
    if (archive == NULL || index == NULL) {
        jbi_fail(err, JB_ENOTFOUND, "backup %s holds no code", run->backup->timestamp);
        jbi_hint(err, "\"jbackup list\" shows which backups do");
        return JB_ENOTFOUND;
    }
    struct source_job job = jbi_session_job(session, run->backup->timestamp, -1);
    return jbi_codebase_stage(&job, jbi_category_fd(session, run->backup), archive, index,
                              run->to_fd, path, &run->code, err);
}

static int restore_databases(struct restore_run *run, bool with_code, struct jb_error *err)
{
    const char *wanted = run->options.database;
    struct database_target target = {
        .session = &run->session,
        .backup = run->backup,
        .to = run->options.to,
        .to_fd = run->to_fd,
        .with_code = with_code,
    };
    bool is_found = false;
    int code = JB_OK;
    for (size_t i = 0; i < run->backup->artifact_count && code == JB_OK; i++) {
        const struct artifact *artifact = &run->backup->artifacts[i];
        if (!jbi_restore_wants(artifact, wanted))
            continue;
        is_found = true;
        code = jbi_database_lay_out(&target, artifact, err);
        run->databases += code == JB_OK;
    }
    return code == JB_OK && !is_found && !with_code
               ? jbi_restore_no_database(run->backup, wanted, err)
               : code;
}

static int restore_all(struct restore_run *run, struct jb_error *err)
{
    const struct jb_restore_options *options = &run->options;
    bool only_code = options->path != NULL || options->type == JB_TYPE_CODEBASE;
    bool only_databases = options->database != NULL || options->type == JB_TYPE_DATABASE;
    const char *path;
    int code = jbi_code_path(&run->session.arena, options->path, &path, err);
    bool with_code = only_code || (!only_databases && jbi_manifest_has_codebase(run->backup));
    if (code == JB_OK)
        code = target_open(run, err);
    if (code == JB_OK && !only_code && with_code)
        code = restore_databases(run, true, err); /* before folders get their modes and times */
    if (code == JB_OK && with_code)
        code = restore_code(run, path, err);
    if (code == JB_OK && !with_code)
        code = restore_databases(run, false, err);
    if (code == JB_OK && syncfs(run->to_fd) < 0)
        code = jbi_fail_errno(err, JB_EIO, "cannot write \"%s\" to disk", options->to);
    if (code == JB_ECORRUPT)
        jbi_hint(err, "\"jbackup verify\" tells what is damaged; --path restores what is not, and "
                      "other backups may be whole");
    if (code < 0)
        target_undo(run);
    return code;
}

static void report_restore(struct restore_run *run)
{
    jb_report *report = run->session.report;
    struct record *figures = &report->figures;
    jbi_row_text(report, figures, "timestamp", run->backup->timestamp);
    jbi_row_text(report, figures, "to", run->options.to);
    jbi_row_number(report, figures, "files", (int64_t)run->code.files);
    jbi_row_number(report, figures, "file_bytes", (int64_t)run->code.file_bytes);
    jbi_row_number(report, figures, "databases", run->databases);
    jbi_row_number(report, figures, "duration_ms", jbi_monotonic_ms() - run->session.begin_ms);
}

int restore_safe(jb_project *project, const struct jb_restore_options *options, jb_report **report,
                 struct jb_error *err)
{
    struct restore_run run = {.options = JB_RESTORE_OPTIONS_INIT, .to_fd = -1};
    int code = jbi_options_take(&run.options, sizeof run.options, options, err);
    if (code == JB_OK)
        code = check_options(&run.options, err);
    if (code < 0)
        return code;
    if (run.options.to == NULL)
        return jbi_restore_place(project, &run.options, report, err);
    code = jbi_session_read(&run.session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = jbi_catalog_find(&run.session.catalog, run.options.timestamp, &run.backup,
                                run.session.err);
    if (code == JB_OK)
        code = restore_all(&run, run.session.err);
    if (code == JB_OK)
        report_restore(&run);
    if (run.to_fd >= 0)
        close(run.to_fd);
    return jbi_session_end(&run.session, code, report);
}
