/* SPDX-License-Identifier: MIT */
/* The reports of jbackup-monitor's verbs as text: for a person, in one line, and for Nagios. */
#include <string.h>

#include "cli_monitor.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *figure_text(const jb_report *report, const char *key)
{
    return cli_field(report, JB_FIGURES, key);
}

/* The number of a level's name; JB_INFO for any other text. */
static int level_of(const jb_report *report, size_t row)
{
    int level = JB_CRITICAL;
    while (level > JB_INFO && strcmp(cli_field(report, row, "level"), jb_level_name(level)) != 0)
        level--;
    return level;
}

static bool is_row(const jb_report *report, size_t row, const char *kind)
{
    return strcmp(cli_field(report, row, "row"), kind) == 0;
}

/* ---- One line ------------------------------------------------------------------------------- */

char *monitor_line(char to[MONITOR_LINE_SIZE], const jb_report *report)
{
    long long checks = cli_figure(report, "checks"), bad = cli_figure(report, "bad");
    const char *plural = checks == 1 ? "" : "s", *gap = ": ";
    if (bad == 0 && jb_report_verdict(report) < JB_WARNING) {
        snprintf(to, MONITOR_LINE_SIZE, "%lld check%s, all fine", checks, plural);
        return to;
    }
    size_t used = (size_t)snprintf(to, MONITOR_LINE_SIZE, "%s, %lld of %lld check%s bad",
                                   jb_level_name(jb_report_verdict(report)), bad, checks, plural);
    for (int level = JB_CRITICAL; level >= JB_WARNING; level--) {
        for (size_t row = 0; row < jb_report_row_count(report); row++) {
            if (!is_row(report, row, "check") || level_of(report, row) != level ||
                used >= MONITOR_LINE_SIZE)
                continue;
            used += (size_t)snprintf(to + used, MONITOR_LINE_SIZE - used, "%s%s", gap,
                                     cli_field(report, row, "check"));
            gap = ", ";
        }
    }
    return to;
}

/* The worst finding of a check, whose name the subject begins with; NULL if it has none. */
static const struct jb_finding *worst_of(const jb_report *report, const char *check)
{
    const struct jb_finding *worst = NULL;
    size_t len = strlen(check);
    for (size_t i = 0; i < jb_report_finding_count(report); i++) {
        const struct jb_finding *finding = jb_report_finding(report, i);
        bool is_its = strncmp(finding->subject, check, len) == 0 && finding->subject[len] == ':';
        if (is_its && (worst == NULL || finding->level > worst->level))
            worst = finding;
    }
    return worst;
}

static const struct jb_finding *worst_of_all(const jb_report *report)
{
    const struct jb_finding *worst = NULL;
    for (size_t i = 0; i < jb_report_finding_count(report); i++) {
        const struct jb_finding *finding = jb_report_finding(report, i);
        if (worst == NULL || finding->level > worst->level)
            worst = finding;
    }
    return worst;
}

void print_brief(const jb_report *report)
{
    char line[MONITOR_LINE_SIZE];
    bool has_bad = false;
    for (size_t row = 0; row < jb_report_row_count(report); row++) {
        if (!is_row(report, row, "check") || level_of(report, row) == JB_INFO)
            continue;
        const char *check = cli_field(report, row, "check");
        const struct jb_finding *worst = worst_of(report, check);
        printf("%s %s: %s\n", cli_field(report, row, "level"), check, worst ? worst->message : "");
        has_bad = true;
    }
    const struct jb_finding *worst = worst_of_all(report);
    if (!has_bad && worst != NULL && worst->level > JB_INFO)
        printf("%s %s: %s\n", jb_level_name(worst->level), worst->subject, worst->message);
    else if (!has_bad)
        puts(monitor_line(line, report));
}

/* A bar would begin the figures. */
static void print_barless(const char *text)
{
    for (; *text != '\0'; text++)
        putchar(*text == '|' ? '/' : *text);
}

static void print_figures(const jb_report *report)
{
    printf(" |");
    if (cli_figure(report, "newest_age_s") >= 0)
        printf(" age=%llds", (long long)cli_figure(report, "newest_age_s"));
    if (cli_figure(report, "proof_age_s") >= 0)
        printf(" proof_age=%llds", (long long)cli_figure(report, "proof_age_s"));
    printf(" size=%lldB backups=%lld", (long long)cli_figure(report, "newest_size"),
           (long long)cli_figure(report, "backups"));
    if (cli_figure(report, "disk_total") > 0)
        printf(" disk=%lld%%;;;0;100", (long long)cli_figure(report, "disk_used_percent"));
    printf(" bad=%lld incidents=%lld waiting=%lld time=%.3fs\n",
           (long long)cli_figure(report, "bad"), (long long)cli_figure(report, "incidents"),
           (long long)cli_figure(report, "waiting"),
           (double)cli_figure(report, "duration_ms") / 1000);
}

int print_nagios(int code, const jb_report *report, const struct jb_error *err)
{
    static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    static const int states[] = {
        [JB_INFO] = 0, [JB_WARNING] = 1, [JB_ERROR] = 2, [JB_CRITICAL] = 2};
    char line[MONITOR_LINE_SIZE];
    int state =
        code == JB_OK && cli_figure(report, "checks") > 0 ? states[jb_report_verdict(report)] : 3;
    printf("JBACKUP %s - ", names[state]);
    if (state == 3) {
        print_barless(code == JB_OK ? "no check was run" : err->text);
        putchar('\n');
        return state;
    }
    print_barless(monitor_line(line, report));
    const struct jb_finding *worst = worst_of_all(report);
    if (state > 0 && worst != NULL) {
        printf("; ");
        print_barless(worst->message);
    }
    print_figures(report);
    return state;
}

