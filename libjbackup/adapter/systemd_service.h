/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_SYSTEMD_SERVICE_H
#define JBI_ADAPTER_SYSTEMD_SERVICE_H

#include "adapter/systemd.h"
#include "base/hooks.h"

/* What tells how a service does. Texts as systemctl words them, never NULL. */
struct systemd_activity {
    const char *load_state;
    const char *active_state;
    const char *invocation; /* another one after each start */
    const char *result;
};

/* JB_EIO: systemctl failed; JB_EINVAL: that is no name of a unit. */
int jbi_systemd_look(enum systemd_manager manager, const char *unit, struct arena *arena,
                     struct systemd_activity *out, struct jb_error *err);

/* Asks for a start or a stop and waits until it is done, at most timeout_s. JB_EIO: systemctl says
 * no, or time was up; what was asked for goes on then. Warnings of systemctl are logged. */
int jbi_systemd_start(enum systemd_manager manager, const char *unit, int timeout_s,
                      const struct hooks *hooks, struct jb_error *err);
int jbi_systemd_stop(enum systemd_manager manager, const char *unit, int timeout_s,
                     const struct hooks *hooks, struct jb_error *err);

#endif
