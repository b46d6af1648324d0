/* SPDX-License-Identifier: MIT */
/* Opening a project: its jbackup.json, else what is found in the folder. Nothing is written. */
#include "api/project.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/tree.h"

#define CONFIG_NAME     "jbackup.json"
#define CONFIG_SIZE_MAX (1u << 20)

static struct jb_project *project_new(void)
{
    struct jb_project *project = calloc(1, sizeof *project);
    if (project == NULL)
        return NULL;
    project->default_excludes = true;
    project->one_file_system = true;
    project->retention = (struct retention){7, 4, 6, 1};
    memcpy(project->schedules, jbi_schedule_defaults, sizeof project->schedules);
    return project;
}

void jb_project_close(jb_project *project)
{
    if (project == NULL)
        return;
    jbi_arena_free(&project->arena);
    free(project);
}

/* Fills what the configuration left open. */
/* Without a database a schedule that would save databases alone saves the code. */
static void finish_schedules(struct jb_project *project)
{
    if (project->database_count > 0 || project->ambiguous != NULL)
        return;
    for (int i = 0; i < SCHEDULE_BACKUPS; i++) {
        if (!project->schedules[i].has_type)
            project->schedules[i].type = JB_TYPE_FULL;
    }
}

static int project_finish(struct jb_project *project, const char *base, struct jb_error *err)
{
    struct arena *arena = &project->arena;
    finish_schedules(project);
    project->folder = jbi_arena_text(arena, base);
    if (project->root == NULL)
        project->root = jbi_path_join(arena, base, ".");
    if (project->folder == NULL || project->root == NULL)
        return jbi_fail_memory(err);
    if (project->name == NULL) {
        const char *last = strrchr(project->root, '/') + 1;
        project->name = jbi_arena_text(arena, *last ? last : "root");
    }
    if (project->backup_dir == NULL)
        project->backup_dir = jbi_path_join(arena, project->root, "backups");
    project->configured_backup_dir = project->backup_dir;
    if (project->name == NULL || project->backup_dir == NULL)
        return jbi_fail_memory(err);
    return jbi_exclude_new(&project->exclude, project->exclude_patterns, project->exclude_count,
                           project->default_excludes, arena, err);
}

/* ---- Without configuration ---- */

/* A relative path in a .env counts from its folder; some frameworks mean the folder instance/. */
static const char *sqlite_base(struct jb_project *project, const char *url, const char *folder)
{
    static const char prefix[] = "sqlite:///";
    if (!jbi_starts_with(url, prefix) || url[sizeof prefix - 1] == '/')
        return folder;
    size_t len = strcspn(url + sizeof prefix - 1, "?");
    char *path = jbi_arena_textn(&project->arena, url + sizeof prefix - 1, len);
    char *plain = path ? jbi_path_join(&project->arena, folder, path) : NULL;
    char *instance = jbi_path_join(&project->arena, folder, "instance");
    char *inside = path && instance ? jbi_path_join(&project->arena, instance, path) : NULL;
    bool is_inside =
        plain != NULL && inside != NULL && access(plain, F_OK) < 0 && access(inside, F_OK) == 0;
    return is_inside ? instance : folder;
}

static int find_in_dotenv(struct jb_project *project, int folder_fd, const char *folder,
                          struct jb_error *err)
{
    scope_free char *text = NULL;
    size_t len;
    struct jb_error unreadable = {0};
    int code = jbi_file_read_linked(folder_fd, ".env", CONFIG_SIZE_MAX, &text, &len, &unreadable);
    if (code == JB_ENOTFOUND)
        return JB_OK;
    if (code < 0) {
        *err = unreadable;
        return code;
    }
    const char *url = jbi_dotenv_find(text, "DATABASE_URL", &project->arena);
    if (url == NULL || *url == '\0')
        return JB_OK;
    const char *base = sqlite_base(project, url, folder);
    struct jb_error why = {0};
    code = jbi_project_add_database(project, url, base, ".env, DATABASE_URL", &why);
    if (code == JB_OK) {
        project->found =
            jbi_arena_printf(&project->arena, "database \"%s\" found by DATABASE_URL in .env",
                             project->databases[0].name);
    } else if (code == JB_EINVAL) { /* of no concern to who only wants to list, or store the code */
        project->ambiguous = jbi_arena_text(&project->arena, why.text);
        if (why.hint[0] != '\0')
            project->ambiguous_hint = jbi_arena_text(&project->arena, why.hint);
    } else {
        *err = why;
    }
    return code == JB_EINVAL ? JB_OK : code;
}

