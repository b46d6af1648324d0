/* SPDX-License-Identifier: MIT */
/* The reports of jbackup's verbs as text. The lists keep their fields and order: scripts cut them.
 */
#include "cli_jbackup.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- backup --------------------------------------------------------------------------------- */

static void print_artifact(const jb_report *report, size_t row)
{
    char size[CLI_NUMBER_SIZE], raw[CLI_NUMBER_SIZE], tables[CLI_NUMBER_SIZE];
    printf("  %s: %s", cli_field(report, row, "path"),
           cli_size_text(size, jb_report_number(report, row, "size")));
    if (jb_report_number(report, row, "raw_size") > 0)
        printf(" from %s", cli_size_text(raw, jb_report_number(report, row, "raw_size")));
    if (strcmp(cli_field(report, row, "kind"), "postgresql") == 0)
        printf(", %s%s", cli_counted(tables, jb_report_number(report, row, "table_count"), "table"),
               jb_report_number(report, row, "encrypted") ? ", over an encrypted connection" : "");
    puts(jb_report_number(report, row, "linked") ? ", unchanged: a link to an earlier one" : "");
}

void print_backup(const struct cli *cli, const jb_report *report)
{
    char files[CLI_NUMBER_SIZE], bytes[CLI_NUMBER_SIZE], size[CLI_NUMBER_SIZE];
    char time[CLI_NUMBER_SIZE];
    (void)cli;
    for (size_t row = 0; row < jb_report_row_count(report); row++)
        print_artifact(report, row);
    if (cli_figure(report, "files") > 0)
        printf("  code: %s, %s\n", cli_counted(files, cli_figure(report, "files"), "file"),
               cli_size_text(bytes, cli_figure(report, "file_bytes")));
    printf("%s: %s backup, %s, %s in %s\n", cli_field(report, JB_FIGURES, "timestamp"),
           cli_field(report, JB_FIGURES, "type"), cli_field(report, JB_FIGURES, "category"),
           cli_size_text(size, cli_figure(report, "total_size")),
           cli_duration_text(time, cli_figure(report, "duration_ms")));
}

/* ---- list, verify --------------------------------------------------------------------------- */

void print_list(const struct cli *cli, const jb_report *report)
{
    cli_backups(cli, report, cli->value[OPTION_SIZE] != NULL);
}

static void print_verified(const struct cli *cli, const jb_report *report, size_t row)
{
    char artifacts[CLI_NUMBER_SIZE], files[CLI_NUMBER_SIZE], tables[CLI_NUMBER_SIZE];
    bool is_good = jb_report_number(report, row, "ok") != 0;
    bool is_incomplete = strcmp(cli_field(report, row, "result"), "incomplete") == 0;
    bool is_skipped = strcmp(cli_field(report, row, "result"), "skipped") == 0;
    bool is_proof = strcmp(cli_field(report, row, "depth"), "restore") == 0;
    const char *restored_in = cli_field(report, row, "restored_in");
    printf("%s %s%s%s %s, %s: %s, %s, %s%s%s\n", cli_field(report, row, "timestamp"),
           cli_color(cli->is_out_colored, is_good ? CLI_GREEN : CLI_RED),
           is_incomplete ? "NOT COMPARED in full"
           : !is_good    ? "DAMAGED"
           : is_skipped  ? "good so far, not all read now"
           : is_proof    ? "proved"
                         : "good",
           cli_color(cli->is_out_colored, CLI_PLAIN), cli_field(report, row, "category"),
           cli_field(report, row, "type"),
           cli_counted(artifacts, jb_report_number(report, row, "artifacts"), "artifact"),
           cli_counted(files, jb_report_number(report, row, "files"), "file"),
           cli_counted(tables, jb_report_number(report, row, "tables"), "table"),
           *restored_in ? ", restored in " : "", restored_in);
}

