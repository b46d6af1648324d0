/* SPDX-License-Identifier: MIT */
/* jbackup-verify: the tables of its options and commands, the call behind each, and what a person
 * reads of the answer. */
#include <jbackup.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define COUNT(array)     (sizeof(array) / sizeof *(array))
#define OWN(option)      [(option)-CLI_OWN_OPTIONS]
#define TESTS_MAX        16
#define PROGRAM_PATH_MAX 4096

enum {
    OPTION_TEST = CLI_OWN_OPTIONS,
    OPTION_TIMESTAMP,
    OPTION_DEPTH,
    OPTION_LATEST,
    OPTION_ALL,
    OPTION_SAMPLE,
    OPTION_PROGRAM,
    OPTION_SHELL,
    OPTION_END
};

static const struct cli_option options[OPTION_END - CLI_OWN_OPTIONS] = {
    OWN(OPTION_TEST) = {"test", "NAME", "the test to run"},
    OWN(OPTION_TIMESTAMP) = {"timestamp", "TS", "integrity and restore: only this backup"},
    OWN(OPTION_DEPTH) = {"depth", "D", "integrity: bytes, content (as without) or restore"},
    OWN(OPTION_LATEST) = {"latest", NULL, "integrity: only the newest backup"},
    OWN(OPTION_ALL) = {"all", NULL, "restore: every backup, not only the newest"},
    OWN(OPTION_SAMPLE) = {"sample", "N%", "integrity: of code archives only about so much"},
    OWN(OPTION_PROGRAM) = {"program", "PATH", "another jbackup than the one beside this tool"},
    OWN(OPTION_SHELL) = {"shell", "PATH", "another backup.sh than the project's"},
};

#define HOW_TO_TEST                                                                                \
    (CLI_BIT(OPTION_TIMESTAMP) | CLI_BIT(OPTION_DEPTH) | CLI_BIT(OPTION_LATEST) |                  \
     CLI_BIT(OPTION_ALL) | CLI_BIT(OPTION_SAMPLE) | CLI_BIT(OPTION_PROGRAM) |                      \
     CLI_BIT(OPTION_SHELL))

/* ---- The calls ------------------------------------------------------------------------------ */

/* The jbackup beside this tool: that installation is tested, not another one on PATH. NULL if there
 * is none. */
static const char *program_beside(char path[PROGRAM_PATH_MAX])
{
    static const char name[] = "jbackup";
    ssize_t len = readlink("/proc/self/exe", path, PROGRAM_PATH_MAX);
    if (len <= 0 || len >= PROGRAM_PATH_MAX)
        return NULL;
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash - path) + 1 + sizeof name > PROGRAM_PATH_MAX)
        return NULL;
    memcpy(slash + 1, name, sizeof name);
    return access(path, X_OK) == 0 ? path : NULL;
}

static int call_system(const struct cli *cli, jb_project *project, struct jb_system_options *wanted,
                       jb_report **report, struct jb_error *err)
{
    char path[PROGRAM_PATH_MAX];
    int code = cli_depth(cli, OPTION_DEPTH, &wanted->depth, err);
    if (code == JB_OK)
        code = cli_percent(cli, OPTION_SAMPLE, &wanted->sample, err);
    if (code != JB_OK)
        return code;
    wanted->timestamp = cli->value[OPTION_TIMESTAMP];
    wanted->latest = cli->value[OPTION_LATEST] != NULL;
    wanted->all = cli->value[OPTION_ALL] != NULL;
    wanted->program = cli->value[OPTION_PROGRAM];
    if (wanted->program == NULL)
        wanted->program = program_beside(path);
    wanted->shell = cli->value[OPTION_SHELL];
    return jb_verify_system(project, wanted, report, err);
}

static int call_verify(const struct cli *cli, jb_project *project, jb_report **report,
                       struct jb_error *err)
{
    struct jb_system_options wanted = JB_SYSTEM_OPTIONS_INIT;
    return call_system(cli, project, &wanted, report, err);
}

static int call_report(const struct cli *cli, jb_project *project, jb_report **report,
                       struct jb_error *err)
{
    struct jb_system_options wanted = JB_SYSTEM_OPTIONS_INIT;
    wanted.write_report = 1;
    return call_system(cli, project, &wanted, report, err);
}

static int call_test(const struct cli *cli, jb_project *project, jb_report **report,
                     struct jb_error *err)
{
    struct jb_system_options wanted = JB_SYSTEM_OPTIONS_INIT;
    const char *names[TESTS_MAX];
    size_t count = 0, found = 0;
    while (count < TESTS_MAX && jb_system_test_name(count) != NULL) {
        names[count] = jb_system_test_name(count);
        count++;
    }
    wanted.test = cli->value[OPTION_TEST];
    if (wanted.test == NULL)
        return cli_usage_missing(err, "\"test\" needs --test NAME", names, count);
    int code = cli_word("test", wanted.test, names, count, &found, err);
    return code == JB_OK ? call_system(cli, project, &wanted, report, err) : code;
}

/* ---- The answers ---------------------------------------------------------------------------- */

static bool has_warnings(const jb_report *report, size_t row)
{
    return strcmp(cli_field(report, row, "level"), jb_level_name(JB_WARNING)) == 0;
}

static void format_result(FILE *out, const jb_report *report, size_t row, const char *key)
{
    if (jb_report_number(report, row, key) == 0)
        fputs("FAILED", out);
    else
        fputs(has_warnings(report, row) ? "passed, with warnings" : "passed", out);
}

static enum cli_color tint_result(const jb_report *report, size_t row, const char *key)
{
    if (jb_report_number(report, row, key) == 0)
        return CLI_RED;
    return has_warnings(report, row) ? CLI_YELLOW : CLI_GREEN;
}

