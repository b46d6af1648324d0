/* SPDX-License-Identifier: MIT */
/* The folder of units: what lies there, held against what is wanted. Invariant: what has not our
 * mark for this very project is foreign, and so is what is no regular file. */
#include "api/schedule_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

#define UNIT_SIZE_MAX (64u << 10)
#define SYSTEM_UNITS  "/etc/systemd/system"

const char *jbi_unit_state_name(enum unit_state state)
{
    static const char *const names[] = {"absent", "same", "different", "edited", "foreign"};
    return names[state];
}

bool jbi_unit_is_timer(const char *name)
{
    return jbi_ends_with(name, ".timer");
}

int jbi_schedule_folder(struct schedule_folder *out, enum systemd_manager manager,
                        struct arena *arena, struct jb_error *err)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    *out = (struct schedule_folder){.manager = manager};
    if (manager == SYSTEMD_SYSTEM)
        out->path = SYSTEM_UNITS;
    else if (config != NULL && *config == '/')
        out->path = jbi_arena_printf(arena, "%s/systemd/user", config);
    else if (home != NULL && *home == '/')
        out->path = jbi_arena_printf(arena, "%s/.config/systemd/user", home);
    else
        return jbi_fail(err, JB_EINVAL,
                        "where this user's units lie is not known: HOME is not "
                        "set in the environment");
    return out->path != NULL ? JB_OK : jbi_fail_memory(err);
}

static struct unit_file *add(struct schedule_folder *folder, const char *name, struct arena *arena)
{
    size_t size = folder->count * sizeof *folder->files;
    struct unit_file *files =
        jbi_arena_grow(arena, folder->files, size, size + sizeof *folder->files);
    if (files == NULL)
        return NULL;
    folder->files = files;
    struct unit_file *file = &files[folder->count];
    *file = (struct unit_file){.name = jbi_arena_text(arena, name),
                               .path = jbi_arena_printf(arena, "%s/%s", folder->path, name)};
    if (file->name == NULL || file->path == NULL)
        return NULL;
    folder->count++;
    return file;
}

/* What lies at file->path, and whose it is. */
static int look(struct unit_file *file, const jb_project *project, struct arena *arena,
                struct jb_error *err)
{
    scope_free char *text = NULL;
    size_t len = 0;
    struct jb_error why = {0};
    const char *of = NULL;
    bool is_as_made = false;
    int code = jbi_file_read(AT_FDCWD, file->path, UNIT_SIZE_MAX, &text, &len, &why);
    file->found = NULL;
    file->state = code == JB_ENOTFOUND ? UNIT_ABSENT : UNIT_FOREIGN;
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code < 0 || !jbi_unit_is_ours(text, len, arena, &of, &is_as_made))
        return JB_OK;
    if (of == NULL)
        return jbi_fail_memory(err);
    if (strcmp(of, project->folder) != 0)
        return JB_OK;
    file->found = jbi_arena_textn(arena, text, len);
    if (file->found == NULL)
        return jbi_fail_memory(err);
    if (file->wanted != NULL && strcmp(file->found, file->wanted) == 0)
        file->state = UNIT_SAME;
    else
        file->state = is_as_made ? UNIT_DIFFERENT : UNIT_EDITED;
    return JB_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct unit_file *left = a, *right = b;
    return strcmp(left->name, right->name);
}

int jbi_schedule_folder_ours(struct schedule_folder *folder, const jb_project *project,
                             struct arena *arena, struct jb_error *err)
{
    scope_dir DIR *dir = opendir(folder->path);
    if (dir == NULL && errno == ENOENT)
        return JB_OK;
    if (dir == NULL)
        return jbi_fail_errno(err, JB_EIO, "cannot read the folder \"%s\"", folder->path);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strstr(entry->d_name, "-backup-") == NULL || !jbi_systemd_is_name(entry->d_name))
            continue;
        struct unit_file *file = add(folder, entry->d_name, arena);
        if (file == NULL)
            return jbi_fail_memory(err);
        int code = look(file, project, arena, err);
        if (code < 0)
            return code;
        if (file->found == NULL)
            folder->count--;
    }
    if (folder->count > 0)
        qsort(folder->files, folder->count, sizeof *folder->files, by_name);
    return JB_OK;
}

int jbi_schedule_folder_want(struct schedule_folder *folder, const jb_project *project,
                             const struct schedule_unit *units, size_t count, struct arena *arena,
                             struct jb_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct unit_file *file = NULL;
        for (size_t j = 0; j < folder->count && file == NULL; j++) {
            if (strcmp(folder->files[j].name, units[i].name) == 0)
                file = &folder->files[j];
        }
        if (file == NULL)
            file = add(folder, units[i].name, arena);
        if (file == NULL)
            return jbi_fail_memory(err);
        file->wanted = units[i].text;
        int code = look(file, project, arena, err);
        if (code < 0)
            return code;
    }
    return JB_OK;
}

int jbi_schedule_folder_plan(struct schedule_folder *out, struct schedule_place *place,
                             jb_project *project, const struct jb_schedule_options *options,
                             struct arena *arena, struct jb_error *err)
{
    struct schedule_unit *units;
    size_t count;
    int code = jbi_schedule_place(place, project, options, arena, err);
    if (code == JB_OK)
        code = jbi_schedule_units(project, place, arena, &units, &count, err);
    if (code == JB_OK)
        code = jbi_schedule_folder(out, place->manager, arena, err);
    if (code == JB_OK)
        code = jbi_schedule_folder_ours(out, project, arena, err);
    return code == JB_OK ? jbi_schedule_folder_want(out, project, units, count, arena, err) : code;
}
