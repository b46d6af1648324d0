/* SPDX-License-Identifier: MIT */
/* jbackup-monitor: the tables of its options and commands, and the call behind each command. */
#include <jbackup.h>
#include <string.h>

#include "cli_monitor.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define OWN(option)  [(option)-CLI_OWN_OPTIONS]
#define CHECKS_MAX   32
#define MINUTES_MOST 10080
#define DAYS_MOST    3650
#define SET_KEY_SIZE 128

enum {
    OPTION_CHECK = CLI_OWN_OPTIONS,
    OPTION_BRIEF,
    OPTION_ALERT,
    OPTION_NAGIOS,
    OPTION_PROMETHEUS,
    OPTION_INTERVAL,
    OPTION_SET,
    OPTION_DAYS,
    OPTION_END
};

static const struct cli_option options[OPTION_END - CLI_OWN_OPTIONS] = {
    OWN(OPTION_CHECK) = {"check", "NAME", "only this check"},
    OWN(OPTION_BRIEF) = {"brief", NULL, "one line for each bad check, or one in all"},
    OWN(OPTION_ALERT) = {"alert", NULL, "open and end incidents, and send alerts"},
    OWN(OPTION_NAGIOS) = {"nagios", NULL, "one line with figures, status 0 to 3 as plugins"},
    OWN(OPTION_PROMETHEUS) = {"prometheus", "FILE", "also write metrics for Prometheus"},
    OWN(OPTION_INTERVAL) = {"interval", "MINUTES", "between checks, instead of as configured"},
    OWN(OPTION_SET) = {"set", "KEY=VALUE", "change one value"},
    OWN(OPTION_DAYS) = {"days", "N", "so far back (without it 30)"},
};

/* ---- The calls ------------------------------------------------------------------------------ */

static int take_check(const struct cli *cli, struct jb_monitor_options *wanted,
                      struct jb_error *err)
{
    const char *names[CHECKS_MAX];
    size_t count = 0, found = 0;
    while (count < CHECKS_MAX && jb_monitor_check_name(count) != NULL) {
        names[count] = jb_monitor_check_name(count);
        count++;
    }
    wanted->check = cli->value[OPTION_CHECK];
    return cli_word("check", wanted->check, names, count, &found, err);
}

static int call_check(const struct cli *cli, jb_project *project, jb_report **report,
                      struct jb_error *err)
{
    struct jb_monitor_options wanted = JB_MONITOR_OPTIONS_INIT;
    bool is_brief = cli->value[OPTION_BRIEF] != NULL, is_nagios = cli->value[OPTION_NAGIOS] != NULL;
    if ((is_brief && is_nagios) || ((is_brief || is_nagios) && cli->value[CLI_JSON] != NULL))
        return cli_usage(err, NULL, "of --brief, --nagios and --json there can be only one");
    int code = take_check(cli, &wanted, err);
    if (code != JB_OK)
        return code;
    wanted.alert = cli->value[OPTION_ALERT] != NULL;
    wanted.prometheus = cli->value[OPTION_PROMETHEUS];
    return monitor_check(project, &wanted, report, err);
}

/* The short forms of the answer. */
static int conclude_check(const struct cli *cli, int code, const jb_report *report,
                          const struct jb_error *err)
{
    if (cli->value[OPTION_NAGIOS] != NULL && cli->value[CLI_JSON] == NULL)
        return print_nagios(code, report, err);
    if (cli->value[OPTION_BRIEF] == NULL || code != JB_OK)
        return -1;
    print_brief(report);
    return jb_exit_status(code, report);
}

static int call_report(const struct cli *cli, jb_project *project, jb_report **report,
                       struct jb_error *err)
{
    struct jb_monitor_options wanted = JB_MONITOR_OPTIONS_INIT;
    (void)cli;
    wanted.write_report = 1;
    return monitor_check(project, &wanted, report, err);
}

static int call_monitor(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    int minutes = 0;
    int code = cli_number(cli, OPTION_INTERVAL, "minutes", MINUTES_MOST, &minutes, err);
    (void)report;
    return code == JB_OK ? monitor_loop(cli, project, minutes, err) : code;
}

/* Every round has told its own. */
static int conclude_monitor(const struct cli *cli, int code, const jb_report *report,
                            const struct jb_error *err)
{
    (void)cli, (void)report, (void)err;
    return code == JB_OK ? 0 : -1;
}

