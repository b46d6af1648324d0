/* SPDX-License-Identifier: MIT */
/* The swap of the code: its life from begin to close, the exchange and its way back. The root stays
 * the folder that it was at begin, or nothing is done. */
#include "source/codebase_swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/codebase_swap_parts.h"

bool jbi_root_look(int root_fd, struct root_state *state)
{
    struct stat st;
    if (fstat(root_fd, &st) < 0)
        return false;
    *state = (struct root_state){
        .inode = st.st_ino,
        .mode = st.st_mode & 07777,
        .uid = st.st_uid,
        .gid = st.st_gid,
        .mtime = st.st_mtim,
    };
    return true;
}

static int open_or_absent(int dir_fd, const char *name, int *out, struct jb_error *err)
{
    *out = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*out < 0 && errno != ENOENT)
        return jbi_fail_errno(err, JB_EIO, "cannot open the folder \"%s\"", name);
    return JB_OK;
}

int jbi_swap_open(const struct code_swap *code, struct swap_folders *folders, struct jb_error *err)
{
    struct root_state now;
    *folders = (struct swap_folders){-1, -1, -1};
    folders->root_fd = open(code->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folders->root_fd < 0)
        return errno == ENOENT
                   ? JB_OK
                   : jbi_fail_errno(err, JB_EIO, "cannot open the code folder \"%s\"", code->root);
    uint64_t inode = code->is_planned ? code->old.inode : code->first.inode;
    int result = JB_OK;
    if (!jbi_root_look(folders->root_fd, &now))
        result = jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", code->root);
    else if (inode != 0 && now.inode != inode)
        result = jbi_fail(err, JB_EIO, "\"%s\" is another folder than when the restore began",
                          code->root);
    if (result == JB_OK)
        result = open_or_absent(folders->root_fd, code->beside, &folders->beside_fd, err);
    if (result == JB_OK && folders->beside_fd >= 0)
        result = open_or_absent(folders->beside_fd, TREE_NAME, &folders->tree_fd, err);
    if (result < 0)
        jbi_swap_close(folders);
    return result;
}

void jbi_swap_close(struct swap_folders *folders)
{
    int *const all[] = {&folders->tree_fd, &folders->beside_fd, &folders->root_fd};
    for (size_t i = 0; i < 3; i++) {
        if (*all[i] >= 0)
            close(*all[i]);
        *all[i] = -1;
    }
}

/* Owner first: to change it clears setgid. */
static int root_set(int root_fd, const struct root_state *state)
{
    struct root_state now;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, state->mtime};
    if (!jbi_root_look(root_fd, &now))
        return -1;
    bool has_owner = now.uid == state->uid && now.gid == state->gid;
    if (!has_owner && fchown(root_fd, (uid_t)state->uid, (gid_t)state->gid) < 0)
        return -1;
    if ((now.mode != state->mode || !has_owner) && fchmod(root_fd, state->mode) < 0)
        return -1;
    bool has_time = memcmp(&now.mtime, &state->mtime, sizeof now.mtime) == 0;
    return has_time ? 0 : futimens(root_fd, times);
}

/* So that names can be changed in a root that its owner may not write to. */
static void root_open_up(int fd)
{
    struct root_state now;
    if (jbi_root_look(fd, &now) && (now.mode & S_IRWXU) != S_IRWXU)
        fchmod(fd, now.mode | S_IRWXU);
}

static int not_planned(struct jb_error *err)
{
    return jbi_fail(err, JB_EINVAL, "the exchange of the code was not planned");
}

static int code_swap(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    const struct code_swap *code = (const struct code_swap *)swap;
    struct swap_folders folders;
    if (!code->is_planned)
        return not_planned(err);
    int result = jbi_swap_open(code, &folders, err);
    if (result < 0)
        return result;
    struct exchange_sides sides = {folders.root_fd, folders.tree_fd, folders.beside_fd};
    if (folders.tree_fd < 0) {
        jbi_swap_close(&folders);
        return jbi_fail(err, JB_ENOTFOUND, "there is nothing in \"%s\" to exchange", code->where);
    }
    root_open_up(folders.root_fd);
    root_open_up(folders.tree_fd);
    result = jbi_exchange_do(&code->exchange, &sides, err);
    if (result == JB_OK && root_set(folders.root_fd, &code->new) < 0) {
        char reason[128];
        jbi_finding(job->report, JB_WARNING, code->root,
                    "its own owner, mode or time could not be set as recorded: %s",
                    strerror_r(errno, reason, sizeof reason));
    }
    if (result == JB_OK && fsync(folders.root_fd) < 0)
        result = jbi_fail_errno(err, JB_EIO, "cannot write \"%s\" to disk", code->root);
    jbi_swap_close(&folders);
    return result;
}

