/* SPDX-License-Identifier: MIT */
/* jbackup: the tables of its options and commands, and the call behind each command. */
#include <jbackup.h>
#include <string.h>

#include "cli.h"
#include "cli_jbackup.h"

#define OWN(option) [(option)-CLI_OWN_OPTIONS]

static const struct cli_option options[OPTION_END - CLI_OWN_OPTIONS] = {
    OWN(OPTION_DB_ONLY) = {"db-only", NULL, "the databases only"},
    OWN(OPTION_CODE_ONLY) = {"code-only", NULL, "the code only"},
    OWN(OPTION_CATEGORY) = {"category", "C", "daily, weekly or monthly"},
    OWN(OPTION_LABEL) = {"label", "TEXT", "a text to know the backup by"},
    OWN(OPTION_REREAD) = {"reread", NULL, "read files that look unchanged, too"},
    OWN(OPTION_WAIT) = {"wait", "SECONDS", "wait while another run holds the repository"},
    OWN(OPTION_SIZE) = {"size", NULL, "with the size of each backup"},
    OWN(OPTION_TIMESTAMP) = {"timestamp", "TS", "the backup, as \"list\" names it"},
    OWN(OPTION_DRY_RUN) = {"dry-run", NULL, "say what would be removed, remove nothing"},
    OWN(OPTION_TO) = {"to", "DIR", "the place: an empty folder, made if it is absent"},
    OWN(OPTION_PATH) = {"path", "P", "only this file or folder of the code"},
    OWN(OPTION_DATABASE) = {"database", "NAME", "only this database"},
    OWN(OPTION_TYPE) = {"type", "TYPE", "full, database or codebase"},
    OWN(OPTION_DEPTH) = {"depth", "D", "bytes, content (as without it) or restore"},
    OWN(OPTION_LATEST) = {"latest", NULL, "only the newest backup"},
    OWN(OPTION_SAMPLE) = {"sample", "N%", "of code archives only about so much"},
    OWN(OPTION_IF_OLDER) = {"if-older", "DAYS", "bytes: skip what was read within so many days"},
    OWN(OPTION_LIVE) = {"live", NULL, "compare with what lives: what would a restore change?"},
    OWN(OPTION_KEEP_DAYS) = {"keep-days", "N", "cleanup leaves it alone for so many days"},
};

static int check_category(const struct cli *cli, struct jb_error *err)
{
    static const char *const names[] = {"daily", "weekly", "monthly"};
    size_t unused;
    return cli_word("category", cli->value[OPTION_CATEGORY], names, 3, &unused, err);
}

static int call_backup(const struct cli *cli, jb_project *project, jb_report **report,
                       struct jb_error *err)
{
    struct jb_backup_options wanted = JB_BACKUP_OPTIONS_INIT;
    bool db_only = cli->value[OPTION_DB_ONLY] != NULL;
    bool code_only = cli->value[OPTION_CODE_ONLY] != NULL;
    if (db_only && code_only)
        return cli_usage(err, "leave both out for a full backup",
                         "--db-only and --code-only exclude each other");
    int code = check_category(cli, err);
    if (code == JB_OK)
        code = cli_seconds(cli, OPTION_WAIT, &wanted.wait_s, err);
    if (code == JB_OK)
        code = cli_number(cli, OPTION_KEEP_DAYS, "days", 36525, &wanted.keep_days, err);
    if (code != JB_OK)
        return code;
    wanted.type = db_only ? JB_TYPE_DATABASE : code_only ? JB_TYPE_CODEBASE : JB_TYPE_FULL;
    wanted.category = cli->value[OPTION_CATEGORY];
    wanted.label = cli->value[OPTION_LABEL];
    wanted.reread = cli->value[OPTION_REREAD] != NULL;
    return backup_create(project, &wanted, report, err);
}

static int call_list(const struct cli *cli, jb_project *project, jb_report **report,
                     struct jb_error *err)
{
    struct jb_list_options wanted = JB_LIST_OPTIONS_INIT;
    int code = check_category(cli, err);
    if (code != JB_OK)
        return code;
    wanted.category = cli->value[OPTION_CATEGORY];
    return jb_list(project, &wanted, report, err);
}

