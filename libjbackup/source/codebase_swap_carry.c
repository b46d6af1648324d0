/* SPDX-License-Identifier: MIT */
/* What stays though the folder around it moves: a place for it in the new tree, which nobody has
 * seen yet, and what must be put right around it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "source/codebase_swap_plan.h"

int jbi_plan_list_add(struct plan *plan, struct name_list *list, const char *name, size_t item,
                      struct jb_error *err)
{
    if (list->count == list->room) {
        size_t more = list->room ? 2 * list->room : 32;
        list->names = jbi_arena_grow(&plan->arena, list->names, list->count * sizeof *list->names,
                                     more * sizeof *list->names);
        list->items = jbi_arena_grow(&plan->arena, list->items, list->count * sizeof *list->items,
                                     more * sizeof *list->items);
        list->room = more;
    }
    char *copy = jbi_arena_text(&plan->arena, name);
    if (list->names == NULL || list->items == NULL || copy == NULL)
        return jbi_fail_memory(err);
    list->names[list->count] = copy;
    list->items[list->count++] = item;
    return JB_OK;
}

static int compare_names(const void *a, const void *b)
{
    return jbi_tree_order(a, *(const char *const *)b);
}

/* Only in lists that were made in order. */
const size_t *jbi_plan_list_find(const struct name_list *list, const char *name)
{
    const char **at =
        list->count ? bsearch(name, list->names, list->count, sizeof *list->names, compare_names)
                    : NULL;
    return at != NULL ? &list->items[at - list->names] : NULL;
}

int jbi_plan_add_folder(struct plan *plan, const char *path, int fd, struct jb_error *err)
{
    struct root_state state;
    if (!jbi_root_look(fd, &state))
        return jbi_fail_errno(err, JB_EIO, "cannot look at the folder \"%s\"", path);
    struct exchange_folder folder = {path, state.inode, state.mode, state.mtime};
    return jbi_exchange_add_folder(&plan->code->exchange, &folder, err);
}

/* A folder that changes its parent must let its owner write into it. */
int jbi_plan_add_closed(struct plan *plan, const char *path,
                        const struct exchange_identity *identity, struct jb_error *err)
{
    if (!S_ISDIR(identity->mode) || (identity->mode & S_IWUSR) != 0)
        return JB_OK;
    struct exchange_folder folder = {path, identity->inode, identity->mode & 07777,
                                     identity->mtime};
    return jbi_exchange_add_folder(&plan->code->exchange, &folder, err);
}

int jbi_plan_identify(int dir_fd, const char *name, const char *path,
                      struct exchange_identity *identity, struct jb_error *err)
{
    if (jbi_identify(dir_fd, name, identity))
        return JB_OK;
    return jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", path);
}

static int no_place(const char *path, struct jb_error *err)
{
    jbi_fail(err, JB_EUNSUPPORTED,
             "\"%s\" is in no backup and must stay, but the backup has no folder where it lies",
             path);
    jbi_hint(err, "move it elsewhere before the restore");
    return JB_EUNSUPPORTED;
}

