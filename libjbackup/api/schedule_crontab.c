/* SPDX-License-Identifier: MIT */
/* The schedules as lines of a crontab. Each looks every hour, in the minutes of its times, whether
 * a run is due: at its time it is, and at the next hour after one that was missed. */
#include <string.h>

#include "api/schedule_calendar.h"
#include "api/schedule_place.h"
#include "api/session.h"
#include "base/text.h"

struct crontab {
    jb_project *project;
    struct schedule_place place;
    struct arena *arena;
    struct text text;
};

/* A word for sh, in a line of a crontab, where a percent sign would end the command. */
static void add_word(struct text *text, const char *word)
{
    jbi_text_adds(text, "'");
    for (; *word != '\0'; word++) {
        if (*word == '%')
            jbi_text_adds(text, "\\%");
        else if (*word == '\'')
            jbi_text_adds(text, "'\\''");
        else
            jbi_text_add(text, word, 1);
    }
    jbi_text_adds(text, "'");
}

static void add_command(struct crontab *c, const char *tool)
{
    if (strcmp(c->place.path, SCHEDULE_PATH) != 0) {
        jbi_text_adds(&c->text, "PATH=");
        add_word(&c->text, c->place.path);
        jbi_text_adds(&c->text, " ");
    }
    const char *path = jbi_arena_printf(c->arena, "%s/%s", c->place.tools, tool);
    c->text.failed = c->text.failed || path == NULL;
    add_word(&c->text, path ? path : "");
    jbi_text_adds(&c->text, " --quiet --project ");
    add_word(&c->text, c->project->folder);
}

/* Bit n of mask is minute or hour n of count: "*", or a list. */
static void add_field(struct text *text, uint64_t mask, int count)
{
    const char *comma = "";
    bool is_all = true;
    for (int i = 0; i < count; i++)
        is_all = is_all && (mask >> i & 1) != 0;
    if (is_all)
        jbi_text_adds(text, "*");
    for (int i = 0; i < count && !is_all; i++) {
        if ((mask >> i & 1) == 0)
            continue;
        jbi_text_addf(text, "%s%d", comma, i);
        comma = ",";
    }
}

static int fail_untold(const char *name, const char *at, struct jb_error *err)
{
    jbi_fail(err, JB_EINVAL, "the time of \"%s\" can't be told to cron: \"%s\"", name, at);
    jbi_hint(err, "cron knows weekdays, months, days, hours and minutes, such as \"Sun *-*-* "
                  "03:00\"; no seconds, years or time zones");
    return JB_EINVAL;
}

/* What OnFailure= does where there is systemd. */
static int add_alert(struct crontab *c, enum schedule schedule, struct jb_error *err)
{
    const char *unit = jbi_schedule_unit(c->project->name, schedule, c->arena);
    const char *service = unit ? jbi_arena_printf(c->arena, "%s.service", unit) : NULL;
    if (service == NULL)
        return jbi_fail_memory(err);
    jbi_text_adds(&c->text, " || ");
    add_command(c, "jbackup-scheduler");
    jbi_text_adds(&c->text, " alert ");
    add_word(&c->text, service);
    jbi_text_adds(&c->text, "\n");
    return JB_OK;
}

static int add_schedule(struct crontab *c, enum schedule schedule, struct jb_error *err)
{
    struct calendar calendar;
    const char *at = c->project->schedules[schedule].at, *name = jbi_schedule_name(schedule);
    if (!jbi_calendar_parse(&calendar, at))
        return fail_untold(name, at, err);
    jbi_text_addf(&c->text, "# %s: %s\n", name, at);
    add_field(&c->text, calendar.minutes, 60);
    jbi_text_adds(&c->text, " * * * * ");
    add_command(c, "jbackup-scheduler");
    jbi_text_addf(&c->text, " perform --type %s --if-due --by cron", name);
    return add_alert(c, schedule, err);
}