static int call_verify(const struct cli *cli, jb_project *project, jb_report **report,
                       struct jb_error *err)
{
    struct jb_verify_options wanted = JB_VERIFY_OPTIONS_INIT;
    const char *option = cli->value[OPTION_TIMESTAMP], *operand = cli->operand[0];
    if (option != NULL && operand != NULL && strcmp(option, operand) != 0)
        return cli_usage(err, "one run verifies one backup, or all of them",
                         "two timestamps given, \"%s\" and \"%s\"", option, operand);
    wanted.timestamp = option ? option : operand;
    wanted.latest = cli->value[OPTION_LATEST] != NULL;
    int code = cli_depth(cli, OPTION_DEPTH, &wanted.depth, err);
    if (code == JB_OK)
        code = cli_percent(cli, OPTION_SAMPLE, &wanted.sample, err);
    if (code == JB_OK)
        code = cli_number(cli, OPTION_IF_OLDER, "days", 36525, &wanted.if_older_days, err);
    return code == JB_OK ? backup_verify(project, &wanted, report, err) : code;
}

static int call_stats(const struct cli *cli, jb_project *project, jb_report **report,
                      struct jb_error *err)
{
    (void)cli;
    return jb_stats(project, NULL, report, err);
}

static int call_cleanup(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    struct jb_cleanup_options wanted = JB_CLEANUP_OPTIONS_INIT;
    wanted.dry_run = cli->value[OPTION_DRY_RUN] != NULL;
    int code = cli_seconds(cli, OPTION_WAIT, &wanted.wait_s, err);
    return code == JB_OK ? jb_cleanup(project, &wanted, report, err) : code;
}

typedef int change_verb(jb_project *, const struct jb_change_options *, jb_report **,
                        struct jb_error *);

static int call_change(change_verb *verb, const struct cli *cli, jb_project *project,
                       jb_report **report, struct jb_error *err)
{
    struct jb_change_options wanted = JB_CHANGE_OPTIONS_INIT;
    wanted.timestamp = cli->operand[0];
    int code = cli_seconds(cli, OPTION_WAIT, &wanted.wait_s, err);
    return code == JB_OK ? verb(project, &wanted, report, err) : code;
}

static int call_remove(const struct cli *cli, jb_project *project, jb_report **report,
                       struct jb_error *err)
{
    struct jb_change_options wanted = JB_CHANGE_OPTIONS_INIT;
    wanted.timestamp = cli->operand[0];
    wanted.dry_run = cli->value[OPTION_DRY_RUN] != NULL;
    int code = cli_seconds(cli, OPTION_WAIT, &wanted.wait_s, err);
    return code == JB_OK ? jb_remove(project, &wanted, report, err) : code;
}

static int call_pin(const struct cli *cli, jb_project *project, jb_report **report,
                    struct jb_error *err)
{
    return call_change(jb_pin, cli, project, report, err);
}

static int call_unpin(const struct cli *cli, jb_project *project, jb_report **report,
                      struct jb_error *err)
{
    return call_change(jb_unpin, cli, project, report, err);
}

static int call_service(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    static const char *const actions[] = {[JB_SERVICE_LOOK] = "status",
                                          [JB_SERVICE_START] = "start",
                                          [JB_SERVICE_STOP] = "stop",
                                          [JB_SERVICE_RESTART] = "restart"};
    struct jb_service_options wanted = JB_SERVICE_OPTIONS_INIT;
    size_t action = JB_SERVICE_LOOK;
    int code = cli_word("action", cli->operand[0], actions, 4, &action, err);
    wanted.action = (int)action;
    return code == JB_OK ? jb_service(project, &wanted, report, err) : code;
}

static int call_restore(const struct cli *cli, jb_project *project, jb_report **report,
                        struct jb_error *err)
{
    struct jb_restore_options wanted = JB_RESTORE_OPTIONS_INIT;
    if (cli->value[OPTION_TIMESTAMP] == NULL)
        return cli_usage(err, "\"jbackup list\" shows the timestamps",
                         "\"restore\" needs --timestamp TS");
    if (cli->value[OPTION_TO] == NULL)
        return cli_usage(err,
                         "DIR is an empty folder, made if it is absent; \"jbackup-restore restore "
                         "TS\" replaces what lives",
                         "\"restore\" needs --to DIR");
    int code = cli_type(cli, OPTION_TYPE, &wanted.type, err);
    if (code != JB_OK)
        return code;
    wanted.timestamp = cli->value[OPTION_TIMESTAMP];
    wanted.to = cli->value[OPTION_TO];
    wanted.path = cli->value[OPTION_PATH];
    wanted.database = cli->value[OPTION_DATABASE];
    return restore_safe(project, &wanted, report, err);
}

