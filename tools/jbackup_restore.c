/* SPDX-License-Identifier: MIT */
/* jbackup-restore: the tables of its options and commands, and the call behind each command. */
#include <jbackup.h>

#include "cli.h"
#include "cli_restore.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define OWN(option)  [(option)-CLI_OWN_OPTIONS]

enum {
    OPTION_TYPE = CLI_OWN_OPTIONS,
    OPTION_DATABASE,
    OPTION_PATH,
    OPTION_ENVIRONMENT,
    OPTION_TO,
    OPTION_CONFIRM,
    OPTION_NO_SAFETY_BACKUP,
    OPTION_DISCARD_OLD,
    OPTION_WAIT,
    OPTION_END
};

static const struct cli_option options[OPTION_END - CLI_OWN_OPTIONS] = {
    OWN(OPTION_TYPE) = {"type", "TYPE", "full (as without it), database or codebase"},
    OWN(OPTION_DATABASE) = {"database", "NAME", "only this database"},
    OWN(OPTION_PATH) = {"path", "P", "only this file or folder of the code"},
    OWN(OPTION_ENVIRONMENT) = {"environment", "E", "staging, test ... instead of production"},
    OWN(OPTION_TO) = {"to", "DIR", "into this empty folder, replacing nothing"},
    OWN(OPTION_CONFIRM) = {"confirm", NULL, "yes, replace production"},
    OWN(OPTION_NO_SAFETY_BACKUP) = {"no-safety-backup", NULL,
                                    "don't back up the present state first"},
    OWN(OPTION_DISCARD_OLD) = {"discard-old", NULL, "don't keep the old state for a rollback"},
    OWN(OPTION_WAIT) = {"wait", "SECONDS", "wait while another run holds the repository"},
};

#define WHAT                                                                                       \
    (CLI_BIT(OPTION_TYPE) | CLI_BIT(OPTION_DATABASE) | CLI_BIT(OPTION_PATH) |                      \
     CLI_BIT(OPTION_ENVIRONMENT) | CLI_BIT(OPTION_WAIT))

/* ---- The calls ------------------------------------------------------------------------------ */

static int call_list(const struct cli *cli, jb_project *project, jb_report **report,
                     struct jb_error *err)
{
    (void)cli;
    return jb_list(project, NULL, report, err);
}

static void print_list(const struct cli *cli, const jb_report *report)
{
    cli_backups(cli, report, false);
}

static int take_options(const struct cli *cli, struct jb_restore_options *wanted,
                        struct jb_error *err)
{
    wanted->timestamp = cli->operand[0];
    wanted->to = cli->value[OPTION_TO];
    wanted->path = cli->value[OPTION_PATH];
    wanted->database = cli->value[OPTION_DATABASE];
    wanted->environment = cli->value[OPTION_ENVIRONMENT];
    wanted->confirm = cli->value[OPTION_CONFIRM] != NULL;
    wanted->without_safety_backup = cli->value[OPTION_NO_SAFETY_BACKUP] != NULL;
    wanted->discard_old = cli->value[OPTION_DISCARD_OLD] != NULL;
    int code = cli_type(cli, OPTION_TYPE, &wanted->type, err);
    return code == JB_OK ? cli_seconds(cli, OPTION_WAIT, &wanted->wait_s, err) : code;
}

static int call_plan(const struct cli *cli, jb_project *project, jb_report **report,
                     struct jb_error *err)
{
    struct jb_restore_options wanted = JB_RESTORE_OPTIONS_INIT;
    int code = take_options(cli, &wanted, err);
    wanted.plan = 1;
    return code == JB_OK ? restore_safe(project, &wanted, report, err) : code;
}

static int call_verify(const struct cli *cli, jb_project *project, jb_report **report,
                       struct jb_error *err)
{
    struct jb_verify_options wanted = JB_VERIFY_OPTIONS_INIT;
    wanted.timestamp = cli->operand[0];
    wanted.depth = JB_DEPTH_CONTENT;
    return backup_verify(project, &wanted, report, err);
}

static int call_restore(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    struct jb_restore_options wanted = JB_RESTORE_OPTIONS_INIT;
    int code = take_options(cli, &wanted, err);
    return code == JB_OK ? restore_safe(project, &wanted, report, err) : code;
}

