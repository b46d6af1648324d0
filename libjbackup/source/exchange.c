/* SPDX-License-Identifier: MIT */
/*
 * Doing and undoing the list. Invariant: each rename leads from one state that is recognized to
 * another one; carried items are looked at only while what they lie in is not exchanged.
 */
#include "source/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/exchange_folders.h"
#include "source/exchange_names.h"

bool jbi_identify(int dir_fd, const char *name, struct exchange_identity *identity)
{
    struct statx st;
    unsigned mask = STATX_TYPE | STATX_MODE | STATX_INO | STATX_MTIME | STATX_BTIME;
    if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW, mask, &st) < 0)
        return false;
    bool has_birth = (st.stx_mask & STATX_BTIME) != 0;
    *identity = (struct exchange_identity){
        .inode = st.stx_ino,
        .born_s = has_birth ? st.stx_btime.tv_sec : 0,
        .born_ns = has_birth ? st.stx_btime.tv_nsec : 0,
        .mode = st.stx_mode,
        .mtime = {.tv_sec = st.stx_mtime.tv_sec, .tv_nsec = st.stx_mtime.tv_nsec},
    };
    return true;
}

static void *grown(struct arena *arena, const void *old, size_t count, size_t *room, size_t size)
{
    size_t more = *room ? 2 * *room : 64;
    void *new = jbi_arena_grow(arena, old, count * size, more * size);
    *room = new != NULL ? more : *room;
    return new;
}

/* The item that holds a carried one is mostly the last that is not carried. */
static bool find_holder(const struct exchange *exchange, const char *path, size_t *holder)
{
    for (size_t i = exchange->count; i-- > 0;) {
        const struct exchange_item *item = &exchange->items[i];
        bool holds = !item->is_carried && item->old != 0 && strcmp(item->path, path) != 0;
        if (holds && jbi_is_below(path, item->path)) {
            *holder = i;
            return true;
        }
    }
    return false;
}

int jbi_exchange_add(struct exchange *exchange, const struct exchange_item *item,
                     struct jb_error *err)
{
    struct exchange_item added = *item;
    if (item->is_carried && !find_holder(exchange, item->path, &added.within))
        return jbi_fail(err, JB_ECORRUPT, "\"%s\" is to be carried, but lies in nothing that moves",
                        item->path);
    if (exchange->count == exchange->room) {
        void *items = grown(exchange->arena, exchange->items, exchange->count, &exchange->room,
                            sizeof *exchange->items);
        if (items == NULL)
            return jbi_fail_memory(err);
        exchange->items = items;
    }
    added.path = jbi_arena_text(exchange->arena, item->path);
    if (added.path == NULL)
        return jbi_fail_memory(err);
    exchange->items[exchange->count++] = added;
    return JB_OK;
}

int jbi_exchange_add_folder(struct exchange *exchange, const struct exchange_folder *folder,
                            struct jb_error *err)
{
    struct exchange_folder added = *folder;
    if (exchange->folder_count == exchange->folder_room) {
        void *folders = grown(exchange->arena, exchange->folders, exchange->folder_count,
                              &exchange->folder_room, sizeof *exchange->folders);
        if (folders == NULL)
            return jbi_fail_memory(err);
        exchange->folders = folders;
    }
    added.path = jbi_arena_text(exchange->arena, folder->path);
    if (added.path == NULL)
        return jbi_fail_memory(err);
    exchange->folders[exchange->folder_count++] = added;
    return JB_OK;
}

static int find(const struct exchange_item *item, int dir_fd, const char *name,
                struct exchange_found *found, struct jb_error *err)
{
    struct exchange_identity identity;
    *found = (struct exchange_found){0};
    if (dir_fd < 0)
        return JB_OK;
    if (!jbi_identify(dir_fd, name, &identity))
        return errno == ENOENT ? JB_OK
                               : jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", item->path);
    bool was_born_then = item->born_s == 0 || identity.born_s == 0 ||
                         (item->born_s == identity.born_s && item->born_ns == identity.born_ns);
    found->is_there = true;
    found->is_old = item->old != 0 && identity.inode == item->old;
    found->is_new = item->new != 0 && identity.inode == item->new &&was_born_then;
    return JB_OK;
}

static int look(const struct exchange_item *item, const struct exchange_names *names,
                struct exchange_look *out, struct jb_error *err)
{
    int code = find(item, names->live_fd, names->name, &out->live, err);
    return code < 0 ? code : find(item, names->aside_fd, names->name, &out->aside, err);
}

enum step { STEP_NONE, STEP_EXCHANGE, STEP_TO_LIVE, STEP_TO_ASIDE, STEP_CHANGED, STEP_LOST };

