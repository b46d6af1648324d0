/* SPDX-License-Identifier: MIT */
/* Whether a user's timers outlive the user's sessions, which logind keeps as a file. */
#include "api/schedule_linger.h"

#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include "base/report.h"

#define LINGER_FOLDER "/var/lib/systemd/linger"

void jbi_schedule_check_linger(struct arena *arena, jb_report *report)
{
    struct passwd entry, *found = NULL;
    char texts[4096];
    if (getpwuid_r(geteuid(), &entry, texts, sizeof texts, &found) != 0 || found == NULL)
        return;
    const char *path = jbi_arena_printf(arena, LINGER_FOLDER "/%s", found->pw_name);
    if (path == NULL || access(path, F_OK) == 0 || errno != ENOENT)
        return;
    jbi_finding(report, JB_WARNING, found->pw_name,
                "the timers run only while this user is logged in");
    jbi_finding_hint(report, "loginctl enable-linger '%s'", found->pw_name);
}
