/* SPDX-License-Identifier: MIT */
/* The page of the health report, section by section. Every text of the report passes through
 * jbi_markup_text; ages are counted up to the report, and say so. */
#include "api/monitor_page.h"

#include <inttypes.h>
#include <string.h>

#include "api/monitor_plot.h"
#include "api/page_cells.h"
#include "api/page_frame.h"
#include "api/page_markup.h"
#include "api/page_plot.h"
#include "api/verification_tables.h"

#define PAGE_INCIDENTS 100

static int64_t figure(const jb_report *report, const char *key)
{
    return jb_report_number(report, JB_FIGURES, key);
}

static const char *figure_text(const jb_report *report, const char *key)
{
    return jb_report_text(report, JB_FIGURES, key);
}

static int64_t checks_known(void)
{
    int64_t known = 0;
    while (jb_monitor_check_name((size_t)known) != NULL)
        known++;
    return known;
}

static const char *tone_of(int level)
{
    return level >= JB_WARNING ? jbi_table_tone(level) : "ok";
}

/* ---- Verdict -------------------------------------------------------------------------------- */

static void add_verdict_text(const jb_report *report, struct text *out)
{
    int64_t checks = figure(report, "checks"), bad = figure(report, "bad");
    int verdict = jb_report_verdict(report);
    const char *plural = checks == 1 ? "" : "s";
    if (checks == 0)
        jbi_text_adds(out, "No check was run: nothing is known");
    else if (verdict >= JB_WARNING)
        jbi_text_addf(out, "%s: %" PRId64 " of %" PRId64 " check%s found something wrong",
                      jb_level_name(verdict), bad, checks, plural);
    else
        jbi_text_addf(out, "%s fine: %" PRId64 " of %" PRId64 " check%s",
                      checks < checks_known() ? "What was looked at is" : "Everything is",
                      checks - bad, checks, plural);
}

/* The names of the checks that found something, worst first. */
static void add_bad_checks(const jb_report *report, struct text *out)
{
    const char *before = "<p>Look at: <strong>";
    for (int level = JB_CRITICAL; level >= JB_WARNING; level--) {
        for (size_t row = 0; jbi_table_next(report, "check", &row); row++) {
            const char *is = jb_report_text(report, row, "level");
            if (is == NULL || strcmp(is, jb_level_name(level)) != 0)
                continue;
            jbi_text_adds(out, before);
            jbi_markup_text(out, jb_report_text(report, row, "check"));
            before = ", ";
        }
    }
    if (before[0] == ',')
        jbi_text_adds(
            out, "</strong>. The <a href='#findings'>findings</a> say why and what to do.</p>\n");
}

static void add_verdict(const jb_report *report, struct text *out)
{
    int64_t checks = figure(report, "checks");
    jbi_text_addf(out, "<header class='verdict %s'>\n<p class='about'>Health of backups</p>\n<h1>",
                  checks == 0 ? "bad" : tone_of(jb_report_verdict(report)));
    add_verdict_text(report, out);
    jbi_text_adds(out, "</h1>\n");
    add_bad_checks(report, out);
    if (checks < checks_known())
        jbi_text_addf(out,
                      "<p>Only %" PRId64 " of the %" PRId64
                      " checks %s run: this says nothing of the rest.</p>\n",
                      checks, checks_known(), checks == 1 ? "was" : "were");
    jbi_page_facts(report, out);
    jbi_text_adds(out, "</header>\n");
}

/* ---- What could be restored ----------------------------------------------------------------- */

static int level_of_check(const jb_report *report, const char *name)
{
    for (size_t row = 0; jbi_table_next(report, "check", &row); row++) {
        const char *is = jb_report_text(report, row, "check");
        const char *level = jb_report_text(report, row, "level");
        for (int i = JB_CRITICAL; is != NULL && level != NULL && i > JB_INFO; i--) {
            if (strcmp(is, name) == 0 && strcmp(level, jb_level_name(i)) == 0)
                return i;
        }
    }
    return JB_INFO;
}

