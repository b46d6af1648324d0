/* SPDX-License-Identifier: MIT */
/* The code of a project as a source: what belongs to it, and what is left out. */
#include <stdlib.h>
#include <string.h>

#include "api/project.h"
#include "base/error.h"
#include "base/scope.h"

/* The database files as they are named and, where links lead to them, as they are. */
static int add_files(struct codebase_source *out, const struct database *databases, size_t count,
                     struct arena *arena, struct jb_error *err)
{
    const char **files = jbi_arena_alloc(arena, (2 * count + 1) * sizeof *files);
    if (files == NULL)
        return jbi_fail_memory(err);
    out->database_files = files;
    for (size_t i = 0; i < count; i++) {
        const struct database *database = &databases[i];
        if (database->kind != DATABASE_SQLITE)
            continue;
        files[out->database_count++] = database->sqlite.path;
        scope_free char *real = realpath(database->sqlite.path, NULL);
        if (real == NULL || strcmp(real, database->sqlite.path) == 0)
            continue;
        files[out->database_count] = jbi_arena_text(arena, real);
        if (files[out->database_count++] == NULL)
            return jbi_fail_memory(err);
    }
    return JB_OK;
}

int jbi_project_code(struct codebase_source *out, const struct jb_project *project,
                     const char *root, const struct database *databases, size_t count,
                     struct arena *arena, struct jb_error *err)
{
    const char **repositories = jbi_arena_alloc(arena, 3 * sizeof *repositories);
    if (repositories == NULL)
        return jbi_fail_memory(err);
    repositories[0] = project->backup_dir;
    repositories[1] = project->configured_backup_dir;
    repositories[2] = project->trial_of;
    *out = (struct codebase_source){
        .root = root,
        .exclude = project->exclude,
        .one_file_system = project->one_file_system,
        .repositories = repositories,
        .repository_count = project->trial_of ? 3 : 2,
    };
    return add_files(out, databases, count, arena, err);
}
