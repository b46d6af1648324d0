/* SPDX-License-Identifier: MIT */
/* One run of a tool, from argv to the exit status. Results go to standard output, everything else
 * to standard error; what can't be written is a failure. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* If a standard descriptor is closed, the next file that is opened would get its number, and a
 * message would be written into it. Opened the wrong way round, so that using it still fails. */
static void fill_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            exit(3);
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value != NULL && *value != '\0' && strcmp(value, "0") != 0;
}

static void look_at_terminal(struct cli *cli)
{
    const char *term = getenv("TERM");
    bool is_dumb = term != NULL && strcmp(term, "dumb") == 0;
    bool is_colored = !is_dumb && !is_set("NO_COLOR") && !cli->value[CLI_NO_COLOR];
    cli->is_verbose = cli->value[CLI_VERBOSE] != NULL || is_set("DEBUG");
    cli->is_table_padded = isatty(STDOUT_FILENO) == 1;
    cli->is_out_colored = is_colored && cli->is_table_padded;
    cli->is_err_colored = is_colored && isatty(STDERR_FILENO) == 1;
    cli_progress_begin(isatty(STDERR_FILENO) == 1 && !is_dumb && !cli->value[CLI_QUIET]);
}

static bool is_help(const struct cli *cli)
{
    return cli->value[CLI_HELP] != NULL || cli->value[CLI_VERSION] != NULL ||
           (cli->command != NULL && cli->command->call == NULL);
}

static int print_help(const struct cli *cli, struct jb_error *err)
{
    const struct cli_command *command = cli->command;
    bool is_help_command = command != NULL && command->call == NULL;
    if (cli->value[CLI_VERSION] != NULL) {
        printf("%s %s\n", cli->tool->name, jb_version());
        return JB_OK;
    }
    if (is_help_command && cli->operand_count > 0) {
        command = cli_command_find(cli->tool, cli->operand[0]);
        if (command == NULL)
            return cli_unknown_command(cli->tool, cli->operand[0], err);
    } else if (is_help_command && cli->value[CLI_HELP] == NULL) {
        command = NULL;
    }
    if (command != NULL)
        cli_help_command(cli->tool, command);
    else
        cli_help(cli->tool);
    return JB_OK;
}

/* A command's reports: of its verb, and of the one that follows. */
enum { REPORT, REPORT_THEN, REPORTS };

static int call_verbs(const struct cli *cli, jb_project *project, jb_report *reports[REPORTS],
                      struct jb_error *err)
{
    const struct cli_then *then = cli->command->then;
    int code = cli->command->call(cli, project, &reports[REPORT], err);
    if (code == JB_OK && then != NULL)
        code = then->call(cli, project, &reports[REPORT_THEN], err);
    return code;
}

static int call_command(const struct cli *cli, jb_report *reports[REPORTS], struct jb_error *err)
{
    jb_project *project = NULL;
    int code = jb_project_open(&project, cli->value[CLI_PROJECT], err);
    if (code == JB_OK && cli->value[CLI_BACKUP_DIR] != NULL)
        code = jb_project_set_backup_dir(project, cli->value[CLI_BACKUP_DIR], err);
    if (code == JB_OK) {
        jb_project_set_hooks(project, cli->is_verbose ? cli_log : NULL, cli_progress, NULL);
        cli_signals_catch();
        code = call_verbs(cli, project, reports, err);
        cli_signals_release();
        cli_progress_erase();
    }
    jb_project_close(project);
    return code;
}

void cli_findings(const struct cli *cli, const jb_report *report)
{
    static const enum cli_color colors[] = {CLI_GREEN, CLI_YELLOW, CLI_RED, CLI_RED};
    for (size_t i = 0; i < jb_report_finding_count(report); i++) {
        const struct jb_finding *finding = jb_report_finding(report, i);
        if (finding->level == JB_INFO && cli->value[CLI_QUIET])
            continue;
        fprintf(stderr, "%s%s%s %s: %s\n", cli_color(cli->is_err_colored, colors[finding->level]),
                jb_level_name(finding->level), cli_color(cli->is_err_colored, CLI_PLAIN),
                finding->subject, finding->message);
        if (*finding->hint != '\0')
            fprintf(stderr, "  hint: %s\n", finding->hint);
    }
}

