/* SPDX-License-Identifier: MIT */
/* What of /tmp and /var/tmp a project needs: the folders there in which its parts lie. Invariant: a
 * folder whose name is not of plain characters is not told, but makes all shared. */
#include "api/schedule_tmp.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

struct need {
    struct text shown; /* each with a blank behind it */
    bool is_shared;
};

static bool is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Of a path below one of them: the length of that and of the plain name behind it. */
static size_t top_length(const char *path, size_t *name_at)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    *name_at = strlen(is_below(path, "/tmp") ? "/tmp" : "/var/tmp");
    *name_at += strspn(path + *name_at, "/");
    return *name_at + strspn(path + *name_at, plain);
}

/* needs_parent: it is written, or what lies beside it counts, too. */
static void add(struct need *need, const char *path, bool needs_parent, struct arena *arena)
{
    size_t name_at, len;
    if (!is_below(path, "/tmp") && !is_below(path, "/var/tmp"))
        return;
    len = top_length(path, &name_at);
    if (strstr(path, "/..") != NULL || len == name_at ||
        (path[len] != '/' && (path[len] != '\0' || needs_parent))) {
        need->is_shared = true;
        return;
    }
    const char *shown = jbi_arena_printf(arena, "-%.*s ", (int)len, path);
    if (shown == NULL)
        need->shown.failed = true;
    else if (need->shown.at == NULL || strstr(need->shown.at, shown) == NULL)
        jbi_text_adds(&need->shown, shown);
}

/* Where a server's socket may be: "...%2Ftmp%2Fpg..." or "host=/tmp/pg". */
static void add_sockets(struct need *need, const char *url, struct arena *arena)
{
    char *plain = jbi_arena_alloc(arena, strlen(url) + 1), *to = plain;
    if (plain == NULL) {
        need->shown.failed = true;
        return;
    }
    bool is_query = false; /* before it, a slash that is not encoded is of the URL */
    for (const char *at = url; *at != '\0'; at++) {
        bool is_slash = strncasecmp(at, "%2F", 3) == 0;
        is_query = is_query || *at == '?';
        *to++ = is_slash ? '/' : *at == '/' && !is_query ? ' ' : *at;
        at += is_slash ? 2 : 0;
    }
    for (char *at = plain; (at = strstr(at, "/tmp")) != NULL; at++) {
        char *begin = at - plain >= 4 && strncmp(at - 4, "/var", 4) == 0 ? at - 4 : at;
        size_t len = strcspn(begin, ",&?@: ");
        const char *path = jbi_arena_textn(arena, begin, len);
        need->shown.failed = need->shown.failed || path == NULL;
        if (path != NULL)
            add(need, path, false, arena);
    }
}

bool jbi_schedule_tmp(struct schedule_tmp *out, const jb_project *project, const char *tools,
                      struct arena *arena)
{
    struct need need = {0};
    add(&need, project->folder, false, arena);
    add(&need, project->root, false, arena);
    add(&need, tools, false, arena);
    add(&need, project->backup_dir, true, arena);
    for (size_t i = 0; i < project->database_count; i++) {
        const struct database *database = &project->databases[i];
        if (database->kind == DATABASE_SQLITE)
            add(&need, database->sqlite.path, true, arena);
        else
            add_sockets(&need, database->postgresql.target.url, arena);
    }
    const char *shown = "";
    if (need.shown.len > 0)
        shown = jbi_arena_textn(arena, need.shown.at, need.shown.len - 1);
    bool is_done = shown != NULL && !need.shown.failed;
    jbi_text_free(&need.shown);
    *out = (struct schedule_tmp){need.is_shared, shown};
    return is_done;
}
