/* SPDX-License-Identifier: MIT */
/* The reports of jbackup-restore's verbs as text, for somebody in a hurry: what is, and which
 * command comes next. */
#include <string.h>

#include "cli_restore.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *figure_text(const jb_report *report, const char *key)
{
    return cli_field(report, JB_FIGURES, key);
}

/* ---- plan ----------------------------------------------------------------------------------- */

static void print_service(const jb_report *report)
{
    const char *service = figure_text(report, "service");
    if (*service == '\0')
        cli_line("service", "none is configured, so nothing is stopped");
    else
        printf("%-12s %s, %s\n", "service", service,
               cli_figure(report, "service_active") ? "is stopped and started again"
                                                    : "is not running and stays so");
}

static void print_replaced(const struct cli *cli, const jb_report *report, const char *title)
{
    const struct cli_column columns[] = {
        {title, "kind", cli_text, false, NULL},    {"NAME", "name", cli_text, false, NULL},
        {"SIZE", "size", cli_size, true, NULL},    {"HOW", "way", cli_text, false, NULL},
        {"PLACE", "place", cli_text, false, NULL},
    };
    cli_table(cli, report, "replace", columns, COUNT(columns));
}

static bool is_in_place(const jb_report *report)
{
    for (size_t row = 0; row < jb_report_row_count(report); row++) {
        if (strcmp(cli_field(report, row, "way"), "in place") == 0)
            return true;
    }
    return false;
}

void print_plan(const struct cli *cli, const jb_report *report)
{
    char needed[CLI_NUMBER_SIZE], there[CLI_NUMBER_SIZE], time[CLI_NUMBER_SIZE];
    cli_line("backup", figure_text(report, "timestamp"));
    cli_line("environment", figure_text(report, "environment"));
    cli_line("root", figure_text(report, "root"));
    print_service(report);
    cli_line("health", figure_text(report, "health"));
    printf("%-12s %s needed beside what lives", "space",
           cli_size_text(needed, cli_figure(report, "space_needed")));
    if (cli_figure(report, "space_free") > 0)
        printf(", %s free", cli_size_text(there, cli_figure(report, "space_free")));
    putchar('\n');
    if (cli_figure(report, "last_restore_ms") > 0)
        printf("%-12s about %s, by the last time; the service is down for %s\n", "takes",
               cli_duration_text(time, cli_figure(report, "last_restore_ms")),
               is_in_place(report) ? "what is replaced in place" : "a part of it only");
    print_replaced(cli, report, "REPLACES");
}

void print_proved(const struct cli *cli, const jb_report *report)
{
    char bytes[CLI_NUMBER_SIZE], time[CLI_NUMBER_SIZE];
    bool is_good = jb_report_verdict(report) < JB_ERROR;
    bool is_incomplete = cli_figure(report, "bad") == cli_figure(report, "incomplete");
    printf("%s %s%s%s (%s read in %s)\n", cli->operand[0],
           cli_color(cli->is_out_colored, is_good ? CLI_GREEN : CLI_RED),
           is_good         ? "can be restored"
           : is_incomplete ? "COULD NOT BE COMPARED in full"
                           : "IS DAMAGED",
           cli_color(cli->is_out_colored, CLI_PLAIN),
           cli_size_text(bytes, cli_figure(report, "bytes_read")),
           cli_duration_text(time, cli_figure(report, "duration_ms")));
}

/* ---- restore -------------------------------------------------------------------------------- */

static void print_down(const jb_report *report)
{
    char time[CLI_NUMBER_SIZE];
    const char *service = figure_text(report, "service");
    if (*service != '\0' && cli_figure(report, "service_active"))
        printf("%-12s %s, from stop to start of %s\n", "down",
               cli_duration_text(time, cli_figure(report, "down_ms")), service);
}

static void print_safety(const jb_report *report)
{
    const char *safety = figure_text(report, "safety");
    if (*safety != '\0')
        printf("%-12s %s is a backup of the state before\n", "safety", safety);
}

static void print_ways_on(void)
{
    puts("go back      jbackup-restore rollback");
    puts("let it go    jbackup-restore discard-old");
}