static void print_json_text(const char *key, const char *text)
{
    printf("\"%s\": \"", key);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static const char *code_name(int code)
{
    static const char *const names[] = {
        "JB_OK",        "JB_EINVAL",      "JB_ENOTFOUND", "JB_EIO",
        "JB_ENOMEM",    "JB_ELOCKED",     "JB_ECORRUPT",  "JB_EDATABASE",
        "JB_ECANCELED", "JB_EROLLEDBACK", "JB_EROLLBACK", "JB_EUNSUPPORTED",
    };
    size_t count = sizeof names / sizeof *names;
    return code <= 0 && (size_t)-code < count ? names[-code] : "unknown";
}

/* Without the line break at its end. */
static void print_json_report(const char *json)
{
    size_t len = strlen(json);
    fwrite(json, 1, len - (len > 0 && json[len - 1] == '\n'), stdout);
}

static const char *error_text(int code, const struct jb_error *err)
{
    return *err->text != '\0' ? err->text : code_name(code);
}

void cli_error(const struct cli *cli, int code, const struct jb_error *err)
{
    fprintf(stderr, "%s%s:%s %s\n", cli_color(cli->is_err_colored, CLI_RED), cli->tool->name,
            cli_color(cli->is_err_colored, CLI_PLAIN), error_text(code, err));
    if (*err->hint != '\0')
        fprintf(stderr, "hint: %s\n", err->hint);
}

static void print_error(const struct cli *cli, int code, const struct jb_error *err,
                        jb_report *reports[REPORTS])
{
    cli_error(cli, code, err);
    if (cli->value[CLI_JSON] == NULL)
        return;
    printf("{\"error\": {");
    print_json_text("code", code_name(code));
    printf(", ");
    print_json_text("text", error_text(code, err));
    printf(", ");
    print_json_text("hint", err->hint);
    printf("}");
    const char *report = reports[REPORT] != NULL ? jb_report_json(reports[REPORT]) : NULL;
    if (report != NULL) {
        printf(", \"report\": ");
        print_json_report(report);
    }
    printf("}\n");
}

static int print_json(const struct cli *cli, jb_report *reports[REPORTS], struct jb_error *err)
{
    const struct cli_then *then = cli->command->then;
    const char *json[REPORTS] = {NULL};
    size_t count = then != NULL ? REPORTS : 1;
    for (size_t i = 0; i < count; i++) {
        json[i] = jb_report_json(reports[i]);
        if (json[i] == NULL) {
            err->code = JB_ENOMEM;
            snprintf(err->text, sizeof err->text, "out of memory while printing");
            return JB_ENOMEM;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (then != NULL)
            printf("%s\"%s\": ", i > 0 ? ", " : "{", then->names[i]);
        print_json_report(json[i]);
    }
    puts(then != NULL ? "}" : "");
    return JB_OK;
}

/* The news of verbs that did their work. */
static int print_answer(const struct cli *cli, jb_report *reports[REPORTS], struct jb_error *err)
{
    const struct cli_then *then = cli->command->then;
    bool is_quiet = cli->value[CLI_QUIET] != NULL;
    if (cli->value[CLI_JSON] != NULL)
        return print_json(cli, reports, err);
    cli_findings(cli, reports[REPORT]);
    if (!is_quiet)
        cli->command->print(cli, reports[REPORT]);
    if (then == NULL)
        return JB_OK;
    fflush(stdout); /* so that the findings stand in their place where both go to one file */
    cli_findings(cli, reports[REPORT_THEN]);
    if (!is_quiet)
        then->print(cli, reports[REPORT_THEN]);
    return JB_OK;
}

/* What is known of work that could not be done, before the error itself is told. */
static void print_failed(const struct cli *cli, jb_report *reports[REPORTS], int code)
{
    const struct cli_command *command = cli->command;
    if (reports[REPORT] == NULL)
        return;
    cli_findings(cli, reports[REPORT]);
    if (command->print_failed == NULL || cli->value[CLI_QUIET] || cli->value[CLI_JSON])
        return;
    command->print_failed(cli, reports[REPORT], code);
    fflush(stdout);
}

/* A reader that has gone is no error; a result that could not be written is one. */
static int close_output(const struct cli *cli, int status)
{
    bool has_failed = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) == 0 && !has_failed)
        return status;
    if (errno == EPIPE)
        return status;
    fprintf(stderr, "%s: cannot write to standard output%s%s\n", cli->tool->name,
            errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    return status > 3 ? status : 3;
}

/* The worst that the verbs answered. */
static int exit_status(int code, jb_report *reports[REPORTS])
{
    int first = jb_exit_status(code, reports[REPORT]);
    int second = jb_exit_status(code, reports[REPORT_THEN]);
    return second > first ? second : first;
}

/* Prints what became of the command, and returns the exit status. */
static int conclude(const struct cli *cli, int code, jb_report *reports[REPORTS],
                    struct jb_error *err)
{
    const struct cli_command *command = cli->command;
    if (command != NULL && command->conclude != NULL) {
        int status = command->conclude(cli, code, reports[REPORT], err);
        if (status >= 0)
            return status;
    }
    if (code == JB_OK)
        code = print_answer(cli, reports, err);
    else
        print_failed(cli, reports, code);
    if (code != JB_OK)
        print_error(cli, code, err, reports);
    return exit_status(code, reports);
}

int cli_main(const struct cli_tool *tool, int argc, char **argv)
{
    struct cli cli = {.tool = tool};
    struct jb_error err = {0};
    jb_report *reports[REPORTS] = {NULL};
    int status;
    fill_standard_descriptors();

    int code = cli_parse(&cli, argc, argv, &err);
    look_at_terminal(&cli);
    if (code == JB_OK && is_help(&cli)) {
        code = print_help(&cli, &err);
        if (code != JB_OK)
            print_error(&cli, code, &err, reports);
        status = exit_status(code, reports);
    } else {
        if (code == JB_OK)
            code = call_command(&cli, reports, &err);
        status = conclude(&cli, code, reports, &err);
    }
    for (size_t i = 0; i < REPORTS; i++)
        jb_report_free(reports[i]);
    return close_output(&cli, status);
}
