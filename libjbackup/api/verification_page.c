/* SPDX-License-Identifier: MIT */
/* The page, section by section. Every text of the report passes through jbi_markup_text. The page
 * is read long after it was written: ages in it are counted up to the report, and say so. */
#include "api/verification_page.h"

#include <inttypes.h>
#include <string.h>

#include "api/page_frame.h"
#include "api/page_markup.h"
#include "api/page_plot.h"
#include "api/verification_tables.h"

static int64_t figure(const jb_report *report, const char *key)
{
    return jb_report_number(report, JB_FIGURES, key);
}

static const char *figure_text(const jb_report *report, const char *key)
{
    return jb_report_text(report, JB_FIGURES, key);
}

static int64_t tests_known(void)
{
    int64_t known = 0;
    while (jb_system_test_name((size_t)known) != NULL)
        known++;
    return known;
}

/* Whatever did not pass has failed. */
static int64_t failed_tests(const jb_report *report)
{
    return figure(report, "tests") - figure(report, "passed");
}

static const char *tone_of(const jb_report *report)
{
    int verdict = jb_report_verdict(report);
    if (failed_tests(report) > 0 || verdict >= JB_ERROR || figure(report, "tests") == 0)
        return "bad";
    return verdict == JB_WARNING || figure(report, "broken") > 0 ? "warn" : "ok";
}

static void add_verdict_text(const jb_report *report, struct text *out)
{
    int64_t tests = figure(report, "tests"), failed = failed_tests(report);
    const char *plural = tests == 1 ? "" : "s";
    if (tests == 0)
        jbi_text_adds(out, "No test was run: nothing is known");
    else if (failed > 0)
        jbi_text_addf(out, "%" PRId64 " of %" PRId64 " test%s failed", failed, tests, plural);
    else if (jb_report_verdict(report) >= JB_ERROR)
        jbi_text_addf(out, "%" PRId64 " of %" PRId64 " test%s passed, but there are errors", tests,
                      tests, plural);
    else
        jbi_text_addf(out, "%s passed%s: %" PRId64 " of %" PRId64 " test%s",
                      tests < tests_known() ? "What was tested" : "Everything",
                      jb_report_verdict(report) == JB_WARNING ? ", with warnings" : "",
                      tests - failed, tests, plural);
}

static void add_verdict(const jb_report *report, struct text *out)
{
    int64_t tests = figure(report, "tests"), broken = figure(report, "broken");
    jbi_text_addf(out,
                  "<header class='verdict %s'>\n<p class='about'>Verification of backups</p>\n"
                  "<h1>",
                  tone_of(report));
    add_verdict_text(report, out);
    jbi_text_adds(out, "</h1>\n");
    jbi_tables_failed(report, out);
    if (broken > 0) {
        jbi_text_adds(out, "<p><strong>");
        jbi_markup_count(out, broken, "backup");
        jbi_text_addf(out, "</strong> of %" PRId64 " %s broken.</p>\n", figure(report, "backups"),
                      broken == 1 ? "is" : "are");
    }
    if (tests < tests_known())
        jbi_text_addf(out,
                      "<p>Only %" PRId64 " of the %" PRId64
                      " tests %s run: this says nothing of the rest.</p>\n",
                      tests, tests_known(), tests == 1 ? "was" : "were");
    jbi_page_facts(report, out);
    jbi_text_adds(out, "</header>\n");
}

/* "was restored and found equal 3 hours before this report (2026-...)." */
static void add_proved_when(const jb_report *report, struct text *out)
{
    int64_t age_s = figure(report, "proof_age_s");
    jbi_text_adds(out, " was restored and found equal");
    if (age_s >= 0) {
        jbi_text_adds(out, " <strong>");
        jbi_markup_age(out, age_s);
        jbi_text_adds(out, "</strong> before this report");
    }
    if (figure_text(report, "proved_at") != NULL) {
        jbi_text_adds(out, " (");
        jbi_markup_time(out, figure_text(report, "proved_at"));
        jbi_text_adds(out, ")");
    }
    jbi_text_adds(out, ".</p>\n");
}

