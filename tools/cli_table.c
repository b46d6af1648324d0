/* SPDX-License-Identifier: MIT */
/* Figures and tables for a person to read, and for a script to cut at the bars. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

char *cli_count_text(char to[CLI_NUMBER_SIZE], int64_t number)
{
    char digits[CLI_NUMBER_SIZE];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%lld", (long long)number);
    size_t sign = number < 0, used = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > sign && (len - i) % 3 == 0)
            to[used++] = ',';
        to[used++] = digits[i];
    }
    to[used] = '\0';
    return to;
}

char *cli_size_text(char to[CLI_NUMBER_SIZE], int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++)
        size /= 1000;
    snprintf(to, CLI_NUMBER_SIZE, "%.*f %s", unit > 0 && size < 99.95, size, units[unit]);
    return to;
}

char *cli_duration_text(char to[CLI_NUMBER_SIZE], int64_t ms)
{
    int64_t s = ms / 1000;
    if (ms < 10000)
        snprintf(to, CLI_NUMBER_SIZE, "%.*f s", ms < 1000 ? 2 : 1, (double)ms / 1000);
    else if (s < 120)
        snprintf(to, CLI_NUMBER_SIZE, "%d s", (int)s);
    else if (s < 7200)
        snprintf(to, CLI_NUMBER_SIZE, "%d min %02d s", (int)(s / 60), (int)(s % 60));
    else
        snprintf(to, CLI_NUMBER_SIZE, "%lld h %02d min", (long long)(s / 3600), (int)(s / 60 % 60));
    return to;
}

char *cli_counted(char to[CLI_NUMBER_SIZE], int64_t number, const char *noun)
{
    char count[CLI_NUMBER_SIZE];
    snprintf(to, CLI_NUMBER_SIZE, "%.19s %.10s%s", cli_count_text(count, number), noun,
             number == 1 ? "" : "s");
    return to;
}

/* The length of the UTF-8 sequence at s (no surrogates, nothing overlong), or 0. */
static size_t utf8_len(const unsigned char *s)
{
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool is_bad = s[0] > 0xf4 || (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
                  (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
    return is_bad ? 0 : len;
}

char *cli_printable(char *to, size_t size, const char *from)
{
    size_t used = 0;
    while (*from != '\0') {
        unsigned char byte = (unsigned char)*from;
        size_t len = utf8_len((const unsigned char *)from);
        bool is_control = byte < 0x20 || byte == 0x7f ||
                          (byte == 0xc2 && len == 2 && (unsigned char)from[1] < 0xa0);
        if (used + 5 > size)
            break;
        if (len == 0 || is_control) {
            used += (size_t)sprintf(to + used, "\\x%02x", byte);
            from++;
        } else {
            memcpy(to + used, from, len);
            used += len;
            from += len;
        }
    }
    to[used] = '\0';
    return to;
}

const char *cli_field(const jb_report *report, size_t row, const char *key)
{
    const char *text = jb_report_text(report, row, key);
    return text ? text : "";
}

int64_t cli_figure(const jb_report *report, const char *key)
{
    return jb_report_number(report, JB_FIGURES, key);
}

void cli_line(const char *name, const char *value)
{
    if (*value != '\0')
        printf("%-12s %s\n", name, value);
}

void cli_text(FILE *out, const jb_report *report, size_t row, const char *key)
{
    fputs(cli_field(report, row, key), out);
}

void cli_count(FILE *out, const jb_report *report, size_t row, const char *key)
{
    char text[CLI_NUMBER_SIZE];
    fputs(cli_count_text(text, jb_report_number(report, row, key)), out);
}

void cli_size(FILE *out, const jb_report *report, size_t row, const char *key)
{
    char text[CLI_NUMBER_SIZE];
    fputs(cli_size_text(text, jb_report_number(report, row, key)), out);
}

/* "2024-07-08T14:30:22.123456+02:00" as "2024-07-08 14:30:22 +02:00". */
void cli_time(FILE *out, const jb_report *report, size_t row, const char *key)
{
    const char *text = jb_report_text(report, row, key);
    if (text == NULL || strlen(text) < 20 || text[10] != 'T') {
        fputs(text ? text : "", out);
        return;
    }
    const char *offset = text + 19 + strcspn(text + 19, "+-Z");
    fprintf(out, "%.10s %.8s %s", text, text + 11, offset);
}

void cli_duration(FILE *out, const jb_report *report, size_t row, const char *key)
{
    char text[CLI_NUMBER_SIZE];
    fputs(cli_duration_text(text, jb_report_number(report, row, key)), out);
}

/* The instant of a time such as "2024-07-08T14:30:22+02:00". */
static bool read_time(const char *text, int64_t *unix_s)
{
    struct tm tm = {0};
    int hours, minutes;
    char sign;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%c%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &sign, &hours, &minutes) != 9)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int offset = (hours * 60 + minutes) * 60;
    *unix_s = (int64_t)timegm(&tm) - (sign == '-' ? -offset : offset);
    return true;
}

