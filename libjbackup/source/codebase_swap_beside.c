/* SPDX-License-Identifier: MIT */
/* What lies beside the code: made by stage, removed by discard. The root's time is that of before
 * each time. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/mounts.h"
#include "source/codebase_reuse.h"
#include "source/codebase_swap_parts.h"
#include "source/exchange_names.h"

struct mounts {
    int (*visit)(void *user, const char *name, struct jb_error *err);
    void *user;
    const struct code_swap *code;
};

static int check_mount(void *user, const char *path, struct jb_error *err)
{
    const struct mounts *mounts = user;
    if (strchr(path, '/') == NULL)
        return mounts->visit != NULL ? mounts->visit(mounts->user, path, err) : JB_OK;
    jbi_fail(err, JB_EUNSUPPORTED,
             "\"%s/%s\" is mounted within the code: its folder can't be exchanged",
             mounts->code->root, path);
    jbi_hint(err, "unmount it for the restore, or mount it in the root itself");
    return JB_EUNSUPPORTED;
}

int jbi_code_check_mounts(const struct code_swap *code, int root_fd,
                          int (*visit)(void *user, const char *name, struct jb_error *err),
                          void *user, struct jb_error *err)
{
    struct mounts mounts = {visit, user, code};
    return jbi_mounts_below(root_fd, check_mount, &mounts, err);
}

static int time_set(int fd, const struct timespec *mtime)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, *mtime};
    return futimens(fd, times);
}

/* Makes or removes the folder beside: the root may deny its owner to write, and keeps its time. */
static int change_root(const struct code_swap *code, int root_fd,
                       int (*change)(int root_fd, const char *name), struct jb_error *err)
{
    struct root_state before;
    if (!jbi_root_look(root_fd, &before))
        return jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", code->root);
    bool is_closed = (before.mode & S_IRWXU) != S_IRWXU;
    if (is_closed)
        fchmod(root_fd, before.mode | S_IRWXU);
    int result = JB_OK;
    if (change(root_fd, code->beside) < 0)
        result = jbi_fail_errno(err, JB_EIO, "cannot make or remove \"%s\"", code->where);
    bool is_set = time_set(root_fd, &before.mtime) == 0;
    if ((is_closed && fchmod(root_fd, before.mode) < 0) || !is_set || fsync(root_fd) < 0)
        result = jbi_fail_errno(err, JB_EIO, "cannot set the mode and time of \"%s\"", code->root);
    return result;
}

static int make(int root_fd, const char *name)
{
    return mkdirat(root_fd, name, 0700);
}

