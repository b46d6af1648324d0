/* SPDX-License-Identifier: MIT */
/* Putting units in place. Invariant: each file is the old or the new one at any moment, and when a
 * step fails, those before it are undone. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/systemd_change.h"
#include "api/schedule_install.h"
#include "base/error.h"
#include "base/report.h"
#include "os/file.h"

#define UNIT_MODE 0644

/* ---- Planning ------------------------------------------------------------------------------- */

static enum unit_change decide(const struct unit_file *file, bool force)
{
    if (file->state == UNIT_EDITED && !force)
        return CHANGE_KEPT;
    if (file->wanted == NULL)
        return CHANGE_REMOVED;
    if (file->state == UNIT_SAME)
        return CHANGE_SAME;
    return file->state == UNIT_ABSENT ? CHANGE_NEW : CHANGE_CHANGED;
}

int jbi_install_plan(struct installation *in, bool force, struct jb_error *err)
{
    const struct schedule_folder *folder = &in->folder;
    in->units = jbi_arena_alloc(&in->arena, (folder->count + 1) * sizeof *in->units);
    if (in->units == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < folder->count; i++) {
        const struct unit_file *file = &folder->files[i];
        if (file->state == UNIT_FOREIGN) {
            jbi_fail(err, JB_EINVAL, "\"%s\" was not made by jbackup-scheduler for \"%s\"",
                     file->path, in->project->folder);
            jbi_hint(err, "move it away, or give this project another \"name\" in jbackup.json");
            return JB_EINVAL;
        }
        in->units[i] = (struct unit_plan){.file = file, .change = decide(file, force)};
    }
    return JB_OK;
}

/* ---- Files ---------------------------------------------------------------------------------- */

static int make_folders(const char *path, struct arena *arena, struct jb_error *err)
{
    char *part = jbi_arena_text(arena, path);
    if (part == NULL)
        return jbi_fail_memory(err);
    for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return jbi_fail_errno(err, JB_EIO, "cannot make the folder \"%s\"", part);
        if (slash == NULL)
            return JB_OK;
        *slash = '/';
    }
}