/* ---- check, report -------------------------------------------------------------------------- */

static void format_level(FILE *out, const jb_report *report, size_t row, const char *key)
{
    int level = level_of(report, row);
    (void)key;
    fputs(level == JB_INFO ? "fine" : jb_level_name(level), out);
}

static enum cli_color tint_level(const jb_report *report, size_t row, const char *key)
{
    int level = level_of(report, row);
    (void)key;
    return level >= JB_ERROR ? CLI_RED : level == JB_WARNING ? CLI_YELLOW : CLI_GREEN;
}

/* "20240708_143022, 3 hours ago"; which one, and since when. */
static void print_instant(const jb_report *report, const char *name, const char *which,
                          const char *at)
{
    const char *timestamp = figure_text(report, which);
    printf("%-12s %s", name, *timestamp ? timestamp : "none");
    if (*figure_text(report, at) != '\0') {
        fputs(", ", stdout);
        cli_age(stdout, report, JB_FIGURES, at);
    }
    putchar('\n');
}

static void print_disk(const jb_report *report)
{
    char free_text[CLI_NUMBER_SIZE], total[CLI_NUMBER_SIZE];
    if (cli_figure(report, "disk_total") <= 0)
        return;
    printf("%-12s %lld%% used, %s of %s free", "disk",
           (long long)cli_figure(report, "disk_used_percent"),
           cli_size_text(free_text, cli_figure(report, "disk_free")),
           cli_size_text(total, cli_figure(report, "disk_total")));
    if (cli_figure(report, "disk_full_days") >= 0)
        printf(", full in about %lld days", (long long)cli_figure(report, "disk_full_days"));
    putchar('\n');
}

void print_check(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"CHECK", "check", cli_text, false, NULL},
        {"RESULT", "level", format_level, false, tint_level},
        {"TOOK", "duration_ms", cli_duration, true, NULL},
        {"WHAT WAS SEEN", "did", cli_text, false, NULL},
    };
    char line[MONITOR_LINE_SIZE];
    int verdict = jb_report_verdict(report);
    cli_table(cli, report, "check", columns, COUNT(columns));
    printf("%s%s%s\n",
           cli_color(cli->is_out_colored, verdict >= JB_ERROR     ? CLI_RED
                                          : verdict == JB_WARNING ? CLI_YELLOW
                                                                  : CLI_GREEN),
           monitor_line(line, report), cli_color(cli->is_out_colored, CLI_PLAIN));
    print_instant(report, "newest", "newest", "newest_at");
    print_instant(report, "proved", "proved", "proved_at");
    print_disk(report);
    if (cli_figure(report, "incidents") > 0)
        printf("%-12s %lld open\n", "incidents", (long long)cli_figure(report, "incidents"));
    if (cli_figure(report, "waiting") > 0)
        printf("%-12s %lld wait to be sent\n", "alerts", (long long)cli_figure(report, "waiting"));
}

void print_report(const struct cli *cli, const jb_report *report)
{
    print_check(cli, report);
    cli_line("report", figure_text(report, "json"));
    cli_line("page", figure_text(report, "html"));
}

/* ---- config, history, test-mail ------------------------------------------------------------- */

void print_config(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"KEY", "key", cli_text, false, NULL},
        {"VALUE", "value", cli_text, false, NULL},
        {"DEFAULT", "standard", cli_text, false, NULL},
        {"FROM", "source", cli_text, false, NULL},
    };
    cli_table(cli, report, NULL, columns, COUNT(columns));
    cli_line("file", figure_text(report, "path"));
}

static void format_duration_s(FILE *out, const jb_report *report, size_t row, const char *key)
{
    char time[CLI_NUMBER_SIZE];
    fputs(cli_duration_text(time, jb_report_number(report, row, key) * 1000), out);
}

static void format_end(FILE *out, const jb_report *report, size_t row, const char *key)
{
    if (*cli_field(report, row, key) != '\0')
        cli_time(out, report, row, key);
    else
        fputs("lasts", out);
}

void print_history(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"SINCE", "opened_at", cli_time, false, NULL},
        {"UNTIL", "ended_at", format_end, false, NULL},
        {"LASTED", "duration_s", format_duration_s, true, NULL},
        {"LEVEL", "level", cli_text, false, tint_level},
        {"WHAT", "key", cli_text, false, NULL},
        {"MESSAGE", "message", cli_text, false, NULL},
    };
    if (jb_report_row_count(report) == 0) {
        puts("nothing was wrong");
        return;
    }
    cli_table(cli, report, NULL, columns, COUNT(columns));
}

static void print_server(const jb_report *report)
{
    char time[CLI_NUMBER_SIZE];
    printf("%-12s %s, port %lld, %s\n", "server", figure_text(report, "server"),
           (long long)cli_figure(report, "port"),
           cli_figure(report, "tls") ? "STARTTLS" : "IN THE CLEAR");
    cli_line("from", figure_text(report, "from"));
    cli_line("reply", figure_text(report, "reply"));
    printf("%-12s %s\n", "took", cli_duration_text(time, cli_figure(report, "duration_ms")));
}

void print_mail(const struct cli *cli, const jb_report *report)
{
    char count[CLI_NUMBER_SIZE];
    (void)cli;
    printf("the server took it for %s\n",
           cli_counted(count, cli_figure(report, "accepted"), "recipient"));
    print_server(report);
}

void print_no_mail(const struct cli *cli, const jb_report *report, int code)
{
    char count[CLI_NUMBER_SIZE];
    (void)cli, (void)code;
    if (cli_figure(report, "accepted") > 0)
        printf("the server took it for only %s\n",
               cli_counted(count, cli_figure(report, "accepted"), "recipient"));
    cli_line("failed at", figure_text(report, "step"));
    print_server(report);
}