/* "3 hours before this report (2026-...)." */
static void add_when(const jb_report *report, struct text *out, const char *age, const char *at)
{
    int64_t age_s = figure(report, age);
    if (age_s >= 0) {
        jbi_text_adds(out, " <strong>");
        jbi_markup_age(out, age_s);
        jbi_text_adds(out, "</strong> before this report");
    }
    if (figure_text(report, at) != NULL) {
        jbi_text_adds(out, " (");
        jbi_markup_time(out, figure_text(report, at));
        jbi_text_adds(out, ")");
    }
    jbi_text_adds(out, ".</p>\n");
}

static void add_newest(const jb_report *report, struct text *out)
{
    if (figure_text(report, "newest") == NULL) {
        jbi_text_adds(out, "<p class='note bad'>There are no backups: there is nothing to "
                           "restore.</p>\n");
        return;
    }
    jbi_text_addf(out, "<p class='note %s'>The newest backup ",
                  tone_of(level_of_check(report, "freshness")));
    jbi_page_code(out, figure_text(report, "newest"));
    jbi_text_adds(out, " was made");
    add_when(report, out, "newest_age_s", "newest_at");
    const char *proved = figure_text(report, "proved");
    if (proved == NULL) {
        jbi_text_adds(out, "<p class='note warn'>No backup has been proved by a restore.</p>\n");
        return;
    }
    jbi_text_addf(out, "<p class='note %s'>The newest that is proved, ",
                  tone_of(level_of_check(report, "proof")));
    jbi_page_code(out, proved);
    jbi_text_adds(out, ", was restored and found equal");
    add_when(report, out, "proof_age_s", "proved_at");
}

static void begin_tile(struct text *out, const char *tone, const char *name)
{
    jbi_text_addf(out, "<div class='%s'><dt>%s</dt><dd>", tone, name);
}

static void end_tile(struct text *out, const char *what)
{
    jbi_text_addf(out, " <small>%s</small></dd></div>\n", what);
}

static void add_size_tile(const jb_report *report, struct text *out, const char *name,
                          const char *key, const char *what)
{
    begin_tile(out, "", name);
    jbi_markup_size(out, figure(report, key));
    end_tile(out, what);
}

static void add_count_tile(const jb_report *report, struct text *out, const char *name,
                           const char *key, const char *tone, const char *what)
{
    begin_tile(out, figure(report, key) > 0 ? tone : "", name);
    jbi_text_addf(out, "%" PRId64, figure(report, key));
    end_tile(out, what);
}

static void add_disk_tiles(const jb_report *report, struct text *out)
{
    int64_t days = figure(report, "disk_full_days");
    if (figure(report, "disk_total") <= 0)
        return;
    begin_tile(out, level_of_check(report, "disk") >= JB_WARNING ? "bad" : "", "Disk");
    jbi_text_addf(out, "%" PRId64 "%%", figure(report, "disk_used_percent"));
    end_tile(out, "used");
    begin_tile(out, "", "Disk full in");
    if (days >= 0)
        jbi_markup_count(out, days, "day");
    else
        jbi_text_adds(out, "-");
    end_tile(out, days >= 0 ? "at the present pace" : "it does not grow, or not known");
}

static void add_restorable(const jb_report *report, struct text *out)
{
    jbi_text_adds(out, "<section aria-labelledby='state'>\n<h2 id='state'>What could be "
                       "restored</h2>\n");
    add_newest(report, out);
    jbi_text_adds(out, "<dl class='tiles'>\n");
    add_count_tile(report, out, "Backups", "backups", "", "in the repository");
    add_size_tile(report, out, "Newest", "newest_size", "stored");
    add_size_tile(report, out, "All", "stored_size", "on the disk");
    add_disk_tiles(report, out);
    add_count_tile(report, out, "Incidents", "incidents", "bad", "open");
    add_count_tile(report, out, "Alerts", "waiting", "bad", "wait to be sent");
    jbi_text_adds(out, "</dl>\n</section>\n");
}

/* ---- Tables --------------------------------------------------------------------------------- */

