/* SPDX-License-Identifier: MIT */
/*
 * Files that the staged tree shares with the living one, up to the exchange; and how files out of
 * the archive take the place of shared ones in either tree. Invariant: only names are changed,
 * never what is in a shared file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/climb.h"
#include "os/file.h"
#include "os/tree.h"
#include "source/codebase_reuse.h"
#include "source/codebase_swap_parts.h"

static int folder_of(struct climb *climb, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    return jbi_climb_to(climb, path, slash ? (size_t)(slash - path) : 0, false, 0);
}

/* ---- Putting copies in the place of shared files ---- */

static int compare_files(const void *a, const void *b)
{
    return jbi_tree_order(((const struct linked_file *)a)->path,
                          ((const struct linked_file *)b)->path);
}

/* A folder comes again after one that lies in it. */
static void sort_folders(struct linked_files *above)
{
    size_t kept = 0;
    if (above->count > 0)
        qsort(above->items, above->count, sizeof *above->items, compare_files);
    for (size_t i = 0; i < above->count; i++) {
        if (kept == 0 || strcmp(above->items[kept - 1].path, above->items[i].path) != 0)
            above->items[kept++] = above->items[i];
    }
    above->count = kept;
}

/* The folders of the wanted files, as they are now. */
static int list_folders(const struct linked_places *places, struct linked_files *above,
                        struct jb_error *err)
{
    struct climb climb;
    int code = JB_OK;
    jbi_climb_begin(&climb, places->tree_fd);
    for (size_t i = 0; i < places->files->count && code == JB_OK; i++) {
        const char *path = places->files->items[i].path, *name;
        const char *last = above->count ? above->items[above->count - 1].path : NULL;
        struct stat st;
        if (!places->is_wanted[i])
            continue;
        int fd = folder_of(&climb, path, &name);
        size_t len = name == path ? 0 : (size_t)(name - path) - 1;
        bool is_known = last != NULL && strlen(last) == len && memcmp(last, path, len) == 0;
        scope_free char *folder = strndup(path, len);
        if (fd < 0 || fstat(fd, &st) < 0)
            code = jbi_fail_errno(err, JB_EIO, "cannot open the folder of \"%s\"", path);
        else if (folder == NULL)
            code = jbi_fail_memory(err);
        else if (!is_known)
            code = jbi_linked_add(above, len > 0 ? folder : ".", &st, err);
    }
    jbi_climb_end(&climb);
    sort_folders(above);
    return code;
}

static int put_fresh(int fresh_fd, const struct linked_places *places, struct jb_error *err)
{
    struct climb climb;
    int code = JB_OK;
    jbi_climb_begin(&climb, places->tree_fd);
    for (size_t i = 0; i < places->files->count && code == JB_OK; i++) {
        const char *path = places->files->items[i].path, *name;
        char fresh[24];
        struct stat st;
        if (!places->is_wanted[i])
            continue;
        snprintf(fresh, sizeof fresh, "%zu", i);
        int fd = folder_of(&climb, path, &name);
        /* Its owner may have taken from himself the right to write there. */
        if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU)
            fchmod(fd, (st.st_mode & 07777) | S_IRWXU);
        if (fd < 0 || renameat(fresh_fd, fresh, fd, name) < 0)
            code = jbi_fail_errno(err, JB_EIO, "cannot put a copy in the place of \"%s\"", path);
    }
    jbi_climb_end(&climb);
    return code;
}

int jbi_linked_restore_folders(int tree_fd, const struct linked_files *above, struct jb_error *err)
{
    struct climb climb;
    int code = JB_OK;
    jbi_climb_begin(&climb, tree_fd);
    for (size_t i = above->count; i-- > 0 && code == JB_OK;) {
        const struct linked_file *folder = &above->items[i];
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                          {.tv_sec = folder->mtime_s, .tv_nsec = folder->mtime_ns}};
        size_t len = strcmp(folder->path, ".") == 0 ? 0 : strlen(folder->path);
        int fd = jbi_climb_to(&climb, folder->path, len, false, 0);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0 ||
            ((st.st_mode & 07777) != (folder->mode & 07777) &&
             fchmod(fd, (mode_t)folder->mode & 07777) < 0) ||
            futimens(fd, times) < 0)
            code =
                jbi_fail_errno(err, JB_EIO, "cannot set the mode and time of \"%s\"", folder->path);
    }
    jbi_climb_end(&climb);
    return code;
}

/* Nobody may cancel any more. */
static int pick(const struct code_swap *code, int fresh_fd, const struct linked_places *places,
                const struct source_job *job, struct jb_error *err)
{
    struct source_job own = *job;
    struct hooks hooks = {0};
    own.hooks = &hooks;
    int result =
        jbi_codebase_pick(&own, code->kept->folder_fd, &code->kept_archive, &code->kept_index,
                          fresh_fd, places->files, places->is_wanted, err);
    if (result < 0)
        jbi_hint(err, "files that the old and the new code share were changed; \"%s/%s\" has them",
                 code->kept->folder, code->kept_archive.path);
    else if (syncfs(fresh_fd) < 0)
        result = jbi_fail_errno(err, JB_EIO, "cannot write \"%s\" to disk", code->where);
    return result;
}

