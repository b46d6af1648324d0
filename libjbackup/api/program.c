/* SPDX-License-Identifier: MIT */
/* Where a program lies, and who could put another one in its place: whoever may write to the file
 * or to a folder on the way to it, or owns one of them. */
#include "api/program.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"

#define GROUP_TEXTS (64u << 10)

/* ---- Finding ---- */

static bool is_program(const char *path, bool must_run)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (!must_run || access(path, X_OK) == 0);
}

static const char *make_absolute(const char *name, struct arena *arena)
{
    char here[PATH_MAX];
    if (*name == '/')
        return jbi_arena_text(arena, name);
    return getcwd(here, sizeof here) != NULL ? jbi_arena_printf(arena, "%s/%s", here, name) : NULL;
}

const char *jbi_program_find(const char *name, bool must_run, struct arena *arena)
{
    if (strchr(name, '/') != NULL)
        return is_program(name, must_run) ? make_absolute(name, arena) : NULL;
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t len = strcspn(path, ":");
        const char *found =
            *path == '/' ? jbi_arena_printf(arena, "%.*s/%s", (int)len, path, name) : NULL;
        if (found != NULL && is_program(found, must_run))
            return found;
        path += len + (path[len] == ':');
    }
    return NULL;
}

/* ---- Who may write ---- */

static bool is_trusted_user(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

static bool is_trusted_name(const char *name)
{
    struct passwd entry, *found = NULL;
    char texts[4096];
    return getpwnam_r(name, &entry, texts, sizeof texts, &found) == 0 && found != NULL &&
           is_trusted_user(found->pw_uid);
}

/* Whether a user of /etc/passwd that is not trusted has it as the first of his groups. */
static bool is_first_group_of_others(gid_t gid)
{
    struct passwd entry, *found = NULL;
    char texts[4096];
    bool is_others = false;
    FILE *users = fopen("/etc/passwd", "re");
    while (users != NULL && !is_others &&
           fgetpwent_r(users, &entry, texts, sizeof texts, &found) == 0)
        is_others = found->pw_gid == gid && !is_trusted_user(found->pw_uid);
    if (users != NULL)
        fclose(users);
    return is_others;
}

/* A group without other members, like that of a single user, gives nothing to others. */
static bool is_trusted_group(gid_t gid)
{
    struct group entry, *found = NULL;
    scope_free char *texts = malloc(GROUP_TEXTS);
    if (gid == 0)
        return true;
    if (texts == NULL || getgrgid_r(gid, &entry, texts, GROUP_TEXTS, &found) != 0)
        return false;
    for (char **member = found ? found->gr_mem : NULL; member != NULL && *member != NULL; member++)
        if (!is_trusted_name(*member))
            return false;
    return !is_first_group_of_others(gid);
}

/* In a folder with the sticky bit each may replace only what is his own. */
static const char *why_not_ours(const struct stat *st)
{
    bool is_sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;
    if (!is_trusted_user(st->st_uid))
        return "belongs to another user";
    if ((st->st_mode & S_IWOTH) != 0 && !is_sticky)
        return "may be written to by everybody";
    if ((st->st_mode & S_IWGRP) != 0 && !is_sticky && !is_trusted_group(st->st_gid))
        return "may be written to by the members of its group";
    return NULL;
}

/* Looks at path, then at the folders above it; cuts it to the first one that others can change. */
static const char *find_not_ours(char *path)
{
    struct stat st;
    for (;;) {
        if (stat(*path ? path : "/", &st) < 0)
            return "can't be looked at";
        const char *why = why_not_ours(&st);
        if (why != NULL || *path == '\0')
            return why;
        *strrchr(path, '/') = '\0';
    }
}

bool jbi_program_is_ours(const char *path, struct arena *arena, jb_report *report)
{
    char real[PATH_MAX];
    const char *subject = realpath(path, real) != NULL ? jbi_arena_text(arena, real) : NULL;
    if (subject == NULL) {
        jbi_finding(report, JB_ERROR, path, "can't be looked at: %s", strerrordesc_np(errno));
        return false;
    }
    const char *why = find_not_ours(real);
    if (why == NULL)
        return true;
    if (strcmp(real, subject) == 0)
        jbi_finding(report, JB_ERROR, subject, "%s, who decides so what it does when it is run",
                    why);
    else
        jbi_finding(report, JB_ERROR, subject,
                    "its folder \"%s\" %s, who could put another program in its place",
                    *real ? real : "/", why);
    jbi_finding_hint(report, "make root or this user the owner (chown), and take the right to "
                             "write from all others (chmod go-w)");
    return false;
}
