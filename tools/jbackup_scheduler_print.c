/* SPDX-License-Identifier: MIT */
/* The reports of jbackup-scheduler's verbs as text, and the script that it makes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_scheduler.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *figure_text(const jb_report *report, const char *key)
{
    return cli_field(report, JB_FIGURES, key);
}

/* ---- install, uninstall --------------------------------------------------------------------- */

static void print_texts(const struct cli *cli, const jb_report *report)
{
    for (size_t i = 0; i < jb_report_row_count(report); i++) {
        printf("%s### %s: %s%s\n", cli_color(cli->is_out_colored, CLI_BOLD),
               cli_field(report, i, "change"), cli_field(report, i, "path"),
               cli_color(cli->is_out_colored, CLI_PLAIN));
        if (*cli_field(report, i, "text") != '\0')
            printf("%s\n", cli_field(report, i, "text"));
    }
}

void print_installed(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"CHANGE", "change", cli_text, false, NULL},
        {"UNIT", "unit", cli_text, false, NULL},
        {"NEXT", "next", cli_text, false, NULL},
    };
    char number[CLI_NUMBER_SIZE];
    bool is_dry = cli->value[OPTION_DRY_RUN] != NULL;
    int64_t changed = cli_figure(report, "changed");
    if (cli->value[OPTION_CRON] != NULL) {
        fputs(figure_text(report, "text"), stdout);
        return;
    }
    if (is_dry)
        print_texts(cli, report);
    else
        cli_table(cli, report, NULL, columns, COUNT(columns));
    for (size_t i = 0; i < jb_report_row_count(report); i++)
        fputs(cli_field(report, i, "diff"), stdout);
    if (changed == 0)
        printf("nothing %s in %s\n", is_dry ? "would change" : "has changed",
               figure_text(report, "folder"));
    else
        printf("%s %s in %s\n", cli_counted(number, changed, "unit"),
               is_dry ? "would change" : "changed", figure_text(report, "folder"));
}

void print_uninstalled(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"CHANGE", "change", cli_text, false, NULL},
        {"UNIT", "unit", cli_text, false, NULL},
    };
    cli_table(cli, report, NULL, columns, COUNT(columns));
    if (jb_report_row_count(report) == 0)
        printf("nothing of this project is in %s\n", figure_text(report, "folder"));
}

/* ---- status --------------------------------------------------------------------------------- */

static enum cli_color tint_result(const jb_report *report, size_t row, const char *key)
{
    const char *result = cli_field(report, row, key);
    return strcmp(result, "ok") == 0                           ? CLI_GREEN
           : *result == '\0' || strcmp(result, "running") == 0 ? CLI_PLAIN
                                                               : CLI_RED;
}

static void format_result(FILE *out, const jb_report *report, size_t row, const char *key)
{
    const char *result = cli_field(report, row, key);
    fputs(*result != '\0' ? result : "never ran", out);
}

static void format_took(FILE *out, const jb_report *report, size_t row, const char *key)
{
    if (*cli_field(report, row, "result") != '\0')
        cli_duration(out, report, row, key);
}

void print_status(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"SCHEDULE", "schedule", cli_text, false, NULL},
        {"NEXT", "next", cli_text, false, NULL},
        {"LAST", "last", cli_text, false, NULL},
        {"RESULT", "result", format_result, false, tint_result},
        {"TOOK", "duration_ms", format_took, true, NULL},
        {"BACKUP", "timestamp", cli_text, false, NULL},
        {"AT", "at", cli_text, false, NULL},
    };
    const char *manager = figure_text(report, "manager");
    cli_table(cli, report, NULL, columns, COUNT(columns));
    if (*manager == '\0')
        puts("nothing runs these");
    else if (strcmp(manager, "cron") == 0)
        puts("by cron");
    else
        printf("by %s systemd: %lld of %zu in force\n",
               strcmp(manager, "user") == 0 ? "this user's" : "the system's",
               (long long)cli_figure(report, "in_force"), jb_report_row_count(report));
}

/* ---- run, perform, alert -------------------------------------------------------------------- */

static void print_made(const jb_report *report)
{
    char time[CLI_NUMBER_SIZE];
    const char *timestamp = figure_text(report, "timestamp");
    bool is_verification = strcmp(figure_text(report, "schedule"), "verify") == 0;
    if (*timestamp != '\0')
        printf(", backup %s%s", timestamp, is_verification ? " verified" : "");
    printf(", %s\n", cli_duration_text(time, cli_figure(report, "duration_ms")));
}

