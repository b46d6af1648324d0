/* SPDX-License-Identifier: MIT */
/*
 * The way back when old and new tree share files: what the application changed of them through the
 * new tree is put right in the old one, while that still lies aside. Invariant: an old file that is
 * in its place, where it may be in use, is left alone. Done once more, it does the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/climb.h"
#include "os/tree.h"
#include "source/codebase_swap_parts.h"

struct mend {
    const struct code_swap *code;
    const struct swap_folders *folders;
    struct arena arena;
    struct linked_files files;
    size_t item;     /* of the exchange: those before it come before the file in question */
    bool is_aside;   /* what that item names of the old state lies aside */
    size_t asked_of; /* the item of which that is known, plus 1 */
};

/* Whether anything old lies aside: 1, 0, or a negative code. */
static int is_any_aside(const struct mend *mend, struct jb_error *err)
{
    const struct exchange *exchange = &mend->code->exchange;
    const struct swap_folders *folders = mend->folders;
    struct exchange_sides sides = {folders->root_fd, folders->tree_fd, folders->beside_fd};
    for (size_t i = 0; i < exchange->count; i++) {
        struct exchange_look at;
        if (exchange->items[i].is_carried || exchange->items[i].old == 0)
            continue;
        int code = jbi_exchange_look(exchange, &sides, i, &at, err);
        if (code < 0 || at.aside.is_old)
            return code < 0 ? code : 1;
    }
    return 0;
}

/* Whether the file's old name lies aside: it is in place if what holds it was not exchanged. Both
 * files and items are in the order of a walk. */
static int is_file_aside(struct mend *mend, const char *path, struct jb_error *err)
{
    const struct exchange *exchange = &mend->code->exchange;
    const struct swap_folders *folders = mend->folders;
    struct exchange_sides sides = {folders->root_fd, folders->tree_fd, folders->beside_fd};
    struct exchange_look at;
    for (; mend->item < exchange->count; mend->item++) {
        const struct exchange_item *item = &exchange->items[mend->item];
        bool is_old = !item->is_carried && item->old != 0;
        if (is_old && (jbi_is_below(path, item->path) || jbi_tree_order(item->path, path) > 0))
            break;
    }
    if (mend->item == exchange->count || !jbi_is_below(path, exchange->items[mend->item].path))
        return 0;
    if (mend->asked_of == mend->item + 1)
        return mend->is_aside;
    int code = jbi_exchange_look(exchange, &sides, mend->item, &at, err);
    mend->asked_of = code == JB_OK ? mend->item + 1 : 0;
    mend->is_aside = code == JB_OK && at.aside.is_old;
    return code < 0 ? code : mend->is_aside;
}

static int find_changed(struct mend *mend, bool *is_changed, size_t *count, struct jb_error *err)
{
    struct climb climb;
    int code = JB_OK;
    *count = 0;
    jbi_climb_begin(&climb, mend->folders->tree_fd);
    for (size_t i = 0; i < mend->files.count && code >= 0; i++) {
        const struct linked_file *file = &mend->files.items[i];
        const char *slash = strrchr(file->path, '/');
        struct stat st;
        code = is_file_aside(mend, file->path, err);
        if (code < 1)
            continue;
        int fd =
            jbi_climb_to(&climb, file->path, slash ? (size_t)(slash - file->path) : 0, false, 0);
        is_changed[i] = fd < 0 ||
                        fstatat(fd, slash ? slash + 1 : file->path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                        !jbi_linked_is(file, &st);
        *count += is_changed[i];
    }
    jbi_climb_end(&climb);
    return code < 0 ? code : JB_OK;
}

static int note_folders(const struct swap_folders *folders, const struct linked_files *above,
                        struct jb_error *err)
{
    char unwanted[SHA256_HEX_SIZE];
    return jbi_linked_write(above, folders->beside_fd, MENDING_NAME, unwanted, err);
}

/* After a death between the first copy that was put in its place and the last folder's time. */
static int settle_folders(const struct mend *mend, struct jb_error *err)
{
    struct arena arena = {0};
    struct linked_files above = {.arena = &arena};
    struct jb_error why = {0};
    int code = jbi_linked_read(&above, mend->folders->beside_fd, MENDING_NAME, NULL, &why);
    if (code == JB_OK)
        code = jbi_linked_restore_folders(mend->folders->tree_fd, &above, err);
    else if (code == JB_ENOTFOUND)
        code = JB_OK;
    else
        code = jbi_fail(err, code, "%s", why.text);
    jbi_arena_free(&arena);
    return code;
}

static int replace_changed(struct mend *mend, const struct source_job *job, struct jb_error *err)
{
    scope_free bool *is_changed = calloc(mend->files.count + 1, sizeof *is_changed);
    size_t count;
    if (is_changed == NULL)
        return jbi_fail_memory(err);
    int code = find_changed(mend, is_changed, &count, err);
    if (code < 0 || count == 0)
        return code;
    const struct linked_places places = {&mend->files, is_changed, mend->folders->tree_fd,
                                         note_folders};
    if (mend->code->kept == NULL)
        return jbi_fail(err, JB_ENOTFOUND, "nobody says where the archive of the restore is kept");
    return jbi_linked_replace(mend->code, mend->folders, &places, job, err);
}

static int fail_unmended(const struct mend *mend, const struct jb_error *why, struct jb_error *err)
{
    jbi_fail(err, why->code, "%s; the new state stays in place, the old one lies in \"%s\"",
             why->text, mend->code->where);
    jbi_hint(err, "%s", why->hint);
    return why->code;
}

static int mend_all(struct mend *mend, const struct source_job *job, struct jb_error *err)
{
    int beside_fd = mend->folders->beside_fd;
    struct jb_error why = {0};
    int code =
        jbi_linked_read(&mend->files, beside_fd, LINKED_NAME, mend->code->linked_sha256, &why);
    if (code == JB_OK && mend->files.count != mend->code->linked_count)
        code = jbi_fail(&why, JB_ECORRUPT, "\"%s\" is not the list of the restore", LINKED_NAME);
    if (code == JB_OK)
        code = settle_folders(mend, &why);
    if (code == JB_OK)
        code = replace_changed(mend, job, &why);
    if (code < 0)
        return fail_unmended(mend, &why, err);
    bool is_gone = unlinkat(beside_fd, MENDING_NAME, 0) == 0 || errno == ENOENT;
    return is_gone && fsync(beside_fd) == 0 ? JB_OK
                                            : jbi_fail_errno(err, JB_EIO, "cannot remove \"%s/%s\"",
                                                             mend->code->where, MENDING_NAME);
}

int jbi_linked_mend(struct code_swap *code, const struct swap_folders *folders,
                    const struct source_job *job, struct jb_error *err)
{
    struct mend mend = {.code = code, .folders = folders, .files.arena = &mend.arena};
    if (code->linked_count == 0)
        return JB_OK;
    int result = is_any_aside(&mend, err);
    if (result == 1)
        result = mend_all(&mend, job, err);
    jbi_arena_free(&mend.arena);
    return result;
}