static bool is_sqlite_file(int dir_fd, const char *name)
{
    char head[16];
    scope_fd int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && jbi_pread_full(fd, head, sizeof head, 0) == sizeof head &&
           memcmp(head, "SQLite format 3", sizeof head) == 0;
}

struct search {
    struct jb_project *project;
    const char *path; /* of the first one found, relative */
    size_t count;
};

/* Looks at the folder itself and at instance/ and data/ in it. */
static int search_visit(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct search *search = user;
    if (entry->sys_errno != 0)
        return TREE_GO_ON;
    if (S_ISDIR(entry->st.st_mode)) {
        bool is_usual = strcmp(entry->path, "instance") == 0 || strcmp(entry->path, "data") == 0;
        return is_usual ? TREE_GO_ON : TREE_SKIP;
    }
    if (jbi_starts_with(entry->name, CODEBASE_SWAP_PREFIX)) /* kept by a restore in place */
        return TREE_GO_ON;
    if (!S_ISREG(entry->st.st_mode) || !is_sqlite_file(entry->dir_fd, entry->name))
        return TREE_GO_ON;
    search->count++;
    if (search->count == 1)
        search->path = jbi_arena_text(&search->project->arena, entry->path);
    return search->path ? TREE_GO_ON : jbi_fail_memory(err);
}

static int find_sqlite_file(struct jb_project *project, int folder_fd, const char *folder,
                            struct jb_error *err)
{
    struct search search = {.project = project};
    int code = jbi_tree_walk(folder_fd, false, search_visit, &search, err);
    if (code < 0 || search.count == 0)
        return code;
    if (search.count > 1) {
        project->ambiguous =
            "several SQLite files are in the project, and nothing says which to back up";
        return JB_OK;
    }
    const char *url = jbi_arena_printf(&project->arena, "sqlite:///%s", search.path);
    if (url == NULL)
        return jbi_fail_memory(err);
    code = jbi_project_add_database(project, url, folder, search.path, err);
    if (code == JB_OK)
        project->found =
            jbi_arena_printf(&project->arena, "database found: the SQLite file %s", search.path);
    return code;
}

static int find_databases(struct jb_project *project, const char *folder, struct jb_error *err)
{
    if (project->databases_named)
        return JB_OK;
    scope_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return jbi_fail_errno(err, JB_ENOTFOUND, "cannot open the project's folder \"%s\"", folder);
    int code = find_in_dotenv(project, fd, folder, err);
    if (code == JB_OK && project->database_count == 0)
        code = find_sqlite_file(project, fd, folder, err);
    return code;
}

/* ---- Opening ---- */

/* A configuration from a folder that anybody may write to is not looked for by itself. */
static bool is_trusted_folder(const char *folder)
{
    struct stat st;
    return stat(folder, &st) == 0 && (st.st_mode & S_IWOTH) == 0;
}

static bool has_file(const char *folder, const char *name)
{
    scope_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && faccessat(fd, name, F_OK, 0) == 0;
}

/* The nearest folder upward that has a jbackup.json; else folder itself. Cuts the text. */
static bool search_upward(char *folder)
{
    char *at = folder + strlen(folder);
    for (;;) {
        char kept = *at;
        *at = '\0';
        const char *here = *folder ? folder : "/";
        if (has_file(here, CONFIG_NAME) && (kept == '\0' || is_trusted_folder(here))) {
            if (*folder == '\0')
                memcpy(folder, "/", 2);
            return true;
        }
        *at = kept;
        if (at == folder)
            return false;
        do {
            at--;
        } while (at > folder && *at != '/');
    }
}

