/* SPDX-License-Identifier: MIT */
/*
 * The exchange of two databases. Invariant: each step is decided by what lies where, told apart by
 * inodes, and made durable before the next; nothing unknown is moved over or removed.
 */
#include "source/sqlite_turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "source/sqlite_hold.h"
#include "source/sqlite_turn_steps.h"

static int look_at(const struct sqlite_place *place, int dir_fd, const char *name,
                   enum thing *thing, struct jb_error *err)
{
    struct stat st;
    *thing = NOTHING;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT
                   ? JB_OK
                   : jbi_fail_errno(err, JB_EIO, "cannot read \"%s/%s\"", place->folder, name);
    *thing = S_ISDIR(st.st_mode)                                      ? BARRIER
             : !S_ISREG(st.st_mode)                                   ? OTHER
             : place->old_ino != 0 && st.st_ino == place->old_ino     ? OLD
             : place->fresh_ino != 0 && st.st_ino == place->fresh_ino ? FRESH
                                                                      : OTHER;
    return JB_OK;
}

static int look(const struct sqlite_place *place, int dir_fd, struct view *view,
                struct jb_error *err)
{
    int code = look_at(place, dir_fd, place->file, &view->live, err);
    if (code == JB_OK)
        code = look_at(place, dir_fd, place->fresh, &view->at_fresh, err);
    if (code == JB_OK)
        code = look_at(place, dir_fd, place->old, &view->at_old, err);
    return code;
}

static int fail_neither(const struct sqlite_place *place, const struct view *view,
                        struct jb_error *err)
{
    jbi_fail(err, JB_EDATABASE,
             "what lies at \"%s\" is neither the old database nor the restored "
             "one",
             place->file_path);
    const char *old = view->at_old == OLD     ? place->old_path
                      : view->at_fresh == OLD ? place->fresh_path
                                              : NULL;
    if (old != NULL)
        jbi_hint(err,
                 "the old database lies at \"%s\", with what belongs to it; move away what is "
                 "in its place, then run again",
                 old);
    else
        jbi_hint(err, "move it away, then run again");
    return JB_EDATABASE;
}

int jbi_sqlite_in_place(const struct sqlite_place *place, int dir_fd, struct jb_error *err)
{
    struct view view;
    int code = look(place, dir_fd, &view, err);
    if (code < 0)
        return code;
    if (view.live == FRESH)
        return 1;
    if (view.live == OLD || (view.live == NOTHING && place->old_ino == 0))
        return 0;
    return fail_neither(place, &view, err);
}

/* ---- Turn ---------------------------------------------------------------------------------- */

static int turn_begin(struct turn *turn, const struct sqlite_place *place, int dir_fd,
                      bool to_fresh, struct jb_error *err)
{
    enum thing old = place->old_ino != 0 ? OLD : NOTHING;
    *turn = (struct turn){
        .place = place,
        .dir_fd = dir_fd,
        .comes = to_fresh ? FRESH : old,
        .goes = to_fresh ? old : FRESH,
        .from = to_fresh ? place->fresh : place->old,
        .aside = to_fresh ? place->old : place->fresh,
        .aside_path = to_fresh ? place->old_path : place->fresh_path,
    };
    return look(place, dir_fd, &turn->view, err);
}

/* Without companions: one step. 1: done; 0: has to be done in another way. */
static int turn_at_once(struct turn *turn, struct jb_error *err)
{
    const char *from = turn->from;
    int has_companions = jbi_turn_any_companion(turn, err);
    if (has_companions != 0 || turn->comes == NOTHING)
        return has_companions < 0 ? has_companions : 0;
    if (jbi_turn_exchange(turn->dir_fd, turn->place->file, from) == 0)
        return 1;
    return jbi_turn_is_unsupported(errno) ? 0
                                          : jbi_turn_fail_move(turn, from, turn->place->file, err);
}

static int turn_by_steps(struct turn *turn, struct jb_error *err)
{
    int code = JB_OK;
    enum thing before = turn->view.live;
    if (before == turn->goes && before != NOTHING) {
        code = jbi_turn_raise_barrier(turn, err);
        turn->view.live = BARRIER;
    }
    if (code == JB_OK)
        code = jbi_turn_move_companions(turn, err);
    if (code == JB_OK && (turn->comes != NOTHING || turn->view.live == BARRIER))
        code = jbi_turn_lower_barrier(turn, err);
    return code;
}

static bool can_come(const struct turn *turn)
{
    const struct view *view = &turn->view;
    enum thing from = turn->comes == FRESH ? view->at_fresh : view->at_old;
    enum thing aside = turn->comes == FRESH ? view->at_old : view->at_fresh;
    bool is_free = aside == NOTHING || aside == BARRIER || aside == turn->goes;
    return (turn->comes == NOTHING || from == turn->comes) && is_free;
}

/* An exchange in one step leaves each at the other's name. */
static int uncross(struct turn *turn, struct jb_error *err)
{
    const struct sqlite_place *place = turn->place;
    struct view *view = &turn->view;
    bool is_old = view->at_fresh == OLD && view->at_old == NOTHING;
    bool is_fresh = view->at_old == FRESH && view->at_fresh == NOTHING;
    if (!is_old && !is_fresh)
        return JB_OK;
    const char *from = is_old ? place->fresh : place->old, *to = is_old ? place->old : place->fresh;
    if (jbi_turn_move(turn->dir_fd, from, to) < 0)
        return jbi_turn_fail_move(turn, from, to, err);
    return look(place, turn->dir_fd, view, err);
}

