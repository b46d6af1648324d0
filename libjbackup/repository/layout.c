/* SPDX-License-Identifier: MIT */
/* The names of a repository and its open folders. Invariant: below the repository's own folder no
 * symbolic link is followed, and nothing has a name that is not made or recognised here. */
#include "repository/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/lock.h"

#define STATE_FOLDER ".jbackup"
#define LOG_NAME     "backup.log"
#define LOG_SIZE_MAX (2 << 20)

static const char *const category_names[CATEGORY_COUNT] = {"daily", "weekly", "monthly"};
static const char *const type_names[] = {
    [JB_TYPE_FULL] = "full",
    [JB_TYPE_DATABASE] = "database",
    [JB_TYPE_CODEBASE] = "codebase",
};

/* before + timestamp + after, then (if is_named) a name and suffix. */
static const struct form {
    enum artifact_kind kind;
    const char *before, *after;
    bool is_named;
    const char *suffix;
} forms[] = {
    {ARTIFACT_SQLITE, "db_", "/sqlite_", true, ".db.gz"},
    {ARTIFACT_POSTGRESQL, "db_", "/postgresql_", true, ".dump"},
    {ARTIFACT_POSTGRESQL_SQL, "db_", "/postgresql_", true, ".sql"},
    {ARTIFACT_POSTGRESQL_GLOBALS, "db_", "/postgresql_globals.sql", false, ""},
    {ARTIFACT_POSTGRESQL_GLOBALS, "db_", "/postgresql_globals@", true, ".sql"},
    {ARTIFACT_CODEBASE, "codebase_", ".tar.gz", false, ""},
    {ARTIFACT_INDEX, "codebase_", ".index.jsonl.gz", false, ""},
};

const char *jbi_category_name(enum category category)
{
    return category_names[category];
}

bool jbi_category_parse(const char *name, enum category *out)
{
    for (int i = 0; i < CATEGORY_COUNT; i++)
        if (strcmp(name, category_names[i]) == 0) {
            *out = (enum category)i;
            return true;
        }
    return false;
}

enum category jbi_category_of(int64_t unix_s)
{
    struct tm tm = {0};
    time_t at = (time_t)unix_s;
    localtime_r(&at, &tm);
    if (tm.tm_mday == 1)
        return CATEGORY_MONTHLY;
    return tm.tm_wday == 0 ? CATEGORY_WEEKLY : CATEGORY_DAILY;
}

const char *jbi_type_name(int type)
{
    return type_names[type];
}

bool jbi_type_parse(const char *name, int *out)
{
    for (int i = JB_TYPE_FULL; i <= JB_TYPE_CODEBASE; i++)
        if (strcmp(name, type_names[i]) == 0) {
            *out = i;
            return true;
        }
    return false;
}

void jbi_manifest_name(char to[LAYOUT_NAME_SIZE], const char *timestamp)
{
    snprintf(to, LAYOUT_NAME_SIZE, "manifest_%s.json", timestamp);
}

void jbi_checksums_name(char to[LAYOUT_NAME_SIZE], const char *timestamp)
{
    snprintf(to, LAYOUT_NAME_SIZE, "checksums_%s.sha256", timestamp);
}

void jbi_proof_name(char to[LAYOUT_NAME_SIZE], const char *timestamp)
{
    snprintf(to, LAYOUT_NAME_SIZE, "proof_%s.json", timestamp);
}

void jbi_database_folder(char to[LAYOUT_NAME_SIZE], const char *timestamp)
{
    snprintf(to, LAYOUT_NAME_SIZE, "db_%s", timestamp);
}

bool jbi_manifest_name_parse(const char *name, char timestamp[TIMESTAMP_SIZE])
{
    char again[LAYOUT_NAME_SIZE];
    const size_t at = strlen("manifest_");
    if (strlen(name) < at + TIMESTAMP_SIZE - 1)
        return false;
    memcpy(timestamp, name + at, TIMESTAMP_SIZE - 1);
    timestamp[TIMESTAMP_SIZE - 1] = '\0';
    if (!jbi_is_timestamp(timestamp))
        return false;
    jbi_manifest_name(again, timestamp);
    return strcmp(name, again) == 0;
}

/* A name that a file may carry and a line of checksums may hold: printable, in one line. */
static bool is_name_part(const char *name, size_t len)
{
    char printable[4 * 255 + 1];
    if (len == 0 || len > 240 || memchr(name, '/', len) != NULL || memchr(name, '\\', len) != NULL)
        return false;
    return strlen(jbi_escape(printable, sizeof printable, name, len)) == len;
}

