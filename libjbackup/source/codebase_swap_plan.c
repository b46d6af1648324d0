/* SPDX-License-Identifier: MIT */
/*
 * What is exchanged with what. One walk of the live tree, which is only looked at, asks the rules
 * of a backup what stays where it is. Folders above a repository don't move either, but what is in
 * them: the journal lies there, and must be found after a crash.
 */
#include "source/codebase_swap_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"

static bool is_mounted(const struct plan *plan, const struct tree_entry *entry)
{
    bool is_here = entry->is_mount;
    for (size_t i = 0; !is_here && i < plan->mounted.count; i++)
        is_here = strcmp(plan->mounted.names[i], entry->path) == 0;
    return is_here;
}

static int note_mounted(void *user, const char *name, struct jb_error *err)
{
    struct plan *plan = user;
    return jbi_plan_list_add(plan, &plan->mounted, name, 0, err);
}

static int add_unit(struct plan *plan, const struct tree_entry *entry, struct jb_error *err)
{
    struct exchange_identity identity;
    int code = jbi_plan_identify(entry->dir_fd, entry->name, entry->path, &identity, err);
    if (code < 0)
        return code;
    struct exchange_item item = {.path = entry->path, .old = identity.inode};
    code = jbi_plan_add_closed(plan, entry->path, &identity, err);
    if (code == JB_OK && plan->code->path != NULL && strchr(entry->path, '/') != NULL) {
        size_t len = strlen(entry->path) - strlen(entry->name) - 1;
        scope_free char *above = strndup(entry->path, len);
        code = above ? jbi_plan_add_folder(plan, above, entry->dir_fd, err) : jbi_fail_memory(err);
    }
    if (code == JB_OK)
        code = jbi_plan_list_add(plan, &plan->moved, entry->path, plan->code->exchange.count, err);
    return code < 0 ? code : jbi_exchange_add(&plan->code->exchange, &item, err);
}

static int mounted_within(const char *path, struct jb_error *err)
{
    jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" is on another file system: it can't be exchanged", path);
    jbi_hint(err, "unmount it for the restore");
    return JB_EUNSUPPORTED;
}

/* It stays with what it holds; its entries are exchanged with those of its like. */
static int keep_in_place(struct plan *plan, const struct tree_entry *entry, struct jb_error *err)
{
    if (plan->code->path != NULL) {
        jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" holds the repository: it can't be exchanged",
                 entry->path);
        jbi_hint(err, "restore single folders in it");
        return JB_EUNSUPPORTED;
    }
    scope_fd int new_fd = -1;
    scope_fd int live_fd = jbi_open_path(plan->folders.root_fd, entry->path, strlen(entry->path));
    if (live_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open \"%s\"", entry->path);
    int code = jbi_plan_open_place(plan, entry->path, &new_fd, err);
    if (code == JB_OK)
        code = jbi_plan_add_folder(plan, entry->path, live_fd, err);
    if (code == JB_OK)
        code = jbi_plan_add_folder(plan, entry->path, new_fd, err);
    return code < 0 ? code : jbi_plan_list_add(plan, &plan->in_place, entry->path, 0, err);
}

bool jbi_plan_is_staying(const struct plan *plan, const char *path)
{
    return jbi_codebase_is_staying(plan->code->stays, plan->code->path, path);
}

/* An entry of the root: it moves, or it is left alone. */
static int visit_entry(struct plan *plan, const struct tree_entry *entry, struct jb_error *err)
{
    enum codebase_part part = jbi_codebase_part(&plan->rules, entry);
    bool stays = is_mounted(plan, entry);
    if (jbi_plan_is_staying(plan, entry->path)) {
        int left = jbi_plan_list_add(plan, &plan->left, entry->path, 0, err);
        return left < 0 ? left : TREE_SKIP;
    }
    if (plan->code->path != NULL && (stays || part == PART_OURS))
        return stays ? mounted_within(entry->path, err)
                     : jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" is no part of the code", entry->path);
    if (part == PART_TAKEN && !stays && jbi_codebase_is_holder(&plan->holders, entry))
        return keep_in_place(plan, entry, err);
    if (plan->code->path != NULL || (part == PART_TAKEN && !stays))
        return add_unit(plan, entry, err);
    if (stays && part != PART_EXCLUDED && part != PART_OURS)
        jbi_finding(plan->job->report, JB_WARNING, entry->path,
                    "stays as it is: it is on another file system");
    int code = jbi_plan_list_add(plan, &plan->left, entry->path, 0, err);
    return code < 0 ? code : TREE_SKIP;
}

