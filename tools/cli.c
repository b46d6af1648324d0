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

static int call_verb(const struct cli *cli, jb_report **report, struct jb_error *err)
{
    jb_project *project = NULL;
    int code = jb_project_open(&project, cli->value[CLI_PROJECT], err);
    if (code == JB_OK && cli->value[CLI_BACKUP_DIR] != NULL)
        code = jb_project_set_backup_dir(project, cli->value[CLI_BACKUP_DIR], err);
    if (code == JB_OK) {
        jb_project_set_hooks(project, cli->is_verbose ? cli_log : NULL, cli_progress, NULL);
        cli_signals_catch();
        code = cli->command->call(cli, project, report, err);
        cli_signals_release();
        cli_progress_erase();
    }
    jb_project_close(project);
    return code;
}

static void print_findings(const struct cli *cli, const jb_report *report)
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

static void print_error(const struct cli *cli, int code, const struct jb_error *err)
{
    const char *text = *err->text != '\0' ? err->text : code_name(code);
    fprintf(stderr, "%s%s:%s %s\n", cli_color(cli->is_err_colored, CLI_RED), cli->tool->name,
            cli_color(cli->is_err_colored, CLI_PLAIN), text);
    if (*err->hint != '\0')
        fprintf(stderr, "hint: %s\n", err->hint);
    if (cli->value[CLI_JSON] == NULL)
        return;
    printf("{\"error\": {");
    print_json_text("code", code_name(code));
    printf(", ");
    print_json_text("text", text);
    printf(", ");
    print_json_text("hint", err->hint);
    printf("}}\n");
}

/* The news of a verb that did its work. */
static int print_answer(const struct cli *cli, jb_report *report, struct jb_error *err)
{
    if (cli->value[CLI_JSON] != NULL) {
        const char *json = jb_report_json(report);
        if (json == NULL) {
            err->code = JB_ENOMEM;
            snprintf(err->text, sizeof err->text, "out of memory while printing");
            return JB_ENOMEM;
        }
        size_t len = strlen(json);
        printf("%s%s", json, len > 0 && json[len - 1] == '\n' ? "" : "\n");
        return JB_OK;
    }
    print_findings(cli, report);
    if (cli->value[CLI_QUIET] == NULL)
        cli->command->print(cli, report);
    return JB_OK;
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

int cli_main(const struct cli_tool *tool, int argc, char **argv)
{
    struct cli cli = {.tool = tool};
    struct jb_error err = {0};
    jb_report *report = NULL;
    fill_standard_descriptors();

    int code = cli_parse(&cli, argc, argv, &err);
    look_at_terminal(&cli);
    if (code == JB_OK && is_help(&cli)) {
        code = print_help(&cli, &err);
    } else if (code == JB_OK) {
        code = call_verb(&cli, &report, &err);
        if (code == JB_OK)
            code = print_answer(&cli, report, &err);
        else if (report != NULL)
            print_findings(&cli, report);
    }
    if (code != JB_OK)
        print_error(&cli, code, &err);
    int status = jb_exit_status(code, report);
    jb_report_free(report);
    return close_output(&cli, status);
}
