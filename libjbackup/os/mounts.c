/* SPDX-License-Identifier: MIT */
/* Reading /proc/self/mountinfo: the fifth field of a line is the place, with its blanks as \ooo. */
#include "os/mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/scope.h"

static bool is_octal(const char *at)
{
    return at[0] >= '0' && at[0] <= '3' && at[1] >= '0' && at[1] <= '7' && at[2] >= '0' &&
           at[2] <= '7';
}

static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '\\' && is_octal(at + 1)) {
            *to++ = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
            at += 3;
        } else {
            *to++ = *at;
        }
    }
    *to = '\0';
}

/* The fifth field, in place; NULL: no such line. */
static char *mount_point(char *line)
{
    char *at = line;
    for (int field = 1; at != NULL && field < 5; field++) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    if (at == NULL)
        return NULL;
    at[strcspn(at, " \n")] = '\0';
    unescape(at);
    return at;
}

/* What of path lies below the folder, or NULL. */
static const char *below(const char *path, const char *folder)
{
    size_t len = strcmp(folder, "/") == 0 ? 0 : strlen(folder);
    bool is_below = strncmp(path, folder, len) == 0 && path[len] == '/' && path[len + 1] != '\0';
    return is_below ? path + len + 1 : NULL;
}

int jbi_mounts_below(int dir_fd, mount_visit visit, void *user, struct jb_error *err)
{
    char link[40], folder[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
    ssize_t len = readlink(link, folder, sizeof folder - 1);
    FILE *file = len < 0 ? NULL : fopen("/proc/self/mountinfo", "re");
    if (file == NULL)
        return errno == ENOENT ? JB_OK
                               : jbi_fail_errno(err, JB_EIO, "cannot read /proc/self/mountinfo");
    folder[len] = '\0';
    scope_free char *line = NULL;
    size_t room = 0;
    int code = JB_OK;
    while (code == JB_OK && getline(&line, &room, file) > 0) {
        char *at = mount_point(line);
        const char *path = at != NULL ? below(at, folder) : NULL;
        if (path != NULL)
            code = visit(user, path, err);
    }
    if (code == JB_OK && ferror(file))
        code = jbi_fail_errno(err, JB_EIO, "cannot read /proc/self/mountinfo");
    fclose(file);
    return code;
}