static int call_show(const struct cli *cli, jb_project *project, jb_report **report,
                     struct jb_error *err)
{
    struct jb_backup_ref wanted = JB_BACKUP_REF_INIT;
    wanted.timestamp = cli->operand[0];
    return jb_show(project, &wanted, report, err);
}

static int call_files(const struct cli *cli, jb_project *project, jb_report **report,
                      struct jb_error *err)
{
    struct jb_backup_ref wanted = JB_BACKUP_REF_INIT;
    wanted.timestamp = cli->operand[0];
    return jb_files(project, &wanted, report, err);
}

static int call_find(const struct cli *cli, jb_project *project, jb_report **report,
                     struct jb_error *err)
{
    struct jb_find_options wanted = JB_FIND_OPTIONS_INIT;
    wanted.pattern = cli->operand[0];
    return jb_find(project, &wanted, report, err);
}

static int call_diff_live(const struct cli *cli, jb_project *project, jb_report **report,
                          struct jb_error *err)
{
    struct jb_diff_live_options wanted = JB_DIFF_LIVE_OPTIONS_INIT;
    if (cli->operand_count > 1)
        return cli_usage(err, "the other side is what lives",
                         "\"diff --live\" takes one timestamp");
    int code = cli_type(cli, OPTION_TYPE, &wanted.type, err);
    if (code != JB_OK)
        return code;
    wanted.timestamp = cli->operand[0];
    wanted.path = cli->value[OPTION_PATH];
    wanted.database = cli->value[OPTION_DATABASE];
    return jb_diff_live(project, &wanted, report, err);
}

static int call_diff(const struct cli *cli, jb_project *project, jb_report **report,
                     struct jb_error *err)
{
    static const int of_live[] = {OPTION_PATH, OPTION_DATABASE, OPTION_TYPE};
    if (cli->value[OPTION_LIVE] != NULL)
        return call_diff_live(cli, project, report, err);
    for (size_t i = 0; i < sizeof of_live / sizeof *of_live; i++) {
        if (cli->value[of_live[i]] != NULL)
            return cli_usage(err, "two backups are compared in full",
                             "option \"--%s\" of \"diff\" needs --live",
                             cli_option_at(cli->tool, (size_t)of_live[i])->name);
    }
    if (cli->operand_count < 2)
        return cli_usage(err, "with --live one is compared with what lives",
                         "\"diff\" needs two timestamps: diff TS TS");
    struct jb_diff_options wanted = JB_DIFF_OPTIONS_INIT;
    wanted.from = cli->operand[0];
    wanted.to = cli->operand[1];
    return jb_diff(project, &wanted, report, err);
}