static int open_folder(struct jb_project *project, const char *folder, bool is_named,
                       struct jb_error *err)
{
    scope_free char *text = NULL;
    size_t len;
    scope_fd int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        jbi_fail_errno(err, errno == ENOENT || errno == ENOTDIR ? JB_ENOTFOUND : JB_EINVAL,
                       "cannot open the project \"%s\"", folder);
        jbi_hint(err, "name the project's folder or its jbackup.json with --project");
        return err != NULL ? err->code : JB_ENOTFOUND;
    }
    struct jb_error unreadable = {0};
    int code = jbi_file_read_linked(fd, CONFIG_NAME, CONFIG_SIZE_MAX, &text, &len, &unreadable);
    if (code == JB_OK)
        code = jbi_config_read(project, text, len, CONFIG_NAME, folder, err);
    else if (code != JB_ENOTFOUND)
        code = jbi_fail(err, JB_EINVAL, "%s", unreadable.text);
    bool has_config = code == JB_OK;
    if (code == JB_ENOTFOUND)
        code = JB_OK;
    if (code == JB_OK)
        code = find_databases(project, folder, err);
    if (code == JB_OK)
        code = jbi_project_find_passwords(project, folder, err);
    bool is_nothing = !has_config && project->database_count == 0 && project->ambiguous == NULL;
    if (code == JB_OK && is_nothing && !is_named) {
        jbi_fail(err, JB_ENOTFOUND,
                 "no project here: \"%s\" has no jbackup.json, no .env with DATABASE_URL and no "
                 "SQLite file",
                 folder);
        jbi_hint(err, "change to the project's folder, or name it with --project; if it has no "
                      "database: echo '{\"databases\": []}' >jbackup.json");
        return JB_ENOTFOUND;
    }
    return code == JB_OK ? project_finish(project, folder, err) : code;
}

static int resolve(const char *path, char out[PATH_MAX], struct jb_error *err)
{
    struct stat st;
    if (realpath(path, out) == NULL || stat(out, &st) < 0) {
        jbi_fail_errno(err, JB_ENOTFOUND, "cannot open the project \"%s\"", path);
        jbi_hint(err, "name the project's folder or its jbackup.json with --project");
        return JB_ENOTFOUND;
    }
    char *slash = strrchr(out, '/');
    if (S_ISDIR(st.st_mode))
        return JB_OK;
    if (strcmp(slash + 1, CONFIG_NAME) != 0) {
        jbi_fail(err, JB_EINVAL, "\"%s\" is neither a folder nor a jbackup.json", path);
        jbi_hint(err, "name the project's folder or its jbackup.json with --project");
        return JB_EINVAL;
    }
    slash[slash == out] = '\0';
    return JB_OK;
}

int jb_project_open(jb_project **out, const char *path, struct jb_error *err)
{
    struct jb_error unwanted = {0};
    char folder[PATH_MAX];
    if (err == NULL)
        err = &unwanted;
    int code = resolve(path ? path : ".", folder, err);
    if (code < 0)
        return code;
    bool is_named = path != NULL || search_upward(folder);
    struct jb_project *project = project_new();
    if (project == NULL)
        return jbi_fail_memory(err);
    code = open_folder(project, folder, is_named, err);
    if (code < 0)
        jb_project_close(project);
    else
        *out = project;
    return code;
}

int jb_project_parse(jb_project **out, const char *json, const char *base, struct jb_error *err)
{
    struct jb_error unwanted = {0};
    char folder[PATH_MAX];
    if (err == NULL)
        err = &unwanted;
    int code = resolve(base, folder, err);
    if (code < 0)
        return code;
    struct jb_project *project = project_new();
    if (project == NULL)
        return jbi_fail_memory(err);
    code = jbi_config_read(project, json, strlen(json), "configuration", folder, err);
    if (code == JB_OK)
        code = find_databases(project, folder, err);
    if (code == JB_OK)
        code = jbi_project_find_passwords(project, folder, err);
    if (code == JB_OK)
        code = project_finish(project, folder, err);
    if (code < 0)
        jb_project_close(project);
    else
        *out = project;
    return code;
}

int jb_project_set_backup_dir(jb_project *project, const char *path, struct jb_error *err)
{
    char here[PATH_MAX];
    if (path == NULL || *path == '\0')
        return jbi_fail(err, JB_EINVAL, "the backup folder has no name");
    if (getcwd(here, sizeof here) == NULL)
        return jbi_fail_errno(err, JB_EIO, "cannot tell the working directory");
    char *joined = jbi_path_join(&project->arena, here, path);
    if (joined == NULL)
        return jbi_fail_memory(err);
    project->backup_dir = joined;
    return JB_OK;
}

void jb_project_set_hooks(jb_project *project, jb_log_hook log, jb_progress_hook progress,
                          void *user)
{
    project->hooks = (struct hooks){log, progress, user};
}

const char *jb_version(void)
{
    return JBACKUP_VERSION;
}
