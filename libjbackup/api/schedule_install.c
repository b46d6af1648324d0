/* SPDX-License-Identifier: MIT */
/* The units of the project's schedules: shown, and installed. */
#include "api/schedule_install.h"

#include <string.h>
#include <unistd.h>

#include "api/line_diff.h"
#include "api/program.h"
#include "api/schedule_linger.h"
#include "api/session.h"

static int begin(struct installation *in, jb_project *project, struct jb_schedule_options *options,
                 const struct jb_schedule_options *from, struct jb_error *err)
{
    *in = (struct installation){.project = project, .folder_fd = -1};
    int code = jbi_options_take(options, sizeof *options, from, err);
    if (code < 0)
        return code;
    in->report = jbi_report_new();
    if (in->report == NULL)
        return jbi_fail_memory(err);
    return jbi_schedule_folder_plan(&in->folder, &in->place, project, options, &in->arena, err);
}

static int end(struct installation *in, int code, jb_report **report, struct jb_error *err)
{
    if (in->folder_fd >= 0)
        close(in->folder_fd);
    jbi_arena_free(&in->arena);
    if (code == JB_OK)
        return jbi_report_hand_over(in->report, report, err);
    jb_report_free(in->report);
    return code;
}

static void report_place(const struct installation *in)
{
    struct record *figures = &in->report->figures;
    jbi_row_text(in->report, figures, "folder", in->folder.path);
    jbi_row_text(in->report, figures, "run_as",
                 in->place.manager == SYSTEMD_USER ? NULL
                 : in->place.user != NULL          ? in->place.user
                                                   : "root");
    jbi_row_text(in->report, figures, "project", in->project->folder);
    jbi_row_text(in->report, figures, "tools", in->place.tools);
}

int jb_schedule_units(jb_project *project, const struct jb_schedule_options *options,
                      jb_report **report, struct jb_error *err)
{
    struct jb_schedule_options wanted = JB_SCHEDULE_OPTIONS_INIT;
    struct installation in;
    int code = begin(&in, project, &wanted, options, err);
    if (code == JB_OK)
        report_place(&in);
    for (size_t i = 0; code == JB_OK && i < in.folder.count; i++) {
        const struct unit_file *file = &in.folder.files[i];
        if (file->wanted == NULL)
            continue;
        struct record *row = jbi_report_row(in.report);
        jbi_row_text(in.report, row, "unit", file->name);
        jbi_row_text(in.report, row, "path", file->path);
        jbi_row_lines(in.report, row, "text", file->wanted);
        jbi_row_text(in.report, row, "state", jbi_unit_state_name(file->state));
    }
    return end(&in, code, report, err);
}

/* ---- Install -------------------------------------------------------------------------------- */

/* Whoever can replace a tool that root runs by the clock is root. */
static void check_tools(struct installation *in)
{
    static const char *const names[] = {"jbackup-scheduler", "jbackup-monitor"};
    bool has_monitor = in->project->schedules[SCHEDULE_MONITOR].is_on;
    if (in->place.manager == SYSTEMD_USER || in->place.user != NULL)
        return;
    for (size_t i = 0; i < (has_monitor ? 2 : 1); i++) {
        const char *path = jbi_arena_printf(&in->arena, "%s/%s", in->place.tools, names[i]);
        if (path == NULL)
            in->report->failed = true;
        else
            jbi_program_is_ours(path, &in->arena, in->report);
    }
}

static void report_kept(struct installation *in, struct record *row, const struct unit_file *file)
{
    const char *diff = file->wanted ? jbi_line_diff(file->found, file->path, file->wanted,
                                                    "as it would be made", &in->arena)
                                    : "";
    in->report->failed = in->report->failed || diff == NULL;
    jbi_row_lines(in->report, row, "diff", diff ? diff : "");
    jbi_finding(in->report, JB_WARNING, file->name,
                file->wanted ? "was edited by hand, so it is kept as it is"
                             : "is no longer wanted, but was edited by hand, so it is kept, "
                               "disabled");
    jbi_finding_hint(in->report, "jbackup-scheduler install --force %s it",
                     file->wanted ? "replaces" : "removes");
}

