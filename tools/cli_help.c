/* SPDX-License-Identifier: MIT */
/* The help texts, made from the tables; within 80 columns. */
#include "cli.h"

#include <string.h>

static const struct cli_option common[CLI_OWN_OPTIONS] = {
    [CLI_PROJECT] = {"project", "DIR", "the project's folder, or its jbackup.json"},
    [CLI_BACKUP_DIR] = {"backup-dir", "DIR", "another repository than the configured one"},
    [CLI_JSON] = {"json", NULL, "print the whole answer as JSON"},
    [CLI_QUIET] = {"quiet", NULL, "print nothing but errors and warnings"},
    [CLI_VERBOSE] = {"verbose", NULL, "tell what happens (as DEBUG=1 does)"},
    [CLI_NO_COLOR] = {"no-color", NULL, "no colors (as NO_COLOR=1 does)"},
    [CLI_HELP] = {"help", NULL, "print this help, or that of a command"},
    [CLI_VERSION] = {"version", NULL, "print the version"},
};

const struct cli_option *cli_option_at(const struct cli_tool *tool, size_t number)
{
    return number < CLI_OWN_OPTIONS ? &common[number] : &tool->options[number - CLI_OWN_OPTIONS];
}

static void print_option(const struct cli_option *option)
{
    int used = printf("  --%s%s%s", option->name, option->argument ? " " : "",
                      option->argument ? option->argument : "");
    printf("%*s%s\n", used < 22 ? 22 - used : 1, "", option->help);
}

void cli_help(const struct cli_tool *tool)
{
    printf("Usage: %s [OPTION]... COMMAND [ARGUMENT]...\n%s\n\nCommands:\n", tool->name,
           tool->about);
    for (size_t i = 0; i < tool->command_count; i++) {
        const struct cli_command *command = &tool->commands[i];
        int used =
            printf("  %s%s%s", command->name, *command->operands ? " " : "", command->operands);
        printf("%*s%s\n", used < 22 ? 22 - used : 1, "", command->help);
    }
    printf("\nOptions of every command:\n");
    for (size_t i = 0; i < CLI_OWN_OPTIONS; i++)
        print_option(&common[i]);
    printf("\n\"%s help COMMAND\" tells more; so does man %s\n", tool->name, tool->name);
}

void cli_help_command(const struct cli_tool *tool, const struct cli_command *command)
{
    printf("Usage: %s %s [OPTION]...%s%s\n", tool->name, command->name,
           *command->operands ? " " : "", command->operands);
    printf("%s\n", command->help);
    if (command->more != NULL)
        printf("\n%s\n", command->more);
    if (command->options != 0)
        printf("\nOptions:\n");
    for (size_t i = 0; i < tool->option_count; i++)
        if ((command->options & CLI_BIT(CLI_OWN_OPTIONS + i)) != 0)
            print_option(&tool->options[i]);
    printf("\nOptions of every command: \"%s --help\" lists them.\n", tool->name);
}
