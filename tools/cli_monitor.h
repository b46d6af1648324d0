/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CLI_MONITOR_H
#define TOOLS_CLI_MONITOR_H

#include "cli.h"

/* What each command of jbackup-monitor prints: its report, for a person. */
void print_check(const struct cli *cli, const jb_report *report);
void print_report(const struct cli *cli, const jb_report *report);
void print_config(const struct cli *cli, const jb_report *report);
void print_history(const struct cli *cli, const jb_report *report);
void print_mail(const struct cli *cli, const jb_report *report);
/* Of a mail that was not taken by all. */
void print_no_mail(const struct cli *cli, const jb_report *report, int code);

/* One line for each bad check, or one that says that all is fine. */
void print_brief(const jb_report *report);
/* One line with figures, by the convention of Nagios plugins; returns its exit status. */
int print_nagios(int code, const jb_report *report, const struct jb_error *err);

/* "all 12 checks are fine", "3 of 12 checks found something wrong: disk, proof, systemd" */
#define MONITOR_LINE_SIZE 400
char *monitor_line(char to[MONITOR_LINE_SIZE], const jb_report *report);

/* Checks every interval_min minutes (0: as configured), alerting, until it is told to end. */
int monitor_loop(const struct cli *cli, jb_project *project, int interval_min,
                 struct jb_error *err);

/* ---- jbackup_monitor_notify.c: what a service of Type=notify tells systemd --------------------
 */

/* "READY=1" and the like; nothing where no systemd asked for it. */
void notify(const char *state);
/* "STATUS=" and the text, cut where it is long. */
void notify_status(const char *text);
/* WATCHDOG=1, if a watchdog waits for it and it is time; called often. */
void notify_alive(void);

#endif
