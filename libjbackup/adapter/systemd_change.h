/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_SYSTEMD_CHANGE_H
#define JBI_ADAPTER_SYSTEMD_CHANGE_H

#include "adapter/systemd.h"

/* What changes systemd's units. Nobody is asked for a password. JB_EIO: systemctl says no, in its
 * words; JB_EINVAL: that is no name of a unit. */

/* Reads the unit files again. */
int jbi_systemd_reload(enum systemd_manager manager, struct jb_error *err);

/* Makes these units start with the system, and starts them now; and the opposite of both. */
int jbi_systemd_enable(enum systemd_manager manager, const char *const *names, size_t count,
                       struct jb_error *err);
int jbi_systemd_disable(enum systemd_manager manager, const char *const *names, size_t count,
                        struct jb_error *err);

/* Stops and forgets that it failed; of a template, each of its units. Fine if it is not there. */
void jbi_systemd_forget(enum systemd_manager manager, const char *name);

/* Asks for a start and does not wait for it. */
int jbi_systemd_begin(enum systemd_manager manager, const char *name, struct jb_error *err);

/* When a persistent timer started its unit last is the time of a file: this folder's stamp-NAME.
 * NULL: not known (no HOME), or out of memory. */
const char *jbi_systemd_stamps(enum systemd_manager manager, struct arena *arena);

/* The last lines that the journal has of the newest run of a service, "" if it can't be read. NULL:
 * out of memory. */
const char *jbi_systemd_journal(enum systemd_manager manager, const char *name,
                                const char *invocation, int lines, struct arena *arena);

#endif
