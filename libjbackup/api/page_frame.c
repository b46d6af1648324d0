/* SPDX-License-Identifier: MIT */
/* The frame of a page: it loads nothing and runs nothing, and says so to the browser. */
#include "api/page_frame.h"

#include "api/page_markup.h"

static const char *figure_text(const jb_report *report, const char *key)
{
    return jb_report_text(report, JB_FIGURES, key);
}

void jbi_page_head(const jb_report *report, struct text *out,
                   void (*verdict)(const jb_report *report, struct text *out))
{
    jbi_text_adds(out, "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
                       "<meta http-equiv='Content-Security-Policy' "
                       "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
                       "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
                       "<meta name='color-scheme' content='light dark'>\n"
                       "<meta name='referrer' content='no-referrer'>\n<title>");
    verdict(report, out);
    jbi_text_adds(out, " - ");
    jbi_markup_text(out, figure_text(report, "project"));
    jbi_text_adds(out, " on ");
    jbi_markup_text(out, figure_text(report, "host"));
    jbi_text_adds(out, "</title>\n<style>\n");
    jbi_text_adds(out, jbi_verification_style);
    jbi_text_adds(out, "</style>\n</head>\n<body>\n<main>\n");
}

static void add_fact(const jb_report *report, struct text *out, const char *name, const char *key)
{
    jbi_text_addf(out, "<div><dt>%s</dt><dd>", name);
    if (figure_text(report, key) != NULL)
        jbi_markup_time(out, figure_text(report, key));
    else
        jbi_text_adds(out, "not known");
    jbi_text_adds(out, "</dd></div>\n");
}

void jbi_page_facts(const jb_report *report, struct text *out)
{
    jbi_text_adds(out, "<dl class='facts'>\n");
    add_fact(report, out, "When", "at");
    add_fact(report, out, "Host", "host");
    add_fact(report, out, "Project", "project");
    add_fact(report, out, "Repository", "repository");
    add_fact(report, out, "Version", "tool");
    jbi_text_adds(out, "<div><dt>Took</dt><dd>");
    jbi_markup_duration(out, jb_report_number(report, JB_FIGURES, "duration_ms"));
    jbi_text_adds(out, "</dd></div>\n</dl>\n");
}

void jbi_page_code(struct text *out, const char *raw)
{
    jbi_text_adds(out, "<code>");
    jbi_markup_text(out, raw);
    jbi_text_adds(out, "</code>");
}

void jbi_page_foot(const jb_report *report, struct text *out)
{
    const char *json = figure_text(report, "json");
    jbi_text_adds(out, "</main>\n<footer>");
    if (json != NULL) {
        jbi_text_adds(out, "The same for programs: ");
        jbi_page_code(out, json);
    }
    jbi_text_adds(out, "</footer>\n</body>\n</html>\n");
}
