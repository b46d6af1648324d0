/* SPDX-License-Identifier: MIT */
/* jbackup-scheduler: the tables of its options and commands, and the call behind each command. */
#include <jbackup.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "cli_scheduler.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define OWN(option)  [(option)-CLI_OWN_OPTIONS]
#define PATH_SIZE    4096
#define CLOCK_WAIT_S 3600 /* how long a run by the clock waits for another one */
#define MESSAGE_SIZE 1500

static const struct cli_option options[OPTION_END - CLI_OWN_OPTIONS] = {
    OWN(OPTION_USER) = {"user", NULL, "this user's systemd, not the system's"},
    OWN(OPTION_DRY_RUN) = {"dry-run", NULL, "print what would be done, and do nothing"},
    OWN(OPTION_FORCE) = {"force", NULL, "replace units that were edited by hand, too"},
    OWN(OPTION_CRON) = {"cron", NULL, "print a crontab instead, change nothing"},
    OWN(OPTION_TOOLS) = {"tools", "DIR", "where the tools are, if not beside this one"},
    OWN(OPTION_RUN_AS) = {"run-as", "USER", "run as this user, if not the repository's owner"},
    OWN(OPTION_TYPE) = {"type", "T", "daily, weekly, monthly, verify (run: or monitor)"},
    OWN(OPTION_NO_WAIT) = {"no-wait", NULL, "start it by systemd and don't wait for it"},
    OWN(OPTION_WAIT) = {"wait", "SECONDS", "wait while another run holds the repository"},
    OWN(OPTION_IF_DUE) = {"if-due", NULL, "only if its time came after the last run"},
    OWN(OPTION_BY) = {"by", "WHO", "timer, cron or hand: who asks for the run"},
    OWN(OPTION_TO) = {"to", "FILE", "write the script there"},
};

/* ---- The calls ------------------------------------------------------------------------------ */

/* The folder of this tool: what it installs is of the same installation. NULL: not known. */
static const char *own_folder(char path[PATH_SIZE])
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_SIZE);
    if (len <= 0 || len >= PATH_SIZE)
        return NULL;
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return NULL;
    slash[slash == path ? 1 : 0] = '\0';
    return path;
}

static struct jb_schedule_options schedule_options(const struct cli *cli, char path[PATH_SIZE])
{
    struct jb_schedule_options wanted = JB_SCHEDULE_OPTIONS_INIT;
    wanted.user = cli->value[OPTION_USER] != NULL;
    wanted.dry_run = cli->value[OPTION_DRY_RUN] != NULL;
    wanted.force = cli->value[OPTION_FORCE] != NULL;
    wanted.tools = cli->value[OPTION_TOOLS] ? cli->value[OPTION_TOOLS] : own_folder(path);
    wanted.run_as = cli->value[OPTION_RUN_AS];
    return wanted;
}

static int call_install(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    char path[PATH_SIZE];
    struct jb_schedule_options wanted = schedule_options(cli, path);
    return cli->value[OPTION_CRON] != NULL ? jb_schedule_crontab(project, &wanted, report, err)
                                           : jb_schedule_install(project, &wanted, report, err);
}

static int call_uninstall(const struct cli *cli, jb_project *project, jb_report **report,
                          struct jb_error *err)
{
    char path[PATH_SIZE];
    struct jb_schedule_options wanted = schedule_options(cli, path);
    return jb_schedule_uninstall(project, &wanted, report, err);
}

static int call_status(const struct cli *cli, jb_project *project, jb_report **report,
                       struct jb_error *err)
{
    char path[PATH_SIZE];
    struct jb_schedule_options wanted = schedule_options(cli, path);
    return jb_schedule_status(project, &wanted, report, err);
}

static int take_type(const struct cli *cli, size_t known, const char **type, struct jb_error *err)
{
    static const char *const types[] = {"daily", "weekly", "monthly", "verify", "monitor"};
    size_t number = 0;
    *type = cli->value[OPTION_TYPE];
    if (*type == NULL)
        return cli_usage_missing(err, "option \"--type\" is missing", types, known);
    return cli_word("type", *type, types, known, &number, err);
}

