/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

/*
 * What the tools share. A tool is two tables, its options and its commands; they drive parsing,
 * the help texts and the messages. cli_main parses, opens the project, calls the command's verb,
 * prints findings, result or JSON, and returns the exit status.
 */
#include <jbackup.h>
#include <stdbool.h>
#include <stdio.h>

enum {
    CLI_PROJECT,
    CLI_BACKUP_DIR,
    CLI_JSON,
    CLI_QUIET,
    CLI_VERBOSE,
    CLI_NO_COLOR,
    CLI_HELP,
    CLI_VERSION,
    CLI_OWN_OPTIONS, /* the number of a tool's first own option */
    CLI_OPTIONS_MAX = 64,
    CLI_COMMANDS_MAX = 32
};

#define CLI_OPERANDS_MAX 4

/* What an option is for one command: CLI_BIT of each in struct cli_command. */
#define CLI_BIT(option) (UINT64_C(1) << (option))

struct cli_option {
    const char *name;     /* without the dashes */
    const char *argument; /* "TEXT"; NULL: the option takes none */
    const char *help;
};

struct cli;

/* What follows on a command that did its work: a second verb, with a report of its own. */
struct cli_then {
    const char *names[2]; /* of the two reports in the JSON */
    int (*call)(const struct cli *cli, jb_project *project, jb_report **report,
                struct jb_error *err);
    void (*print)(const struct cli *cli, const jb_report *report);
};

struct cli_command {
    const char *name;
    const char *operands; /* "", "TS", "TS TS", "[TS]": bracketed ones may be left out */
    uint64_t options;     /* the tool's own that it knows */
    const char *help;     /* at most 50 characters */
    const char *more;     /* paragraphs for `help COMMAND`, lines of at most 80 columns; or NULL */
    /* The verb. NULL: the built-in help. */
    int (*call)(const struct cli *cli, jb_project *project, jb_report **report,
                struct jb_error *err);
    void (*print)(const struct cli *cli, const jb_report *report);
    /* A report that came with an error; NULL: its findings are all that is printed of it. */
    void (*print_failed)(const struct cli *cli, const jb_report *report, int code);
    const struct cli_then *then; /* NULL: nothing */
    /* Tells the outcome in its own way, in the place of findings, answer and error, and returns the
     * exit status; -1: it leaves that to the ordinary way. NULL: always. report may be NULL. It is
     * also asked when the command line is wrong. */
    int (*conclude)(const struct cli *cli, int code, const jb_report *report,
                    const struct jb_error *err);
};

struct cli_tool {
    const char *name;
    const char *about; /* one line */
    const struct cli_option *options;
    size_t option_count;
    const struct cli_command *commands;
    size_t command_count;
};

/* One run of a tool. */
struct cli {
    const struct cli_tool *tool;
    const struct cli_command *command;
    const char *value[CLI_OPTIONS_MAX]; /* NULL: not given; "" for an option without argument */
    const char *operand[CLI_OPERANDS_MAX];
    size_t operand_count;
    bool is_verbose;
    bool is_table_padded; /* standard output is a terminal */
    bool is_out_colored, is_err_colored;
};

/* The whole of main(). */
int cli_main(const struct cli_tool *tool, int argc, char **argv);

/* To standard error: the findings, a line each with its hint; and why a verb could not do its work.
 */
void cli_findings(const struct cli *cli, const jb_report *report);
void cli_error(const struct cli *cli, int code, const struct jb_error *err);

/* ---- cli_options.c: the command line ------------------------------------------------------ */

/* Fills cli from argv; JB_EINVAL with a text that names the nearest word. */
int cli_parse(struct cli *cli, int argc, char **argv, struct jb_error *err);
/* NULL if there is none of that name. */
const struct cli_command *cli_command_find(const struct cli_tool *tool, const char *name);
/* Sets err->code to JB_EINVAL and its texts, unless it has some; hint may be NULL. Returns
 * JB_EINVAL. */