static int turn_make(struct turn *turn, struct jb_error *err)
{
    scope_fd int held = -1;
    const struct view *view = &turn->view;
    bool is_first = turn->comes == FRESH && view->live == turn->goes;
    if (view->live == OTHER || !can_come(turn))
        return fail_neither(turn->place, view, err);
    int code = JB_OK;
    if (view->live == turn->goes && view->live != NOTHING)
        code = jbi_sqlite_hold(turn->dir_fd, turn->place->file, turn->place->file_path, &held, err);
    if (code == JB_OK && is_first)
        code = jbi_turn_companions_as_planned(turn, err);
    if (code == JB_OK && view->live == turn->goes && view->live != NOTHING)
        code = turn_at_once(turn, err);
    if (code == JB_OK)
        code = turn_by_steps(turn, err);
    return code < 0 ? code : JB_OK;
}

/* Takes away what a step left over, and gives that which went its name. */
static int turn_tidy(struct turn *turn, struct jb_error *err)
{
    int code = look(turn->place, turn->dir_fd, &turn->view, err);
    if (code < 0)
        return code;
    const struct view *view = &turn->view;
    int got = 0;
    if (view->at_fresh == BARRIER)
        got = jbi_turn_gone(unlinkat(turn->dir_fd, turn->place->fresh, AT_REMOVEDIR));
    if (got == 0 && view->at_old == BARRIER)
        got = jbi_turn_gone(unlinkat(turn->dir_fd, turn->place->old, AT_REMOVEDIR));
    if (got < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot remove the empty folder beside \"%s\"",
                              turn->place->file_path);
    code = look(turn->place, turn->dir_fd, &turn->view, err);
    if (code == JB_OK)
        code = uncross(turn, err);
    return code == JB_OK ? jbi_turn_sync(turn, err) : code;
}

int jbi_sqlite_turn(const struct sqlite_place *place, int dir_fd, bool to_fresh,
                    struct jb_error *err)
{
    struct turn turn;
    int code = turn_begin(&turn, place, dir_fd, to_fresh, err);
    if (code == JB_OK)
        code = uncross(&turn, err);
    if (code == JB_OK && (turn.view.live != turn.comes || turn.comes == NOTHING))
        code = turn_make(&turn, err);
    if (code == JB_OK)
        code = turn_tidy(&turn, err);
    return code;
}

/* ---- Discard ------------------------------------------------------------------------------- */

static int discard_one(const struct sqlite_place *place, int dir_fd, const char *name,
                       struct jb_error *err)
{
    if (jbi_turn_gone(unlinkat(dir_fd, name, 0)) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s/%s\"", place->folder, name);
    for (int i = 0; i < COMPANIONS; i++) {
        char companion[NAME_MAX + 16];
        snprintf(companion, sizeof companion, "%s%s", name, jbi_companion_suffixes[i]);
        if (jbi_turn_gone(unlinkat(dir_fd, companion, 0)) < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s/%s\"", place->folder, companion);
    }
    return JB_OK;
}

/* Whatever is in place now, the one beside may go unless both of them lie there. */
static int may_discard(const struct sqlite_place *place, const struct view *view,
                       struct jb_error *err)
{
    bool is_unknown = view->at_fresh == OTHER || view->at_old == OTHER ||
                      view->at_fresh == BARRIER || view->at_old == BARRIER;
    bool is_between = view->live == BARRIER || (view->live == NOTHING && place->old_ino != 0) ||
                      (view->at_fresh == FRESH && view->at_old == OLD);
    if (!is_unknown && !is_between)
        return JB_OK;
    if (is_between)
        jbi_fail(err, JB_EDATABASE, "the restore of \"%s\" is half done", place->file_path);
    else
        jbi_fail(err, JB_EDATABASE,
                 "what lies beside \"%s\" is neither the old database nor the "
                 "restored one",
                 place->file_path);
    jbi_hint(err, "look at \"%s\" and \"%s\"", place->old_path, place->fresh_path);
    return JB_EDATABASE;
}

static int discard_planned(const struct sqlite_place *place, int dir_fd, struct view *view,
                           struct jb_error *err)
{
    struct turn turn;
    int code = look(place, dir_fd, view, err);
    /* The new one is in place, but its last steps are missing: or the old one is. */
    if (code == JB_OK && (view->live == FRESH || view->live == OLD)) {
        code = turn_begin(&turn, place, dir_fd, view->live == FRESH, err);
        if (code == JB_OK)
            code = turn_tidy(&turn, err);
        if (code == JB_OK)
            code = look(place, dir_fd, view, err);
    }
    return code == JB_OK ? may_discard(place, view, err) : code;
}

int jbi_sqlite_turn_discard(const struct sqlite_place *place, int dir_fd, struct jb_error *err)
{
    struct view view = {.live = place->is_planned ? OTHER : OLD};
    int code = place->is_planned ? discard_planned(place, dir_fd, &view, err) : JB_OK;
    if (code == JB_OK)
        code = discard_one(place, dir_fd, place->fresh, err);
    if (code == JB_OK && place->is_planned)
        code = discard_one(place, dir_fd, place->old, err);
    if (code < 0)
        return code;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, place->time};
    bool is_old = view.live == OLD || (view.live == NOTHING && place->old_ino == 0);
    /* Not the folder's owner: then its time tells that something was here, no more. */
    if (is_old && place->has_time && futimens(dir_fd, times) < 0 && errno != EPERM &&
        errno != EACCES)
        return jbi_fail_errno(err, JB_EIO, "cannot set the time of \"%s\"", place->folder);
    return fsync(dir_fd) == 0
               ? JB_OK
               : jbi_fail_errno(err, JB_EIO, "cannot write the folder \"%s\"", place->folder);
}
