/* SPDX-License-Identifier: MIT */
/* The file of the incidents and the lock of who changes it. Invariant: the file is old or new, and
 * a damaged one is told of, never half believed. */
#include "repository/incidents.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/lock.h"

#define FILE_NAME    "incidents.json"
#define LOCK_NAME    "monitor.lock"
#define SUBJECT      ".jbackup/" FILE_NAME
#define RESERVE_NAME "incidents.reserve"
#define RESERVE_SIZE (256 << 10)

const char *jbi_incident_subject(const struct incident *incident)
{
    size_t len = strlen(incident->check) + strlen(": ");
    return strlen(incident->key) >= len ? incident->key + len : incident->key;
}

int jbi_incidents_load(struct incidents *out, const struct repository *repository,
                       struct arena *arena, jb_report *report, struct jb_error *err)
{
    scope_free char *text = NULL;
    size_t len = 0;
    struct jb_error why = {0};
    *out = (struct incidents){0};
    if (repository->state_fd < 0)
        return JB_OK;
    int code =
        jbi_file_read(repository->state_fd, FILE_NAME, INCIDENTS_SIZE_MAX, &text, &len, &why);
    if (code == JB_ENOTFOUND)
        return JB_OK;
    if (code == JB_OK)
        code = jbi_incidents_parse(out, text, len, SUBJECT, arena, &why);
    if (code == JB_OK)
        return JB_OK;
    if (code != JB_ECORRUPT)
        return jbi_fail(err, code, "%s", why.text);
    jbi_finding(report, JB_WARNING, SUBJECT, "%s", why.text);
    jbi_finding_hint(report, "what is wrong now will be told as new, and the file written anew");
    return JB_OK;
}

/* Grows the reserve to its size, as far as there is room. */
static void make_reserve(const struct repository *repository)
{
    char block[4096];
    struct stat st;
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    scope_fd int fd = openat(repository->state_fd, RESERVE_NAME, flags, 0600);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return;
    memset(block, 'x', sizeof block);
    for (off_t size = st.st_size; size < RESERVE_SIZE; size += (off_t)sizeof block)
        if (jbi_write_full(fd, block, sizeof block) < 0)
            return;
}

int jbi_incidents_save(const struct incidents *incidents, const struct repository *repository,
                       struct jb_error *err)
{
    struct jb_error why = {0};
    scope_free char *text = jbi_incidents_print(incidents);
    if (text == NULL)
        return jbi_fail_memory(err);
    size_t len = strlen(text);
    int code = jbi_file_write_atomic(repository->state_fd, FILE_NAME, text, len, 0600, &why);
    bool is_full = code < 0 && (why.sys_errno == ENOSPC || why.sys_errno == EDQUOT);
    if (is_full && unlinkat(repository->state_fd, RESERVE_NAME, 0) == 0)
        code = jbi_file_write_atomic(repository->state_fd, FILE_NAME, text, len, 0600, err);
    else if (code < 0) {
        jbi_fail(err, code, "%s", why.text);
        jbi_hint(err, "%s", why.hint);
    }
    make_reserve(repository);
    return code;
}

int jbi_monitor_lock(const struct repository *repository, int wait_s, int *lock_fd,
                     struct jb_error *err)
{
    static const struct hooks none;
    struct jb_error why = {0};
    int code =
        jbi_lock_take(repository->state_fd, LOCK_NAME, wait_s, "monitor", &none, lock_fd, &why);
    if (code == JB_OK)
        return JB_OK;
    jbi_fail(err, code,
             code == JB_ELOCKED ? "the monitor of repository \"%s\" is %s"
                                : "repository \"%s\": %s",
             repository->path, why.text);
    if (code == JB_ELOCKED)
        jbi_hint(err, "let it finish, then try again");
    if (err != NULL && err->sys_errno == 0)
        err->sys_errno = why.sys_errno;
    return code;
}