static int call_run(const struct cli *cli, jb_project *project, jb_report **report,
                    struct jb_error *err)
{
    struct jb_run_options wanted = JB_RUN_OPTIONS_INIT;
    wanted.user = cli->value[OPTION_USER] != NULL;
    wanted.no_wait = cli->value[OPTION_NO_WAIT] != NULL;
    int code = take_type(cli, 5, &wanted.schedule, err);
    if (code == JB_OK)
        code = cli_seconds(cli, OPTION_WAIT, &wanted.wait_s, err);
    return code == JB_OK ? jb_schedule_run(project, &wanted, report, err) : code;
}

/* systemd says by TRIGGER_UNIT that a timer has started the unit; by hand it does not. */
static int call_perform(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    static const char *const callers[] = {"timer", "cron", "hand"};
    struct jb_perform_options wanted = JB_PERFORM_OPTIONS_INIT;
    const char *trigger = getenv("TRIGGER_UNIT");
    bool is_triggered = trigger != NULL && *trigger != '\0';
    size_t number = is_triggered ? 0 : 2;
    int code = take_type(cli, 4, &wanted.schedule, err);
    if (code == JB_OK)
        code = cli_word("caller", cli->value[OPTION_BY], callers, COUNT(callers), &number, err);
    wanted.by = callers[number];
    wanted.if_due = cli->value[OPTION_IF_DUE] != NULL || is_triggered;
    wanted.wait_s = number < 2 ? CLOCK_WAIT_S : 0;
    if (code == JB_OK)
        code = cli_seconds(cli, OPTION_WAIT, &wanted.wait_s, err);
    return code == JB_OK ? jb_schedule_perform(project, &wanted, report, err) : code;
}

/* ---- Alert ---------------------------------------------------------------------------------- */

/* Which row of the status is of this service; the count of rows: none. */
static size_t row_of(const jb_report *status, const char *service)
{
    size_t row = 0, count = jb_report_row_count(status);
    for (; row < count; row++) {
        const char *unit = cli_field(status, row, "unit");
        size_t len = strlen(unit);
        if (strncmp(service, unit, len) == 0 && strcmp(service + len, ".service") == 0)
            break;
    }
    return row;
}

/* What systemd tells an OnFailure= unit of the one that failed, and what that recorded itself. */
static int tell(const jb_report *status, const char *service, char message[MESSAGE_SIZE])
{
    const char *result = getenv("MONITOR_SERVICE_RESULT");
    const char *exit_status = getenv("MONITOR_EXIT_STATUS");
    size_t row = status != NULL ? row_of(status, service) : 0;
    bool is_known = status != NULL && row < jb_report_row_count(status);
    const char *recorded = is_known ? cli_field(status, row, "result") : "";
    bool is_findings = strcmp(recorded, "findings") == 0;
    const char *error =
        is_findings || strcmp(recorded, "failed") == 0 ? cli_field(status, row, "error") : "";
    bool is_backup = is_known && strcmp(cli_field(status, row, "schedule"), "verify") != 0;
    size_t len = (size_t)snprintf(message, MESSAGE_SIZE, "%s",
                                  is_findings ? "it ended with findings" : "it failed");
    if (result != NULL && strcmp(result, "success") != 0)
        len += (size_t)snprintf(message + len, MESSAGE_SIZE - len, " (%.60s%s%.20s)", result,
                                exit_status != NULL ? ", status " : "",
                                exit_status != NULL ? exit_status : "");
    if (*error != '\0')
        snprintf(message + len, MESSAGE_SIZE - len, ": %s", error);
    return is_findings && is_backup ? JB_ERROR : JB_CRITICAL;
}

static int call_alert(const struct cli *cli, jb_project *project, jb_report **report,
                      struct jb_error *err)
{
    char message[MESSAGE_SIZE], path[PATH_SIZE];
    struct jb_alert_options alert = JB_ALERT_OPTIONS_INIT;
    struct jb_schedule_options wanted = schedule_options(cli, path);
    struct jb_error unwanted = {0};
    jb_report *status = NULL;
    if (jb_schedule_status(project, &wanted, &status, &unwanted) < 0)
        status = NULL;
    alert.subject = cli->operand[0];
    alert.level = tell(status, alert.subject, message);
    alert.message = message;
    jb_report_free(status);
    return jb_alert(project, &alert, report, err);
}