static int make_fresh(const struct swap_folders *folders, int *fresh_fd, struct jb_error *err)
{
    int code = jbi_remove_tree(folders->beside_fd, FRESH_NAME, err);
    if (code == JB_OK && mkdirat(folders->beside_fd, FRESH_NAME, 0700) < 0)
        code = jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", FRESH_NAME);
    return code < 0 ? code : jbi_open_dir(folders->beside_fd, FRESH_NAME, fresh_fd, err);
}

int jbi_linked_replace(const struct code_swap *code, const struct swap_folders *folders,
                       const struct linked_places *places, const struct source_job *job,
                       struct jb_error *err)
{
    struct arena arena = {0};
    struct linked_files above = {.arena = &arena};
    scope_fd int fresh_fd = -1;
    int result = make_fresh(folders, &fresh_fd, err);
    if (result == JB_OK)
        result = pick(code, fresh_fd, places, job, err);
    if (result == JB_OK)
        result = list_folders(places, &above, err);
    if (result == JB_OK && places->note != NULL)
        result = places->note(folders, &above, err);
    if (result == JB_OK)
        result = put_fresh(fresh_fd, places, err);
    if (result == JB_OK)
        result = jbi_linked_restore_folders(places->tree_fd, &above, err);
    if (result == JB_OK && syncfs(places->tree_fd) < 0)
        result = jbi_fail_errno(err, JB_EIO, "cannot write \"%s\" to disk", code->where);
    if (result == JB_OK)
        result = jbi_remove_tree(folders->beside_fd, FRESH_NAME, err);
    jbi_arena_free(&arena);
    return result;
}

/* ---- Before the exchange ---- */

static bool is_as_linked(const struct linked_file *file, struct climb *climb)
{
    struct stat st;
    const char *name;
    int fd = folder_of(climb, file->path, &name);
    return fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 2 &&
           jbi_linked_is(file, &st);
}

static size_t find_changed(const struct code_swap *code, const struct swap_folders *folders,
                           bool *is_changed)
{
    struct climb live, tree;
    size_t count = 0;
    jbi_climb_begin(&live, folders->root_fd);
    jbi_climb_begin(&tree, folders->tree_fd);
    for (size_t i = 0; i < code->linked.count; i++) {
        const struct linked_file *file = &code->linked.items[i];
        is_changed[i] = !is_as_linked(file, &live) || !is_as_linked(file, &tree);
        count += is_changed[i];
    }
    jbi_climb_end(&live);
    jbi_climb_end(&tree);
    return count;
}

int jbi_linked_settle(struct code_swap *code, const struct swap_folders *folders,
                      const struct source_job *job, struct jb_error *err)
{
    struct linked_files *files = &code->linked;
    if (files->count == 0)
        return JB_OK;
    scope_free bool *is_changed = calloc(files->count, sizeof *is_changed);
    if (is_changed == NULL)
        return jbi_fail_memory(err);
    if (find_changed(code, folders, is_changed) == 0)
        return JB_OK;
    const struct linked_places places = {files, is_changed, folders->tree_fd, NULL};
    int result = jbi_linked_replace(code, folders, &places, job, err);
    size_t kept = 0;
    for (size_t i = 0; i < files->count && result == JB_OK; i++) {
        if (!is_changed[i])
            files->items[kept++] = files->items[i];
    }
    files->count = result == JB_OK ? kept : files->count;
    return result;
}

/* What is exchanged is told by inodes: a shared file can't be that itself. */
static int check_items(const struct code_swap *code, struct jb_error *err)
{
    for (size_t i = 0; i < code->exchange.count; i++) {
        const char *path = code->exchange.items[i].path;
        if (jbi_linked_find(&code->linked, path) == NULL)
            continue;
        jbi_fail(err, JB_EIO, "\"%s\" was to be exchanged with its folder, and no longer is", path);
        jbi_hint(err, "something changed it after the restore began: begin again");
        return JB_EIO;
    }
    return JB_OK;
}

int jbi_linked_note(struct code_swap *code, const struct swap_folders *folders,
                    struct jb_error *err)
{
    code->linked_count = 0;
    if (code->linked.count == 0)
        return jbi_kept_remove(code, err);
    int result = check_items(code, err);
    if (result == JB_OK)
        result = jbi_linked_write(&code->linked, folders->beside_fd, LINKED_NAME,
                                  code->linked_sha256, err);
    code->linked_count = result == JB_OK ? code->linked.count : 0;
    return result;
}
