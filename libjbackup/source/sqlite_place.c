/* SPDX-License-Identifier: MIT */
/*
 * Where a database lies and what its neighbours are called, also as the journal has it. Invariant:
 * whatever the journal says, the names are the database's own and such with our prefix beside it.
 */
#include "source/sqlite_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/text.h"
#include "source/codebase_swap.h"

#define NAME_ROOM (NAME_MAX - (int)sizeof "-journal")

/* ---- Names --------------------------------------------------------------------------------- */

/* The path without symbolic links; what does not exist yet, of its end, stays as it is. */
static int resolve(const char *path, char to[PATH_MAX], struct jb_error *err)
{
    char head[PATH_MAX];
    size_t len = strlen(path);
    if (path[0] != '/' || len + 1 >= PATH_MAX)
        return jbi_fail(err, JB_EINVAL, "the path of database \"%s\" can't be used", path);
    memcpy(head, path, len + 1);
    while (realpath(head, to) == NULL) {
        struct stat st;
        if (errno != ENOENT)
            return jbi_fail_errno(err, JB_EDATABASE, "cannot read database \"%s\"", path);
        if (lstat(head, &st) == 0) {
            jbi_fail(err, JB_EDATABASE, "\"%s\" is a symbolic link to nothing", head);
            jbi_hint(err, "remove it, or make the folder that it leads to");
            return JB_EDATABASE;
        }
        char *cut = strrchr(head, '/');
        cut[cut == head] = '\0';
    }
    const char *rest = path + strlen(head);
    rest += *rest == '/';
    if (*rest == '\0')
        return JB_OK;
    size_t have = strcmp(to, "/") == 0 ? 0 : strlen(to);
    if (!jbi_is_safe_path(rest) || have + strlen(rest) + 2 > PATH_MAX)
        return jbi_fail(err, JB_EINVAL, "the path of database \"%s\" can't be used", path);
    snprintf(to + have, PATH_MAX - have, "/%s", rest);
    return JB_OK;
}

/* Names beside the file, from a resolved path. */
static int name_all(struct sqlite_place *place, const char *path, struct jb_error *err)
{
    const char *last = strrchr(path, '/') + 1;
    int folder_len = last - path > 1 ? (int)(last - path - 1) : 1;
    int room = NAME_ROOM - (int)strlen(CODEBASE_SWAP_PREFIX ".old-") - TIMESTAMP_SIZE;
    if (*last == '\0' || (int)strlen(last) > room || !jbi_is_utf8(path, strlen(path))) {
        jbi_fail(err, JB_EUNSUPPORTED, "database \"%s\" has a name that is %s", path,
                 (int)strlen(last) > room ? "too long" : "not UTF-8");
        jbi_hint(err, "restore it elsewhere (--to DIR), and put it in place by hand");
        return JB_EUNSUPPORTED;
    }
    snprintf(place->folder, sizeof place->folder, "%.*s", folder_len, path);
    snprintf(place->file, sizeof place->file, "%s", last);
    snprintf(place->fresh, sizeof place->fresh, CODEBASE_SWAP_PREFIX "%s-%.200s", place->id, last);
    snprintf(place->old, sizeof place->old, CODEBASE_SWAP_PREFIX "%s.old-%.200s", place->id, last);
    const char *slash = folder_len > 1 ? "/" : "";
    snprintf(place->file_path, sizeof place->file_path, "%s", path);
    snprintf(place->fresh_path, sizeof place->fresh_path, "%s%s%s", place->folder, slash,
             place->fresh);
    snprintf(place->old_path, sizeof place->old_path, "%s%s%s", place->folder, slash, place->old);
    return JB_OK;
}

int jbi_sqlite_place_find(struct sqlite_place *place, const struct sqlite_source *live,
                          const char *id, struct jb_error *err)
{
    char path[PATH_MAX];
    if (!jbi_is_timestamp(id))
        return jbi_fail(err, JB_EINVAL, "\"%s\" is not a timestamp", id);
    snprintf(place->id, sizeof place->id, "%s", id);
    int code = resolve(live->path, path, err);
    return code == JB_OK ? name_all(place, path, err) : code;
}

/* ---- For the journal ----------------------------------------------------------------------- */

static bool print_plan(const struct sqlite_place *place, struct json *to)
{
    bool ok = jbi_json_set_int(to, "old", (int64_t)place->old_ino) &&
              jbi_json_set_int(to, "new", (int64_t)place->fresh_ino);
    for (int i = 0; ok && i < COMPANIONS; i++)
        if (place->companions[i] != 0)
            ok = jbi_json_set_int(to, jbi_companion_suffixes[i], (int64_t)place->companions[i]);
    return ok;
}