/* Without what tells the globals of a server from the .sql of a database. */
static bool is_name_of_kind(enum artifact_kind kind, const char *name, size_t len)
{
    bool is_reserved =
        memchr(name, '@', len) != NULL || (len == 7 && memcmp(name, "globals", 7) == 0);
    return is_name_part(name, len) && (kind == ARTIFACT_SQLITE || !is_reserved);
}

static bool form_matches(const struct form *form, const char *path, const char *timestamp)
{
    char start[LAYOUT_NAME_SIZE];
    snprintf(start, sizeof start, "%s%s%s", form->before, timestamp, form->after);
    if (!form->is_named)
        return strcmp(path, start) == 0;
    if (!jbi_starts_with(path, start))
        return false;
    const char *name = path + strlen(start);
    size_t len = strlen(name), suffix = strlen(form->suffix);
    return len > suffix && jbi_ends_with(name, form->suffix) &&
           is_name_of_kind(form->kind, name, len - suffix);
}

bool jbi_artifact_path_kind(const char *path, const char *timestamp, enum artifact_kind *kind)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (form_matches(&forms[i], path, timestamp)) {
            if (kind != NULL)
                *kind = forms[i].kind;
            return true;
        }
    return false;
}

bool jbi_is_artifact_path(const char *path, const char *timestamp)
{
    return jbi_artifact_path_kind(path, timestamp, NULL);
}

