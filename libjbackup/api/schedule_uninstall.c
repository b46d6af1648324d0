/* SPDX-License-Identifier: MIT */
/* Takes the project's units out again. Invariant: only files that have our mark for this project
 * are removed, edited or not; what failed to go is told, the rest goes all the same. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "adapter/systemd_change.h"
#include "api/schedule_folder.h"
#include "api/session.h"
#include "base/scope.h"

struct removal {
    jb_project *project;
    struct jb_schedule_options options;
    jb_report *report;
    struct schedule_folder folder;
    struct arena arena;
    size_t changed;
};

static int ask_systemd(struct removal *r, struct jb_error *err)
{
    const char *state;
    return jbi_systemd_state(r->folder.manager, &r->arena, &state, err);
}

static int disable(struct removal *r, struct jb_error *err)
{
    const char **names = jbi_arena_alloc(&r->arena, (r->folder.count + 1) * sizeof *names);
    size_t count = 0;
    if (names == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < r->folder.count; i++) {
        if (jbi_unit_is_timer(r->folder.files[i].name))
            names[count++] = r->folder.files[i].name;
    }
    return jbi_systemd_disable(r->folder.manager, names, count, err);
}

/* Where a timer that makes up for missed times remembers its last one. */
static void remove_stamp(struct removal *r, const char *timer)
{
    const char *folder = jbi_systemd_stamps(r->folder.manager, &r->arena);
    const char *stamp = folder ? jbi_arena_printf(&r->arena, "%s/stamp-%s", folder, timer) : NULL;
    if (stamp == NULL || unlink(stamp) == 0 || errno == ENOENT)
        return;
    jbi_finding(r->report, JB_WARNING, timer, "its time stamp \"%s\" could not be removed: %s",
                stamp, strerrordesc_np(errno));
}

/* While a unit is loaded, so that systemd knows it by its name. */
static void stop(struct removal *r)
{
    for (size_t i = 0; i < r->folder.count; i++)
        jbi_systemd_forget(r->folder.manager, r->folder.files[i].name);
}

static int remove_files(struct removal *r, struct jb_error *err)
{
    scope_fd int fd = open(r->folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open \"%s\"", r->folder.path);
    for (size_t i = 0; i < r->folder.count; i++) {
        const char *name = r->folder.files[i].name;
        if (unlinkat(fd, name, 0) < 0 && errno != ENOENT)
            return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s/%s\"", r->folder.path, name);
        r->changed++;
        if (jbi_unit_is_timer(name))
            remove_stamp(r, name);
    }
    return fsync(fd) < 0 ? jbi_fail_errno(err, JB_EIO, "cannot sync \"%s\"", r->folder.path)
                         : JB_OK;
}

static void report_units(struct removal *r)
{
    for (size_t i = 0; i < r->folder.count; i++) {
        struct record *row = jbi_report_row(r->report);
        jbi_row_text(r->report, row, "unit", r->folder.files[i].name);
        jbi_row_text(r->report, row, "path", r->folder.files[i].path);
        jbi_row_text(r->report, row, "change", "removed");
    }
}

static int check_writable(const struct removal *r, struct jb_error *err)
{
    if (faccessat(AT_FDCWD, r->folder.path, W_OK | X_OK, AT_EACCESS) == 0)
        return JB_OK;
    jbi_fail_errno(err, JB_EIO, "cannot write to \"%s\"", r->folder.path);
    jbi_hint(err, r->folder.manager == SYSTEMD_SYSTEM
                      ? "run as root; --user is for the units of this user"
                      : "it must belong to this user");
    return JB_EIO;
}

static int take_out(struct removal *r, struct jb_error *err)
{
    int code = check_writable(r, err);
    if (code == JB_OK)
        code = ask_systemd(r, err);
    if (code == JB_OK)
        code = disable(r, err);
    if (code < 0)
        return code;
    stop(r);
    code = remove_files(r, err);
    if (code == JB_OK)
        code = jbi_systemd_reload(r->folder.manager, err);
    return code;
}

int jb_schedule_uninstall(jb_project *project, const struct jb_schedule_options *options,
                          jb_report **report, struct jb_error *err)
{
    struct removal r = {.project = project, .options = JB_SCHEDULE_OPTIONS_INIT};
    int code = jbi_options_take(&r.options, sizeof r.options, options, err);
    if (code < 0)
        return code;
    r.report = jbi_report_new();
    if (r.report == NULL)
        return jbi_fail_memory(err);
    code = jbi_schedule_folder(&r.folder, r.options.user ? SYSTEMD_USER : SYSTEMD_SYSTEM, &r.arena,
                               err);
    if (code == JB_OK)
        code = jbi_schedule_folder_ours(&r.folder, project, &r.arena, err);
    if (code == JB_OK && r.folder.count > 0 && !r.options.dry_run)
        code = take_out(&r, err);
    if (code == JB_OK) {
        report_units(&r);
        jbi_row_text(r.report, &r.report->figures, "folder", r.folder.path);
        jbi_row_number(r.report, &r.report->figures, "changed",
                       (int64_t)(r.options.dry_run ? r.folder.count : r.changed));
    }
    jbi_arena_free(&r.arena);
    if (code == JB_OK)
        return jbi_report_hand_over(r.report, report, err);
    jb_report_free(r.report);
    return code;
}