static int visit_within(struct plan *plan, const struct tree_entry *entry, struct jb_error *err)
{
    if (is_mounted(plan, entry))
        return mounted_within(entry->path, err);
    if (jbi_codebase_part(&plan->rules, entry) == PART_TAKEN)
        return TREE_GO_ON;
    int code = jbi_plan_carry(plan, entry, err);
    return code < 0 ? code : TREE_SKIP;
}

/* On the way to the one path that is restored. */
static int visit_above(struct plan *plan, const struct tree_entry *entry, struct jb_error *err)
{
    if (!S_ISDIR(entry->st.st_mode))
        return jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" is no folder now: nothing can be put in it",
                        entry->path);
    if (is_mounted(plan, entry))
        return mounted_within(entry->path, err);
    plan->present = strlen(entry->path);
    return TREE_GO_ON;
}

/* In the root, or in a folder that stays in place. */
static bool is_unit(const struct plan *plan, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    bool is = slash == NULL;
    for (size_t i = 0; !is && i < plan->in_place.count; i++) {
        const char *folder = plan->in_place.names[i];
        is = strlen(folder) == len && memcmp(folder, path, len) == 0;
    }
    return is;
}

static int visit(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct plan *plan = user;
    const char *path = plan->code->path;
    bool is_whole = path == NULL ? is_unit(plan, entry->path) : strcmp(path, entry->path) == 0;
    bool is_above = path != NULL && !is_whole && jbi_is_below(path, entry->path);
    if (path != NULL && !is_whole && !is_above && !jbi_is_below(entry->path, path))
        return TREE_SKIP;
    if (entry->sys_errno == ENOENT)
        return TREE_GO_ON;
    if (entry->sys_errno != 0) {
        errno = entry->sys_errno;
        jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", entry->path);
        jbi_hint(err, "restore as a user who may read it, or exclude it from backups");
        return JB_EIO;
    }
    if (is_above)
        return visit_above(plan, entry, err);
    return is_whole ? visit_entry(plan, entry, err) : visit_within(plan, entry, err);
}

static int plan_all(struct plan *plan, struct jb_error *err)
{
    struct code_swap *code = plan->code;
    if (!jbi_root_look(plan->folders.root_fd, &code->old) ||
        !jbi_root_look(code->path ? plan->folders.root_fd : plan->folders.tree_fd, &code->new))
        return jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", code->root);
    int result = jbi_code_check_mounts(code, plan->folders.root_fd, note_mounted, plan, err);
    if (result == JB_OK)
        result = jbi_codebase_holders(&plan->holders, code->live, plan->folders.root_fd,
                                      &plan->arena, err);
    if (result == JB_OK)
        result = jbi_tree_walk_brief(plan->folders.root_fd, visit, plan, err);
    return result < 0 ? result : jbi_plan_add_new(plan, err);
}

int jbi_code_plan(struct swap *swap, const struct source_job *job, struct jb_error *err)
{
    struct code_swap *code = (struct code_swap *)swap;
    struct plan plan = {.code = code, .job = job, .carried_fd = -1};
    int result = jbi_swap_open(code, &plan.folders, err);
    if (result < 0)
        return result;
    code->exchange = (struct exchange){.arena = &code->arena};
    if (plan.folders.tree_fd < 0)
        result = jbi_fail(err, JB_ENOTFOUND, "there is nothing in \"%s\" to exchange", code->where);
    if (result == JB_OK)
        result = jbi_codebase_rules_begin(&plan.rules, code->live, err);
    if (result == JB_OK)
        result = jbi_linked_settle(code, &plan.folders, job, err);
    if (result == JB_OK)
        result = plan_all(&plan, err);
    if (result == JB_OK)
        result = jbi_linked_note(code, &plan.folders, err);
    code->is_planned = result == JB_OK;
    if (plan.carried_fd >= 0)
        close(plan.carried_fd);
    jbi_codebase_rules_end(&plan.rules);
    jbi_arena_free(&plan.arena);
    jbi_swap_close(&plan.folders);
    return result;
}