/* With nothing aside any more: all right if the old state is in place. */
static int check_old(const struct code_swap *code, const struct exchange_sides *sides,
                     struct jb_error *err)
{
    const struct exchange *exchange = &code->exchange;
    for (size_t i = 0; i < exchange->count; i++) {
        const struct exchange_item *item = &exchange->items[i];
        struct exchange_look at;
        int result = jbi_exchange_look(exchange, sides, i, &at, err);
        if (result < 0)
            return result;
        bool is_old = item->is_carried || (item->old != 0 ? at.live.is_old : !at.live.is_new);
        if (!is_old)
            return jbi_fail(err, JB_ENOTFOUND, "the old \"%s\" is not kept any more", item->path);
    }
    return JB_OK;
}

/* Before anything was exchanged only our own folder has changed the root: until the folder in it
 * was made. */
static int undo_first(const struct code_swap *code, const struct swap_folders *folders,
                      struct jb_error *err)
{
    struct root_state now;
    if (code->is_root_made || folders->tree_fd >= 0 || !jbi_root_look(folders->root_fd, &now))
        return JB_OK;
    struct root_state wanted = code->first;
    wanted.uid = now.uid;
    wanted.gid = now.gid;
    if (now.mode != (wanted.mode | S_IRWXU))
        wanted.mode = now.mode;
    return root_set(folders->root_fd, &wanted) == 0
               ? JB_OK
               : jbi_fail_errno(err, JB_EIO, "cannot set the time of \"%s\"", code->root);
}

static int undo_planned(struct code_swap *code, const struct swap_folders *folders,
                        const struct source_job *job, struct jb_error *err)
{
    struct exchange_sides sides = {folders->root_fd, folders->tree_fd, folders->beside_fd};
    if (folders->tree_fd < 0) {
        int result = check_old(code, &sides, err);
        if (result < 0)
            return result;
    }
    root_open_up(folders->root_fd);
    if (folders->tree_fd >= 0)
        root_open_up(folders->tree_fd);
    if (folders->tree_fd >= 0) {
        int mended = jbi_linked_mend(code, folders, job, err);
        if (mended < 0)
            return mended;
    }
    int first = folders->tree_fd < 0 ? JB_OK : jbi_exchange_undo(&code->exchange, &sides, err);
    int result = JB_OK;
    if (root_set(folders->root_fd, &code->old) < 0 || fsync(folders->root_fd) < 0)
        result = jbi_fail_errno(err, JB_EIO, "cannot set the mode and time of \"%s\"", code->root);
    if (first < 0)
        jbi_hint(err, "what is aside lies in \"%s\"", code->where);
    return first < 0 ? first : result;
}

/* A root that we made holds nothing old: it goes as a whole, if nobody put anything in it. */
static int remove_made_root(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    const struct code_swap *code = (const struct code_swap *)swap;
    int result = jbi_code_discard(swap, job, err);
    if (result < 0)
        return result;
    if (rmdir(code->root) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
        return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s\"", code->root);
    return JB_OK;
}

static int code_undo(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    struct code_swap *code = (struct code_swap *)swap;
    struct swap_folders folders;
    int result = jbi_swap_open(code, &folders, err);
    if (result < 0)
        return result;
    if (folders.root_fd < 0 && code->is_root_made)
        return JB_OK;
    if (folders.root_fd < 0)
        return jbi_fail(err, JB_ENOTFOUND, "the code folder \"%s\" is gone", code->root);
    result =
        code->is_planned ? undo_planned(code, &folders, job, err) : undo_first(code, &folders, err);
    jbi_swap_close(&folders);
    return result == JB_OK && code->is_root_made ? remove_made_root(swap, job, err) : result;
}

static int code_check(struct swap *swap, const struct source_job *job, bool is_new,
                      struct jb_error *err)
{
    const struct code_swap *code = (const struct code_swap *)swap;
    struct swap_folders folders;
    (void)job;
    if (!code->is_planned)
        return is_new ? not_planned(err) : JB_OK;
    int result = jbi_swap_open(code, &folders, err);
    if (result < 0)
        return result;
    if (folders.root_fd < 0 && (is_new || !code->is_root_made))
        return jbi_fail(err, JB_ENOTFOUND, "the code folder \"%s\" is gone", code->root);
    struct exchange_sides sides = {folders.root_fd, folders.tree_fd, folders.beside_fd};
    for (size_t i = 0; result == JB_OK && folders.root_fd >= 0 && i < code->exchange.count; i++) {
        const struct exchange_item *item = &code->exchange.items[i];
        struct exchange_look at;
        if (item->is_carried)
            continue;
        result = jbi_exchange_look(&code->exchange, &sides, i, &at, err);
        /* What the application replaced or removed since is as right as what was put there. */
        bool is_wrong = result == JB_OK && (is_new ? at.live.is_old || at.aside.is_new
                                                   : at.live.is_new || at.aside.is_old);
        if (is_wrong)
            result = jbi_fail(err, JB_EIO, "\"%s\" is not the %s one", item->path,
                              is_new ? "restored" : "old");
    }
    jbi_swap_close(&folders);
    return result;
}

