/* SPDX-License-Identifier: MIT */
/* What more than one tool prints of backups. The list keeps its fields and order: scripts cut it.
 */
#include <string.h>

#include "cli.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void format_commit(FILE *out, const jb_report *report, size_t row, const char *key)
{
    fprintf(out, "%.8s", cli_field(report, row, key));
}

/* The day is enough: nobody waits for the minute. */
static void format_pinned(FILE *out, const jb_report *report, size_t row, const char *key)
{
    const char *until = jb_report_text(report, row, "keep_until");
    if (jb_report_number(report, row, key))
        fputs("pinned", out);
    else if (until != NULL)
        fprintf(out, "until %.10s", until);
}

void cli_proof(FILE *out, const jb_report *report, size_t row, const char *key)
{
    fputs(cli_field(report, row, key), out);
    if (jb_report_text(report, row, "proof_at") != NULL) {
        fputs(strcmp(cli_field(report, row, key), "broken") == 0 ? ", found " : " ", out);
        cli_age(out, report, row, "proof_at");
    }
}

void cli_backups(const struct cli *cli, const jb_report *report, bool with_size)
{
    const struct cli_column columns[] = {
        {"TIMESTAMP", "timestamp", cli_text, false}, {"CATEGORY", "category", cli_text, false},
        {"TYPE", "type", cli_text, false},           {"SIZE", "total_size", cli_size, true},
        {"CREATED", "created_at", cli_time, false},  {"DATABASES", "databases", cli_text, false},
        {"FILES", "files", cli_count, true},         {"COMMIT", "git_commit", format_commit, false},
        {"PINNED", "pinned", format_pinned, false},  {"LABEL", "label", cli_text, false},
    };
    const struct cli_column proof = {"PROOF", "proof", cli_proof, false};
    const struct cli_column state = {"PROOF", "proof", cli_text, false};
    const struct cli_column since = {"SINCE", "proof_at", cli_text, false};
    const struct cli_column freed = {"FREED", "freed", cli_size, true};
    const size_t size_column = 3;
    struct cli_column wanted[COUNT(columns) + 3];
    _Static_assert(COUNT(wanted) <= CLI_COLUMNS_MAX, "the table has room for all columns");
    size_t count = 0;
    for (size_t i = 0; i < COUNT(columns); i++)
        if (i != size_column || with_size)
            wanted[count++] = columns[i];
    wanted[count++] = cli->is_table_padded ? proof : state;
    if (!cli->is_table_padded)
        wanted[count++] = since;
    if (with_size)
        wanted[count++] = freed;
    cli_table(cli, report, NULL, wanted, count);
    if (jb_report_row_count(report) == 0)
        fputs("no backups yet; \"jbackup backup\" makes the first\n", stderr);
}

void cli_laid_out(const jb_report *report)
{
    char files[CLI_NUMBER_SIZE], bytes[CLI_NUMBER_SIZE], databases[CLI_NUMBER_SIZE];
    char time[CLI_NUMBER_SIZE];
    printf("restored %s to %s: %s (%s), %s in %s\n", cli_field(report, JB_FIGURES, "timestamp"),
           cli_field(report, JB_FIGURES, "to"),
           cli_counted(files, cli_figure(report, "files"), "file"),
           cli_size_text(bytes, cli_figure(report, "file_bytes")),
           cli_counted(databases, cli_figure(report, "databases"), "database"),
           cli_duration_text(time, cli_figure(report, "duration_ms")));
}