struct json *jbi_sqlite_place_print(const struct sqlite_place *place)
{
    struct json *json = jbi_json_object();
    bool ok = jbi_json_set_text(json, "path", place->file_path) &&
              jbi_json_set_text(json, "id", place->id);
    if (ok && place->has_time)
        ok = jbi_json_set_int(json, "folder_s", place->time.tv_sec) &&
             jbi_json_set_int(json, "folder_ns", place->time.tv_nsec);
    if (ok && place->made[0] != '\0')
        ok = jbi_json_set_text(json, "made", place->made);
    if (ok && place->is_planned)
        ok = jbi_json_set(json, "inodes", jbi_json_object()) &&
             print_plan(place, jbi_json_get(json, "inodes"));
    if (ok)
        return json;
    jbi_json_free(json);
    return NULL;
}

static bool parse_plan(struct sqlite_place *place, const struct json *from)
{
    int64_t old, fresh, companion;
    if (!jbi_json_int(jbi_json_get(from, "old"), &old) ||
        !jbi_json_int(jbi_json_get(from, "new"), &fresh) || fresh == 0 || old == fresh)
        return false;
    place->old_ino = (uint64_t)old;
    place->fresh_ino = (uint64_t)fresh;
    for (int i = 0; i < COMPANIONS; i++) {
        const struct json *ino = jbi_json_get(from, jbi_companion_suffixes[i]);
        if (ino != NULL && !jbi_json_int(ino, &companion))
            return false;
        place->companions[i] = ino != NULL ? (uint64_t)companion : 0;
    }
    place->is_planned = true;
    return true;
}

static bool parse_time(struct sqlite_place *place, const struct json *state)
{
    const struct json *s = jbi_json_get(state, "folder_s"), *ns = jbi_json_get(state, "folder_ns");
    int64_t time_s, time_ns;
    if (s == NULL && ns == NULL)
        return true;
    if (!jbi_json_int(s, &time_s) || !jbi_json_int(ns, &time_ns) || time_ns < 0 ||
        time_ns > 999999999)
        return false;
    place->time = (struct timespec){.tv_sec = time_s, .tv_nsec = time_ns};
    place->has_time = true;
    return true;
}

/* The folder itself, or one above it. */
static bool parse_made(struct sqlite_place *place, const struct json *state)
{
    const struct json *value = jbi_json_get(state, "made");
    const char *made = jbi_json_text(value);
    if (value == NULL)
        return true;
    size_t len = made ? strlen(made) : 0;
    if (len < 2 || len > strlen(place->folder) || memcmp(made, place->folder, len) != 0 ||
        (place->folder[len] != '/' && place->folder[len] != '\0'))
        return false;
    snprintf(place->made, sizeof place->made, "%s", made);
    return true;
}

/* The journal's path must be where the configuration leads, as far as that can be told now. */
static int same_place(const char *journalled, const struct sqlite_source *live,
                      struct jb_error *err)
{
    char path[PATH_MAX];
    struct jb_error unused = {0};
    if (resolve(live->path, path, &unused) < 0 || strcmp(path, journalled) == 0)
        return JB_OK;
    jbi_fail(err, JB_ECORRUPT,
             "the journal of the restore names database \"%s\", but \"%s\" is "
             "configured",
             journalled, path);
    jbi_hint(err, "set the path in jbackup.json back to what it was when the restore began");
    return JB_ECORRUPT;
}

int jbi_sqlite_place_parse(struct sqlite_place *place, const struct json *state,
                           const struct sqlite_source *live, struct jb_error *err)
{
    const char *path = jbi_json_text(jbi_json_get(state, "path"));
    const char *id = jbi_json_text(jbi_json_get(state, "id"));
    const struct json *inodes = jbi_json_get(state, "inodes");
    bool is_sound = path != NULL && path[0] == '/' && strlen(path) < PATH_MAX &&
                    jbi_is_safe_path(path + 1) && id != NULL && jbi_is_timestamp(id);
    int code = is_sound ? same_place(path, live, err) : JB_OK;
    if (is_sound && code == JB_OK) {
        snprintf(place->id, sizeof place->id, "%s", id);
        code = name_all(place, path, err);
        is_sound = code == JB_OK && parse_time(place, state) && parse_made(place, state) &&
                   (inodes == NULL || parse_plan(place, inodes));
    }
    if (code == JB_OK && !is_sound)
        code = jbi_fail(err, JB_ECORRUPT, "the journal of the restore is damaged: database \"%s\"",
                        live->name);
    return code;
}
