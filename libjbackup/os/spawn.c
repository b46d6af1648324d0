/* SPDX-License-Identifier: MIT */
/* How a child is made. Invariant: it has the descriptors it is given and those that this process
 * leaves open at an exec; nothing of how this process treats signals hinders it; it inherits no
 * password in its environment. */
#include "os/spawn.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGCHLD);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGTERM);
    sigaddset(&defaults, SIGQUIT);
    int failed = posix_spawnattr_setsigmask(attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(attributes, &defaults);
    if (failed == 0)
        failed = posix_spawnattr_setpgroup(attributes, 0);
    const int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
    return failed ? failed : posix_spawnattr_setflags(attributes, (short)flags);
}

static int set_descriptors(posix_spawn_file_actions_t *actions, const struct process_start *start,
                           const int fds[3])
{
    int failed = 0;
    for (int i = 0; i < 3 && failed == 0; i++)
        failed = posix_spawn_file_actions_adddup2(actions, fds[i], i);
    /* Copied onto itself, a descriptor is no longer close-on-exec. */
    for (size_t i = 0; i < start->kept_count && failed == 0; i++)
        failed = posix_spawn_file_actions_adddup2(actions, start->kept_fds[i], start->kept_fds[i]);
    if (failed == 0 && start->folder != NULL)
        failed = posix_spawn_file_actions_addchdir_np(actions, start->folder);
    return failed;
}

static bool is_secret(const char *variable)
{
    static const char *const names[] = {"PGPASSWORD=", "DATABASE_URL="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

/* Ours without its secrets, malloc'd; the texts are borrowed. */
static char **make_environment(void)
{
    size_t count = 0, kept = 0;
    while (environ != NULL && environ[count] != NULL)
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count && copy != NULL; i++) {
        if (!is_secret(environ[i]))
            copy[kept++] = environ[i];
    }
    return copy;
}

static int spawn(pid_t *pid, const struct process_start *start,
                 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes)
{
    /* The kernel leaves the texts alone; only the prototype lacks the const. */
    char *const *argv = (char *const *)(uintptr_t)start->argv;
    char *const *given = (char *const *)(uintptr_t)start->environment;
    char **made = given == NULL ? make_environment() : NULL;
    int failed = ENOMEM;
    if (given != NULL || made != NULL)
        failed = posix_spawnp(pid, argv[0], actions, attributes, argv, given ? given : made);
    free(made);
    return failed;
}

int jbi_spawn(pid_t *pid, const struct process_start *start, const int fds[3])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    failed = set_descriptors(&actions, start, fds);
    if (failed == 0)
        failed = set_attributes(&attributes);
    if (failed == 0)
        failed = spawn(pid, start, &actions, &attributes);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}