static void print_all_good(const jb_report *report)
{
    char artifacts[CLI_NUMBER_SIZE], files[CLI_NUMBER_SIZE], tables[CLI_NUMBER_SIZE];
    char bytes[CLI_NUMBER_SIZE], time[CLI_NUMBER_SIZE], backups[CLI_NUMBER_SIZE];
    int64_t count = cli_figure(report, "backups");
    printf("%s%s %s good: %s, %s, %s, %s read in %s\n", count == 1 ? "the " : "all ",
           count == 1 ? "backup" : cli_counted(backups, count, "backup"), count == 1 ? "is" : "are",
           cli_counted(artifacts, cli_figure(report, "artifacts"), "artifact"),
           cli_counted(files, cli_figure(report, "files"), "file"),
           cli_counted(tables, cli_figure(report, "tables"), "table"),
           cli_size_text(bytes, cli_figure(report, "bytes_read")),
           cli_duration_text(time, cli_figure(report, "duration_ms")));
}

static void print_skipped(const jb_report *report)
{
    char artifacts[CLI_NUMBER_SIZE], bytes[CLI_NUMBER_SIZE], skipped[CLI_NUMBER_SIZE];
    printf("what was read now is good: %s, %s; skipped, being read of late: %s\n",
           cli_counted(artifacts, cli_figure(report, "artifacts"), "artifact"),
           cli_size_text(bytes, cli_figure(report, "bytes_read")),
           cli_counted(skipped, cli_figure(report, "skipped"), "artifact"));
}

void print_verify(const struct cli *cli, const jb_report *report)
{
    int64_t count = cli_figure(report, "backups"), bad = cli_figure(report, "bad");
    int64_t incomplete = cli_figure(report, "incomplete");
    char backups[CLI_NUMBER_SIZE], damaged[CLI_NUMBER_SIZE];
    for (size_t row = 0; row < jb_report_row_count(report); row++)
        print_verified(cli, report, row);
    if (count == 0)
        puts("nothing was verified");
    else if (bad > incomplete)
        printf("%s of %s %s damaged\n", cli_count_text(damaged, bad - incomplete),
               cli_counted(backups, count, "backup"), bad - incomplete == 1 ? "is" : "are");
    else if (bad > 0)
        printf("%s of %s could not be compared in full\n", cli_count_text(damaged, bad),
               cli_counted(backups, count, "backup"));
    else if (jb_report_verdict(report) >= JB_ERROR)
        printf("%s read, but there are errors\n", cli_counted(backups, count, "backup"));
    else if (cli_figure(report, "skipped") > 0)
        print_skipped(report);
    else
        print_all_good(report);
}

/* ---- stats, cleanup, remove, pin ------------------------------------------------------------ */

void print_stats(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"CATEGORY", "category", cli_text, false}, {"BACKUPS", "backups", cli_count, true},
        {"SIZE", "total_size", cli_size, true},    {"FREED", "freed", cli_size, true},
        {"OLDEST", "oldest", cli_text, false},     {"NEWEST", "newest", cli_text, false},
    };
    char number[CLI_NUMBER_SIZE], disk_total[CLI_NUMBER_SIZE], line[3 * CLI_NUMBER_SIZE];
    cli_line("repository", cli_field(report, JB_FIGURES, "repository"));
    cli_line("backups", cli_count_text(number, cli_figure(report, "backups")));
    cli_line("newest", cli_field(report, JB_FIGURES, "newest"));
    cli_line("oldest", cli_field(report, JB_FIGURES, "oldest"));
    cli_line("size", cli_size_text(number, cli_figure(report, "total_size")));
    cli_line("on disk", cli_size_text(number, cli_figure(report, "stored_size")));
    snprintf(line, sizeof line, "%s of %s", cli_size_text(number, cli_figure(report, "disk_free")),
             cli_size_text(disk_total, cli_figure(report, "disk_total")));
    cli_line("free", line);
    cli_table(cli, report, NULL, columns, COUNT(columns));
}

static void format_kept(FILE *out, const jb_report *report, size_t row, const char *key)
{
    const char *removed = cli_figure(report, "dry_run") ? "would be removed" : "removed";
    fputs(jb_report_number(report, row, key) ? "kept" : removed, out);
}

void print_cleanup(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"TIMESTAMP", "timestamp", cli_text, false}, {"CATEGORY", "category", cli_text, false},
        {"SIZE", "total_size", cli_size, true},      {"FREED", "freed", cli_size, true},
        {"VERDICT", "keep", format_kept, false},     {"REASON", "reason", cli_text, false},
    };
    char kept[CLI_NUMBER_SIZE], removed[CLI_NUMBER_SIZE], freed[CLI_NUMBER_SIZE];
    cli_table(cli, report, NULL, columns, COUNT(columns));
    printf(cli_figure(report, "dry_run") ? "would keep %s, remove %s and free %s\n"
                                         : "kept %s, removed %s, freed %s\n",
           cli_counted(kept, cli_figure(report, "kept"), "backup"),
           cli_count_text(removed, cli_figure(report, "removed")),
           cli_size_text(freed, cli_figure(report, "freed")));
}

