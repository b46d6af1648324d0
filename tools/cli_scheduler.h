/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CLI_SCHEDULER_H
#define TOOLS_CLI_SCHEDULER_H

#include "cli.h"

/* What each command of jbackup-scheduler prints: its report, for a person. */
void print_installed(const struct cli *cli, const jb_report *report);
void print_uninstalled(const struct cli *cli, const jb_report *report);
void print_status(const struct cli *cli, const jb_report *report);
void print_run(const struct cli *cli, const jb_report *report);
void print_performed(const struct cli *cli, const jb_report *report);
void print_alerted(const struct cli *cli, const jb_report *report);
void print_monitor(const struct cli *cli, const jb_report *report);

/* Writes the script that runs the monitor: to the file that --to names. */
int write_monitor(const struct cli *cli, const jb_report *report, struct jb_error *err);

/* The numbers of its own options, in the order of its table. */
enum {
    OPTION_USER = CLI_OWN_OPTIONS,
    OPTION_DRY_RUN,
    OPTION_FORCE,
    OPTION_CRON,
    OPTION_TOOLS,
    OPTION_RUN_AS,
    OPTION_TYPE,
    OPTION_NO_WAIT,
    OPTION_WAIT,
    OPTION_IF_DUE,
    OPTION_BY,
    OPTION_TO,
    OPTION_END
};

#endif
