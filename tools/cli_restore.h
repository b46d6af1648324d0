/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CLI_RESTORE_H
#define TOOLS_CLI_RESTORE_H

#include "cli.h"

/* What each command of jbackup-restore prints: its report, for a person. */
void print_plan(const struct cli *cli, const jb_report *report);
void print_restored(const struct cli *cli, const jb_report *report);
/* Of a restore that was refused or went back. */
void print_not_restored(const struct cli *cli, const jb_report *report, int code);
/* Of the verification that follows a plan. */
void print_proved(const struct cli *cli, const jb_report *report);
void print_state(const struct cli *cli, const jb_report *report);
void print_recovered(const struct cli *cli, const jb_report *report);
void print_rolled_back(const struct cli *cli, const jb_report *report);
void print_discarded(const struct cli *cli, const jb_report *report);

#endif