/* "9 of 9 tests passed", or which failed. */
static void print_verdict(const struct cli *cli, const jb_report *report)
{
    int64_t failed = cli_figure(report, "failed");
    char tests[CLI_NUMBER_SIZE];
    const char *gap = ": ";
    fputs(cli_color(cli->is_out_colored, failed > 0 ? CLI_RED : CLI_GREEN), stdout);
    printf("%lld of %s %s", (long long)(failed > 0 ? failed : cli_figure(report, "passed")),
           cli_counted(tests, cli_figure(report, "tests"), "test"),
           failed > 0 ? "failed" : "passed");
    fputs(cli_color(cli->is_out_colored, CLI_PLAIN), stdout);
    for (size_t row = 0; row < jb_report_row_count(report); row++) {
        if (strcmp(cli_field(report, row, "row"), "test") == 0 &&
            jb_report_number(report, row, "ok") == 0) {
            printf("%s%s", gap, cli_field(report, row, "test"));
            gap = ", ";
        }
    }
    putchar('\n');
}

static void print_tests(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"TEST", "test", cli_text, false, NULL},
        {"RESULT", "ok", format_result, false, tint_result},
        {"TOOK", "duration_ms", cli_duration, true, NULL},
        {"WHAT WAS DONE", "did", cli_text, false, NULL},
    };
    cli_table(cli, report, "test", columns, COUNT(columns));
    print_verdict(cli, report);
}

/* How fast it went, as far as it is known: "read 480 MB/s, restored 90 MB/s". */
static void print_rates(const jb_report *report)
{
    static const struct {
        const char *key, *what;
    } rates[] = {{"read_mb_s", "read"}, {"decoded_mb_s", "decoded"}, {"restored_mb_s", "restored"}};
    char line[4 * CLI_NUMBER_SIZE] = "";
    size_t used = 0;
    for (size_t i = 0; i < COUNT(rates); i++) {
        int64_t rate = cli_figure(report, rates[i].key);
        if (rate > 0)
            used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %lld MB/s",
                                     used > 0 ? ", " : "", rates[i].what, (long long)rate);
    }
    cli_line("speed", line);
}

static void print_estimate(const jb_report *report)
{
    char time[CLI_NUMBER_SIZE];
    if (*cli_field(report, JB_FIGURES, "restore_estimate_of") != '\0')
        printf("%-12s about %s for all of %s\n", "restore",
               cli_duration_text(time, cli_figure(report, "restore_estimate_ms")),
               cli_field(report, JB_FIGURES, "restore_estimate_of"));
}

/* "20240708_143022, 3 hours ago"; which one, and since when. */
static void print_instant(const jb_report *report, const char *name, const char *which,
                          const char *at)
{
    const char *timestamp = cli_field(report, JB_FIGURES, which);
    printf("%-12s %s", name, *timestamp ? timestamp : "none");
    if (*cli_field(report, JB_FIGURES, at) != '\0') {
        fputs(", ", stdout);
        cli_age(stdout, report, JB_FIGURES, at);
    }
    putchar('\n');
}

static void print_verify(const struct cli *cli, const jb_report *report)
{
    print_tests(cli, report);
    printf("%-12s %lld: %lld proved, %lld checked, %lld unchecked, %lld broken\n", "backups",
           (long long)cli_figure(report, "backups"), (long long)cli_figure(report, "proved"),
           (long long)cli_figure(report, "checked"), (long long)cli_figure(report, "unchecked"),
           (long long)cli_figure(report, "broken"));
    print_instant(report, "newest", "newest", "newest_at");
    print_instant(report, "proved", "newest_proved", "proved_at");
    print_rates(report);
    print_estimate(report);
}

static void print_test(const struct cli *cli, const jb_report *report)
{
    print_tests(cli, report);
    print_rates(report);
}

static void print_report(const struct cli *cli, const jb_report *report)
{
    print_verify(cli, report);
    cli_line("report", cli_field(report, JB_FIGURES, "json"));
    cli_line("page", cli_field(report, JB_FIGURES, "html"));
}

/* ---- The commands --------------------------------------------------------------------------- */

static const struct cli_command commands[] = {
    {"verify", "", HOW_TO_TEST, "run all tests of the installation",
     "executable  jbackup and the programs that it needs are there and fit together\n"
     "database    each database answers, and its login may do what a backup needs\n"
     "backup      a backup of the project is made, in a repository of its own\n"
     "integrity   the backups are read in full and compared with their digests\n"
     "restore     the newest backup is restored to a scratch place and compared\n"
     "cleanup     the retention keeps and removes what it should\n"
     "stats       the repository's figures are those of its files\n"
     "shell       backup.sh is there and works\n"
     "systemd     the timers are installed, active, and ran when they should have\n"
     "\n"
     "What a test makes, it removes. Your backups are read only; what was found of\n"
     "them is kept with them. Status 1 if a test failed.",
     call_verify, print_verify},
    {"test", "", CLI_BIT(OPTION_TEST) | HOW_TO_TEST, "run one test",
     "--test NAME is required; \"jbackup-verify help verify\" tells the names.", call_test,
     print_test},
    {"report", "", HOW_TO_TEST, "run all tests, and write a report",
     "As verify; the result is also written into the repository, as\n"
     "backup_verification_report_TS.json and as a page for the browser, .html.",
     call_report, print_report},
    {"help", "[COMMAND]", 0, "print this help, or that of a command", NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    static const struct cli_tool tool = {
        .name = "jbackup-verify",
        .about = "Tests that backups are made, kept and can be restored here.",
        .options = options,
        .option_count = COUNT(options),
        .commands = commands,
        .command_count = COUNT(commands),
    };
    return cli_main(&tool, argc, argv);
}