/* What is missing for the new state. */
static enum step step_forth(const struct exchange_item *item, const struct exchange_look *at)
{
    const struct exchange_found *live = &at->live, *aside = &at->aside;
    if (item->old == 0 && live->is_there)
        return live->is_new && !aside->is_there ? STEP_NONE : STEP_CHANGED;
    if (item->old == 0)
        return aside->is_new ? STEP_TO_LIVE : STEP_CHANGED;
    if (aside->is_old)
        return STEP_NONE;
    if (item->is_carried && !live->is_there) /* it went away by itself, or it is carried */
        return STEP_NONE;
    if (item->is_carried && live->is_new)
        return STEP_NONE;
    bool is_expected =
        (live->is_old || item->is_carried) && (item->new != 0 ? aside->is_new : !aside->is_there);
    if (!is_expected)
        return STEP_CHANGED;
    return item->new != 0 ? STEP_EXCHANGE : STEP_TO_ASIDE;
}

/* The same for what is carried when that in which it lies has been exchanged, but the disk lost the
 * rename before: what it was to be taken out of is aside. */
static enum step step_after(const struct exchange_item *item, const struct exchange_look *at)
{
    const struct exchange_found *live = &at->live, *aside = &at->aside;
    bool is_behind = item->new != 0 ? aside->is_old : aside->is_there;
    if (!is_behind)
        return STEP_NONE;
    if (!live->is_there)
        return STEP_TO_LIVE;
    return item->new != 0 && live->is_new ? STEP_EXCHANGE : STEP_CHANGED;
}

/* What is missing for the old state. */
static enum step step_back(const struct exchange_item *item, const struct exchange_look *at)
{
    const struct exchange_found *live = &at->live, *aside = &at->aside;
    if (item->old == 0)
        return !aside->is_there && live->is_there ? STEP_TO_ASIDE : STEP_NONE;
    if (!item->is_carried && live->is_old)
        return STEP_NONE;
    if (!item->is_carried && aside->is_old)
        return live->is_there ? STEP_EXCHANGE : STEP_TO_LIVE;
    /* Not exchanged: what is in place is what the application made of the old one since. */
    if (!item->is_carried)
        return (item->new != 0 ? aside->is_new : !aside->is_there) ? STEP_NONE : STEP_LOST;
    if (item->new != 0 && (aside->is_new || !live->is_new))
        return aside->is_new || live->is_there || !aside->is_there ? STEP_NONE : STEP_TO_LIVE;
    if (item->new != 0)
        return aside->is_there ? STEP_EXCHANGE : STEP_TO_ASIDE;
    if (!aside->is_there)
        return STEP_NONE;
    return live->is_there ? STEP_CHANGED : STEP_TO_LIVE;
}

static int take_step(enum step step, const struct exchange_item *item,
                     const struct exchange_names *names, const struct exchange_sides *sides,
                     struct jb_error *err)
{
    const char *name = names->name;
    switch (step) {
    case STEP_NONE:
        return JB_OK;
    case STEP_LOST:
        return jbi_fail(err, JB_EROLLBACK, "the old \"%s\" is neither in its place nor aside",
                        item->path);
    case STEP_CHANGED:
        return jbi_fail(err, JB_EIO, "\"%s\" is neither the old nor the new one", item->path);
    default:
        break;
    }
    if (names->live_fd < 0 || names->aside_fd < 0)
        return jbi_fail(err, JB_EIO, "cannot move \"%s\": its folder is gone", item->path);
    if (step == STEP_EXCHANGE)
        return jbi_names_exchange(names, sides->beside_fd, err);
    bool is_live = step == STEP_TO_LIVE;
    return jbi_names_move(is_live ? names->aside_fd : names->live_fd, name,
                          is_live ? names->live_fd : names->aside_fd, name, err);
}

typedef enum step (*choose_step)(const struct exchange_item *item, const struct exchange_look *at);

/* *step is what is to be done; it is done unless only_look. */
static int handle(const struct exchange_item *item, const struct exchange_sides *sides,
                  choose_step choose, bool only_look, enum step *step, struct jb_error *err)
{
    struct exchange_names names;
    struct exchange_look at;
    int code = jbi_names_open(&names, sides, item->path, err);
    if (code < 0)
        return code;
    code = look(item, &names, &at, err);
    *step = code == JB_OK ? choose(item, &at) : STEP_CHANGED;
    bool is_error = *step == STEP_CHANGED || *step == STEP_LOST;
    if (code == JB_OK && (!only_look || is_error))
        code = take_step(*step, item, &names, sides, err);
    jbi_names_close(&names);
    return code;
}

static choose_step way_forth(const struct exchange_item *item, const bool *done)
{
    return item->is_carried && done[item->within] ? step_after : step_forth;
}