static int report_next(struct installation *in, struct record *row, const struct unit_plan *unit,
                       struct jb_error *err)
{
    struct systemd_unit now;
    int code = jbi_systemd_show(in->place.manager, unit->file->name, &in->arena, &now, err);
    if (code < 0)
        return code;
    jbi_row_text(in->report, row, "next", *now.next ? now.next : NULL);
    if (now.has_next)
        return JB_OK;
    jbi_finding(in->report, JB_WARNING, unit->file->name, "has no next time: it starts nothing");
    jbi_finding_hint(in->report, "\"systemd-analyze calendar EXPRESSION\" says when a time is");
    return JB_OK;
}

static int report_units(struct installation *in, bool dry_run, struct jb_error *err)
{
    static const char *const changes[] = {"new", "changed", "same", "kept", "removed"};
    int code = JB_OK;
    for (size_t i = 0; code == JB_OK && i < in->folder.count; i++) {
        const struct unit_plan *unit = &in->units[i];
        struct record *row = jbi_report_row(in->report);
        jbi_row_text(in->report, row, "unit", unit->file->name);
        jbi_row_text(in->report, row, "path", unit->file->path);
        jbi_row_text(in->report, row, "change", changes[unit->change]);
        if (dry_run && unit->file->wanted != NULL)
            jbi_row_lines(in->report, row, "text", unit->file->wanted);
        if (!dry_run && jbi_unit_is_timer(unit->file->name) && unit->file->wanted != NULL)
            code = report_next(in, row, unit, err);
        if (unit->change == CHANGE_KEPT)
            report_kept(in, row, unit->file);
    }
    return code;
}

/* Where there is none, a crontab does. */
static int check_systemd(struct installation *in, struct jb_error *err)
{
    const char *state;
    struct jb_error why = {0};
    int code = jbi_systemd_state(in->place.manager, &in->arena, &state, &why);
    if (code == JB_OK)
        return JB_OK;
    if (code != JB_EUNSUPPORTED)
        return jbi_fail(err, code, "%s", why.text);
    jbi_fail(err, code, "%s is not running here (%s)",
             in->place.manager == SYSTEMD_USER ? "this user's systemd" : "systemd", why.text);
    jbi_hint(err, "\"jbackup-scheduler install --cron\" prints the same schedule for cron");
    return code;
}

static size_t count_planned(const struct installation *in)
{
    size_t count = 0;
    for (size_t i = 0; i < in->folder.count; i++)
        count += in->units[i].change != CHANGE_SAME && in->units[i].change != CHANGE_KEPT;
    return count;
}

int jb_schedule_install(jb_project *project, const struct jb_schedule_options *options,
                        jb_report **report, struct jb_error *err)
{
    struct jb_schedule_options wanted = JB_SCHEDULE_OPTIONS_INIT;
    struct jb_error unwanted = {0};
    struct installation in;
    size_t changed = 0;
    err = err != NULL ? err : &unwanted;
    int code = begin(&in, project, &wanted, options, err);
    if (code == JB_OK)
        code = jbi_install_plan(&in, wanted.force != 0, err);
    if (code == JB_OK)
        code = jbi_install_check_times(&in, err);
    if (code == JB_OK && !wanted.dry_run)
        code = check_systemd(&in, err);
    if (code == JB_OK)
        code = jbi_install_check(&in, err);
    if (code == JB_OK)
        check_tools(&in);
    if (code == JB_OK && wanted.dry_run)
        changed = count_planned(&in);
    else if (code == JB_OK)
        code = jbi_install_do(&in, &changed, err);
    if (code == JB_OK)
        code = report_units(&in, wanted.dry_run != 0, err);
    if (code == JB_OK) {
        report_place(&in);
        jbi_row_number(in.report, &in.report->figures, "changed", (int64_t)changed);
        if (wanted.user)
            jbi_schedule_check_linger(&in.arena, in.report);
    }
    return end(&in, code, report, err);
}