static const struct cli_command commands[] = {
    {"backup", "",
     CLI_BIT(OPTION_DB_ONLY) | CLI_BIT(OPTION_CODE_ONLY) | CLI_BIT(OPTION_CATEGORY) |
         CLI_BIT(OPTION_LABEL) | CLI_BIT(OPTION_KEEP_DAYS) | CLI_BIT(OPTION_REREAD) |
         CLI_BIT(OPTION_WAIT),
     "back up the code and the databases",
     "The backup is published as a whole or not at all; the last line printed begins\n"
     "with its timestamp. The category follows the date (the 1st is monthly, a Sunday\n"
     "weekly, any other day daily) unless it is given.",
     call_backup, print_backup},
    {"list", "", CLI_BIT(OPTION_SIZE) | CLI_BIT(OPTION_CATEGORY), "list the backups, newest first",
     "One line each, with the fields\n"
     "timestamp|category|type|created|databases|files|commit|pinned|label|proof|since\n"
     "and with --size the size after the type, and last what its removal would free.\n"
     "On a terminal with a header, aligned.\n"
     "The proof is what verifications have found: unchecked, checked, proved (by being\n"
     "restored) or broken, and since when.",
     call_list, print_list},
    {"verify", "[TS]",
     CLI_BIT(OPTION_TIMESTAMP) | CLI_BIT(OPTION_DEPTH) | CLI_BIT(OPTION_LATEST) |
         CLI_BIT(OPTION_SAMPLE) | CLI_BIT(OPTION_IF_OLDER),
     "read backups in full and compare all digests",
     "All backups, the one named, or the latest. Every artifact is read and decoded,\n"
     "every file and table compared with its digest. With --depth restore all is also\n"
     "restored to a scratch place and compared again. What was found is kept with the\n"
     "backup, and \"list\" shows it. Status 1 if anything is damaged.",
     call_verify, print_verify},
    {"stats", "", 0, "sizes, counts and free space", NULL, call_stats, print_stats},
    {"cleanup", "", CLI_BIT(OPTION_DRY_RUN) | CLI_BIT(OPTION_WAIT),
     "remove backups that the retention gives up",
     "Says for each backup why it is kept or removed. Pinned backups and the newest\n"
     "good one of each component always stay.",
     call_cleanup, print_cleanup},
    {"remove", "TS", CLI_BIT(OPTION_DRY_RUN) | CLI_BIT(OPTION_WAIT), "remove one backup",
     "A pinned backup is refused; \"jbackup unpin TS\" releases it. What other backups\n"
     "share with it stays.",
     call_remove, print_remove},
    {"restore", "",
     CLI_BIT(OPTION_TIMESTAMP) | CLI_BIT(OPTION_TO) | CLI_BIT(OPTION_PATH) |
         CLI_BIT(OPTION_DATABASE) | CLI_BIT(OPTION_TYPE),
     "restore a backup into an empty folder",
     "The code as its tree, each database at its place in it or in databases/. Every\n"
     "file is compared with its digest on the way. --timestamp and --to are required.\n"
     "To replace what lives: jbackup-restore.",
     call_restore, print_restore},
    {"show", "TS", 0, "tell all about one backup", NULL, call_show, print_show},
    {"files", "TS", 0, "list the files in the code of a backup",
     "One line each: type|mode|owner|size|time|path, and the target of a link after\n"
     "\" -> \".",
     call_files, print_files},
    {"find", "PATTERN", 0, "find versions of a file in all backups",
     "PATTERN is a shell pattern (quote it); without a slash it is held against the\n"
     "base name. Versions with equal content have the same number, counted per path.\n"
     "One line each: timestamp|version|type|size|time|path.",
     call_find, print_find},
    {"diff", "TS [TS]",
     CLI_BIT(OPTION_LIVE) | CLI_BIT(OPTION_PATH) | CLI_BIT(OPTION_DATABASE) | CLI_BIT(OPTION_TYPE),
     "compare two backups, or one with what lives",
     "One line each: added, removed or changed|what|from|to|path or table.\n"
     "With --live what a restore in place would change, in a sentence first; from is\n"
     "what lives, to is the backup. Nothing is written. Status 1 if anything could not\n"
     "be compared.",
     call_diff, print_diff},
    {"pin", "TS", CLI_BIT(OPTION_WAIT), "keep a backup from cleanup and removal", NULL, call_pin,
     print_pin},
    {"unpin", "TS", CLI_BIT(OPTION_WAIT), "let go of a pinned backup",
     "Of one that was made with --keep-days, too.", call_unpin, print_pin},
    {"service", "[ACTION]", 0, "tell or change the state of the service",
     "The service of the application, as \"service\" in jbackup.json names it. ACTION is\n"
     "start, stop or restart; without one its state is told, in one line:\n"
     "name|system, user or commands|active or inactive; \"none\" if there is none.\n"
     "A start waits until it is up and stays so. Nothing is done while a restore has\n"
     "not ended.",
     call_service, print_service},
    {"help", "[COMMAND]", 0, "print this help, or that of a command", NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    static const struct cli_tool tool = {
        .name = "jbackup",
        .about = "Backs up a project's code and databases, and proves that the backups are good.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .commands = commands,
        .command_count = sizeof commands / sizeof *commands,
    };
    return cli_main(&tool, argc, argv);
}
