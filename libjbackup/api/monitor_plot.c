/* SPDX-License-Identifier: MIT */
/* The charts of age and disk use. Invariant: whatever instants and values the rows have, marks stay
 * within their chart. */
#include "api/monitor_plot.h"

#include "api/page_axis.h"
#include "api/page_cells.h"
#include "api/page_markup.h"
#include "api/page_plot.h"
#include "base/clock.h"

struct point {
    int64_t at, value;
};

/* each calls see for every point, in any order. */
struct series {
    const char *id, *title;
    const jb_report *report;
    struct plot_frame frame;
    int64_t (*step)(int64_t largest);
    void (*each)(struct series *series, void (*see)(struct series *series, struct point point));
    size_t count;
    int64_t largest;
    struct point newest;
};

static int64_t within(int64_t value, int64_t most)
{
    return value < 0 ? 0 : value > most ? most : value;
}

static int64_t instant_of(const jb_report *report, size_t row, const char *key)
{
    return within(jb_report_number(report, row, key), AXIS_LAST);
}

/* Rows come newest first: the age that each backup ended is what lies between it and the next. */
static void each_age(struct series *s, void (*see)(struct series *s, struct point point))
{
    int64_t now_us = 0;
    const char *now = jb_report_text(s->report, JB_FIGURES, "at");
    bool has_newer = now != NULL && jbi_iso_time_parse(now, &now_us);
    int64_t newer = within(now_us / 1000000, AXIS_LAST);
    for (size_t row = 0; jbi_table_next(s->report, "backup", &row); row++) {
        int64_t at = instant_of(s->report, row, "created_unix");
        if (has_newer)
            see(s, (struct point){newer, newer > at ? (newer - at) * 1000 : 0});
        newer = at;
        has_newer = true;
    }
}

static void each_sample(struct series *s, void (*see)(struct series *s, struct point point))
{
    for (size_t row = 0; jbi_table_next(s->report, "disk", &row); row++)
        see(s, (struct point){instant_of(s->report, row, "at_unix"),
                              within(jb_report_number(s->report, row, "used"), AXIS_MOST)});
}

static void measure(struct series *s, struct point point)
{
    if (s->count == 0 || point.at < s->frame.from)
        s->frame.from = point.at;
    if (s->count == 0 || point.at > s->frame.to)
        s->frame.to = point.at;
    if (s->count == 0 || point.at > s->newest.at)
        s->newest = point;
    if (point.value > s->largest)
        s->largest = point.value;
    s->count++;
}

static void add_mark(struct series *s, struct point point)
{
    char day[TIMESTAMP_SIZE];
    jbi_timestamp(day, point.at);
    jbi_text_adds(s->frame.out, "<circle class='mark daily' r='3.5'");
    jbi_plot_place(&s->frame, point.at, point.value, "cx", "cy");
    jbi_text_adds(s->frame.out, "><title>");
    jbi_markup_date(s->frame.out, day);
    jbi_text_adds(s->frame.out, ": ");
    s->frame.print(s->frame.out, point.value);
    jbi_text_adds(s->frame.out, "</title></circle>\n");
}

static void add_chart(struct series *s)
{
    struct text *out = s->frame.out;
    s->each(s, measure);
    if (s->count == 0)
        return;
    jbi_text_addf(out,
                  "<figure>\n<figcaption>%s</figcaption>\n"
                  "<svg class='plot' id='%s' role='img' aria-labelledby='%s-title %s-desc'>\n"
                  "<title id='%s-title'>%s</title>\n<desc id='%s-desc'>most ",
                  s->title, s->id, s->id, s->id, s->id, s->title, s->id);
    s->frame.print(out, s->largest);
    jbi_text_adds(out, ", now ");
    s->frame.print(out, s->newest.value);
    jbi_text_adds(out, ".</desc>\n");
    jbi_plot_begin(&s->frame, s->largest, s->step(s->largest));
    s->each(s, add_mark);
    jbi_text_adds(out, "</svg>\n</figure>\n");
}

void jbi_monitor_plot(const jb_report *report, struct text *out)
{
    struct series age = {.id = "ages",
                         .title = "Age of the newest backup, when the next one came",
                         .report = report,
                         .frame = {.out = out, .print = jbi_markup_duration},
                         .step = jbi_axis_duration_step,
                         .each = each_age};
    struct series disk = {.id = "disk-use",
                          .title = "Used on the disk of the backups",
                          .report = report,
                          .frame = {.out = out, .print = jbi_markup_size},
                          .step = jbi_axis_size_step,
                          .each = each_sample};
    jbi_text_adds(out, "<div class='charts'>\n");
    add_chart(&age);
    add_chart(&disk);
    jbi_text_adds(out, "</div>\n");
}
