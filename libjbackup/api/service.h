/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SERVICE_H
#define JBI_API_SERVICE_H

#include <jbackup.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hooks.h"

#define SERVICE_TIMEOUT_S 30
#define HEALTH_TIMEOUT_S  30

enum service_kind { SERVICE_SYSTEMD, SERVICE_COMMANDS };

/* What runs on the databases and the code, and how it is stopped and started. Programs are run
 * without a shell, argv[0] found on PATH, in folder, standard input and output empty. */
struct service {
    enum service_kind kind;
    const char *unit;                       /* SERVICE_SYSTEMD */
    bool is_user;                           /* of the manager of the user, not of the system */
    const char *const *start, *const *stop; /* SERVICE_COMMANDS; up to a NULL */
    const char *const *status;              /* exits with 0 while it is active */
    const char *folder;
    int timeout_s; /* of a stop, and of a start */
};

/* How it is told that the application is well. */
struct health {
    const char *url;            /* http or https: any status 2xx; NULL: the command */
    const char *shown;          /* the URL for texts: it may hold a password, this does not */
    const char *const *command; /* well if it exits with 0 */
    const char *folder;
    int timeout_s; /* until when it must be well */
};

/* The unit, or the program that starts it. */
const char *jbi_service_name(const struct service *service);

/* JB_ENOTFOUND: there is no such unit, or not one of the programs. JB_EIO: it could not be asked,
 * or could never be started (a masked unit). */
int jbi_service_look(const struct service *service, const struct hooks *hooks, struct arena *arena,
                     bool *is_active, struct jb_error *err);

/* Wait until it is down, or up and has stayed so for a second; never canceled. JB_EIO: it is not
 * within the time limit; a stop may still be under way then, and who wants it running starts it
 * again. Fine if it is down (or up) already. *up_ms, which may be NULL: the monotonic time at which
 * it was seen to be up; 0: it wasn't. */
int jbi_service_stop(const struct service *service, const struct hooks *hooks, struct arena *arena,
                     struct jb_error *err);
int jbi_service_start(const struct service *service, const struct hooks *hooks, struct arena *arena,
                      int64_t *up_ms, struct jb_error *err);

/* Asks again and again until the application is well; JB_EIO: it was not within the time limit, and
 * what it answered last. Never canceled. */
int jbi_health_wait(const struct health *health, const struct hooks *hooks, struct jb_error *err);

#endif