/* The nearest interval not above it that divides an hour, or a day into hours. */
static void add_interval(struct text *text, int minutes)
{
    int hours = minutes / 60;
    if (minutes < 60) {
        while (60 % minutes != 0)
            minutes--;
        if (minutes == 1)
            jbi_text_adds(text, "* * * * * ");
        else
            jbi_text_addf(text, "*/%d * * * * ", minutes);
        return;
    }
    hours = hours > 24 ? 24 : hours;
    while (24 % hours != 0)
        hours--;
    if (hours == 1)
        jbi_text_adds(text, "0 * * * * ");
    else if (hours == 24)
        jbi_text_adds(text, "0 0 * * * ");
    else
        jbi_text_addf(text, "0 */%d * * * ", hours);
}

static int add_monitor(struct crontab *c, struct jb_error *err)
{
    struct calendar calendar;
    const char *at = c->project->schedules[SCHEDULE_MONITOR].at;
    if (at != NULL && !jbi_calendar_parse(&calendar, at))
        return fail_untold("monitor", at, err);
    /* Weekdays and days of the month are an "or" to cron where both are said. */
    if (at != NULL && (calendar.days != UINT64_C(0xfffffffe) ||
                       calendar.months != UINT64_C(0x1ffe) || calendar.weekdays != 127))
        return fail_untold("monitor", at, err);
    if (at != NULL) {
        jbi_text_addf(&c->text, "# monitor: %s\n", at);
        add_field(&c->text, calendar.minutes, 60);
        jbi_text_adds(&c->text, " ");
        add_field(&c->text, calendar.hours, 24);
        jbi_text_adds(&c->text, " * * * ");
    } else {
        jbi_text_addf(&c->text, "# monitor: at least every %d min\n", c->place.monitor_minutes);
        add_interval(&c->text, c->place.monitor_minutes);
    }
    add_command(c, "jbackup-monitor");
    /* What it finds it alerts itself. */
    jbi_text_adds(&c->text, " check --alert >/dev/null 2>&1 || [ $? -eq 1 ]");
    return add_alert(c, SCHEDULE_MONITOR, err);
}

static int make(struct crontab *c, struct jb_error *err)
{
    const char *const paths[] = {c->project->folder, c->place.tools, c->place.path};
    int code = JB_OK;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (strpbrk(paths[i], "\n\r") != NULL)
            return jbi_fail(err, JB_EINVAL, "cron can't be told a path with a line break: \"%s\"",
                            paths[i]);
    }
    jbi_text_adds(&c->text, SCHEDULE_MARK);
    jbi_text_addf(&c->text, "%s\n# A time that was missed is made up for within the hour.\n",
                  c->project->folder);
    for (int i = 0; code == JB_OK && i < SCHEDULE_COUNT; i++) {
        if (!c->project->schedules[i].is_on)
            continue;
        code = i == SCHEDULE_MONITOR ? add_monitor(c, err) : add_schedule(c, (enum schedule)i, err);
    }
    if (code == JB_OK && c->text.failed)
        code = jbi_fail_memory(err);
    return code;
}

int jb_schedule_crontab(jb_project *project, const struct jb_schedule_options *options,
                        jb_report **report, struct jb_error *err)
{
    struct jb_schedule_options wanted = JB_SCHEDULE_OPTIONS_INIT;
    struct arena arena = {0};
    struct crontab c = {.project = project, .arena = &arena};
    int code = jbi_options_take(&wanted, sizeof wanted, options, err);
    jb_report *answer = code == JB_OK ? jbi_report_new() : NULL;
    if (code == JB_OK && answer == NULL)
        code = jbi_fail_memory(err);
    if (code == JB_OK)
        code = jbi_schedule_place(&c.place, project, &wanted, &arena, err);
    if (code == JB_OK)
        code = make(&c, err);
    if (code == JB_OK)
        jbi_row_lines(answer, &answer->figures, "text", c.text.at);
    jbi_text_free(&c.text);
    jbi_arena_free(&arena);
    if (code == JB_OK)
        return jbi_report_hand_over(answer, report, err);
    jb_report_free(answer);
    return code;
}
