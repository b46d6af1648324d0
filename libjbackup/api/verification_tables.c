/* SPDX-License-Identifier: MIT */
/* The tables of the page. Each is one pass over the rows, or one for each level of findings. */
#include "api/verification_tables.h"

#include <inttypes.h>
#include <string.h>

#include "api/page_cells.h"
#include "api/page_markup.h"

static bool is_text(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

/* 0 is not measured. */
static void cell_rate(struct text *out, int64_t mb_s)
{
    if (mb_s > 0)
        jbi_text_addf(out, "<td class='n'>%" PRId64 " MB/s</td>", mb_s);
    else
        jbi_text_adds(out, "<td class='n'>-</td>");
}

void jbi_tables_failed(const jb_report *report, struct text *out)
{
    bool is_first = true;
    for (size_t row = 0; jbi_table_next(report, "test", &row); row++) {
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
    jbi_cell_head(out, jb_report_text(report, row, "test"));
    jbi_text_adds(out, "<td>");
    jbi_table_badge(out,
                    !has_passed  ? "bad"
                    : has_warned ? "warn"
                                 : "ok",
                    !has_passed  ? "failed"
                    : has_warned ? "passed, warnings"
                                 : "passed");
    jbi_text_adds(out, "</td>");
    if (did != NULL && *did != '\0')
        jbi_cell_text(out, "", did);
    else
        jbi_text_adds(out, "<td><small>nothing that could be told</small></td>");
    jbi_cell_duration(out, jb_report_number(report, row, "duration_ms"));
    jbi_text_adds(out, "</tr>\n");
}

void jbi_tables_tests(const jb_report *report, struct text *out)
{
    jbi_text_adds(out, "<section aria-labelledby='tests'>\n<h2 id='tests'>Tests</h2>\n");
    jbi_table_begin(out, "rows", "test-table", "In the order in which they ran.",
                    "Test|Result|What it did|Took#");
    for (size_t row = 0; jbi_table_next(report, "test", &row); row++)
        add_test(report, out, row);
    jbi_table_end(out, "rows");
    jbi_text_adds(out, "</section>\n");
}

static void add_finding(struct text *out, const struct jb_finding *finding)
{
    jbi_text_adds(out, "<tr><td>");
    jbi_table_badge(out, jbi_table_tone(finding->level), jb_level_name(finding->level));
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
    jbi_table_begin(out, "rows", "finding-table", "The worst first.",
                    "Level|Subject|What was found");
    for (int level = JB_CRITICAL; level >= JB_INFO; level--)
        more += left[level] = add_level(report, out, level, &room);
    jbi_table_end(out, "rows");
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
    jbi_cell_head(out, jb_report_text(report, row, "timestamp"));
    jbi_cell_time(out, jb_report_text(report, row, "at"));
    jbi_cell_text(out, "", jb_report_text(report, row, "depth"));
    jbi_text_adds(out, "<td>");
    jbi_table_badge(out,
                    is_text(result, "equal")       ? "ok"
                    : is_text(result, "different") ? "bad"
                                                   : "warn",
                    result);
    jbi_text_adds(out, "</td>");
    if (sample > 0 && sample < 100)
        jbi_text_addf(out, "<td class='n'>%" PRId64 "%%</td>", sample);
    else
        jbi_text_adds(out, "<td class='n'>all</td>");
    jbi_cell_duration(out, jb_report_number(report, row, "duration_ms"));
    cell_rate(out, jb_report_number(report, row, "read_mb_s"));
    cell_rate(out, jb_report_number(report, row, "decoded_mb_s"));
    cell_rate(out, jb_report_number(report, row, "restored_mb_s"));
    jbi_text_adds(out, "</tr>\n");
}

void jbi_tables_runs(const jb_report *report, struct text *out)
{
    size_t runs = 0;
    for (size_t row = 0; jbi_table_next(report, "run", &row); row++) {
        if (runs == 0)
            jbi_table_begin(out, "scroll", "run-table", "The last verifications, newest first.",
                            "Backup|Verified|Depth|Result|Sample#|Took#|Read#|Decoded#|Restored#");
        if (runs++ < PAGE_RUNS)
            add_run(report, out, row);
    }
    if (runs == 0) {
        jbi_text_adds(out, "<p>No earlier verifications are remembered.</p>\n");
        return;
    }
    jbi_table_end(out, "scroll");
    jbi_table_more(out, PAGE_RUNS, runs, "earlier ones");
}

static void add_backup(const jb_report *report, struct text *out, size_t row)
{
    const char *proof = jb_report_text(report, row, "proof");
    jbi_cell_head(out, jb_report_text(report, row, "timestamp"));
    jbi_cell_text(out, "", jb_report_text(report, row, "category"));
    jbi_cell_text(out, "", jb_report_text(report, row, "type"));
    jbi_cell_size(out, jb_report_number(report, row, "total_size"));
    jbi_cell_duration(out, jb_report_number(report, row, "duration_ms"));
    jbi_text_adds(out, "<td>");
    jbi_table_badge(out,
                    is_text(proof, "broken")   ? "bad"
                    : is_text(proof, "proved") ? "ok"
                                               : "info",
                    proof);
    jbi_text_adds(out, "</td>");
    jbi_cell_time(out, jb_report_text(report, row, "proof_at"));
    jbi_cell_text(out, "", jb_report_text(report, row, "proof_depth"));
    jbi_cell_text(out, "", jb_report_number(report, row, "pinned") != 0 ? "pinned" : "");
    jbi_cell_text(out, "t", jb_report_text(report, row, "label"));
    jbi_text_adds(out, "</tr>\n");
}

void jbi_tables_backups(const jb_report *report, struct text *out)
{
    size_t backups = 0;
    for (size_t row = 0; jbi_table_next(report, "backup", &row); row++) {
        if (backups == 0)
            jbi_table_begin(
                out, "scroll", "backup-table", "The backups, newest first.",
                "Backup|Category|Type|Size#|Made in#|State|Found at|Depth|Pinned|Label");
        if (backups++ < PAGE_BACKUPS)
            add_backup(report, out, row);
    }
    if (backups == 0)
        return;
    jbi_table_end(out, "scroll");
    jbi_table_more(out, PAGE_BACKUPS, backups, "older ones");
}
