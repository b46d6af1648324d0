/* SPDX-License-Identifier: MIT */
/* The new tree's part of a plan: whatever the live tree doesn't keep takes its place. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "source/codebase_swap_plan.h"

/* The new one of a name: it joins the old one, or comes alone. */
static int add_new(struct plan *plan, int dir_fd, const char *name, const char *path,
                   struct jb_error *err)
{
    struct exchange *exchange = &plan->code->exchange;
    struct exchange_identity identity;
    const size_t *old = jbi_plan_list_find(&plan->moved, path);
    int code = jbi_plan_identify(dir_fd, name, path, &identity, err);
    if (code == JB_OK)
        code = jbi_plan_add_closed(plan, path, &identity, err);
    struct exchange_item item = {
        .path = path,
        .new = identity.inode,
        .born_s = identity.born_s,
        .born_ns = identity.born_ns,
    };
    if (code < 0)
        return code;
    if (old == NULL)
        return jbi_exchange_add(exchange, &item, err);
    exchange->items[*old].new = item.new;
    exchange->items[*old].born_s = item.born_s;
    exchange->items[*old].born_ns = item.born_ns;
    return JB_OK;
}

/* What stays by our own wish is told where the backup has another one. */
static int tell_staying(struct plan *plan, const struct tree_entry *entry)
{
    struct jb_error unwanted = {0};
    scope_fd int new_fd = -1;
    scope_fd int live_fd = -1;
    bool is_same =
        jbi_open_regular(entry->dir_fd, entry->name, &new_fd, &unwanted) == JB_OK &&
        jbi_open_regular(plan->folders.root_fd, entry->path, &live_fd, &unwanted) == JB_OK &&
        jbi_file_equal(new_fd, live_fd, &unwanted) == 1;
    if (is_same)
        return TREE_SKIP;
    jbi_finding(plan->job->report, JB_INFO, entry->path,
                "stays as it is, though the backup has another one");
    jbi_finding_hint(plan->job->report, "--path %s restores it", entry->path);
    return TREE_SKIP;
}

static int visit_new(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct plan *plan = user;
    if (entry->sys_errno != 0) {
        errno = entry->sys_errno;
        return jbi_fail_errno(err, JB_EIO, "cannot look at the new \"%s\"", entry->path);
    }
    if (jbi_plan_list_find(&plan->in_place, entry->path) != NULL)
        return TREE_GO_ON;
    bool is_left = jbi_plan_list_find(&plan->left, entry->path) != NULL;
    if (is_left && jbi_plan_is_staying(plan, entry->path))
        return tell_staying(plan, entry);
    if (is_left || jbi_starts_with(entry->name, CODEBASE_SWAP_PREFIX)) {
        jbi_finding(plan->job->report, JB_INFO, entry->path,
                    "stays as it is: backups leave it out today");
        return TREE_SKIP;
    }
    int code = add_new(plan, entry->dir_fd, entry->name, entry->path, err);
    return code < 0 ? code : TREE_SKIP;
}

/* One path: if folders above it are missing, the topmost of them comes into the live tree. */
static int add_new_path(struct plan *plan, struct jb_error *err)
{
    const char *path = plan->code->path;
    size_t above = plan->present, end = strlen(path);
    if (plan->moved.count == 0) {
        size_t from = above + (above > 0);
        end = from + strcspn(path + from, "/");
    } else {
        const char *slash = strrchr(path, '/');
        above = slash ? (size_t)(slash - path) : 0;
    }
    scope_free char *item = strndup(path, end);
    scope_free char *folder = strndup(path, above);
    if (item == NULL || folder == NULL)
        return jbi_fail_memory(err);
    scope_fd int new_fd = jbi_open_path(plan->folders.tree_fd, folder, above);
    scope_fd int live_fd = jbi_open_path(plan->folders.root_fd, folder, above);
    if (new_fd < 0 || live_fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open the folder of \"%s\"", path);
    int code = plan->moved.count == 0 && above > 0 ? jbi_plan_add_folder(plan, folder, live_fd, err)
                                                   : JB_OK;
    return code < 0 ? code : add_new(plan, new_fd, item + above + (above > 0), item, err);
}

int jbi_plan_add_new(struct plan *plan, struct jb_error *err)
{
    if (plan->code->path != NULL)
        return add_new_path(plan, err);
    return jbi_tree_walk_brief(plan->folders.tree_fd, visit_new, plan, err);
}