void print_remove(const struct cli *cli, const jb_report *report)
{
    char freed[CLI_NUMBER_SIZE];
    (void)cli;
    printf(cli_figure(report, "dry_run") ? "would remove %s and free %s\n"
                                         : "removed %s, freed %s\n",
           cli_field(report, JB_FIGURES, "timestamp"),
           cli_size_text(freed, cli_figure(report, "freed")));
}

void print_pin(const struct cli *cli, const jb_report *report)
{
    (void)cli;
    printf("%s %s\n", cli_field(report, JB_FIGURES, "timestamp"),
           cli_figure(report, "pinned") ? "is pinned: cleanup and remove leave it alone"
                                        : "is no longer pinned");
}

void print_service(const struct cli *cli, const jb_report *report)
{
    (void)cli;
    if (jb_report_text(report, JB_FIGURES, "service") == NULL)
        puts("none");
    else
        printf("%s|%s|%s\n", cli_field(report, JB_FIGURES, "service"),
               cli_field(report, JB_FIGURES, "manager"),
               cli_figure(report, "active") ? "active" : "inactive");
}

/* ---- restore -------------------------------------------------------------------------------- */

void print_restore(const struct cli *cli, const jb_report *report)
{
    (void)cli;
    cli_laid_out(report);
}

/* ---- show ----------------------------------------------------------------------------------- */

static void print_git(const jb_report *report)
{
    const char *commit = cli_field(report, JB_FIGURES, "git_commit");
    const char *branch = cli_field(report, JB_FIGURES, "git_branch");
    if (*commit != '\0')
        printf("%-12s %s%s%s%s\n", "commit", commit, *branch ? " on " : "", branch,
               cli_figure(report, "git_dirty") == 1 ? ", with uncommitted changes" : "");
}

/* A line for each PostgreSQL database: its server, encoding, and the instant it is of. */
static void print_postgresql(const jb_report *report)
{
    for (size_t row = 0; row < jb_report_row_count(report); row++) {
        if (strcmp(cli_field(report, row, "row"), "artifact") != 0 ||
            strcmp(cli_field(report, row, "kind"), "postgresql") != 0)
            continue;
        const char *server = cli_field(report, row, "server_version");
        const char *encoding = cli_field(report, row, "encoding");
        printf("%-12s %s%s%s%s%s", "postgresql", cli_field(report, row, "name"),
               *server ? ", server " : "", server, *encoding ? ", " : "", encoding);
        if (jb_report_text(report, row, "snapshot_time") != NULL) {
            fputs(", as of ", stdout);
            cli_time(stdout, report, row, "snapshot_time");
        }
        putchar('\n');
    }
}

static void format_table(FILE *out, const jb_report *report, size_t row, const char *key)
{
    const char *schema = cli_field(report, row, "schema");
    fprintf(out, "%s%s%s", schema, *schema ? "." : "", cli_field(report, row, key));
}

static void format_percent(FILE *out, const jb_report *report, size_t row, const char *key)
{
    fprintf(out, "%lld %%", (long long)jb_report_number(report, row, key));
}

/* The remembered verifications, newest first. */
static void print_proofs(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"VERIFIED", "at", cli_time, false},
        {"DEPTH", "depth", cli_text, false},
        {"RESULT", "result", cli_text, false},
        {"OF IT", "sample", format_percent, true},
        {"FILES", "files", cli_count, true},
        {"TABLES", "tables", cli_count, true},
        {"READ", "bytes_read", cli_size, true},
        {"RESTORED", "bytes_restored", cli_size, true},
        {"TOOK", "duration_ms", cli_duration, true},
        {"FINDINGS", "findings", cli_count, true},
        {"BY", "tool", cli_text, false},
        {"HOST", "host", cli_text, false},
    };
    cli_table(cli, report, "proof", columns, COUNT(columns));
}

