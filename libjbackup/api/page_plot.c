/* SPDX-License-Identifier: MIT */
/*
 * The charts. Horizontal places are percent of the plot, vertical ones pixels: so a chart fills any
 * width while its letters keep their size. Labels stand outside of the plot, which doesn't clip.
 */
#include "api/page_plot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/page_axis.h"
#include "api/page_markup.h"
#include "base/clock.h"

#define PLOT_HEIGHT 160
#define PERCENT     1000 /* places are kept in thousandths of a percent */

/* The categories and what is in none of them. */
static const struct {
    const char *name, *path;
} shapes[] = {
    {"daily", "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z"},
    {"weekly", "M-4 -4h8v8h-8z"},
    {"monthly", "M0 -5.5L5.5 4.5H-5.5z"},
    {"other", "M0 -5.5L5 0L0 5.5L-5 0z"},
};
#define SHAPES (sizeof shapes / sizeof *shapes)

/* What both charts share. */
struct plot {
    const jb_report *report;
    struct text *out;
    size_t backups, of_shape[SHAPES];
    int64_t from, to;
};

/* One chart. */
struct chart {
    const char *id, *key, *title;
    struct plot_frame frame;
    int64_t (*step)(int64_t largest);
    int64_t least, largest, newest;
};

/* The next backup at or after *row. */
static bool next_backup(const jb_report *report, size_t *row)
{
    for (size_t rows = jb_report_row_count(report); *row < rows; ++*row) {
        const char *kind = jb_report_text(report, *row, "row");
        if (kind != NULL && strcmp(kind, "backup") == 0)
            return true;
    }
    return false;
}

static size_t shape_of(const jb_report *report, size_t row)
{
    const char *category = jb_report_text(report, row, "category");
    size_t shape = 0;
    while (shape < SHAPES - 1 && (category == NULL || strcmp(category, shapes[shape].name) != 0))
        shape++;
    return shape;
}

static int64_t value_of(const jb_report *report, size_t row, const char *key)
{
    int64_t value = jb_report_number(report, row, key);
    return value < 0 ? 0 : value > AXIS_MOST ? AXIS_MOST : value;
}

static int64_t instant_of(const jb_report *report, size_t row)
{
    int64_t unix_s = jb_report_number(report, row, "created_unix");
    return unix_s < 0 ? 0 : unix_s > AXIS_LAST ? AXIS_LAST : unix_s;
}

static void measure(struct plot *plot)
{
    for (size_t row = 0; next_backup(plot->report, &row); row++) {
        int64_t at = instant_of(plot->report, row);
        if (plot->backups == 0 || at < plot->from)
            plot->from = at;
        if (plot->backups == 0 || at > plot->to)
            plot->to = at;
        plot->of_shape[shape_of(plot->report, row)]++;
        plot->backups++;
    }
}

/* Rows come newest first. */
static void measure_values(const struct plot *plot, struct chart *chart)
{
    bool is_first = true;
    for (size_t row = 0; next_backup(plot->report, &row); row++) {
        int64_t value = value_of(plot->report, row, chart->key);
        if (is_first)
            chart->newest = chart->least = chart->largest = value;
        if (value < chart->least)
            chart->least = value;
        if (value > chart->largest)
            chart->largest = value;
        is_first = false;
    }
}

/* Where an instant is, in thousandths of a percent; marks don't touch the edges. */
static int place_of(const struct plot_frame *frame, int64_t at)
{
    if (frame->to == frame->from)
        return 50 * PERCENT;
    double part = (double)(at - frame->from) / (double)(frame->to - frame->from);
    return 2 * PERCENT + (int)(part * 96 * PERCENT);
}

static void add_place(struct text *out, const char *attribute, int place)
{
    jbi_text_addf(out, " %s='%d.%03d%%'", attribute, place / PERCENT, place % PERCENT);
}

/* Tenths of a pixel from the top. */
static int height_of(const struct plot_frame *frame, int64_t value)
{
    return (int)((1 - (double)value / (double)frame->top) * PLOT_HEIGHT * 10);
}

static void add_values_axis(const struct plot_frame *frame, int64_t step)
{
    for (int64_t value = 0; value <= frame->top; value += step) {
        int y = height_of(frame, value);
        jbi_text_addf(frame->out,
                      "<line class='%s' x1='0' x2='100%%' y1='%d.%d' y2='%d.%d'/>"
                      "<text x='-8' y='%d.%d' dy='.35em' text-anchor='end'>",
                      value == 0 ? "axis" : "grid", y / 10, y % 10, y / 10, y % 10, y / 10, y % 10);
        frame->print(frame->out, value);
        jbi_text_adds(frame->out, "</text>\n");
    }
}

static void add_time_tick(const struct plot_frame *frame, int64_t at, const struct time_axis *axis)
{
    int place = place_of(frame, at);
    jbi_text_adds(frame->out, "<line class='axis'");
    add_place(frame->out, "x1", place);
    add_place(frame->out, "x2", place);
    jbi_text_addf(frame->out, " y1='%d' y2='%d'/><text y='%d' text-anchor='%s'", PLOT_HEIGHT,
                  PLOT_HEIGHT + 5, PLOT_HEIGHT + 20,
                  place < 12 * PERCENT   ? "start"
                  : place > 85 * PERCENT ? "end"
                                         : "middle");
    add_place(frame->out, "x", place);
    jbi_text_adds(frame->out, ">");
    jbi_axis_label(frame->out, axis, at);
    jbi_text_adds(frame->out, "</text>\n");
}