static void add_proof_sentence(const jb_report *report, struct text *out)
{
    const char *newest = figure_text(report, "newest");
    const char *proved = figure_text(report, "newest_proved");
    if (figure(report, "backups") == 0) {
        jbi_text_adds(out, "<p class='note bad'>There are no backups yet: there is nothing to "
                           "restore.</p>\n");
    } else if (proved == NULL) {
        jbi_text_adds(out, "<p class='note warn'>No backup has been proved by a restore.</p>\n");
    } else if (newest != NULL && strcmp(newest, proved) == 0) {
        jbi_text_adds(out, "<p class='note ok'>The newest backup ");
        jbi_page_code(out, newest);
        add_proved_when(report, out);
    } else {
        jbi_text_adds(out, "<p class='note warn'>The newest backup ");
        jbi_page_code(out, newest);
        jbi_text_adds(out, " has not been proved by a restore. The newest that has, ");
        jbi_page_code(out, proved);
        jbi_text_adds(out, ",");
        add_proved_when(report, out);
    }
}

static void add_tile(struct text *out, const char *name, int64_t count, const char *tone,
                     const char *what)
{
    jbi_text_addf(out, "<div class='%s'><dt>%s</dt><dd>%" PRId64 " <small>%s</small></dd></div>\n",
                  count > 0 ? tone : "", name, count, what);
}

static void add_proof(const jb_report *report, struct text *out)
{
    jbi_text_adds(out, "<section aria-labelledby='proof'>\n<h2 id='proof'>What is proved</h2>\n");
    add_proof_sentence(report, out);
    jbi_text_adds(out, "<dl class='tiles'>\n");
    add_tile(out, "Proved", figure(report, "proved"), "ok", "restored and compared");
    add_tile(out, "Checked", figure(report, "checked"), "", "read and compared");
    add_tile(out, "Unchecked", figure(report, "unchecked"), "", "not read since they were made");
    add_tile(out, "Broken", figure(report, "broken"), "bad", "found different");
    jbi_text_adds(out, "</dl>\n");
    if (figure_text(report, "newest_at") != NULL) {
        jbi_text_adds(out, "<p>The newest of ");
        jbi_markup_count(out, figure(report, "backups"), "backup");
        jbi_text_adds(out, " was made at ");
        jbi_markup_time(out, figure_text(report, "newest_at"));
        jbi_text_adds(out, ".</p>\n");
    }
    jbi_text_adds(out, "</section>\n");
}

static void add_rate(const jb_report *report, struct text *out, const char *name, const char *key)
{
    int64_t mb_s = figure(report, key);
    jbi_text_addf(out, "<div><dt>%s</dt><dd>", name);
    if (mb_s > 0)
        jbi_text_addf(out, "%" PRId64 " MB/s", mb_s);
    else
        jbi_text_adds(out, "<small>not measured now</small>");
    jbi_text_adds(out, "</dd></div>\n");
}

static void add_performance(const jb_report *report, struct text *out)
{
    const char *of = figure_text(report, "restore_estimate_of");
    jbi_text_adds(out, "<section aria-labelledby='performance'>\n"
                       "<h2 id='performance'>Performance</h2>\n<dl class='tiles'>\n");
    add_rate(report, out, "Read", "read_mb_s");
    add_rate(report, out, "Decoded", "decoded_mb_s");
    add_rate(report, out, "Restored", "restored_mb_s");
    jbi_text_adds(out, "<div><dt>Full restore, estimated</dt><dd>");
    if (of != NULL) {
        jbi_markup_duration(out, figure(report, "restore_estimate_ms"));
        jbi_text_adds(out, " <small>of ");
        jbi_markup_text(out, of);
        jbi_text_adds(out, "</small>");
    } else {
        jbi_text_adds(out, "<small>not known</small>");
    }
    jbi_text_adds(out, "</dd></div>\n</dl>\n");
    jbi_tables_runs(report, out);
    jbi_text_adds(out, "</section>\n");
}

static void add_backups(const jb_report *report, struct text *out)
{
    jbi_text_adds(out, "<section aria-labelledby='backups'>\n<h2 id='backups'>Backups</h2>\n");
    jbi_verification_plot(report, out);
    jbi_tables_backups(report, out);
    jbi_text_adds(out, "</section>\n");
}

void jbi_verification_page(const jb_report *report, struct text *out)
{
    jbi_page_head(report, out, add_verdict_text);
    add_verdict(report, out);
    add_proof(report, out);
    jbi_tables_tests(report, out);
    jbi_tables_findings(report, out);
    add_performance(report, out);
    add_backups(report, out);
    jbi_page_foot(report, out);
}
