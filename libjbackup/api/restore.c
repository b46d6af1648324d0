/* SPDX-License-Identifier: MIT */
/* restore_safe into an empty place: everything compared on the way, and nothing left on failure. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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
    if (options->timestamp == NULL || options->to == NULL || *options->to == '\0') {
        jbi_fail(err, JB_EINVAL,
                 "a restore needs a backup's timestamp and an empty folder to restore to");
        jbi_hint(err, "jbackup restore --timestamp TS --to DIR");
        return JB_EINVAL;
    }
    if (options->type < JB_TYPE_FULL || options->type > JB_TYPE_CODEBASE)
        return jbi_fail(err, JB_EINVAL, "no such type of restore");
    bool wants_code = options->path != NULL || options->type == JB_TYPE_CODEBASE;
    bool wants_database = options->database != NULL || options->type == JB_TYPE_DATABASE;
    if (wants_code && wants_database)
        return jbi_fail(err, JB_EINVAL,
                        "a path or the code, and a database, can't be restored together");
    return JB_OK;
}

/* The path as the archive knows it: relative, without "./" before and "/" behind. */
static int normal_path(struct restore_run *run, const char **out, struct jb_error *err)
{
    const char *given = run->options.path;
    *out = NULL;
    if (given == NULL)
        return JB_OK;
    char *path = jbi_path_join(&run->session.arena, "", given[0] == '/' ? given + 1 : given);
    if (path == NULL)
        return jbi_fail_memory(err);
    bool is_inside = given[0] != '/' && jbi_is_safe_path(path + 1);
    if (!is_inside)
        return jbi_fail(err, JB_EINVAL, "\"%s\" is no path inside the project", given);
    *out = path + 1;
    return JB_OK;
}

/* Opens the target, which must be absent (then it is made) or an empty folder. */
static int target_open(struct restore_run *run, struct jb_error *err)
{
    const char *to = run->options.to;
    run->made_folder = mkdir(to, 0700) == 0;
    if (!run->made_folder && errno != EEXIST)
        return jbi_fail_errno(err, JB_EIO, "cannot make the folder \"%s\"", to);
    run->to_fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run->to_fd < 0)
        return jbi_fail_errno(err, JB_EINVAL, "cannot open the folder \"%s\"", to);
    int list_fd = openat(run->to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    scope_dir DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        close(run->to_fd);
        run->to_fd = -1;
        jbi_fail(err, JB_EINVAL, "\"%s\" is not empty", to);
        jbi_hint(err, "restore into a new folder, look at it, then move what you need");
        return JB_EINVAL;
    }
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

/* Where a database belongs below the target: at its place in the code tree if it lay there and
 * the code is restored, too; else in databases/ beside the code, or alone. */
static const char *database_place(struct restore_run *run, const struct artifact *artifact,
                                  bool with_code)
{
    const struct artifact *archive = jbi_manifest_artifact(run->backup, ARTIFACT_CODEBASE, NULL);
    const char *from = artifact->from ? artifact->from : "";
    const char *slash = strrchr(from, '/');
    const char *base = slash && slash[1] ? slash + 1 : artifact->name;
    if (!with_code || archive == NULL || archive->from == NULL)
        return base;
    size_t len = strlen(archive->from);
    bool is_inside = strncmp(from, archive->from, len) == 0 && from[len] == '/' &&
                     jbi_is_safe_path(from + len + 1);
    return is_inside ? from + len + 1 : jbi_arena_printf(&run->session.arena, "databases/%s", base);
}

/* Opens the folder of path below the target, making what is missing; *base is its last component.
 */
static int open_parent(int to_fd, const char *path, const char **base, struct jb_error *err)
{
    int fd = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *slash;
    while (fd >= 0 && (slash = strchr(path, '/')) != NULL) {
        char name[256];
        size_t len = (size_t)(slash - path);
        int below = -1;
        errno = ENAMETOOLONG;
        if (len < sizeof name) {
            memcpy(name, path, len);
            name[len] = '\0';
            if (mkdirat(fd, name, 0700) == 0 || errno == EEXIST)
                below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        int why = errno;
        close(fd);
        errno = why;
        fd = below;
        path = slash + 1;
    }
    if (fd < 0)
        jbi_fail_errno(err, JB_EIO, "cannot make the folder of \"%s\"", path);
    *base = path;
    return fd;
}

static int restore_database(struct restore_run *run, const struct artifact *artifact,
                            bool with_code, struct jb_error *err)
{
    struct session *session = &run->session;
    const char *place = database_place(run, artifact, with_code), *base;
    if (place == NULL)
        return jbi_fail_memory(err);
    if (!jbi_is_safe_path(place))
        return jbi_fail(err, JB_ECORRUPT, "the manifest names \"%s\" as a database file", place);
    scope_fd int dir_fd = open_parent(run->to_fd, place, &base, err);
    if (dir_fd < 0)
        return JB_EIO;
    struct source_job job = jbi_session_job(session, run->backup->timestamp, dir_fd);
    int code =
        jbi_sqlite_stage(&job, jbi_category_fd(session, run->backup), artifact, dir_fd, base, err);
    if (code == JB_OK) {
        run->databases++;
        struct record *row = jbi_report_row(session->report);
        jbi_row_text(session->report, row, "database", artifact->name);
        jbi_row_text(session->report, row, "path", place);
    }
    return code;
}

static int restore_databases(struct restore_run *run, bool with_code, struct jb_error *err)
{
    const char *wanted = run->options.database;
    bool is_found = false;
    int code = JB_OK;
    for (size_t i = 0; i < run->backup->artifact_count && code == JB_OK; i++) {
        const struct artifact *artifact = &run->backup->artifacts[i];
        if (artifact->kind != ARTIFACT_SQLITE ||
            (wanted != NULL && strcmp(wanted, artifact->name) != 0))
            continue;
        is_found = true;
        code = restore_database(run, artifact, with_code, err);
    }
    if (code == JB_OK && !is_found && !with_code) {
        code = jbi_fail(err, JB_ENOTFOUND, "backup %s holds no database%s%s",
                        run->backup->timestamp, wanted ? " " : "", wanted ? wanted : "");
        jbi_hint(err, "\"jbackup show %s\" lists what it holds", run->backup->timestamp);
    }
    return code;
}

static int restore_all(struct restore_run *run, struct jb_error *err)
{
    const struct jb_restore_options *options = &run->options;
    bool only_code = options->path != NULL || options->type == JB_TYPE_CODEBASE;
    bool only_databases = options->database != NULL || options->type == JB_TYPE_DATABASE;
    const char *path;
    int code = normal_path(run, &path, err);
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
    code = jbi_session_read(&run.session, project, err);
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
