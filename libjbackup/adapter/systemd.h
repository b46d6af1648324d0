/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_SYSTEMD_H
#define JBI_ADAPTER_SYSTEMD_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/arena.h"

/* What systemd says of itself and of units, asked by the program systemctl. */

enum systemd_manager { SYSTEMD_SYSTEM, SYSTEMD_USER };

/* As systemctl words it. Texts are never NULL; "": nothing was said. Nothing of it is trusted. */
struct systemd_unit {
    const char *load_state;      /* "loaded", "not-found", "masked", "bad-setting", "error" */
    const char *active_state;    /* "active", "inactive", "activating", "failed" ... */
    const char *unit_file_state; /* "enabled", "disabled", "static" ... */
    const char *result;          /* "success", "exit-code", "timeout" ... */
    const char *triggers;        /* a timer: the unit that it starts */
    const char *next;            /* a timer: when it starts that, in local time */
    bool has_next;               /* a timer: it will, be it at a time that is not known (next "") */
    const char *last;            /* a timer: when it did last */
    const char *ended;           /* a service: when its last run ended */
    const char *exit_status;     /* a service: of its last run, a number */
};

/* "running", "degraded", "starting" ... of a manager that can be asked. JB_EUNSUPPORTED: there is
 * none, or no systemctl. */
int jbi_systemd_state(enum systemd_manager manager, struct arena *arena, const char **state,
                      struct jb_error *err);

/* A unit that does not exist has the load state "not-found". JB_EIO: systemctl failed, in its
 * words. */
int jbi_systemd_show(enum systemd_manager manager, const char *name, struct arena *arena,
                     struct systemd_unit *out, struct jb_error *err);

/* Reads what "systemctl show" prints: lines NAME=value; others, and unknown names, are passed over.
 * False: no load state among them, or out of memory. */
bool jbi_systemd_parse(const char *text, struct arena *arena, struct systemd_unit *out);

/* A part of a unit's name that stands for text: what may not be in one, and a dot or a minus at its
 * beginning, as \xNN, as systemd-escape does it. NULL: out of memory. */
char *jbi_systemd_escape(const char *text, struct arena *arena);

/* Whether systemd takes it for a unit's name: its characters, its length and a type at its end. */
bool jbi_systemd_is_name(const char *name);

#endif