static void add_time_axis(const struct plot_frame *frame)
{
    struct time_axis axis;
    int64_t at = jbi_axis_begin(&axis, frame->from, frame->to);
    for (int ticks = 0; at <= frame->to && ticks < AXIS_TICKS_MAX; ticks++) {
        add_time_tick(frame, at, &axis);
        at = jbi_axis_next(&axis, at);
    }
}

void jbi_plot_begin(struct plot_frame *frame, int64_t largest, int64_t step)
{
    frame->top = (largest + step - 1) / step * step;
    if (frame->top == 0)
        frame->top = step;
    add_values_axis(frame, step);
    add_time_axis(frame);
}

void jbi_plot_place(const struct plot_frame *frame, int64_t at, int64_t value, const char *x,
                    const char *y)
{
    int height = height_of(frame, value);
    add_place(frame->out, x, place_of(frame, at));
    jbi_text_addf(frame->out, " %s='%d.%d'", y, height / 10, height % 10);
}

static void add_mark(const struct plot *plot, const struct chart *chart, size_t row)
{
    const char *shape = shapes[shape_of(plot->report, row)].name;
    int64_t value = value_of(plot->report, row, chart->key);
    jbi_text_addf(plot->out, "<use class='mark %s' href='#mark-%s'", shape, shape);
    jbi_plot_place(&chart->frame, instant_of(plot->report, row), value, "x", "y");
    jbi_text_adds(plot->out, "><title>");
    jbi_markup_text(plot->out, jb_report_text(plot->report, row, "timestamp"));
    jbi_text_adds(plot->out, ", ");
    jbi_markup_text(plot->out, jb_report_text(plot->report, row, "category"));
    jbi_text_adds(plot->out, ": ");
    chart->frame.print(plot->out, value);
    jbi_text_adds(plot->out, "</title></use>\n");
}

static void add_description(const struct plot *plot, const struct chart *chart)
{
    jbi_text_addf(plot->out, "<title id='%s-title'>%s</title>\n<desc id='%s-desc'>", chart->id,
                  chart->title, chart->id);
    jbi_markup_count(plot->out, (int64_t)plot->backups, "backup");
    jbi_text_adds(plot->out, "; least ");
    chart->frame.print(plot->out, chart->least);
    jbi_text_adds(plot->out, ", most ");
    chart->frame.print(plot->out, chart->largest);
    jbi_text_adds(plot->out, ", newest ");
    chart->frame.print(plot->out, chart->newest);
    jbi_text_adds(plot->out, ".</desc>\n");
}

static void add_chart(const struct plot *plot, struct chart *chart)
{
    measure_values(plot, chart);
    chart->frame.out = plot->out;
    chart->frame.from = plot->from;
    chart->frame.to = plot->to;
    jbi_text_addf(plot->out,
                  "<figure>\n<figcaption>%s</figcaption>\n"
                  "<svg class='plot' id='%s' role='img' aria-labelledby='%s-title %s-desc'>\n",
                  chart->title, chart->id, chart->id, chart->id);
    add_description(plot, chart);
    jbi_plot_begin(&chart->frame, chart->largest, chart->step(chart->largest));
    for (size_t row = 0; next_backup(plot->report, &row); row++)
        add_mark(plot, chart, row);
    jbi_text_adds(plot->out, "</svg>\n</figure>\n");
}

/* The legend also defines the shapes. */
static void add_legend(const struct plot *plot)
{
    jbi_text_adds(plot->out, "<ul class='legend'>\n");
    for (size_t i = 0; i < SHAPES; i++) {
        if (plot->of_shape[i] == 0)
            continue;
        jbi_text_addf(plot->out,
                      "<li><svg class='key %s' viewBox='-7 -7 14 14' aria-hidden='true'>"
                      "<path id='mark-%s' d='%s'/></svg>%s (%zu)</li>\n",
                      shapes[i].name, shapes[i].name, shapes[i].path, shapes[i].name,
                      plot->of_shape[i]);
    }
    jbi_text_adds(plot->out, "</ul>\n");
}

static void add_period(const struct plot *plot)
{
    char from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE];
    jbi_timestamp(from, plot->from);
    jbi_timestamp(to, plot->to);
    jbi_text_adds(plot->out, "<p>");
    jbi_markup_count(plot->out, (int64_t)plot->backups, "backup");
    if (memcmp(from, to, strlen("YYYYMMDD")) == 0) {
        jbi_text_adds(plot->out, " of ");
    } else {
        jbi_text_adds(plot->out, " from ");
        jbi_markup_date(plot->out, from);
        jbi_text_adds(plot->out, " to ");
    }
    jbi_markup_date(plot->out, to);
    jbi_text_adds(plot->out, ".</p>\n");
}

void jbi_verification_plot(const jb_report *report, struct text *out)
{
    struct plot plot = {.report = report, .out = out};
    struct chart size = {.id = "sizes",
                         .key = "total_size",
                         .title = "Size of each backup",
                         .frame.print = jbi_markup_size,
                         .step = jbi_axis_size_step};
    struct chart duration = {.id = "durations",
                             .key = "duration_ms",
                             .title = "Time to make each backup",
                             .frame.print = jbi_markup_duration,
                             .step = jbi_axis_duration_step};
    measure(&plot);
    if (plot.backups == 0) {
        jbi_text_adds(out, "<p>There are no backups yet.</p>\n");
        return;
    }
    add_period(&plot);
    add_legend(&plot);
    jbi_text_adds(out, "<div class='charts'>\n");
    add_chart(&plot, &size);
    add_chart(&plot, &duration);
    jbi_text_adds(out, "</div>\n");
}
