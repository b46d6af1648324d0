/* SPDX-License-Identifier: MIT */
/* Whether a run of a schedule is under way, which its lock tells, whatever its record says: locks
 * die with the process. */
#include "api/schedule_lock.h"

#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "os/lock.h"

int jbi_schedule_lock(const struct repository *repository, const char *schedule, int wait_s,
                      const struct hooks *hooks, int *fd, struct jb_error *err)
{
    char name[LAYOUT_NAME_SIZE];
    snprintf(name, sizeof name, "schedule_%s.lock", schedule);
    return jbi_lock_take(repository->state_fd, name, wait_s, schedule, hooks, fd, err);
}

bool jbi_schedule_is_running(const struct repository *repository, const char *schedule,
                             const struct hooks *hooks)
{
    int fd = -1;
    struct jb_error unwanted = {0};
    if (repository->state_fd < 0)
        return false;
    int code = jbi_schedule_lock(repository, schedule, 0, hooks, &fd, &unwanted);
    if (fd >= 0) {
        flock(fd, LOCK_UN);
        close(fd);
    }
    return code == JB_ELOCKED;
}

bool jbi_schedule_is_lost(const struct schedule_run *run, bool is_running)
{
    return !is_running && strcmp(run->result, "running") == 0;
}

void jbi_schedule_lost(struct schedule_run *run)
{
    run->result = "failed";
    run->exit_status = 3;
    run->error = "it ended without a word: killed, or the power was cut";
}