/* Where the old state lies, and the two commands that follow. */
static void print_kept(const jb_report *report)
{
    bool is_kept = false;
    for (size_t row = 0; row < jb_report_row_count(report); row++) {
        if (strcmp(cli_field(report, row, "row"), "kept") != 0)
            continue;
        is_kept = true;
        printf("%-12s %s: %s\n", "old state", cli_field(report, row, "name"),
               cli_field(report, row, "place"));
    }
    if (is_kept)
        print_ways_on();
}

void print_restored(const struct cli *cli, const jb_report *report)
{
    char time[CLI_NUMBER_SIZE];
    if (*figure_text(report, "to") != '\0') {
        cli_laid_out(report);
        return;
    }
    print_replaced(cli, report, "REPLACED");
    printf("restored %s to %s in %s\n", figure_text(report, "timestamp"),
           figure_text(report, "environment"),
           cli_duration_text(time, cli_figure(report, "duration_ms")));
    print_down(report);
    print_safety(report);
    print_kept(report);
}

void print_not_restored(const struct cli *cli, const jb_report *report, int code)
{
    if (code == JB_EROLLEDBACK || code == JB_EROLLBACK) {
        print_down(report);
        print_safety(report);
    } else if (code == JB_EINVAL) {
        print_plan(cli, report);
    }
}

/* ---- status, recover, rollback, discard-old ------------------------------------------------- */

static const char *state_text(const jb_report *report)
{
    const char *state = figure_text(report, "state");
    if (strcmp(state, "kept") == 0)
        return "the last restore stands, and the state before it is kept";
    if (strcmp(state, "open") != 0)
        return "no restore is open, and no old state is kept";
    return cli_figure(report, "running") ? "a restore is running" : "A RESTORE HAS NOT ENDED";
}

static void print_targets(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"OF IT", "kind", cli_text, false, NULL},
        {"NAME", "name", cli_text, false, NULL},
        {"OLD STATE", "place", cli_text, false, NULL},
    };
    cli_table(cli, report, "target", columns, COUNT(columns));
}

void print_state(const struct cli *cli, const jb_report *report)
{
    cli_line("state", state_text(report));
    if (*figure_text(report, "id") == '\0')
        return;
    printf("%-12s ", "began");
    cli_time(stdout, report, JB_FIGURES, "began_at");
    fputs(", ", stdout);
    cli_age(stdout, report, JB_FIGURES, "began_at");
    putchar('\n');
    cli_line("backup", figure_text(report, "timestamp"));
    cli_line("type", figure_text(report, "type"));
    cli_line("environment", figure_text(report, "environment"));
    cli_line("phase", figure_text(report, "phase"));
    cli_line("service", figure_text(report, "service"));
    print_safety(report);
    print_targets(cli, report);
    if (strcmp(figure_text(report, "state"), "kept") == 0)
        print_ways_on();
}

void print_recovered(const struct cli *cli, const jb_report *report)
{
    char time[CLI_NUMBER_SIZE];
    (void)cli;
    if (!cli_figure(report, "recovered")) {
        puts("nothing to recover: no restore is open");
        return;
    }
    bool is_new = strcmp(figure_text(report, "state"), "new") == 0;
    printf("%s the restore of %s%s, in %s\n", is_new ? "what" : "the state before",
           figure_text(report, "timestamp"),
           is_new ? " had kept of the old state is removed" : " is back",
           cli_duration_text(time, cli_figure(report, "duration_ms")));
}

void print_rolled_back(const struct cli *cli, const jb_report *report)
{
    char time[CLI_NUMBER_SIZE], down[CLI_NUMBER_SIZE];
    (void)cli;
    printf("the state of %s before the restore of %s is back, in %s",
           figure_text(report, "environment"), figure_text(report, "timestamp"),
           cli_duration_text(time, cli_figure(report, "duration_ms")));
    if (cli_figure(report, "down_ms") > 0)
        printf("; the service was down for %s",
               cli_duration_text(down, cli_figure(report, "down_ms")));
    putchar('\n');
}

void print_discarded(const struct cli *cli, const jb_report *report)
{
    (void)cli;
    printf("what the restore of %s had kept of the old state is removed\n",
           figure_text(report, "timestamp"));
}
