/* SPDX-License-Identifier: MIT */
/* Reads the command line by a tool's tables. Parsing goes on after an error, so that --json and
 * --help are known whatever else is wrong; the first error is the one that is told. */
#include "cli.h"

#include <stdarg.h>
#include <string.h>

#define WORD_MAX   63
#define SHORT_LIST 9 /* so many words are told even where one is near */

int cli_usage(struct jb_error *err, const char *hint, const char *format, ...)
{
    if (err->code != JB_OK)
        return JB_EINVAL;
    char raw[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    err->code = JB_EINVAL;
    cli_printable(err->text, sizeof err->text, raw);
    if (hint != NULL)
        snprintf(err->hint, sizeof err->hint, "%s", hint);
    return JB_EINVAL;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
static size_t distance(const char *from, const char *to)
{
    size_t from_len = strlen(from), to_len = strlen(to);
    size_t rows[3][WORD_MAX + 1];
    if (from_len > WORD_MAX || to_len > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= to_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= from_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= to_len; j++) {
            row[j] = smaller(above[j] + 1, row[j - 1] + 1);
            row[j] = smaller(row[j], above[j - 1] + (from[i - 1] != to[j - 1]));
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                row[j] = smaller(row[j], above2[j - 2] + 1);
        }
    }
    return rows[from_len % 3][to_len];
}

/* The word that was probably meant: few slips away, or begun with at least three letters. */
static const char *nearest(const char *word, const char *const *words, size_t count)
{
    size_t len = strlen(word), best = 2 + len / 4;
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t slips = distance(word, words[i]);
        if (len >= 3 && strncmp(word, words[i], len) == 0)
            slips = smaller(slips, 1);
        if (slips < best && slips < len) {
            best = slips;
            found = words[i];
        }
    }
    return found;
}

/* "known are bytes, content, restore" */
static void tell_words(char *hint, size_t size, const char *dashes, const char *const *words,
                       size_t count)
{
    size_t used = (size_t)snprintf(hint, size, "known are ");
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(hint + used, size - used, "%s%s%s", i > 0 ? ", " : "", dashes,
                                 words[i]);
}

int cli_usage_missing(struct jb_error *err, const char *text, const char *const *words,
                      size_t count)
{
    char hint[sizeof err->hint];
    tell_words(hint, sizeof hint, "", words, count);
    return cli_usage(err, hint, "%s", text);
}

int cli_usage_word(struct jb_error *err, const char *what, const char *dashes, const char *word,
                   const char *const *words, size_t count)
{
    const char *meant = nearest(word, words, count);
    char hint[sizeof err->hint];
    tell_words(hint, sizeof hint, dashes, words, count);
    if (meant != NULL)
        return cli_usage(err, count <= SHORT_LIST ? hint : NULL,
                         "unknown %s \"%s%s\"; did you mean \"%s%s\"?", what, dashes, word, dashes,
                         meant);
    return cli_usage(err, hint, "unknown %s \"%s%s\"", what, dashes, word);
}

static size_t option_total(const struct cli_tool *tool)
{
    return CLI_OWN_OPTIONS + tool->option_count;
}

static int unknown_option(const struct cli *cli, const char *name, struct jb_error *err)
{
    const char *names[CLI_OPTIONS_MAX];
    size_t count = option_total(cli->tool);
    for (size_t i = 0; i < count; i++)
        names[i] = cli_option_at(cli->tool, i)->name;
    return cli_usage_word(err, "option", "--", name, names, count);
}

