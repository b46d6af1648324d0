/* SPDX-License-Identifier: MIT */
/* What units say of this machine. Invariant: it depends on the machine, not on who asks or from
 * where, so that asking again gives the same. */
#include "api/schedule_place.h"

#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/program.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "repository/monitor_config.h"

#define ENTRY_SIZE (64u << 10)

/* ---- The tools ------------------------------------------------------------------------------ */

static const char *folder_of(const char *program, struct arena *arena)
{
    const char *slash = strrchr(program, '/');
    return slash == program ? "/" : jbi_arena_textn(arena, program, (size_t)(slash - program));
}

static int check_tool(const char *folder, const char *name, struct arena *arena,
                      struct jb_error *err)
{
    const char *path = jbi_arena_printf(arena, "%s/%s", folder, name);
    if (path == NULL)
        return jbi_fail_memory(err);
    if (access(path, X_OK) == 0)
        return JB_OK;
    jbi_fail_errno(err, JB_ENOTFOUND, "cannot run \"%s\"", path);
    jbi_hint(err, "name the folder of the tools with --tools");
    return JB_ENOTFOUND;
}

static int find_tools(struct schedule_place *out, const jb_project *project, const char *wanted,
                      struct arena *arena, struct jb_error *err)
{
    char real[PATH_MAX];
    const char *program = wanted ? NULL : jbi_program_find("jbackup", true, arena);
    if (wanted == NULL && program == NULL) {
        jbi_fail(err, JB_ENOTFOUND, "\"jbackup\" is not found on PATH");
        jbi_hint(err, "name the folder of the tools with --tools");
        return JB_ENOTFOUND;
    }
    const char *folder = wanted ? wanted : folder_of(program, arena);
    if (folder != NULL && *folder != '/')
        folder = realpath(folder, real) != NULL ? jbi_arena_text(arena, real) : folder;
    if (folder == NULL)
        return jbi_fail_memory(err);
    out->tools = folder;
    int code = check_tool(folder, "jbackup-scheduler", arena, err);
    if (code == JB_OK && project->schedules[SCHEDULE_MONITOR].is_on)
        code = check_tool(folder, "jbackup-monitor", arena, err);
    return code;
}

/* ---- As whom -------------------------------------------------------------------------------- */

/* The owner of what is backed up, or of where it goes; false: neither is there. */
static bool find_owner(const jb_project *project, uid_t *uid)
{
    struct stat st;
    if (stat(project->backup_dir, &st) < 0 && stat(project->root, &st) < 0)
        return false;
    *uid = st.st_uid;
    return true;
}

static int take_user(struct schedule_place *out, const struct passwd *entry, struct arena *arena,
                     struct jb_error *err)
{
    struct group group, *found = NULL;
    scope_free char *texts = malloc(ENTRY_SIZE);
    if (texts == NULL)
        return jbi_fail_memory(err);
    if (entry->pw_uid == 0)
        return JB_OK;
    if (getgrgid_r(entry->pw_gid, &group, texts, ENTRY_SIZE, &found) != 0 || found == NULL)
        return jbi_fail(err, JB_EINVAL, "the group %u of the user \"%s\" has no name",
                        (unsigned)entry->pw_gid, entry->pw_name);
    out->user = jbi_arena_text(arena, entry->pw_name);
    out->group = jbi_arena_text(arena, group.gr_name);
    return out->user && out->group ? JB_OK : jbi_fail_memory(err);
}

static int find_user(struct schedule_place *out, const jb_project *project, const char *wanted,
                     struct arena *arena, struct jb_error *err)
{
    struct passwd entry, *found = NULL;
    scope_free char *texts = malloc(ENTRY_SIZE);
    uid_t uid = 0;
    if (texts == NULL)
        return jbi_fail_memory(err);
    if (wanted == NULL)
        wanted = project->schedule_user;
    if (wanted != NULL) {
        if (getpwnam_r(wanted, &entry, texts, ENTRY_SIZE, &found) == 0 && found != NULL)
            return take_user(out, found, arena, err);
        return jbi_fail(err, JB_EINVAL, "there is no user \"%s\" to run the schedules as", wanted);
    }
    if (!find_owner(project, &uid) || uid == 0)
        return JB_OK;
    if (getpwuid_r(uid, &entry, texts, ENTRY_SIZE, &found) == 0 && found != NULL)
        return take_user(out, found, arena, err);
    jbi_fail(err, JB_EINVAL, "\"%s\" belongs to the user %u, who has no name", project->backup_dir,
             (unsigned)uid);
    jbi_hint(err, "say as whom the schedules run with --run-as");
    return JB_EINVAL;
}

/* ---- The rest ------------------------------------------------------------------------------- */

static bool has_folder(const char *path, const char *folder, size_t len)
{
    for (; path != NULL; path = strchr(path, ':') ? strchr(path, ':') + 1 : NULL) {
        if (strncmp(path, folder, len) == 0 && (path[len] == ':' || path[len] == '\0'))
            return true;
    }
    return false;
}

/* The usual one, and where the programs lie that this project needs. */
static const char *find_path(const jb_project *project, struct arena *arena)
{
    static const char *const programs[] = {"git", "pg_dump", "pg_restore"};
    const char *path = SCHEDULE_PATH;
    bool has_postgresql = false;
    for (size_t i = 0; i < project->database_count; i++)
        has_postgresql = has_postgresql || project->databases[i].kind == DATABASE_POSTGRESQL;
    for (size_t i = 0; i < (has_postgresql ? 3 : 1) && path != NULL; i++) {
        const char *program = jbi_program_find(programs[i], true, arena);
        if (program == NULL)
            continue;
        size_t len = (size_t)(strrchr(program, '/') - program);
        if (!has_folder(path, program, len) && memchr(program, ':', len) == NULL)
            path = jbi_arena_printf(arena, "%.*s:%s", (int)len, program, path);
    }
    return path;
}

static int find_interval(struct schedule_place *out, const jb_project *project, struct arena *arena,
                         struct jb_error *err)
{
    struct monitor_config config;
    struct repository repository;
    struct jb_error why = {0};
    bool is_there;
    int code = jbi_repository_open(&repository, project->backup_dir, false, NULL, &why);
    if (code == JB_OK)
        code = jbi_monitor_config_load(&config, &repository, arena, &is_there, err);
    else if (code == JB_ENOTFOUND) /* no backup has been made yet */
        code = jbi_monitor_config_parse(&config, "{}", 2, MONITOR_CONFIG_NAME, arena, err);
    else
        jbi_fail(err, code, "%s", why.text);
    jbi_repository_close(&repository);
    if (code == JB_OK)
        out->monitor_minutes = config.check_interval_minutes;
    return code;
}

int jbi_schedule_place(struct schedule_place *out, jb_project *project,
                       const struct jb_schedule_options *options, struct arena *arena,
                       struct jb_error *err)
{
    *out = (struct schedule_place){.manager = options->user ? SYSTEMD_USER : SYSTEMD_SYSTEM};
    if (options->user && options->run_as != NULL)
        return jbi_fail(err, JB_EINVAL, "the units of a user run as that user, not as \"%s\"",
                        options->run_as);
    int code = find_tools(out, project, options->tools, arena, err);
    if (code == JB_OK && !options->user)
        code = find_user(out, project, options->run_as, arena, err);
    if (code == JB_OK)
        code = find_interval(out, project, arena, err);
    out->path = code == JB_OK ? find_path(project, arena) : NULL;
    return code == JB_OK && out->path == NULL ? jbi_fail_memory(err) : code;
}