int cli_usage(struct jb_error *err, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As cli_usage, for a word that is not one of words; names the nearest, and all if they are few or
 * none is near. dashes is what stands before each: "--" or "". */
int cli_usage_word(struct jb_error *err, const char *what, const char *dashes, const char *word,
                   const char *const *words, size_t count);
/* As cli_usage, where one of words is missing; names all. */
int cli_usage_missing(struct jb_error *err, const char *text, const char *const *words,
                      size_t count);
int cli_unknown_command(const struct cli_tool *tool, const char *name, struct jb_error *err);

/* ---- cli_values.c: what options say; *out is left where one was not given ------------------ */

/* The place of word, which may be NULL, among words. what says what it is: "category". */
int cli_word(const char *what, const char *word, const char *const *words, size_t count,
             size_t *out, struct jb_error *err);
/* "bytes", "content" or "restore" as enum jb_depth; content if it was not given. */
int cli_depth(const struct cli *cli, int option, int *out, struct jb_error *err);
/* "5" or "5%". */
int cli_percent(const struct cli *cli, int option, int *out, struct jb_error *err);
int cli_seconds(const struct cli *cli, int option, int *out, struct jb_error *err);
/* A whole number of at least 1 and at most most; what says what it is: "days". */
int cli_number(const struct cli *cli, int option, const char *what, int most, int *out,
               struct jb_error *err);
/* "full", "database" or "codebase" as enum jb_type. */
int cli_type(const struct cli *cli, int option, int *out, struct jb_error *err);

/* ---- cli_help.c ---------------------------------------------------------------------------- */

/* An option of every tool (number below CLI_OWN_OPTIONS), or of this one. */
const struct cli_option *cli_option_at(const struct cli_tool *tool, size_t number);
void cli_help(const struct cli_tool *tool);
void cli_help_command(const struct cli_tool *tool, const struct cli_command *command);

/* ---- cli_table.c: what a person reads ------------------------------------------------------ */

enum cli_color { CLI_PLAIN, CLI_BOLD, CLI_GREEN, CLI_YELLOW, CLI_RED };

/* How one cell of a table is printed. */
typedef void cli_format(FILE *out, const jb_report *report, size_t row, const char *key);
cli_format cli_text, cli_count, cli_size, cli_time, cli_duration;
cli_format cli_age; /* of a time: "3 days ago"; nothing if there is none */
/* The color of one cell. */
typedef enum cli_color cli_tint(const jb_report *report, size_t row, const char *key);

#define CLI_COLUMNS_MAX 16 /* of one table */

struct cli_column {
    const char *title;
    const char *key;
    cli_format *format;
    bool is_right;  /* aligned to the right */
    cli_tint *tint; /* NULL: plain */
};

/* Prints the rows whose field row is where (NULL: all rows): on a terminal with a header and
 * aligned, else bare. Fields are separated by '|', which is \x7c within any but the last. */
void cli_table(const struct cli *cli, const jb_report *report, const char *where,
               const struct cli_column *columns, size_t count);

/* The text of a field, "" if there is none. */
const char *cli_field(const jb_report *report, size_t row, const char *key);
int64_t cli_figure(const jb_report *report, const char *key);
/* A line "name  value"; nothing if the value is empty. */
void cli_line(const char *name, const char *value);

#define CLI_NUMBER_SIZE 32
/* "1,234,567". Return to. */
char *cli_count_text(char to[CLI_NUMBER_SIZE], int64_t number);
/* "12.3 MB", powers of 1000. */
char *cli_size_text(char to[CLI_NUMBER_SIZE], int64_t bytes);
/* "0.24 s", "3.2 s", "2 min 05 s", "1 h 02 min". */
char *cli_duration_text(char to[CLI_NUMBER_SIZE], int64_t ms);
/* "1 file", "1,234 files": noun is the singular, whose plural ends in s. */
char *cli_counted(char to[CLI_NUMBER_SIZE], int64_t number, const char *noun);

/* Control characters and bytes that are not UTF-8 as \xNN; cut at size. Returns to. */
char *cli_printable(char *to, size_t size, const char *from);

/* ---- cli_backups.c: what more than one tool prints of backups ------------------------------- */

/* The rows of jb_list. */
void cli_backups(const struct cli *cli, const jb_report *report, bool with_size);
/* What verifications say, and since when: "proved 3 days ago". */
cli_format cli_proof;
/* The line about a backup that was restored into an empty folder. */
void cli_laid_out(const jb_report *report);

/* ---- cli_terminal.c: the person at it ------------------------------------------------------ */

const char *cli_color(bool is_colored, enum cli_color color); /* an escape sequence, or "" */

/* The hooks that a project gets: log lines when verbose, a progress bar on a terminal, and
 * cancelation by a signal. */
void cli_log(void *user, int level, const char *line);
int cli_progress(void *user, const char *step, uint64_t done, uint64_t total, const char *unit);
void cli_progress_begin(bool is_shown);
void cli_progress_erase(void);

/* SIGINT, SIGTERM and SIGHUP ask the verb to stop; a second one kills. */
void cli_signals_catch(void);
void cli_signals_release(void);

#endif
