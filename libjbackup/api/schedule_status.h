/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SCHEDULE_STATUS_H
#define JBI_API_SCHEDULE_STATUS_H

#include "api/schedule_folder.h"
#include "repository/schedule_record.h"

/* One schedule as it is configured, installed and as it did. */
struct schedule_state {
    enum schedule schedule;
    const char *unit, *timer_name, *service_name;
    bool is_asked; /* systemd told of the two below */
    struct systemd_unit timer, service;
    const struct unit_file *timer_file, *service_file; /* NULL: not of ours */
    struct schedule_record record;
    bool is_running;
};

struct schedule_status {
    jb_project *project;
    jb_report *report;
    bool has_manager;
    struct schedule_folder folder;
    const char *user_option; /* "--user " or "" */
    struct repository repository;
    struct schedule_state states[SCHEDULE_COUNT];
    struct arena arena;
};

/* Findings about one schedule; true: it is in force. */
bool jbi_schedule_judge(struct schedule_status *status, const struct schedule_state *state);

#endif
