/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_INSTALL_H
#define JBI_API_SCHEDULE_INSTALL_H

#include "api/schedule_folder.h"

/* What becomes of a unit. */
enum unit_change { CHANGE_NEW, CHANGE_CHANGED, CHANGE_SAME, CHANGE_KEPT, CHANGE_REMOVED };

/* One unit at work. */
struct unit_plan {
    const struct unit_file *file;
    enum unit_change change;
    bool was_enabled, was_active; /* a timer, before */
    bool is_done;                 /* its file was written or removed */
};

/* An installation, of which all is done or nothing. */
struct installation {
    jb_project *project;
    jb_report *report;
    struct schedule_place place;
    struct schedule_folder folder;
    struct unit_plan *units; /* one for each file of the folder */
    int folder_fd;
    struct arena arena;
};

/* Decides what becomes of each; a foreign one is JB_EINVAL. */
int jbi_install_plan(struct installation *in, bool force, struct jb_error *err);
/* Asks systemd's own parser for each schedule's time; JB_EINVAL names the schedule. */
int jbi_install_check_times(struct installation *in, struct jb_error *err);
/* Holds the texts that are to be there against systemd's own parser. */
int jbi_install_check(struct installation *in, struct jb_error *err);
/* Writes, enables, removes; puts all back if any of it fails. *changed is how many units. */
int jbi_install_do(struct installation *in, size_t *changed, struct jb_error *err);

#endif