static int open_folder(struct installation *in, struct jb_error *err)
{
    const char *path = in->folder.path;
    int code = make_folders(path, &in->arena, err);
    if (code < 0)
        return code;
    in->folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (in->folder_fd >= 0 && faccessat(in->folder_fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
        return JB_OK;
    jbi_fail_errno(err, JB_EIO, "cannot write to \"%s\"", path);
    jbi_hint(err, in->place.manager == SYSTEMD_SYSTEM
                      ? "run as root, or install for this user alone with --user"
                      : "it must belong to this user");
    return JB_EIO;
}

/* In their sandbox the services can write to the repository only if it is there. */
static int make_repository(const struct installation *in, struct jb_error *err)
{
    const char *path = in->project->backup_dir;
    struct passwd entry, *found = NULL;
    char texts[4096];
    if (mkdir(path, 0700) < 0)
        return errno == EEXIST
                   ? JB_OK
                   : jbi_fail_errno(err, JB_EIO, "cannot make the repository \"%s\"", path);
    if (in->place.manager == SYSTEMD_USER || in->place.user == NULL)
        return JB_OK;
    if (getpwnam_r(in->place.user, &entry, texts, sizeof texts, &found) != 0 || found == NULL ||
        lchown(path, found->pw_uid, found->pw_gid) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot give the repository \"%s\" to \"%s\"", path,
                              in->place.user);
    return JB_OK;
}

static int put(const struct installation *in, const char *name, const char *text,
               struct jb_error *err)
{
    if (text != NULL)
        return jbi_file_write_atomic(in->folder_fd, name, text, strlen(text), UNIT_MODE, err);
    if ((unlinkat(in->folder_fd, name, 0) < 0 && errno != ENOENT) || fsync(in->folder_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s/%s\"", in->folder.path, name);
    return JB_OK;
}

static bool is_to_be_put(const struct unit_plan *unit)
{
    return unit->change == CHANGE_NEW || unit->change == CHANGE_CHANGED ||
           unit->change == CHANGE_REMOVED;
}

static int put_all(struct installation *in, struct jb_error *err)
{
    for (size_t i = 0; i < in->folder.count; i++) {
        struct unit_plan *unit = &in->units[i];
        if (!is_to_be_put(unit))
            continue;
        const char *text = unit->change == CHANGE_REMOVED ? NULL : unit->file->wanted;
        unit->is_done = true;
        int code = put(in, unit->file->name, text, err);
        if (code < 0)
            return code;
    }
    return JB_OK;
}

/* ---- Timers --------------------------------------------------------------------------------- */

static int look_at_timers(struct installation *in, struct jb_error *err)
{
    for (size_t i = 0; i < in->folder.count; i++) {
        struct unit_plan *unit = &in->units[i];
        struct systemd_unit now;
        if (!jbi_unit_is_timer(unit->file->name) || unit->file->state == UNIT_ABSENT)
            continue;
        int code = jbi_systemd_show(in->place.manager, unit->file->name, &in->arena, &now, err);
        if (code < 0)
            return code;
        unit->was_enabled = strcmp(now.unit_file_state, "enabled") == 0;
        unit->was_active = strcmp(now.active_state, "active") == 0;
    }
    return JB_OK;
}

static bool is_to_run(const struct unit_plan *unit)
{
    return jbi_unit_is_timer(unit->file->name) && unit->file->wanted != NULL;
}

static bool is_to_start(const struct unit_plan *unit)
{
    return is_to_run(unit) && !(unit->was_enabled && unit->was_active);
}

static bool is_to_end(const struct unit_plan *unit)
{
    return jbi_unit_is_timer(unit->file->name) && unit->file->wanted == NULL &&
           (unit->was_enabled || unit->was_active);
}

static bool was_running(const struct unit_plan *unit)
{
    return jbi_unit_is_timer(unit->file->name) && unit->was_enabled && unit->was_active;
}

static bool is_begun(const struct unit_plan *unit)
{
    return is_to_start(unit) && unit->file->state == UNIT_ABSENT;
}

typedef int systemd_verb(enum systemd_manager, const char *const *, size_t, struct jb_error *);

/* Does it to all units for which is_meant says so. */
static int each(struct installation *in, systemd_verb *verb,
                bool (*is_meant)(const struct unit_plan *), struct jb_error *err)
{
    const char **names = jbi_arena_alloc(&in->arena, (in->folder.count + 1) * sizeof *names);
    size_t count = 0;
    if (names == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < in->folder.count; i++) {
        if (is_meant(&in->units[i]))
            names[count++] = in->units[i].file->name;
    }
    return verb(in->place.manager, names, count, err);
}

/* ---- All or none ---------------------------------------------------------------------------- */

/* Puts back the files and the timers as they were. What can't be is told as a finding of its own:
 * the caller gives no report with an error. */
static int undo(struct installation *in, struct jb_error *err)
{
    struct jb_error first = {0}, unwanted = {0};
    (void)each(in, jbi_systemd_disable, is_begun, &unwanted);
    for (size_t i = 0; i < in->folder.count; i++) {
        if (in->units[i].is_done)
            (void)put(in, in->units[i].file->name, in->units[i].file->found, &first);
    }
    (void)jbi_systemd_reload(in->place.manager, &first);
    (void)each(in, jbi_systemd_enable, was_running, &first);
    if (first.code == 0)
        return JB_EROLLEDBACK;
    jbi_hint(err, "and the old units could not be put back: %.300s", first.text);
    return JB_EROLLBACK;
}

static size_t count_changes(const struct installation *in)
{
    size_t changed = 0;
    for (size_t i = 0; i < in->folder.count; i++)
        changed +=
            is_to_be_put(&in->units[i]) || is_to_start(&in->units[i]) || is_to_end(&in->units[i]);
    return changed;
}

/* The steps that change something. */
static int change(struct installation *in, struct jb_error *err)
{
    int code = each(in, jbi_systemd_disable, is_to_end, err);
    if (code == JB_OK)
        code = put_all(in, err);
    if (code == JB_OK)
        code = jbi_systemd_reload(in->place.manager, err);
    return code == JB_OK ? each(in, jbi_systemd_enable, is_to_start, err) : code;
}

int jbi_install_do(struct installation *in, size_t *changed, struct jb_error *err)
{
    struct jb_error why = {0};
    int code = look_at_timers(in, err);
    *changed = code == JB_OK ? count_changes(in) : 0;
    if (code < 0 || *changed == 0)
        return code;
    code = open_folder(in, err);
    if (code == JB_OK)
        code = make_repository(in, err);
    if (code < 0)
        return code;
    code = change(in, &why);
    if (code == JB_OK)
        return JB_OK;
    jbi_fail(err, JB_EROLLEDBACK, "%s", why.text);
    jbi_hint(err, "%s", why.hint);
    code = undo(in, err);
    if (err != NULL)
        err->code = code;
    return code;
}
