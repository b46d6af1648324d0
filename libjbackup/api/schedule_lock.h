/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_LOCK_H
#define JBI_API_SCHEDULE_LOCK_H

#include "base/hooks.h"
#include "repository/schedule_record.h"

/* Takes the kernel lock that a run of a schedule holds from its beginning to its end. *fd is closed
 * to release it. */
int jbi_schedule_lock(const struct repository *repository, const char *schedule, int wait_s,
                      const struct hooks *hooks, int *fd, struct jb_error *err);
/* Whether a run is under way. */
bool jbi_schedule_is_running(const struct repository *repository, const char *schedule,
                             const struct hooks *hooks);

/* A record says that a run is under way, and none is: it is one that died. */
bool jbi_schedule_is_lost(const struct schedule_run *run, bool is_running);
/* Makes of it one that failed. */
void jbi_schedule_lost(struct schedule_run *run);

#endif
