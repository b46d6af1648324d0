/* SPDX-License-Identifier: MIT */
/* Which entries of a backup the living tree still has as they were stored. Nothing is touched. */
#include <stdlib.h>
#include <string.h>

#include "archive/untar.h"
#include "base/error.h"
#include "source/codebase_reuse_parts.h"

/* Reading a member costs about as much as it holds, however little of it is wanted. */
#define WORTH 4 /* as much of the archive is to be left unread, at least */

bool jbi_reuse_type(const struct stat *st, enum tar_type *type)
{
    *type = S_ISREG(st->st_mode)   ? TAR_FILE
            : S_ISDIR(st->st_mode) ? TAR_FOLDER
            : S_ISLNK(st->st_mode) ? TAR_SYMLINK
                                   : TAR_FIFO;
    return *type != TAR_FIFO || S_ISFIFO(st->st_mode);
}

/* ---- The index ---- */

static int advance(struct reuse *reuse, struct jb_error *err)
{
    reuse->number += reuse->expected != NULL;
    int code = jbi_follow_next(&reuse->follow, err);
    reuse->expected = code == 1 ? &reuse->follow.expected : NULL;
    if (code == 1 && reuse->expected->row.packed > 0) {
        reuse->member_raw = reuse->expected->row.raw;
        reuse->all_raw += reuse->member_raw;
    }
    return code < 0 ? code : JB_OK;
}

static int want_expected(struct reuse *reuse, struct jb_error *err)
{
    reuse->wanted_raw += reuse->member_raw;
    reuse->member_raw = 0;
    return jbi_stage_add_wanted(reuse->choice, reuse->number, reuse->expected, err);
}

static int keep_expected(struct reuse *reuse, struct jb_error *err)
{
    size_t at = (size_t)(reuse->number / 8);
    if (at >= reuse->unchanged_size) {
        size_t size = 2 * at + 4096;
        unsigned char *grown = realloc(reuse->unchanged, size);
        if (grown == NULL)
            return jbi_fail_memory(err);
        memset(grown + reuse->unchanged_size, 0, size - reuse->unchanged_size);
        reuse->unchanged = grown;
        reuse->unchanged_size = size;
    }
    reuse->unchanged[at] |= (unsigned char)(1u << reuse->number % 8);
    reuse->unchanged_files += reuse->expected->type == TAR_FILE;
    return JB_OK;
}

/* Entries of the backup that come before path, NULL for all: the living tree does not have them. */
static int want_until(struct reuse *reuse, const char *path, struct jb_error *err)
{
    int code = JB_OK;
    while (code == JB_OK && reuse->expected != NULL &&
           (path == NULL || jbi_tree_order(reuse->expected->path, path) < 0)) {
        code = want_expected(reuse, err);
        if (code == JB_OK)
            code = advance(reuse, err);
    }
    return code;
}

/* ---- The tree ---- */

static int note_in_place(struct reuse *reuse, const char *path, struct jb_error *err)
{
    size_t size = reuse->in_place_count * sizeof *reuse->in_place;
    reuse->in_place =
        jbi_arena_grow(&reuse->arena, reuse->in_place, size, size + sizeof *reuse->in_place);
    const char *kept = jbi_arena_text(&reuse->arena, path);
    if (reuse->in_place == NULL || kept == NULL)
        return jbi_fail_memory(err);
    reuse->in_place[reuse->in_place_count++] = kept;
    return JB_OK;
}

/* What is itself exchanged: old and new are told by their inodes then, so it must have its own. */
static bool is_unit(const struct reuse *reuse, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    bool is = reuse->choice->path != NULL ? strcmp(path, reuse->choice->path) == 0 : slash == NULL;
    for (size_t i = 0; !is && i < reuse->in_place_count; i++)
        is = strlen(reuse->in_place[i]) == len && memcmp(reuse->in_place[i], path, len) == 0;
    return is;
}

static bool is_unchanged(const struct reuse *reuse, const struct tree_entry *entry)
{
    const struct stat *st = &entry->st;
    enum tar_type type;
    if (!jbi_reuse_type(st, &type) || st->st_dev != reuse->device ||
        !jbi_place_can_own(st->st_uid, st->st_gid) ||
        !jbi_index_is_unchanged(reuse->expected, type, st, reuse->before_us))
        return false;
    return type != TAR_FILE || (st->st_nlink == 1 && !is_unit(reuse, entry->path));
}

static int visit(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct reuse *reuse = user;
    const char *path = reuse->choice->path;
    if (path != NULL && !jbi_is_below(entry->path, path))
        return jbi_is_below(path, entry->path) ? TREE_GO_ON : TREE_SKIP;
    int code = want_until(reuse, entry->path, err);
    if (code < 0)
        return code;
    bool is_expected =
        reuse->expected != NULL && jbi_tree_order(reuse->expected->path, entry->path) == 0;
    bool is_left_alone =
        entry->sys_errno != 0 || !is_expected || entry->is_mount ||
        jbi_codebase_is_staying(reuse->what->stays, reuse->choice->path, entry->path) ||
        jbi_codebase_part(&reuse->rules, entry) != PART_TAKEN;
    if (is_left_alone)
        return TREE_SKIP;
    if (jbi_codebase_is_holder(&reuse->holders, entry))
        code = note_in_place(reuse, entry->path, err);
    if (code == JB_OK)
        code = is_unchanged(reuse, entry) ? keep_expected(reuse, err) : want_expected(reuse, err);
    return code < 0 ? code : advance(reuse, err);
}

static int walk(struct reuse *reuse, struct jb_error *err)
{
    const struct codebase_source *live = reuse->what->live;
    int code = jbi_codebase_rules_begin(&reuse->rules, live, err);
    if (code == JB_OK)
        code =
            jbi_codebase_holders(&reuse->holders, live, reuse->what->live_fd, &reuse->arena, err);
    if (code == JB_OK)
        code = advance(reuse, err);
    if (code == JB_OK)
        code = jbi_tree_walk(reuse->what->live_fd, false, visit, reuse, err);
    return code < 0 ? code : want_until(reuse, NULL, err);
}

int jbi_reuse_choose(struct reuse *reuse, const struct stage_opened *opened, struct jb_error *err)
{
    const char *path = reuse->choice->path;
    int code = jbi_follow_begin(&reuse->follow, opened->index_fd, opened->index_name,
                                path ? path : ".", err);
    if (code < 0)
        return code;
    code = walk(reuse, err);
    jbi_follow_end(&reuse->follow);
    if (code < 0)
        return code;
    return reuse->unchanged_files > 0 && reuse->wanted_raw <= reuse->all_raw / WORTH;
}