void cli_age(FILE *out, const jb_report *report, size_t row, const char *key)
{
    static const struct {
        const char *noun;
        int64_t seconds, most; /* of one; how many are told in this unit */
    } units[] = {{"second", 1, 119}, {"minute", 60, 119}, {"hour", 3600, 47}, {"day", 86400, -1}};
    char number[CLI_NUMBER_SIZE];
    const char *text = jb_report_text(report, row, key);
    int64_t at = 0;
    size_t unit = 0;
    if (text == NULL || !read_time(text, &at))
        return;
    int64_t age = (int64_t)time(NULL) - at;
    if (age < 0) {
        fputs("in the future", out);
        return;
    }
    while (units[unit].most >= 0 && age / units[unit].seconds > units[unit].most)
        unit++;
    fprintf(out, "%s ago", cli_counted(number, age / units[unit].seconds, units[unit].noun));
}

static size_t columns_of(const char *text)
{
    size_t columns = 0;
    for (; *text != '\0'; text++)
        columns += ((unsigned char)*text & 0xc0) != 0x80;
    return columns;
}

static void out_of_memory(void)
{
    fputs("out of memory while printing\n", stderr);
    exit(3);
}

/* A table being printed; cell is the text of the cell at hand, whose memory is used again. */
struct table {
    const struct cli *cli;
    const jb_report *report;
    const struct cli_column *columns;
    size_t count;
    size_t widths[CLI_COLUMNS_MAX];
    FILE *stream;
    char *cell;
    size_t cell_len;
};

static const char *cell_text(struct table *table, size_t row, size_t column)
{
    const struct cli_column *shape = &table->columns[column];
    rewind(table->stream);
    shape->format(table->stream, table->report, row, shape->key);
    fputc('\0', table->stream);
    if (fflush(table->stream) != 0)
        out_of_memory();
    return table->cell;
}

static enum cli_color cell_color(const struct table *table, size_t row, size_t column)
{
    const struct cli_column *shape = &table->columns[column];
    return shape->tint ? shape->tint(table->report, row, shape->key) : CLI_PLAIN;
}

static void print_spaces(size_t count)
{
    for (; count > 0; count--)
        putchar(' ');
}

static void print_cell(const struct table *table, size_t column, const char *text,
                       enum cli_color color)
{
    bool is_colored = table->cli->is_out_colored && color != CLI_PLAIN;
    bool is_last = column + 1 == table->count;
    size_t width = columns_of(text), padding = 0;
    if (width < table->widths[column])
        padding = table->widths[column] - width;
    if (table->columns[column].is_right)
        print_spaces(padding);
    fputs(cli_color(is_colored, color), stdout);
    for (; *text != '\0'; text++) {
        if (*text == '|' && !is_last)
            fputs("\\x7c", stdout);
        else
            putchar(*text);
    }
    fputs(cli_color(is_colored, CLI_PLAIN), stdout);
    if (!is_last && !table->columns[column].is_right)
        print_spaces(padding);
    if (!is_last)
        fputs(table->cli->is_table_padded ? " | " : "|", stdout);
}

static bool is_wanted(const jb_report *report, size_t row, const char *where)
{
    const char *kind = where ? jb_report_text(report, row, "row") : NULL;
    return where == NULL || (kind != NULL && strcmp(kind, where) == 0);
}

static void measure(struct table *table, const char *where)
{
    size_t rows = jb_report_row_count(table->report);
    for (size_t i = 0; i < table->count; i++)
        table->widths[i] = strlen(table->columns[i].title);
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; is_wanted(table->report, row, where) && i < table->count; i++) {
            size_t width = columns_of(cell_text(table, row, i));
            if (width > table->widths[i])
                table->widths[i] = width;
        }
    }
}

static void print_header(const struct table *table)
{
    fputs(cli_color(table->cli->is_out_colored, CLI_BOLD), stdout);
    for (size_t i = 0; i < table->count; i++)
        print_cell(table, i, table->columns[i].title, CLI_PLAIN);
    puts(cli_color(table->cli->is_out_colored, CLI_PLAIN));
}

void cli_table(const struct cli *cli, const jb_report *report, const char *where,
               const struct cli_column *columns, size_t count)
{
    struct table table = {.cli = cli, .report = report, .columns = columns, .count = count};
    size_t rows = jb_report_row_count(report), wanted = 0;
    for (size_t row = 0; row < rows; row++)
        wanted += is_wanted(report, row, where);
    if (wanted == 0)
        return;
    table.stream = open_memstream(&table.cell, &table.cell_len);
    if (table.stream == NULL)
        out_of_memory();
    if (cli->is_table_padded) {
        measure(&table, where);
        print_header(&table);
    }
    for (size_t row = 0; row < rows; row++) {
        if (!is_wanted(report, row, where))
            continue;
        for (size_t i = 0; i < count; i++)
            print_cell(&table, i, cell_text(&table, row, i), cell_color(&table, row, i));
        putchar('\n');
    }
    fclose(table.stream);
    free(table.cell);
}