static int call_config(const struct cli *cli, jb_project *project, jb_report **report,
                       struct jb_error *err)
{
    struct jb_monitor_config_options wanted = JB_MONITOR_CONFIG_OPTIONS_INIT;
    const char *given = cli->value[OPTION_SET];
    char key[SET_KEY_SIZE];
    if (given != NULL) {
        size_t len = strcspn(given, "=");
        if (given[len] != '=' || len == 0 || len >= sizeof key)
            return cli_usage(err, "such as --set max_backup_age_hours=30",
                             "\"--set\" takes KEY=VALUE, not \"%s\"", given);
        memcpy(key, given, len);
        key[len] = '\0';
        wanted.key = key;
        wanted.value = given + len + 1;
    }
    return jb_monitor_config(project, &wanted, report, err);
}

static int call_history(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    struct jb_history_options wanted = JB_HISTORY_OPTIONS_INIT;
    int code = cli_number(cli, OPTION_DAYS, "days", DAYS_MOST, &wanted.days, err);
    return code == JB_OK ? jb_monitor_history(project, &wanted, report, err) : code;
}

static int call_mail(const struct cli *cli, jb_project *project, jb_report **report,
                     struct jb_error *err)
{
    struct jb_test_mail_options wanted = JB_TEST_MAIL_OPTIONS_INIT;
    wanted.recipient = cli->operand[0];
    return jb_test_mail(project, &wanted, report, err);
}

/* ---- The commands --------------------------------------------------------------------------- */

static const struct cli_command commands[] = {
    {"check", "",
     CLI_BIT(OPTION_CHECK) | CLI_BIT(OPTION_BRIEF) | CLI_BIT(OPTION_ALERT) |
         CLI_BIT(OPTION_NAGIOS) | CLI_BIT(OPTION_PROMETHEUS),
     "look whether all is well",
     "freshness    the newest backup is young enough\n"
     "proof        a backup was restored and compared not too long ago\n"
     "integrity    what is stored is as it was written; read in turns\n"
     "size         the newest backup is not absurdly small\n"
     "systemd      the timers are on and did not fail; the service runs\n"
     "disk         there is room, and will be\n"
     "database     each database answers\n"
     "restore      no restore was left half done\n"
     "permissions  nobody else can read the backups and their secrets\n"
     "clock        nothing is from the future\n"
     "versions     the programs fit the servers\n"
     "delivery     alerts get out\n"
     "\n"
     "Status 1 if a finding is of level ERROR or CRITICAL. With --nagios: 0 OK,\n"
     "1 WARNING, 2 CRITICAL (of both), 3 UNKNOWN.",
     call_check, print_check, NULL, NULL, conclude_check},
    {"report", "", 0, "look, and write a report",
     "As check; the result is also written into the repository, as\n"
     "backup_health_report_TS.json and as a page for the browser, .html.",
     call_report, print_report, NULL, NULL, NULL},
    {"monitor", "", CLI_BIT(OPTION_INTERVAL), "run on, look again and again, and alert",
     "Each check alerts, as \"check --alert\" does. SIGHUP reads project and\n"
     "configuration anew and checks at once; SIGTERM and SIGINT end it. As a service\n"
     "of systemd it is of Type=notify, with a watchdog if you like.",
     call_monitor, NULL, NULL, NULL, conclude_monitor},
    {"config", "", CLI_BIT(OPTION_SET), "show the configuration, or change a value",
     "The values in force, and where each comes from; backup_monitor_config.json in\n"
     "the repository is made if it is not there. --set KEY=VALUE changes one: a list\n"
     "is separated by commas, nothing is null. What is wrong is refused.",
     call_config, print_config, NULL, NULL, NULL},
    {"history", "", CLI_BIT(OPTION_DAYS), "tell what was wrong when, newest first", NULL,
     call_history, print_history, NULL, NULL, NULL},
    {"test-mail", "[ADDRESS]", 0, "send a mail now, and say what came of it",
     "To ADDRESS, else to the configured recipients. Status 3 if not every one was\n"
     "taken, with the server's words and what to do.",
     call_mail, print_mail, print_no_mail, NULL, NULL},
    {"help", "[COMMAND]", 0, "print this help, or that of a command", NULL, NULL, NULL, NULL, NULL,
     NULL},
};

int main(int argc, char **argv)
{
    static const struct cli_tool tool = {
        .name = "jbackup-monitor",
        .about = "Tells whether you could restore right now, and alerts when not.",
        .options = options,
        .option_count = COUNT(options),
        .commands = commands,
        .command_count = COUNT(commands),
    };
    return cli_main(&tool, argc, argv);
}
