/* SPDX-License-Identifier: MIT */
/* What differs between two backups, or between one and what lives, as text. */
#include "cli_jbackup.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Sizes of files, rows of tables; nothing on the side where there is none. */
static void format_side(FILE *out, const jb_report *report, size_t row, const char *key)
{
    bool is_from = strcmp(key, "from") == 0;
    char number[CLI_NUMBER_SIZE];
    if (strcmp(cli_field(report, row, "change"), is_from ? "added" : "removed") == 0)
        return;
    if (jb_report_text(report, row, "sequence") != NULL)
        fputs(cli_count_text(number,
                             jb_report_number(report, row, is_from ? "from_value" : "to_value")),
              out);
    else if (jb_report_text(report, row, "table") != NULL)
        fputs(cli_counted(number, jb_report_number(report, row, is_from ? "from_rows" : "to_rows"),
                          "row"),
              out);
    else
        cli_size(out, report, row, is_from ? "from_size" : "to_size");
}

static void format_subject(FILE *out, const jb_report *report, size_t row, const char *key)
{
    const char *table = jb_report_text(report, row, "table");
    const char *database = jb_report_text(report, row, "database");
    const char *sequence = jb_report_text(report, row, "sequence");
    const char *definitions = cli_field(report, row, "definitions");
    if (sequence != NULL)
        fprintf(out, "sequence %s in %s", sequence, database ? database : "");
    else if (table != NULL)
        fprintf(out, "table %s in %s", table, cli_field(report, row, "database"));
    else if (database != NULL)
        fprintf(out, "database %s%s%s", database, *definitions ? ": " : "", definitions);
    else
        cli_text(out, report, row, key);
}

/* "replace 12 entries, add 3, remove 5"; false: nothing of the code. */
static bool print_files_to_change(const jb_report *report)
{
    static const struct {
        const char *key, *verb;
    } parts[] = {{"files_replaced", "replace"},
                 {"files_added", "add"},
                 {"files_removed", "remove"},
                 {"files_metadata", "set mode, owner, time or link of"}};
    char number[CLI_NUMBER_SIZE];
    bool is_first = true;
    for (size_t i = 0; i < COUNT(parts); i++) {
        int64_t count = cli_figure(report, parts[i].key);
        if (count == 0)
            continue;
        printf("%s%s %s", is_first ? "" : ", ", parts[i].verb, cli_count_text(number, count));
        if (is_first)
            fputs(count == 1 ? " entry" : " entries", stdout);
        is_first = false;
    }
    return !is_first;
}

/* The first table of which the rows differ, and how many differences of databases there are. */
static void print_database_to_change(const jb_report *report)
{
    char here[CLI_NUMBER_SIZE], there[CLI_NUMBER_SIZE];
    int64_t count = cli_figure(report, "in_databases");
    for (size_t row = 0; row < jb_report_row_count(report); row++) {
        const char *table = jb_report_text(report, row, "table");
        const char *what = cli_field(report, row, "what");
        if (table == NULL || (strcmp(what, "rows") != 0 && strcmp(what, "content") != 0))
            continue;
        printf("table %s differs: %s here, %s in the backup", table,
               cli_counted(here, jb_report_number(report, row, "from_rows"), "row"),
               cli_count_text(there, jb_report_number(report, row, "to_rows")));
        if (count > 1)
            printf("; databases: %s more", cli_counted(here, count - 1, "difference"));
        return;
    }
    printf("databases: %s", cli_counted(here, count, "difference"));
}

static void print_live_summary(const jb_report *report)
{
    char files[CLI_NUMBER_SIZE], tables[CLI_NUMBER_SIZE], number[CLI_NUMBER_SIZE];
    const char *timestamp = cli_field(report, JB_FIGURES, "to");
    int64_t open = cli_figure(report, "not_compared");
    int64_t in_databases = cli_figure(report, "in_databases");
    int64_t changes =
        cli_figure(report, "added") + cli_figure(report, "removed") + cli_figure(report, "changed");
    if (open > 0)
        printf("NOT COMPARED in full (%s); as far as known: ",
               cli_counted(number, open, "failure"));
    if (changes == 0) {
        printf("nothing differs from %s: %s, %s compared\n", timestamp,
               cli_counted(files, cli_figure(report, "files"), "file"),
               cli_counted(tables, cli_figure(report, "tables"), "table"));
        return;
    }
    printf("a restore of %s would ", timestamp);
    if (!print_files_to_change(report))
        fputs("change databases", stdout);
    if (in_databases > 0) {
        fputs("; ", stdout);
        print_database_to_change(report);
    }
    putchar('\n');
}

/* What a restore would change: the sentence first. */
static void print_diff_live(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"CHANGE", "change", cli_text, false},   {"WHAT", "what", cli_text, false},
        {"HERE", "from", format_side, true},     {"IN BACKUP", "to", format_side, true},
        {"PATH", "path", format_subject, false},
    };
    print_live_summary(report);
    cli_table(cli, report, NULL, columns, COUNT(columns));
}

void print_diff(const struct cli *cli, const jb_report *report)
{
    if (cli->value[OPTION_LIVE] != NULL) {
        print_diff_live(cli, report);
        return;
    }
    static const struct cli_column columns[] = {
        {"CHANGE", "change", cli_text, false},   {"WHAT", "what", cli_text, false},
        {"FROM", "from", format_side, true},     {"TO", "to", format_side, true},
        {"PATH", "path", format_subject, false},
    };
    int64_t added = cli_figure(report, "added"), removed = cli_figure(report, "removed");
    int64_t changed = cli_figure(report, "changed");
    cli_table(cli, report, NULL, columns, COUNT(columns));
    if (added + removed + changed == 0)
        fputs("no differences\n", stderr);
    else if (cli->is_table_padded)
        printf("%lld added, %lld removed, %lld changed\n", (long long)added, (long long)removed,
               (long long)changed);
}
