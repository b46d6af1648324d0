/* SPDX-License-Identifier: MIT */
/* The tables of the page. Each is one pass over the rows, or one for each level of findings. */
#include "api/verification_tables.h"

#include <inttypes.h>
#include <string.h>

#include "api/verification_markup.h"

/* The next row of a kind at or after *row. */
static bool next_row(const jb_report *report, const char *kind, size_t *row)
{
    for (size_t rows = jb_report_row_count(report); *row < rows; ++*row) {
        const char *is = jb_report_text(report, *row, "row");
        if (is != NULL && strcmp(is, kind) == 0)
            return true;
    }
    return false;
}

static bool is_text(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

static const char *tone_of_level(int level)
{
    return level >= JB_ERROR ? "bad" : level == JB_WARNING ? "warn" : "info";
}

static void add_badge(struct text *out, const char *tone, const char *raw)
{
    jbi_text_addf(out, "<span class='badge %s'>", tone);
    jbi_markup_text(out, raw);
    jbi_text_adds(out, "</span>");
}

static void cell_text(struct text *out, const char *class, const char *raw)
{
    jbi_text_addf(out, "<td class='%s'>", class);
    jbi_markup_text(out, raw);
    jbi_text_adds(out, "</td>");
}

static void cell_time(struct text *out, const char *iso)
{
    jbi_text_adds(out, "<td class='w'>");
    jbi_markup_time(out, iso);
    jbi_text_adds(out, "</td>");
}

static void cell_size(struct text *out, int64_t bytes)
{
    jbi_text_adds(out, "<td class='n'>");
    jbi_markup_size(out, bytes);
    jbi_text_adds(out, "</td>");
}

static void cell_duration(struct text *out, int64_t ms)
{
    jbi_text_adds(out, "<td class='n' data-name='Took'>");
    jbi_markup_duration(out, ms);
    jbi_text_adds(out, "</td>");
}

/* 0 is not measured. */
static void cell_rate(struct text *out, int64_t mb_s)
{
    if (mb_s > 0)
        jbi_text_addf(out, "<td class='n'>%" PRId64 " MB/s</td>", mb_s);
    else
        jbi_text_adds(out, "<td class='n'>-</td>");
}

static void row_head(struct text *out, const char *raw)
{
    jbi_text_adds(out, "<tr><th scope='row'>");
    jbi_markup_text(out, raw);
    jbi_text_adds(out, "</th>");
}

/* A wide table, which scrolls within itself. columns: "When|Took#|..."; # is a column of numbers.
 */
static void begin_table(struct text *out, const char *class, const char *name, const char *caption,
                        const char *columns)
{
    if (strcmp(class, "scroll") == 0)
        jbi_text_addf(out, "<div class='scroll' role='region' tabindex='0' aria-label='%s'>\n",
                      caption);
    jbi_text_addf(out, "<table id='%s' class='%s'>\n<caption>%s</caption>\n<thead><tr>", name,
                  strcmp(class, "scroll") == 0 ? "wide" : class, caption);
    while (*columns != '\0') {
        int len = (int)strcspn(columns, "|#");
        bool is_number = columns[len] == '#';
        jbi_text_addf(out, "<th scope='col'%s>%.*s</th>", is_number ? " class='n'" : "", len,
                      columns);
        columns += len + is_number;
        columns += *columns == '|';
    }
    jbi_text_adds(out, "</tr></thead>\n<tbody>\n");
}

static void end_table(struct text *out, const char *class)
{
    jbi_text_adds(out, "</tbody>\n</table>\n");
    if (strcmp(class, "scroll") == 0)
        jbi_text_adds(out, "</div>\n");
}

static void add_more(struct text *out, size_t shown, size_t all, const char *what)
{
    if (all > shown)
        jbi_text_addf(out, "<p class='more'>And %zu %s.</p>\n", all - shown, what);
}

void jbi_tables_failed(const jb_report *report, struct text *out)
{
    bool is_first = true;
    for (size_t row = 0; next_row(report, "test", &row); row++) {
        if (jb_report_number(report, row, "ok") != 0)
            continue;
        jbi_text_adds(out, is_first ? "<p>Failed: <strong>" : ", ");
        jbi_markup_text(out, jb_report_text(report, row, "test"));
        is_first = false;
    }
    if (!is_first)
        jbi_text_adds(
            out, "</strong>. The <a href='#findings'>findings</a> say why and what to do.</p>\n");
}

static void add_test(const jb_report *report, struct text *out, size_t row)
{
    const char *level = jb_report_text(report, row, "level");
    const char *did = jb_report_text(report, row, "did");
    bool has_passed = jb_report_number(report, row, "ok") != 0;
    bool has_warned = is_text(level, "WARNING");
    row_head(out, jb_report_text(report, row, "test"));
    jbi_text_adds(out, "<td>");
    add_badge(out,
              !has_passed  ? "bad"
              : has_warned ? "warn"
                           : "ok",
              !has_passed  ? "failed"
              : has_warned ? "passed, warnings"
                           : "passed");
    jbi_text_adds(out, "</td>");
    if (did != NULL && *did != '\0')
        cell_text(out, "", did);
    else
        jbi_text_adds(out, "<td><small>nothing that could be told</small></td>");
    cell_duration(out, jb_report_number(report, row, "duration_ms"));
    jbi_text_adds(out, "</tr>\n");
}

void jbi_tables_tests(const jb_report *report, struct text *out)
{
    jbi_text_adds(out, "<section aria-labelledby='tests'>\n<h2 id='tests'>Tests</h2>\n");
    begin_table(out, "rows", "test-table", "In the order in which they ran.",
                "Test|Result|What it did|Took#");
    for (size_t row = 0; next_row(report, "test", &row); row++)
        add_test(report, out, row);
    end_table(out, "rows");
    jbi_text_adds(out, "</section>\n");
}

static void add_finding(struct text *out, const struct jb_finding *finding)
{
    jbi_text_adds(out, "<tr><td>");
    add_badge(out, tone_of_level(finding->level), jb_level_name(finding->level));
    jbi_text_adds(out, "</td><th scope='row'>");
    jbi_markup_text(out, finding->subject);
    jbi_text_adds(out, "</th><td>");
    jbi_markup_text(out, finding->message);
    if (*finding->hint != '\0') {
        jbi_text_adds(out, "<span class='hint'><b>What to do:</b> ");
        jbi_markup_text(out, finding->hint);
        jbi_text_adds(out, "</span>");
    }
    jbi_text_adds(out, "</td></tr>\n");
}

/* The first of a level, at most room; the number of the rest. */
static size_t add_level(const jb_report *report, struct text *out, int level, size_t *room)
{
    size_t left = 0;
    for (size_t i = 0, n = jb_report_finding_count(report); i < n; i++) {
        const struct jb_finding *finding = jb_report_finding(report, i);
        if (finding->level != level)
            continue;
        if (*room == 0) {
            left++;
            continue;
        }
        add_finding(out, finding);
        --*room;
    }
    return left;
}

void jbi_tables_findings(const jb_report *report, struct text *out)
{
    size_t room = PAGE_FINDINGS, left[JB_CRITICAL + 1] = {0}, more = 0;
    jbi_text_adds(out, "<section aria-labelledby='findings'>\n<h2 id='findings'>Findings</h2>\n");
    if (jb_report_finding_count(report) == 0) {
        jbi_text_adds(out, "<p>No findings.</p>\n</section>\n");
        return;
    }
    begin_table(out, "rows", "finding-table", "The worst first.", "Level|Subject|What was found");
    for (int level = JB_CRITICAL; level >= JB_INFO; level--)
        more += left[level] = add_level(report, out, level, &room);
    end_table(out, "rows");
    if (more > 0) {
        jbi_text_addf(out, "<p class='more'>%zu more findings are not shown here:", more);
        for (int level = JB_CRITICAL; level >= JB_INFO; level--) {
            if (left[level] > 0)
                jbi_text_addf(out, " %zu %s%s", left[level], jb_level_name(level),
                              (more -= left[level]) > 0 ? "," : ".");
        }
        jbi_text_adds(out, " All of them are in the same report for programs.</p>\n");
    }
    jbi_text_adds(out, "</section>\n");
}

static void add_run(const jb_report *report, struct text *out, size_t row)
{
    const char *result = jb_report_text(report, row, "result");
    int64_t sample = jb_report_number(report, row, "sample");
    row_head(out, jb_report_text(report, row, "timestamp"));
    cell_time(out, jb_report_text(report, row, "at"));
    cell_text(out, "", jb_report_text(report, row, "depth"));
    jbi_text_adds(out, "<td>");
    add_badge(out,
              is_text(result, "equal")       ? "ok"
              : is_text(result, "different") ? "bad"
                                             : "warn",
              result);
    jbi_text_adds(out, "</td>");
    if (sample > 0 && sample < 100)
        jbi_text_addf(out, "<td class='n'>%" PRId64 "%%</td>", sample);
    else
        jbi_text_adds(out, "<td class='n'>all</td>");
    cell_duration(out, jb_report_number(report, row, "duration_ms"));
    cell_rate(out, jb_report_number(report, row, "read_mb_s"));
    cell_rate(out, jb_report_number(report, row, "decoded_mb_s"));
    cell_rate(out, jb_report_number(report, row, "restored_mb_s"));
    jbi_text_adds(out, "</tr>\n");
}

void jbi_tables_runs(const jb_report *report, struct text *out)
{
    size_t runs = 0;
    for (size_t row = 0; next_row(report, "run", &row); row++) {
        if (runs == 0)
            begin_table(out, "scroll", "run-table", "The last verifications, newest first.",
                        "Backup|Verified|Depth|Result|Sample#|Took#|Read#|Decoded#|Restored#");
        if (runs++ < PAGE_RUNS)
            add_run(report, out, row);
    }
    if (runs == 0) {
        jbi_text_adds(out, "<p>No earlier verifications are remembered.</p>\n");
        return;
    }
    end_table(out, "scroll");
    add_more(out, PAGE_RUNS, runs, "earlier ones");
}

static void add_backup(const jb_report *report, struct text *out, size_t row)
{
    const char *proof = jb_report_text(report, row, "proof");
    row_head(out, jb_report_text(report, row, "timestamp"));
    cell_text(out, "", jb_report_text(report, row, "category"));
    cell_text(out, "", jb_report_text(report, row, "type"));
    cell_size(out, jb_report_number(report, row, "total_size"));
    cell_duration(out, jb_report_number(report, row, "duration_ms"));
    jbi_text_adds(out, "<td>");
    add_badge(out,
              is_text(proof, "broken")   ? "bad"
              : is_text(proof, "proved") ? "ok"
                                         : "info",
              proof);
    jbi_text_adds(out, "</td>");
    cell_time(out, jb_report_text(report, row, "proof_at"));
    cell_text(out, "", jb_report_text(report, row, "proof_depth"));
    cell_text(out, "", jb_report_number(report, row, "pinned") != 0 ? "pinned" : "");
    cell_text(out, "t", jb_report_text(report, row, "label"));
    jbi_text_adds(out, "</tr>\n");
}

void jbi_tables_backups(const jb_report *report, struct text *out)
{
    size_t backups = 0;
    for (size_t row = 0; next_row(report, "backup", &row); row++) {
        if (backups == 0)
            begin_table(out, "scroll", "backup-table", "The backups, newest first.",
                        "Backup|Category|Type|Size#|Made in#|State|Found at|Depth|Pinned|Label");
        if (backups++ < PAGE_BACKUPS)
            add_backup(report, out, row);
    }
    if (backups == 0)
        return;
    end_table(out, "scroll");
    add_more(out, PAGE_BACKUPS, backups, "older ones");
}