void print_show(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column artifacts[] = {
        {"ARTIFACT", "kind", cli_text, false},    {"SIZE", "size", cli_size, true},
        {"RAW SIZE", "raw_size", cli_size, true}, {"SHA256", "sha256", cli_text, false},
        {"PATH", "path", cli_text, false},
    };
    static const struct cli_column tables[] = {
        {"DATABASE", "database", cli_text, false},
        {"ROWS", "table_rows", cli_count, true},
        {"SHA256", "sha256", cli_text, false},
        {"TABLE", "name", format_table, false},
    };
    char number[CLI_NUMBER_SIZE];
    cli_line("timestamp", cli_field(report, JB_FIGURES, "timestamp"));
    printf("%-12s ", "created");
    cli_time(stdout, report, JB_FIGURES, "created_at");
    putchar('\n');
    cli_line("category", cli_field(report, JB_FIGURES, "category"));
    cli_line("type", cli_field(report, JB_FIGURES, "type"));
    cli_line("label", cli_field(report, JB_FIGURES, "label"));
    cli_line("pinned", cli_figure(report, "pinned") ? "yes" : "no");
    cli_line("kept until", cli_field(report, JB_FIGURES, "keep_until"));
    cli_line("size", cli_size_text(number, cli_figure(report, "total_size")));
    cli_line("freed", cli_size_text(number, cli_figure(report, "freed")));
    cli_line("files", cli_count_text(number, cli_figure(report, "files")));
    cli_line("databases", cli_field(report, JB_FIGURES, "databases"));
    print_postgresql(report);
    print_git(report);
    cli_line("host", cli_field(report, JB_FIGURES, "host"));
    cli_line("made by", cli_field(report, JB_FIGURES, "tool"));
    cli_line("took", cli_duration_text(number, cli_figure(report, "duration_ms")));
    cli_line("manifest", cli_field(report, JB_FIGURES, "path"));
    printf("%-12s ", "proof");
    cli_proof(stdout, report, JB_FIGURES, "proof");
    puts("\n");
    cli_table(cli, report, "artifact", artifacts, COUNT(artifacts));
    cli_table(cli, report, "table", tables, COUNT(tables));
    print_proofs(cli, report);
}

/* ---- files, find, diff ---------------------------------------------------------------------- */

static void format_mode(FILE *out, const jb_report *report, size_t row, const char *key)
{
    fprintf(out, "%04o", (unsigned)(jb_report_number(report, row, key) & 07777));
}

static void format_owner(FILE *out, const jb_report *report, size_t row, const char *key)
{
    (void)key;
    fprintf(out, "%lld:%lld", (long long)jb_report_number(report, row, "uid"),
            (long long)jb_report_number(report, row, "gid"));
}

static void format_path(FILE *out, const jb_report *report, size_t row, const char *key)
{
    const char *link = cli_field(report, row, "link");
    fprintf(out, "%s%s%s", cli_field(report, row, key), *link ? " -> " : "", link);
}

void print_files(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"TYPE", "type", cli_text, false},     {"MODE", "mode", format_mode, false},
        {"OWNER", "uid", format_owner, false}, {"SIZE", "size", cli_size, true},
        {"TIME", "mtime", cli_time, false},    {"PATH", "path", format_path, false},
    };
    char files[CLI_NUMBER_SIZE], bytes[CLI_NUMBER_SIZE];
    cli_table(cli, report, NULL, columns, COUNT(columns));
    if (cli->is_table_padded)
        printf("%s, %s\n", cli_counted(files, cli_figure(report, "files"), "file"),
               cli_size_text(bytes, cli_figure(report, "file_bytes")));
}

void print_find(const struct cli *cli, const jb_report *report)
{
    static const struct cli_column columns[] = {
        {"TIMESTAMP", "timestamp", cli_text, false}, {"VERSION", "version", cli_count, true},
        {"TYPE", "type", cli_text, false},           {"SIZE", "size", cli_size, true},
        {"TIME", "mtime", cli_time, false},          {"PATH", "path", cli_text, false},
    };
    char backups[CLI_NUMBER_SIZE];
    cli_table(cli, report, NULL, columns, COUNT(columns));
    if (jb_report_row_count(report) == 0)
        fprintf(stderr, "nothing matches \"%s\" in %s\n", cli->operand[0],
                cli_counted(backups, cli_figure(report, "backups"), "backup"));
}