typedef int recover_verb(jb_project *, const struct jb_recover_options *, jb_report **,
                         struct jb_error *);

static int call_after(recover_verb *verb, const struct cli *cli, jb_project *project,
                      jb_report **report, struct jb_error *err)
{
    struct jb_recover_options wanted = JB_RECOVER_OPTIONS_INIT;
    int code = cli_seconds(cli, OPTION_WAIT, &wanted.wait_s, err);
    return code == JB_OK ? verb(project, &wanted, report, err) : code;
}

static int call_state(const struct cli *cli, jb_project *project, jb_report **report,
                      struct jb_error *err)
{
    return call_after(jb_restore_state, cli, project, report, err);
}

static int call_recover(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    return call_after(jb_recover, cli, project, report, err);
}

static int call_rollback(const struct cli *cli, jb_project *project, jb_report **report,
                         struct jb_error *err)
{
    return call_after(jb_rollback, cli, project, report, err);
}

static int call_discard(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    return call_after(jb_discard_old, cli, project, report, err);
}

/* ---- The commands --------------------------------------------------------------------------- */

static const struct cli_then verification = {{"plan", "verification"}, call_verify, print_proved};

static const struct cli_command commands[] = {
    {"list", "", 0, "list the backups, newest first",
     "One line each, as \"jbackup list\" prints it: the first field is the timestamp.", call_list,
     print_list, NULL, NULL},
    {"plan", "TS", WHAT, "tell what a restore would do, and do nothing",
     "What is replaced, which service stops, the room it needs, and how long restoring\n"
     "this backup took last time.",
     call_plan, print_plan, NULL, NULL},
    {"test", "TS", WHAT, "the plan, and whether the backup is good",
     "As plan; the backup is then read in full and compared with its digests, as by\n"
     "\"jbackup verify TS\". Nothing is changed. Status 1 if the backup is damaged.",
     call_plan, print_plan, NULL, &verification},
    {"restore", "TS",
     WHAT | CLI_BIT(OPTION_TO) | CLI_BIT(OPTION_CONFIRM) | CLI_BIT(OPTION_NO_SAFETY_BACKUP) |
         CLI_BIT(OPTION_DISCARD_OLD),
     "replace what lives by a backup, all or nothing",
     "1. everything is checked that can be told beforehand\n"
     "2. code and databases are restored beside what lives, and compared\n"
     "3. the present state is backed up\n"
     "4. the service is stopped\n"
     "5. old and new are exchanged\n"
     "6. the service is started\n"
     "7. all is verified: digests, databases, service, health\n"
     "\n"
     "If any of this fails the old state is put back (status 4). Killed at any moment,\n"
     "\"jbackup-restore recover\" puts it back. Production asks for --confirm; without\n"
     "it the plan is told and nothing is done. The old state is kept until the next\n"
     "backup: \"jbackup-restore rollback\" goes back to it.",
     call_restore, print_restored, print_not_restored, NULL},
    {"status", "", 0, "tell what the last restore has left",
     "Nothing; an old state that is kept for a rollback; or, with status 1, a restore\n"
     "that has not ended and needs \"jbackup-restore recover\".",
     call_state, print_state, NULL, NULL},
    {"recover", "", CLI_BIT(OPTION_WAIT), "put right what a killed restore has left",
     "Puts the old state back and starts the service, or finishes removing what was\n"
     "no longer wanted. May be run again, and when there is nothing to do.",
     call_recover, print_recovered, NULL, NULL},
    {"rollback", "", CLI_BIT(OPTION_WAIT), "go back to the state before the last restore",
     "While that is kept. What has been written since the restore is lost.", call_rollback,
     print_rolled_back, NULL, NULL},
    {"discard-old", "", CLI_BIT(OPTION_WAIT), "remove the state that is kept for a rollback", NULL,
     call_discard, print_discarded, NULL, NULL},
    {"help", "[COMMAND]", 0, "print this help, or that of a command", NULL, NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    static const struct cli_tool tool = {
        .name = "jbackup-restore",
        .about = "Restores a backup in place: exactly the new state, or exactly the old one.",
        .options = options,
        .option_count = COUNT(options),
        .commands = commands,
        .command_count = COUNT(commands),
    };
    return cli_main(&tool, argc, argv);
}