static bool option_find(const struct cli_tool *tool, const char *name, size_t len, size_t *out)
{
    for (size_t i = 0; i < option_total(tool); i++) {
        const char *known = cli_option_at(tool, i)->name;
        if (strlen(known) == len && memcmp(known, name, len) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* An option at argv[*at]; *at moves on to its argument. */
static int parse_option(struct cli *cli, int argc, char **argv, int *at, struct jb_error *err)
{
    const char *text = argv[*at];
    if (strcmp(text, "-h") == 0)
        text = "--help";
    if (text[1] != '-')
        return cli_usage(err, "options are whole words after two dashes, such as --json",
                         "unknown option \"%s\"", text);
    const char *name = text + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name), found;
    char bare[WORD_MAX + 1];
    snprintf(bare, sizeof bare, "%.*s", (int)smaller(len, WORD_MAX), name);
    if (!option_find(cli->tool, name, len, &found))
        return unknown_option(cli, bare, err);

    const struct cli_option *option = cli_option_at(cli->tool, found);
    if (option->argument == NULL) {
        cli->value[found] = "";
        return equals ? cli_usage(err, NULL, "option \"--%s\" takes no argument", bare) : JB_OK;
    }
    const char *value = equals ? equals + 1 : NULL;
    if (value == NULL && *at + 1 < argc)
        value = argv[++*at];
    if (value == NULL)
        return cli_usage(err, NULL, "option \"--%s\" needs an argument: --%s %s", bare, bare,
                         option->argument);
    if (*value == '\0')
        return cli_usage(err, "is a variable of the shell not set?",
                         "option \"--%s\" has an empty argument", bare);
    cli->value[found] = value;
    return JB_OK;
}

const struct cli_command *cli_command_find(const struct cli_tool *tool, const char *name)
{
    for (size_t i = 0; i < tool->command_count; i++)
        if (strcmp(tool->commands[i].name, name) == 0)
            return &tool->commands[i];
    return NULL;
}

int cli_unknown_command(const struct cli_tool *tool, const char *name, struct jb_error *err)
{
    const char *names[CLI_COMMANDS_MAX];
    size_t count = 0;
    for (; count < tool->command_count && count < CLI_COMMANDS_MAX; count++)
        names[count] = tool->commands[count].name;
    return cli_usage_word(err, "command", "", name, names, count);
}

/* A command, or an operand of it. */
static int parse_word(struct cli *cli, const char *word, bool *has_command, struct jb_error *err)
{
    if (!*has_command) {
        *has_command = true;
        cli->command = cli_command_find(cli->tool, word);
        return cli->command ? JB_OK : cli_unknown_command(cli->tool, word, err);
    }
    if (cli->operand_count < CLI_OPERANDS_MAX)
        cli->operand[cli->operand_count] = word;
    cli->operand_count++;
    if (*word == '\0')
        return cli_usage(err, "is a variable of the shell not set?", "an argument is empty");
    return JB_OK;
}

static int check_operands(const struct cli *cli, struct jb_error *err)
{
    const struct cli_command *command = cli->command;
    char hint[sizeof err->hint];
    size_t most = 0, least = 0;
    for (const char *at = command->operands; *at != '\0'; most++) {
        least += *at != '[';
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    snprintf(hint, sizeof hint, "%s %s %s", cli->tool->name, command->name, command->operands);
    if (cli->operand_count < least)
        return cli_usage(err, hint, "\"%s\" needs %s", command->name, command->operands);
    if (cli->operand_count > most) {
        if (most == 0)
            snprintf(hint, sizeof hint, "\"%s\" takes options only", command->name);
        const char *extra = most < CLI_OPERANDS_MAX ? cli->operand[most] : "";
        return cli_usage(err, hint, "argument \"%s\" is one too many", extra);
    }
    return JB_OK;
}

/* Each option given must be one of the command. */
static int check_options(const struct cli *cli, struct jb_error *err)
{
    for (size_t i = CLI_OWN_OPTIONS; i < option_total(cli->tool); i++) {
        if (cli->value[i] == NULL || (cli->command->options & CLI_BIT(i)) != 0)
            continue;
        char hint[sizeof err->hint];
        snprintf(hint, sizeof hint, "\"%s help %s\" lists its options", cli->tool->name,
                 cli->command->name);
        return cli_usage(err, hint, "\"%s\" has no option \"--%s\"", cli->command->name,
                         cli_option_at(cli->tool, i)->name);
    }
    return JB_OK;
}

int cli_parse(struct cli *cli, int argc, char **argv, struct jb_error *err)
{
    bool has_command = false, are_options_over = false;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        if (are_options_over || text[0] != '-' || text[1] == '\0')
            parse_word(cli, text, &has_command, err);
        else if (strcmp(text, "--") == 0)
            are_options_over = true;
        else
            parse_option(cli, argc, argv, &i, err);
    }
    if (err->code != JB_OK || cli->value[CLI_HELP] || cli->value[CLI_VERSION])
        return err->code;
    if (cli->command == NULL) {
        char hint[sizeof err->hint];
        snprintf(hint, sizeof hint, "\"%s --help\" lists the commands", cli->tool->name);
        return cli_usage(err, hint, "no command given");
    }
    int code = check_options(cli, err);
    return code < 0 ? code : check_operands(cli, err);
}