int jbi_artifact_folder(int category_fd, const char *path, const char **base)
{
    const char *slash = strchr(path, '/');
    char folder[LAYOUT_NAME_SIZE];
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (slash != NULL && (len == 0 || len >= sizeof folder || strchr(slash + 1, '/') != NULL)) {
        errno = EINVAL;
        return -1;
    }
    *base = slash ? slash + 1 : path;
    if (slash == NULL)
        return openat(category_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    memcpy(folder, path, len);
    folder[len] = '\0';
    return openat(category_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Whether one category has that name: 1, 0, or -1 with errno. */
static int is_name_taken(const struct repository *repository, const char *name)
{
    struct stat st;
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        if (repository->category_fd[i] < 0)
            continue;
        if (fstatat(repository->category_fd[i], name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return 1;
        if (errno != ENOENT)
            return -1;
    }
    return 0;
}

int jbi_timestamp_is_taken(const struct repository *repository, const char *timestamp)
{
    char name[LAYOUT_NAME_SIZE];
    jbi_manifest_name(name, timestamp);
    int taken = is_name_taken(repository, name);
    jbi_checksums_name(name, timestamp);
    if (taken == 0)
        taken = is_name_taken(repository, name);
    jbi_proof_name(name, timestamp);
    if (taken == 0)
        taken = is_name_taken(repository, name);
    for (size_t i = 0; i < sizeof forms / sizeof *forms && taken == 0; i++) {
        snprintf(name, sizeof name, "%s%s%s", forms[i].before, timestamp,
                 forms[i].after[0] == '/' ? "" : forms[i].after);
        taken = is_name_taken(repository, name);
    }
    return taken;
}

static char *absolute_path(const char *path)
{
    char *absolute = NULL;
    if (path[0] == '/')
        return strdup(path);
    scope_free char *here = getcwd(NULL, 0);
    if (here == NULL || asprintf(&absolute, "%s/%s", here, path) < 0)
        return NULL;
    return absolute;
}

/* A new folder lasts once the folder above it is on the disk. */
static int sync_above(int fd)
{
    scope_fd int above = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return above >= 0 ? fsync(above) : -1;
}

/* The repository's own folder may be reached by a symbolic link: it is the user's word. */
static int open_root(struct repository *out, bool to_write, struct jb_error *err)
{
    bool is_new = to_write && mkdir(out->path, 0700) == 0;
    if (to_write && !is_new && errno == ENOENT) {
        jbi_fail_errno(err, JB_ENOTFOUND, "cannot make the repository \"%s\"", out->path);
        jbi_hint(err, "make the folder above it first, or mount its file system");
        return JB_ENOTFOUND;
    }
    if (to_write && !is_new && errno != EEXIST)
        return jbi_fail_errno(err, JB_EIO, "cannot make the repository \"%s\"", out->path);
    out->fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (out->fd < 0 && errno == ENOENT) {
        jbi_fail(err, JB_ENOTFOUND, "there is no repository \"%s\"", out->path);
        jbi_hint(err, "the first backup makes it: jbackup backup");
        return JB_ENOTFOUND;
    }
    if (out->fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open the repository \"%s\"", out->path);
    if (is_new && sync_above(out->fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot sync the folder above \"%s\"", out->path);
    return JB_OK;
}

static int open_folder(const struct repository *repository, const char *name, bool to_write,
                       int *fd, struct jb_error *err)
{
    bool is_new = to_write && mkdirat(repository->fd, name, 0700) == 0;
    if (to_write && !is_new && errno != EEXIST) {
        jbi_fail_errno(err, JB_EIO, "cannot make \"%s/%s\"", repository->path, name);
        jbi_hint(err, "a backup needs to write to the repository");
        return JB_EIO;
    }
    *fd = openat(repository->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0 && (errno != ENOENT || to_write))
        return jbi_fail_errno(err, JB_EIO, "cannot open \"%s/%s\"", repository->path, name);
    if (is_new && fsync(repository->fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot sync \"%s\"", repository->path);
    return JB_OK;
}

/* Told before anything is begun, rather than by whichever step would fail first. */
static int check_writable(const struct repository *repository, struct jb_error *err)
{
    int fds[CATEGORY_COUNT + 2] = {repository->fd, repository->state_fd};
    memcpy(fds + 2, repository->category_fd, sizeof repository->category_fd);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (faccessat(fds[i], ".", W_OK | X_OK, AT_EACCESS) == 0)
            continue;
        jbi_fail_errno(err, JB_EIO, "cannot write to the repository \"%s\"", repository->path);
        jbi_hint(err, "run as the user to whom it belongs, or name another with --backup-dir");
        return JB_EIO;
    }
    return JB_OK;
}

int jbi_repository_open(struct repository *out, const char *path, bool to_write, jb_report *report,
                        struct jb_error *err)
{
    *out = (struct repository){.fd = -1, .state_fd = -1};
    for (int i = 0; i < CATEGORY_COUNT; i++)
        out->category_fd[i] = -1;
    out->path = absolute_path(path);
    if (out->path == NULL)
        return jbi_fail_errno(err, JB_EIO, "cannot tell where \"%s\" is", path);
    int code = open_root(out, to_write, err);
    if (code == JB_OK)
        code = open_folder(out, STATE_FOLDER, to_write, &out->state_fd, err);
    for (int i = 0; i < CATEGORY_COUNT && code == JB_OK; i++)
        code = open_folder(out, category_names[i], to_write, &out->category_fd[i], err);
    if (code == JB_OK && to_write)
        code = check_writable(out, err);
    if (code == JB_OK && report != NULL)
        jbi_repository_check_modes(out, report);
    return code;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void jbi_repository_close(struct repository *repository)
{
    for (int i = 0; i < CATEGORY_COUNT; i++)
        close_fd(&repository->category_fd[i]);
    close_fd(&repository->state_fd);
    close_fd(&repository->fd);
    free(repository->path);
    repository->path = NULL;
}

int jbi_repository_lock(struct repository *repository, int wait_s, const char *what,
                        const struct hooks *hooks, int *lock_fd, struct jb_error *err)
{
    struct jb_error why = {0};
    int code = jbi_lock_take(repository->state_fd, STATE_LOCK, wait_s, what, hooks, lock_fd, &why);
    if (code == JB_OK)
        return JB_OK;
    if (code == JB_ECANCELED)
        return jbi_fail(err, code, "%s", why.text);
    jbi_fail(err, code, code == JB_ELOCKED ? "repository \"%s\" is %s" : "repository \"%s\": %s",
             repository->path, why.text);
    jbi_hint(err, "%s", why.hint);
    if (err != NULL && err->sys_errno == 0)
        err->sys_errno = why.sys_errno;
    return code;
}

void jbi_repository_log(const struct repository *repository, const char *line)
{
    jbi_repository_log_to(repository, LOG_NAME, line);
}

void jbi_repository_log_to(const struct repository *repository, const char *name, const char *line)
{
    char time[ISO_TIME_SIZE], printable[2048], entry[2048 + ISO_TIME_SIZE];
    char old_name[LAYOUT_NAME_SIZE];
    const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    scope_fd int fd = openat(repository->fd, name, flags, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    jbi_iso_time(time, jbi_now_us(), false);
    jbi_escape(printable, sizeof printable, line, strlen(line));
    int len = snprintf(entry, sizeof entry, "%s %s\n", time, printable);
    snprintf(old_name, sizeof old_name, "%s.1", name);
    if (jbi_write_full(fd, entry, (size_t)len) == 0 && st.st_size + len > LOG_SIZE_MAX)
        renameat(repository->fd, name, repository->fd, old_name);
}