/* It may be there by now: a database in it was staged before, and made its folder. */
static int make_root(const struct code_swap *code, struct jb_error *err)
{
    const char *slash = strrchr(code->root, '/');
    if (mkdir(code->root, 0700) < 0 && errno != EEXIST) {
        jbi_fail_errno(err, errno == ENOENT ? JB_ENOTFOUND : JB_EIO, "cannot make \"%s\"",
                       code->root);
        jbi_hint(err, "the folder above it must exist");
        return errno == ENOENT ? JB_ENOTFOUND : JB_EIO;
    }
    scope_free char *above = strndup(code->root, (size_t)(slash - code->root));
    scope_fd int fd = above ? open(*above ? above : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || fsync(fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the folder of \"%s\" to disk", code->root);
    return JB_OK;
}

/* The folders above a single path that are missing in the live tree come into it with what was
 * restored: like the folder in which they will lie. */
static int dress_parents(const struct code_swap *code, const struct swap_folders *folders,
                         struct jb_error *err)
{
    struct root_state like;
    bool is_missing = false;
    if (code->path == NULL || !jbi_root_look(folders->root_fd, &like))
        return JB_OK;
    for (const char *at = strchr(code->path, '/'); at != NULL; at = strchr(at + 1, '/')) {
        size_t len = (size_t)(at - code->path);
        scope_fd int live_fd = is_missing ? -1 : jbi_open_path(folders->root_fd, code->path, len);
        is_missing |= live_fd < 0;
        if (!is_missing && !jbi_root_look(live_fd, &like))
            return jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", code->path);
        scope_fd int fd = is_missing ? jbi_open_path(folders->tree_fd, code->path, len) : -1;
        if (!is_missing)
            continue;
        bool is_owned =
            fd >= 0 && (geteuid() != 0 || fchown(fd, (uid_t)like.uid, (gid_t)like.gid) == 0);
        if (!is_owned || fchmod(fd, like.mode & 01777) < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot set the mode of the folder of \"%s\"",
                                  code->path);
    }
    return JB_OK;
}

static int lay_out(struct code_swap *code, const struct source_job *job,
                   const struct swap_folders *folders, struct jb_error *err)
{
    const struct codebase_reuse reuse = {code->live, folders->root_fd, code->created_us,
                                         code->stays, &code->linked};
    struct codebase_staged staged;
    int is_kept = code->is_root_made ? 0 : jbi_kept_add(code, err);
    if (is_kept < 0)
        return is_kept;
    if (is_kept == 0)
        return jbi_codebase_stage(job, code->category_fd, code->archive, code->index,
                                  folders->tree_fd, code->path, &staged, err);
    int result = jbi_codebase_stage_beside(job, code->kept->folder_fd, &code->kept_archive,
                                           &code->kept_index, folders->tree_fd, code->path, &reuse,
                                           &staged, err);
    return result == JB_OK && code->linked.count == 0 ? jbi_kept_remove(code, err) : result;
}

static int fill(struct code_swap *code, const struct source_job *job, struct swap_folders *folders,
                struct jb_error *err)
{
    if (mkdirat(folders->beside_fd, TREE_NAME, 0700) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", code->where);
    int result = jbi_open_dir(folders->beside_fd, TREE_NAME, &folders->tree_fd, err);
    if (result == JB_OK)
        result = lay_out(code, job, folders, err);
    if (result == JB_OK)
        result = dress_parents(code, folders, err);
    if (result == JB_OK && (syncfs(folders->tree_fd) < 0 || fsync(folders->beside_fd) < 0))
        result = jbi_fail_errno(err, JB_EIO, "cannot write the restored code to disk");
    return result;
}

static int stage_beside(struct code_swap *code, const struct source_job *job,
                        struct swap_folders *folders, bool *is_made, struct jb_error *err)
{
    int result = jbi_code_check_mounts(code, folders->root_fd, NULL, NULL, err);
    if (result == JB_OK)
        result = change_root(code, folders->root_fd, make, err);
    if (result < 0)
        return result;
    *is_made = true;
    result = jbi_open_dir(folders->root_fd, code->beside, &folders->beside_fd, err);
    return result < 0 ? result : fill(code, job, folders, err);
}

int jbi_code_stage(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    struct code_swap *code = (struct code_swap *)swap;
    struct swap_folders folders;
    bool is_made = false;
    int result = code->is_root_made ? make_root(code, err) : JB_OK;
    if (result < 0)
        return result;
    result = jbi_swap_open(code, &folders, err);
    if (result == JB_OK && folders.root_fd < 0)
        result = jbi_fail(err, JB_ENOTFOUND, "the code folder \"%s\" is gone", code->root);
    if (result == JB_OK)
        result = stage_beside(code, job, &folders, &is_made, err);
    if (result < 0 && is_made) {
        jbi_code_clear(code, &folders, NULL);
        jbi_kept_remove(code, NULL);
    }
    if (result < 0 && code->is_root_made)
        rmdir(code->root);
    jbi_swap_close(&folders);
    return result;
}

static int remove_folder(int root_fd, const char *name)
{
    return unlinkat(root_fd, name, AT_REMOVEDIR);
}

int jbi_code_clear(const struct code_swap *code, const struct swap_folders *folders,
                   struct jb_error *err)
{
    static const char *const names[] = {TREE_NAME,    FRESH_NAME,
                                        LINKED_NAME,  "." LINKED_NAME ".tmp",
                                        MENDING_NAME, "." MENDING_NAME ".tmp"};
    struct exchange_identity identity;
    int result = JB_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names && result == JB_OK; i++)
        result = jbi_remove_tree(folders->beside_fd, names[i], err);
    if (result < 0 || jbi_identify(folders->beside_fd, CHANGED_NAME, &identity))
        return result;
    return change_root(code, folders->root_fd, remove_folder, err);
}

/* What an application put in the place of a new one, and undo found there, is not ours to remove.
 */
static int keep_strangers(const struct code_swap *code, const struct swap_folders *folders,
                          struct jb_error *err)
{
    const struct exchange *exchange = &code->exchange;
    struct exchange_sides sides = {folders->root_fd, folders->tree_fd, folders->beside_fd};
    for (size_t i = 0; i < exchange->count; i++) {
        const struct exchange_item *item = &exchange->items[i];
        struct exchange_look at;
        struct exchange_names names;
        if (item->is_carried)
            continue;
        int result = jbi_exchange_look(exchange, &sides, i, &at, err);
        if (result < 0)
            return result;
        if (!at.aside.is_there || at.aside.is_old || at.aside.is_new)
            continue;
        if (mkdirat(folders->beside_fd, CHANGED_NAME, 0700) < 0 && errno != EEXIST)
            return jbi_fail_errno(err, JB_EIO, "cannot make \"%s/%s\"", code->where, CHANGED_NAME);
        scope_fd int to_fd = -1;
        result = jbi_open_dir(folders->beside_fd, CHANGED_NAME, &to_fd, err);
        if (result == JB_OK)
            result = jbi_names_open(&names, &sides, item->path, err);
        if (result < 0)
            return result;
        result = jbi_names_move(names.aside_fd, names.name, to_fd, names.name, err);
        jbi_names_close(&names);
        if (result < 0)
            return result;
    }
    return JB_OK;
}

static void say_strangers(const struct code_swap *code, int beside_fd, jb_report *report)
{
    struct exchange_identity identity;
    if (!jbi_identify(beside_fd, CHANGED_NAME, &identity))
        return;
    jbi_finding(report, JB_WARNING, code->where,
                "what was put in the place of restored entries before they were taken back is "
                "kept in \"" CHANGED_NAME "\" there");
    jbi_finding_hint(report, "look at it, then remove \"%s\"", code->where);
}

/* After a crash between the removal and its end: the time that belongs to what is in place. */
static void set_time_again(const struct code_swap *code, int root_fd)
{
    struct exchange_sides sides = {root_fd, -1, -1};
    for (size_t i = 0; code->is_planned && i < code->exchange.count; i++) {
        struct exchange_look at;
        if (code->exchange.items[i].is_carried ||
            jbi_exchange_look(&code->exchange, &sides, i, &at, NULL) < 0)
            continue;
        if (at.live.is_new)
            time_set(root_fd, &code->new.mtime);
        if (at.live.is_new || at.live.is_old)
            return;
    }
}

int jbi_code_discard(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    const struct code_swap *code = (const struct code_swap *)swap;
    struct swap_folders folders;
    int result = jbi_swap_open(code, &folders, err);
    if (result < 0)
        return result;
    if (folders.root_fd < 0)
        return jbi_kept_remove(code, err);
    struct exchange_sides sides = {folders.root_fd, folders.tree_fd, folders.beside_fd};
    if (folders.beside_fd < 0)
        set_time_again(code, folders.root_fd);
    if (folders.tree_fd >= 0 && code->is_planned) {
        result = jbi_exchange_check_whole(&code->exchange, &sides, err);
        if (result == JB_OK)
            result = keep_strangers(code, &folders, err);
    }
    if (result == JB_OK && folders.beside_fd >= 0) {
        say_strangers(code, folders.beside_fd, job->report);
        result = jbi_code_clear(code, &folders, err);
    }
    jbi_swap_close(&folders);
    return result < 0 ? result : jbi_kept_remove(code, err);
}