static void add_check(const jb_report *report, struct text *out, size_t row)
{
    const char *level = jb_report_text(report, row, "level");
    const char *did = jb_report_text(report, row, "did");
    const char *tone = "ok";
    for (int i = JB_WARNING; level != NULL && i <= JB_CRITICAL; i++) {
        if (strcmp(level, jb_level_name(i)) == 0)
            tone = jbi_table_tone(i);
    }
    jbi_cell_head(out, jb_report_text(report, row, "check"));
    jbi_text_adds(out, "<td>");
    jbi_table_badge(out, tone, strcmp(tone, "ok") == 0 ? "fine" : level);
    jbi_text_adds(out, "</td>");
    if (did != NULL && *did != '\0')
        jbi_cell_text(out, "", did);
    else
        jbi_text_adds(out, "<td><small>nothing that could be told</small></td>");
    jbi_cell_duration(out, jb_report_number(report, row, "duration_ms"));
    jbi_text_adds(out, "</tr>\n");
}

static void add_checks(const jb_report *report, struct text *out)
{
    jbi_text_adds(out, "<section aria-labelledby='checks'>\n<h2 id='checks'>Checks</h2>\n");
    jbi_table_begin(out, "rows", "check-table", "In the order in which they ran.",
                    "Check|Result|What was seen|Took#");
    for (size_t row = 0; jbi_table_next(report, "check", &row); row++)
        add_check(report, out, row);
    jbi_table_end(out, "rows");
    jbi_text_adds(out, "</section>\n");
}

static void add_incident(const jb_report *report, struct text *out, size_t row)
{
    const char *level = jb_report_text(report, row, "level");
    const char *told_at = jb_report_text(report, row, "told_at");
    bool is_warning = level != NULL && strcmp(level, jb_level_name(JB_WARNING)) == 0;
    jbi_text_adds(out, "<tr><td>");
    jbi_table_badge(out, jbi_table_tone(is_warning ? JB_WARNING : JB_ERROR), level);
    jbi_text_adds(out, "</td><th scope='row'>");
    jbi_markup_text(out, jb_report_text(report, row, "key"));
    jbi_text_adds(out, "</th><td>");
    jbi_markup_text(out, jb_report_text(report, row, "message"));
    jbi_text_adds(out, "<span class='hint'>Since ");
    jbi_markup_time(out, jb_report_text(report, row, "opened_at"));
    if (told_at != NULL) {
        jbi_text_adds(out, ", last told ");
        jbi_markup_time(out, told_at);
    }
    jbi_text_adds(out, "</span></td></tr>\n");
}

static void add_incidents(const jb_report *report, struct text *out)
{
    size_t incidents = 0;
    jbi_text_adds(out, "<section aria-labelledby='incidents'>\n"
                       "<h2 id='incidents'>Open incidents</h2>\n");
    for (size_t row = 0; jbi_table_next(report, "incident", &row); row++) {
        if (incidents == 0)
            jbi_table_begin(out, "rows", "incident-table", "What lasts, and when it was last told.",
                            "Level|Incident|What is wrong");
        if (incidents++ < PAGE_INCIDENTS)
            add_incident(report, out, row);
    }
    if (incidents == 0) {
        jbi_text_adds(out, "<p>None.</p>\n</section>\n");
        return;
    }
    jbi_table_end(out, "rows");
    jbi_table_more(out, PAGE_INCIDENTS, incidents, "more");
    jbi_text_adds(out, "</section>\n");
}

static void add_backups(const jb_report *report, struct text *out)
{
    jbi_text_adds(out, "<section aria-labelledby='backups'>\n<h2 id='backups'>Backups</h2>\n");
    jbi_verification_plot(report, out);
    jbi_monitor_plot(report, out);
    jbi_tables_backups(report, out);
    jbi_text_adds(out, "</section>\n");
}

void jbi_monitor_page(const jb_report *report, struct text *out)
{
    jbi_page_head(report, out, add_verdict_text);
    add_verdict(report, out);
    add_restorable(report, out);
    add_checks(report, out);
    jbi_tables_findings(report, out);
    add_incidents(report, out);
    add_backups(report, out);
    jbi_page_foot(report, out);
}