static const char *code_kept(const struct swap *swap)
{
    const struct code_swap *code = (const struct code_swap *)swap;
    return faccessat(AT_FDCWD, code->where, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? code->where : "";
}

static void code_close(struct swap *swap)
{
    if (swap == NULL)
        return;
    struct code_swap *code = (struct code_swap *)swap;
    jbi_arena_free(&code->arena);
    free(code);
}

static const struct swap_ops ops = {
    .kind = "codebase",
    .stage = jbi_code_stage,
    .plan = jbi_code_plan,
    .swap = code_swap,
    .undo = code_undo,
    .discard = jbi_code_discard,
    .check = code_check,
    .print = jbi_code_print,
    .kept = code_kept,
    .close = code_close,
};

static bool is_id(const char *id)
{
    static const char digits[] = "0123456789";
    return strlen(id) == 15 && strspn(id, digits) == 8 && id[8] == '_' &&
           strspn(id + 9, digits) == 6;
}

static int name_all(struct code_swap *code, const char *id, const char *path, struct jb_error *err)
{
    struct arena *arena = &code->arena;
    if (!is_id(id))
        return jbi_fail(err, JB_EINVAL, "\"%s\" is no restore's name", id);
    if (path != NULL && !jbi_is_safe_path(path)) {
        jbi_fail(err, JB_EINVAL, "cannot restore \"%s\": no such path is possible", path);
        jbi_hint(err, "give it relative to the code's root, without \"..\"");
        return JB_EINVAL;
    }
    code->swap.ops = &ops;
    code->swap.name = "code";
    code->exchange.arena = arena;
    code->root = jbi_arena_text(arena, code->live->root);
    code->id = jbi_arena_text(arena, id);
    code->path = path ? jbi_arena_text(arena, path) : NULL;
    code->linked.arena = arena;
    code->kept_archive.path = jbi_arena_printf(arena, "restore_%s.tar.gz", id);
    code->kept_index.path = jbi_arena_printf(arena, "restore_%s.index.jsonl.gz", id);
    code->beside = jbi_arena_printf(arena, CODEBASE_SWAP_PREFIX "%s", id);
    code->where = jbi_arena_printf(arena, "%s/" CODEBASE_SWAP_PREFIX "%s", code->live->root, id);
    bool has_memory = code->root && code->id && code->beside && code->where &&
                      code->kept_archive.path && code->kept_index.path &&
                      (path == NULL || code->path != NULL);
    return has_memory ? JB_OK : jbi_fail_memory(err);
}

static int begin(struct code_swap *code, const struct codebase_swap_what *what,
                 struct jb_error *err)
{
    code->category_fd = what->category_fd;
    code->stays = what->stays;
    code->kept = what->kept;
    code->created_us = what->created_us;
    code->archive = what->archive;
    code->index = what->index;
    int result = name_all(code, what->id, what->path, err);
    if (result < 0)
        return result;
    scope_fd int root_fd = open(code->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    code->is_root_made = root_fd < 0 && errno == ENOENT;
    if (!code->is_root_made && (root_fd < 0 || !jbi_root_look(root_fd, &code->first)))
        return jbi_fail_errno(err, JB_EIO, "cannot open the code folder \"%s\"", code->root);
    return JB_OK;
}

static int hand_over(struct swap **out, struct code_swap *code, int result)
{
    if (result < 0)
        code_close(&code->swap);
    else
        *out = &code->swap;
    return result;
}

int jbi_codebase_swap_begin(struct swap **out, const struct codebase_swap_what *what,
                            struct jb_error *err)
{
    struct code_swap *code = calloc(1, sizeof *code);
    if (code == NULL)
        return jbi_fail_memory(err);
    code->live = what->live;
    return hand_over(out, code, begin(code, what, err));
}

static int resume(struct code_swap *code, const struct json *state, struct jb_error *err)
{
    const char *root = jbi_json_text(jbi_json_get(state, "root"));
    const char *id = jbi_json_text(jbi_json_get(state, "id"));
    const char *path = NULL;
    bool is_all = jbi_json_is_null(jbi_json_get(state, "path")) &&
                  jbi_json_is_null(jbi_json_get(state, "path_hex"));
    if (!is_all)
        path = jbi_journal_get_path(state, "path", &code->arena);
    if (root == NULL || id == NULL || !is_id(id) || (!is_all && path == NULL))
        return jbi_fail(err, JB_ECORRUPT, "the journal of the code is malformed");
    if (strcmp(root, code->live->root) != 0)
        return jbi_fail(err, JB_ECORRUPT, "the journal is of \"%s\", not of \"%s\"", root,
                        code->live->root);
    int result = name_all(code, id, path, err);
    return result < 0 ? result : jbi_code_parse(code, state, err);
}

int jbi_codebase_swap_resume(struct swap **out, const struct json *state,
                             const struct codebase_source *live, const struct codebase_kept *kept,
                             struct jb_error *err)
{
    struct code_swap *code = calloc(1, sizeof *code);
    if (code == NULL)
        return jbi_fail_memory(err);
    code->live = live;
    code->kept = kept;
    code->category_fd = -1;
    return hand_over(out, code, resume(code, state, err));
}