void print_performed(const struct cli *cli, const jb_report *report)
{
    (void)cli;
    printf("%s", figure_text(report, "schedule"));
    if (cli_figure(report, "performed") == 0) {
        puts(": not due");
        return;
    }
    printf(": %s", jb_report_verdict(report) >= JB_ERROR ? "done, with findings" : "done");
    print_made(report);
}

void print_run(const struct cli *cli, const jb_report *report)
{
    const char *result = figure_text(report, "result"), *unit = figure_text(report, "unit");
    bool is_good = strcmp(result, "ok") == 0;
    if (*unit == '\0')
        unit = figure_text(report, "schedule");
    if (cli_figure(report, "waited") == 0) {
        printf("%s: started\n", unit);
        return;
    }
    printf("%s: %s%s%s", unit, cli_color(cli->is_out_colored, is_good ? CLI_GREEN : CLI_RED),
           result, cli_color(cli->is_out_colored, CLI_PLAIN));
    print_made(report);
    for (size_t i = 0; i < jb_report_row_count(report); i++) {
        if (jb_report_text(report, i, "line") != NULL)
            printf("  %s\n", cli_field(report, i, "line"));
    }
}

void print_alerted(const struct cli *cli, const jb_report *report)
{
    char number[CLI_NUMBER_SIZE];
    int64_t waiting = cli_figure(report, "waiting");
    printf("%s: %s", cli->operand[0],
           cli_figure(report, "told") ? "alerted" : "nothing new to tell");
    if (waiting > 0)
        printf(", %s waiting to be sent", cli_counted(number, waiting, "alert"));
    putchar('\n');
}

/* ---- monitor -------------------------------------------------------------------------------- */

/* A word for sh. */
static void print_word(FILE *out, const char *word)
{
    putc('\'', out);
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            fputs("'\\''", out);
        else
            putc(*word, out);
    }
    putc('\'', out);
}

static void print_script(FILE *out, const jb_report *report)
{
    const char *tools = figure_text(report, "tools"), *project = figure_text(report, "project");
    fputs("#!/bin/sh\n"
          "# Made by jbackup-scheduler: checks the backups of one project, and alerts.\n"
          "# 0: all is well; 1: findings, of which people were told; other: it could not look.\n"
          "tools=",
          out);
    print_word(out, tools);
    fputs("\nproject=", out);
    print_word(out, project);
    fputs("\n\"$tools/jbackup-monitor\" --quiet --project \"$project\" check --alert \"$@\"\n"
          "status=$?\n"
          "if [ \"$status\" -gt 1 ] && [ \"$status\" -ne 75 ]; then\n"
          "    echo \"jbackup-monitor ended with status $status\" >&2\n"
          "fi\n"
          "exit \"$status\"\n",
          out);
}

void print_monitor(const struct cli *cli, const jb_report *report)
{
    if (cli->value[OPTION_TO] == NULL)
        print_script(stdout, report);
    else
        printf("%s: run it every now and then\n", cli->value[OPTION_TO]);
}

static int fail_to_write(const char *path, struct jb_error *err)
{
    err->code = JB_EIO;
    err->sys_errno = errno;
    char printable[600];
    snprintf(err->text, sizeof err->text, "cannot write \"%s\": %s",
             cli_printable(printable, sizeof printable, path), strerror(err->sys_errno));
    return JB_EIO;
}

/* The old file or the whole new one. */
int write_monitor(const struct cli *cli, const jb_report *report, struct jb_error *err)
{
    const char *path = cli->value[OPTION_TO];
    char *temporary = malloc(strlen(path) + sizeof ".XXXXXX");
    if (temporary == NULL)
        return fail_to_write(path, err);
    strcat(strcpy(temporary, path), ".XXXXXX");
    int fd = mkstemp(temporary);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool is_written = out != NULL && fchmod(fd, 0755) == 0;
    if (is_written)
        print_script(out, report);
    is_written = is_written && fflush(out) == 0 && ferror(out) == 0 && fsync(fd) == 0;
    is_written = (out == NULL || fclose(out) == 0) && is_written && rename(temporary, path) == 0;
    int code = is_written ? JB_OK : fail_to_write(path, err);
    if (!is_written && fd >= 0)
        unlink(temporary);
    free(temporary);
    return code;
}
