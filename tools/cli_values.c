/* SPDX-License-Identifier: MIT */
/* What the values of options mean: words of a list, numbers. What is none is a usage error that
 * says what would be. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

int cli_word(const char *what, const char *word, const char *const *words, size_t count,
             size_t *out, struct jb_error *err)
{
    for (size_t i = 0; word != NULL && i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            *out = i;
            return JB_OK;
        }
    }
    return word ? cli_usage_word(err, what, "", word, words, count) : JB_OK;
}

int cli_depth(const struct cli *cli, int option, int *out, struct jb_error *err)
{
    static const char *const depths[] = {
        [JB_DEPTH_CONTENT] = "content", [JB_DEPTH_BYTES] = "bytes", [JB_DEPTH_RESTORE] = "restore"};
    size_t depth = JB_DEPTH_CONTENT;
    int code = cli_word("depth", cli->value[option], depths, 3, &depth, err);
    *out = (int)depth;
    return code;
}

int cli_percent(const struct cli *cli, int option, int *out, struct jb_error *err)
{
    const char *text = cli->value[option];
    if (text == NULL)
        return JB_OK;
    char *end;
    long percent = strtol(text, &end, 10);
    end += *end == '%';
    bool is_number = text[0] >= '0' && text[0] <= '9' && *end == '\0';
    if (!is_number || percent < 1 || percent > 100)
        return cli_usage(err, "a sample is from 1 to 100 percent, such as 10%",
                         "option \"--%s\": \"%s\" is no such number",
                         cli_option_at(cli->tool, (size_t)option)->name, text);
    *out = (int)percent;
    return JB_OK;
}

int cli_seconds(const struct cli *cli, int option, int *out, struct jb_error *err)
{
    const char *text = cli->value[option];
    if (text == NULL)
        return JB_OK;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits] != '\0')
        return cli_usage(err, "seconds are a whole number, such as 60",
                         "option \"--%s\": \"%s\" is no number of seconds",
                         cli_option_at(cli->tool, (size_t)option)->name, text);
    *out = (int)strtol(text, NULL, 10);
    return JB_OK;
}

int cli_number(const struct cli *cli, int option, const char *what, int most, int *out,
               struct jb_error *err)
{
    const char *text = cli->value[option];
    if (text == NULL)
        return JB_OK;
    size_t digits = strspn(text, "0123456789");
    long number = digits > 0 && digits <= 9 && text[digits] == '\0' ? strtol(text, NULL, 10) : 0;
    char hint[100];
    snprintf(hint, sizeof hint, "%s are a whole number from 1 to %d", what, most);
    if (number < 1 || number > most)
        return cli_usage(err, hint, "option \"--%s\": \"%s\" is no number of %s",
                         cli_option_at(cli->tool, (size_t)option)->name, text, what);
    *out = (int)number;
    return JB_OK;
}

int cli_type(const struct cli *cli, int option, int *out, struct jb_error *err)
{
    static const char *const types[] = {
        [JB_TYPE_FULL] = "full", [JB_TYPE_DATABASE] = "database", [JB_TYPE_CODEBASE] = "codebase"};
    size_t type = JB_TYPE_FULL;
    int code = cli_word("type", cli->value[option], types, 3, &type, err);
    *out = (int)type;
    return code;
}
