/* SPDX-License-Identifier: MIT */
/*
 * A backup from inside a program of one's own, with progress and log lines:
 *
 *     cc embed.c $(pkg-config --cflags --libs libjbackup) -o embed
 *     ./embed /srv/journal
 *
 * Ctrl-C is honoured at the next safe point: nothing half-made stays behind.
 */
#include <inttypes.h>
#include <jbackup.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

/* What the library calls while it works; the last step shown is kept in user. */
static int show_progress(void *user, const char *step, uint64_t done, uint64_t total,
                         const char *unit)
{
    char *last_step = user;

    if (strcmp(last_step, step) != 0) {
        snprintf(last_step, 64, "%s", step);
        fprintf(stderr, "  %s\n", step);
    }
    if (isatty(STDERR_FILENO)) {
        fprintf(stderr, "    %" PRIu64, done);
        if (total > 0)
            fprintf(stderr, " of %" PRIu64, total);
        fprintf(stderr, " %s   \r", unit);
    }
    return is_interrupted;
}

static void show_log(void *user, int level, const char *line)
{
    (void)user;
    if (level >= 2)
        fprintf(stderr, "  %s\n", line);
}

static void print_report(const jb_report *report)
{
    printf("backup %s: %s, %" PRId64 " bytes stored\n",
           jb_report_text(report, JB_FIGURES, "timestamp"),
           jb_report_text(report, JB_FIGURES, "type"),
           jb_report_number(report, JB_FIGURES, "total_size"));
    for (size_t i = 0; i < jb_report_row_count(report); i++)
        printf("  %s (%" PRId64 " bytes)\n", jb_report_text(report, i, "path"),
               jb_report_number(report, i, "size"));
    for (size_t i = 0; i < jb_report_finding_count(report); i++) {
        const struct jb_finding *finding = jb_report_finding(report, i);
        printf("  %s: %s: %s\n", jb_level_name(finding->level), finding->subject, finding->message);
    }
}

int main(int argc, char **argv)
{
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    struct jb_error err = {0};
    jb_project *project = NULL;
    jb_report *report = NULL;
    char last_step[64] = "";

    if (argc > 2) {
        fprintf(stderr, "usage: embed [PROJECT]\n");
        return 2;
    }
    signal(SIGINT, interrupt);

    int code = jb_project_open(&project, argc > 1 ? argv[1] : NULL, &err);
    if (code == JB_OK) {
        jb_project_set_hooks(project, show_log, show_progress, last_step);
        options.label = "made by embed";
        options.wait_s = 10;
        code = backup_create(project, &options, &report, &err);
    }
    if (code < 0) {
        fprintf(stderr, "embed: %s\n", err.text);
        if (err.hint[0] != '\0')
            fprintf(stderr, "hint: %s\n", err.hint);
    } else {
        print_report(report);
    }

    int status = jb_exit_status(code, report);
    jb_report_free(report);
    jb_project_close(project);
    return status;
}