/* Makes a folder in the new tree as the live one is; its parent keeps its time. */
static int make_like(int dir_fd, const char *name, int live_fd)
{
    struct root_state above, like;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
    if (!jbi_root_look(dir_fd, &above) || !jbi_root_look(live_fd, &like))
        return -1;
    bool is_closed = (above.mode & S_IRWXU) != S_IRWXU;
    if (is_closed && fchmod(dir_fd, above.mode | S_IRWXU) < 0)
        return -1;
    int fd = -1;
    if (mkdirat(dir_fd, name, 0700) == 0)
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    times[1] = above.mtime;
    if (futimens(dir_fd, times) < 0 || (is_closed && fchmod(dir_fd, above.mode) < 0) || fd < 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    times[1] = like.mtime;
    /* Who isn't root owns it himself, as he does what was restored. */
    bool is_set = (geteuid() != 0 || fchown(fd, (uid_t)like.uid, (gid_t)like.gid) == 0) &&
                  fchmod(fd, like.mode) == 0 && futimens(fd, times) == 0;
    if (is_set)
        return fd;
    close(fd);
    return -1;
}

static int descend(struct plan *plan, const char *name, const char *path, int *live_fd, int *new_fd,
                   struct jb_error *err)
{
    int live_below = openat(*live_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int new_below = openat(*new_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    (void)plan;
    if (live_below >= 0 && new_below < 0 && errno == ENOENT)
        new_below = make_like(*new_fd, name, live_below);
    int why = errno;
    close(*live_fd);
    close(*new_fd);
    *live_fd = live_below;
    *new_fd = new_below;
    errno = why;
    if (live_below >= 0 && new_below >= 0)
        return JB_OK;
    if (live_below >= 0 && (why == ENOTDIR || why == ELOOP))
        return no_place(path, err);
    return jbi_fail_errno(err, JB_EIO, "cannot make the folder of \"%s\"", path);
}

int jbi_plan_open_place(struct plan *plan, const char *folder, int *out, struct jb_error *err)
{
    int live_fd = fcntl(plan->folders.root_fd, F_DUPFD_CLOEXEC, 0);
    int new_fd = fcntl(plan->folders.tree_fd, F_DUPFD_CLOEXEC, 0);
    int code = live_fd < 0 || new_fd < 0
                   ? jbi_fail_errno(err, JB_EIO, "cannot open the place of \"%s\"", folder)
                   : JB_OK;
    for (const char *at = folder; code == JB_OK && *at != '\0';) {
        char name[256];
        size_t len = strcspn(at, "/");
        if (len >= sizeof name)
            code = jbi_fail(err, JB_EIO, "cannot open \"%s\": a name is too long", folder);
        memcpy(name, at, len < sizeof name ? len : 0);
        name[len < sizeof name ? len : 0] = '\0';
        if (code == JB_OK)
            code = descend(plan, name, folder, &live_fd, &new_fd, err);
        at += len + (at[len] == '/');
    }
    if (live_fd >= 0)
        close(live_fd);
    if (code == JB_OK)
        *out = new_fd;
    else if (new_fd >= 0)
        close(new_fd);
    return code;
}

/* plan->carried_fd becomes the place of the entry's folder. */
static int find_place(struct plan *plan, const struct tree_entry *entry, struct jb_error *err)
{
    size_t len = strlen(entry->path) - strlen(entry->name) - 1;
    bool is_same = plan->carried_to != NULL && strlen(plan->carried_to) == len &&
                   memcmp(plan->carried_to, entry->path, len) == 0;
    if (is_same)
        return JB_OK;
    if (plan->carried_fd >= 0)
        close(plan->carried_fd);
    plan->carried_fd = -1;
    plan->carried_to = jbi_arena_textn(&plan->arena, entry->path, len);
    if (plan->carried_to == NULL)
        return jbi_fail_memory(err);
    int code = jbi_plan_open_place(plan, plan->carried_to, &plan->carried_fd, err);
    if (code == JB_OK)
        code = jbi_plan_add_folder(plan, plan->carried_to, entry->dir_fd, err);
    return code < 0 ? code : jbi_plan_add_folder(plan, plan->carried_to, plan->carried_fd, err);
}

int jbi_plan_carry(struct plan *plan, const struct tree_entry *entry, struct jb_error *err)
{
    struct exchange_identity old, new = {0};
    int code = find_place(plan, entry, err);
    if (code == JB_OK)
        code = jbi_plan_identify(entry->dir_fd, entry->name, entry->path, &old, err);
    if (code == JB_OK)
        code = jbi_plan_add_closed(plan, entry->path, &old, err);
    if (code < 0)
        return code;
    if (jbi_identify(plan->carried_fd, entry->name, &new)) {
        jbi_finding(plan->job->report, JB_INFO, entry->path,
                    "stays as it is: backups leave it out today");
        code = jbi_plan_add_closed(plan, entry->path, &new, err);
    } else if (errno != ENOENT) {
        code = jbi_fail_errno(err, JB_EIO, "cannot look at the new \"%s\"", entry->path);
    }
    struct exchange_item item = {
        .path = entry->path,
        .old = old.inode,
        .new = new.inode,
        .born_s = new.born_s,
        .born_ns = new.born_ns,
        .is_carried = true,
    };
    return code < 0 ? code : jbi_exchange_add(&plan->code->exchange, &item, err);
}
