/* SPDX-License-Identifier: MIT */
/* What the tables of the pages are made of. Every text passes through jbi_markup_text. */
#include "api/page_cells.h"

#include <string.h>

#include "api/page_markup.h"

bool jbi_table_next(const jb_report *report, const char *kind, size_t *row)
{
    for (size_t rows = jb_report_row_count(report); *row < rows; ++*row) {
        const char *is = jb_report_text(report, *row, "row");
        if (is != NULL && strcmp(is, kind) == 0)
            return true;
    }
    return false;
}

const char *jbi_table_tone(int level)
{
    return level >= JB_ERROR ? "bad" : level == JB_WARNING ? "warn" : "info";
}

void jbi_table_badge(struct text *out, const char *tone, const char *raw)
{
    jbi_text_addf(out, "<span class='badge %s'>", tone);
    jbi_markup_text(out, raw);
    jbi_text_adds(out, "</span>");
}

void jbi_cell_text(struct text *out, const char *class, const char *raw)
{
    jbi_text_addf(out, "<td class='%s'>", class);
    jbi_markup_text(out, raw);
    jbi_text_adds(out, "</td>");
}

void jbi_cell_time(struct text *out, const char *iso)
{
    jbi_text_adds(out, "<td class='w'>");
    jbi_markup_time(out, iso);
    jbi_text_adds(out, "</td>");
}

void jbi_cell_size(struct text *out, int64_t bytes)
{
    jbi_text_adds(out, "<td class='n'>");
    jbi_markup_size(out, bytes);
    jbi_text_adds(out, "</td>");
}

void jbi_cell_duration(struct text *out, int64_t ms)
{
    jbi_text_adds(out, "<td class='n' data-name='Took'>");
    jbi_markup_duration(out, ms);
    jbi_text_adds(out, "</td>");
}

void jbi_cell_head(struct text *out, const char *raw)
{
    jbi_text_adds(out, "<tr><th scope='row'>");
    jbi_markup_text(out, raw);
    jbi_text_adds(out, "</th>");
}

void jbi_table_begin(struct text *out, const char *class, const char *name, const char *caption,
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

void jbi_table_end(struct text *out, const char *class)
{
    jbi_text_adds(out, "</tbody>\n</table>\n");
    if (strcmp(class, "scroll") == 0)
        jbi_text_adds(out, "</div>\n");
}

void jbi_table_more(struct text *out, size_t shown, size_t all, const char *what)
{
    if (all > shown)
        jbi_text_addf(out, "<p class='more'>And %zu %s.</p>\n", all - shown, what);
}