/* ---- Monitor -------------------------------------------------------------------------------- */

static int call_monitor(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    char path[PATH_SIZE];
    struct jb_schedule_options wanted = schedule_options(cli, path);
    wanted.user = 1; /* nothing of it depends on the user */
    int code = jb_schedule_units(project, &wanted, report, err);
    return code == JB_OK && cli->value[OPTION_TO] != NULL ? write_monitor(cli, *report, err) : code;
}

/* ---- The commands --------------------------------------------------------------------------- */

static const struct cli_command commands[] = {
    {"install", "",
     CLI_BIT(OPTION_USER) | CLI_BIT(OPTION_DRY_RUN) | CLI_BIT(OPTION_FORCE) | CLI_BIT(OPTION_CRON) |
         CLI_BIT(OPTION_TOOLS) | CLI_BIT(OPTION_RUN_AS),
     "make systemd run the project's schedules",
     "Writes a service and a timer for each schedule of jbackup.json, checks them by\n"
     "systemd's own parser, and enables the timers. May be run again: what is as it\n"
     "should be stays. Units that were edited by hand are kept, and the difference is\n"
     "shown. --cron prints the same for cron, where there is no systemd.",
     call_install, print_installed, NULL, NULL, NULL},
    {"uninstall", "", CLI_BIT(OPTION_USER) | CLI_BIT(OPTION_DRY_RUN),
     "remove what install has made for this project",
     "Timers are stopped and disabled, then their units, links and time stamps are\n"
     "removed. Units of others, and the backups, stay.",
     call_uninstall, print_uninstalled, NULL, NULL, NULL},
    {"status", "", CLI_BIT(OPTION_USER), "tell how the schedules do, and what is wrong",
     "Of each: when it runs next, how the last run ended, which backup it made.\n"
     "Status 1 if one is not installed, is disabled, failed, or missed its time.",
     call_status, print_status, NULL, NULL, NULL},
    {"run", "",
     CLI_BIT(OPTION_TYPE) | CLI_BIT(OPTION_USER) | CLI_BIT(OPTION_NO_WAIT) | CLI_BIT(OPTION_WAIT),
     "run one now, as its timer would",
     "By systemd where it is installed, so in the same sandbox and with the same log;\n"
     "else directly. Of a run that failed the last lines of the journal are shown.",
     call_run, print_run, NULL, NULL, NULL},
    {"perform", "",
     CLI_BIT(OPTION_TYPE) | CLI_BIT(OPTION_IF_DUE) | CLI_BIT(OPTION_BY) | CLI_BIT(OPTION_WAIT),
     "do what a schedule does; for units and cron",
     "The backup of that category, and the cleanup if it is configured; or (verify)\n"
     "the restore of the newest backup to a scratch place. The run is recorded.",
     call_perform, print_performed, NULL, NULL, NULL},
    {"alert", "UNIT", 0, "tell that a unit has failed; for units and cron",
     "Says what is known of why, by the ways of backup_monitor_config.json. The next\n"
     "run that goes well ends the incident.",
     call_alert, print_alerted, NULL, NULL, NULL},
    {"monitor", "", CLI_BIT(OPTION_TO) | CLI_BIT(OPTION_TOOLS),
     "print a script that checks the backups",
     "For cron or any supervisor: it runs \"jbackup-monitor check --alert\" of this\n"
     "project, and its exit status says how they are.",
     call_monitor, print_monitor, NULL, NULL, NULL},
    {"help", "[COMMAND]", 0, "print this help, or that of a command", NULL, NULL, NULL, NULL, NULL,
     NULL},
};

int main(int argc, char **argv)
{
    static const struct cli_tool tool = {
        .name = "jbackup-scheduler",
        .about = "Makes backups run by the clock, and tells when they don't.",
        .options = options,
        .option_count = COUNT(options),
        .commands = commands,
        .command_count = COUNT(commands),
    };
    return cli_main(&tool, argc, argv);
}
