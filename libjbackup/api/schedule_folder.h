/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_FOLDER_H
#define JBI_API_SCHEDULE_FOLDER_H

#include "api/schedule_place.h"

enum unit_state {
    UNIT_ABSENT,
    UNIT_SAME,
    UNIT_DIFFERENT, /* made by us, for another configuration; or no longer wanted */
    UNIT_EDITED,    /* made by us, changed by hand */
    UNIT_FOREIGN
};

/* A unit as it is wanted and as it lies in the folder. */
struct unit_file {
    const char *name, *path;
    const char *wanted; /* NULL: it is ours, and not wanted any more */
    const char *found;  /* NULL: absent, or foreign */
    enum unit_state state;
};

/* Where units of a project lie. */
struct schedule_folder {
    enum systemd_manager manager;
    const char *path;
    struct unit_file *files;
    size_t count;
};

/* "absent", "same" ... */
const char *jbi_unit_state_name(enum unit_state state);
bool jbi_unit_is_timer(const char *name);

/* /etc/systemd/system, or systemd/user in the user's configuration. */
int jbi_schedule_folder(struct schedule_folder *out, enum systemd_manager manager,
                        struct arena *arena, struct jb_error *err);
/* Adds the units in it that were made for this project folder, as not wanted any more. */
int jbi_schedule_folder_ours(struct schedule_folder *folder, const jb_project *project,
                             struct arena *arena, struct jb_error *err);
/* Says which units are wanted, after those above were added. */
int jbi_schedule_folder_want(struct schedule_folder *folder, const jb_project *project,
                             const struct schedule_unit *units, size_t count, struct arena *arena,
                             struct jb_error *err);

/* All of it: what the project's schedules want here, held against what is there. */
int jbi_schedule_folder_plan(struct schedule_folder *out, struct schedule_place *place,
                             jb_project *project, const struct jb_schedule_options *options,
                             struct arena *arena, struct jb_error *err);

#endif
