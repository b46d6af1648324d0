/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CLI_JBACKUP_H
#define TOOLS_CLI_JBACKUP_H

#include "cli.h"

/* What each command of jbackup prints: its report, for a person. */
void print_backup(const struct cli *cli, const jb_report *report);
void print_list(const struct cli *cli, const jb_report *report);
void print_verify(const struct cli *cli, const jb_report *report);
void print_stats(const struct cli *cli, const jb_report *report);
void print_cleanup(const struct cli *cli, const jb_report *report);
void print_remove(const struct cli *cli, const jb_report *report);
void print_restore(const struct cli *cli, const jb_report *report);
void print_show(const struct cli *cli, const jb_report *report);
void print_files(const struct cli *cli, const jb_report *report);
void print_find(const struct cli *cli, const jb_report *report);
void print_diff(const struct cli *cli, const jb_report *report);
void print_pin(const struct cli *cli, const jb_report *report);
void print_service(const struct cli *cli, const jb_report *report);

/* The numbers of jbackup's own options, in the order of its table. */
enum {
    OPTION_DB_ONLY = CLI_OWN_OPTIONS,
    OPTION_CODE_ONLY,
    OPTION_CATEGORY,
    OPTION_LABEL,
    OPTION_REREAD,
    OPTION_WAIT,
    OPTION_SIZE,
    OPTION_TIMESTAMP,
    OPTION_DRY_RUN,
    OPTION_TO,
    OPTION_PATH,
    OPTION_DATABASE,
    OPTION_TYPE,
    OPTION_DEPTH,
    OPTION_LATEST,
    OPTION_SAMPLE,
    OPTION_IF_OLDER,
    OPTION_KEEP_DAYS,
    OPTION_LIVE,
    OPTION_END
};

#endif