/* Sets done[i] of the items that are exchanged already; nothing is moved. */
static int look_at_all(const struct exchange *exchange, const struct exchange_sides *sides,
                       bool *done, struct jb_error *err)
{
    for (size_t i = 0; i < exchange->count; i++) {
        const struct exchange_item *item = &exchange->items[i];
        enum step step = STEP_NONE;
        int code = handle(item, sides, way_forth(item, done), true, &step, err);
        if (code < 0) {
            jbi_hint(err, "something changed it after the restore was planned");
            return code;
        }
        done[i] = step == STEP_NONE;
    }
    return JB_OK;
}

static int do_items(const struct exchange *exchange, const struct exchange_sides *sides,
                    bool is_carried, const bool *done, struct jb_error *err)
{
    for (size_t i = 0; i < exchange->count; i++) {
        const struct exchange_item *item = &exchange->items[i];
        enum step step;
        if (item->is_carried != is_carried || done[i])
            continue;
        int code = handle(item, sides, way_forth(item, done), false, &step, err);
        if (code < 0)
            return code;
    }
    return JB_OK;
}

int jbi_exchange_do(const struct exchange *exchange, const struct exchange_sides *sides,
                    struct jb_error *err)
{
    int code = jbi_names_settle(exchange, sides, err);
    if (code < 0)
        return code;
    scope_free bool *done = calloc(exchange->count + 1, sizeof *done);
    if (done == NULL)
        return jbi_fail_memory(err);
    code = look_at_all(exchange, sides, done, err);
    if (code < 0)
        return code;
    jbi_folders_open_up(exchange, sides);
    code = do_items(exchange, sides, true, done, err);
    if (code == JB_OK)
        code = do_items(exchange, sides, false, done, err);
    if (code == JB_OK)
        code = jbi_folders_settle(exchange, sides, err);
    return code < 0 ? code : jbi_folders_sync(exchange, sides, err);
}

static int undo_items(const struct exchange *exchange, const struct exchange_sides *sides,
                      bool is_carried, struct jb_error *err)
{
    int first = JB_OK;
    for (size_t i = exchange->count; i-- > 0;) {
        enum step step;
        if (exchange->items[i].is_carried != is_carried)
            continue;
        int code = handle(&exchange->items[i], sides, step_back, false, &step, err);
        first = first < 0 ? first : code;
    }
    return first;
}

int jbi_exchange_undo(const struct exchange *exchange, const struct exchange_sides *sides,
                      struct jb_error *err)
{
    int first = jbi_names_settle(exchange, sides, err);
    jbi_folders_open_up(exchange, sides);
    int code = undo_items(exchange, sides, false, err);
    first = first < 0 ? first : code;
    /* Carried entries are found by what they lie in: that must be in place. */
    if (first == JB_OK)
        first = undo_items(exchange, sides, true, err);
    code = jbi_folders_settle(exchange, sides, err);
    if (code == JB_OK)
        code = jbi_folders_sync(exchange, sides, err);
    return first < 0 ? first : code;
}

int jbi_exchange_look(const struct exchange *exchange, const struct exchange_sides *sides,
                      size_t index, struct exchange_look *out, struct jb_error *err)
{
    const struct exchange_item *item = &exchange->items[index];
    struct exchange_names names;
    int code = jbi_names_open(&names, sides, item->path, err);
    if (code < 0)
        return code;
    code = look(item, &names, out, err);
    jbi_names_close(&names);
    return code;
}

static int not_whole(const char *path, struct jb_error *err)
{
    jbi_fail(err, JB_EIO, "the code is exchanged in part, \"%s\" is not", path);
    jbi_hint(err, "\"jbackup-restore recover\" puts the old state back");
    return JB_EIO;
}

int jbi_exchange_check_whole(const struct exchange *exchange, const struct exchange_sides *sides,
                             struct jb_error *err)
{
    bool is_old = false, is_new = false;
    if (jbi_names_are_between(sides))
        return not_whole("between", err);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < exchange->count; i++) {
            const struct exchange_item *item = &exchange->items[i];
            struct exchange_look at;
            if (item->is_carried != (pass == 1) || (pass == 1 && !is_old))
                continue;
            int code = jbi_exchange_look(exchange, sides, i, &at, err);
            if (code < 0)
                return code;
            is_old |= pass == 0 && (at.live.is_old || at.aside.is_new);
            is_new |= pass == 0 && at.aside.is_old;
            bool is_away = item->new != 0 ? at.live.is_new : at.aside.is_there;
            if ((is_old && is_new) || (pass == 1 && is_away))
                return not_whole(item->path, err);
        }
    }
    return JB_OK;
}
