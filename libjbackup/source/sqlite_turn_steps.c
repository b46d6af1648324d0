/* SPDX-License-Identifier: MIT */
/* The steps of a turn. Invariant: each one is durable when it returns, and one that was done
 * already does nothing. */
#include "source/sqlite_turn_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

bool jbi_turn_is_unsupported(int number)
{
    return number == EINVAL || number == ENOSYS || number == EOPNOTSUPP;
}

int jbi_turn_move(int dir_fd, const char *from, const char *to)
{
    int got = renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE);
    if (got == 0 || !jbi_turn_is_unsupported(errno))
        return got;
    struct stat st;
    if (fstatat(dir_fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return errno == ENOENT ? renameat(dir_fd, from, dir_fd, to) : -1;
}

int jbi_turn_exchange(int dir_fd, const char *a, const char *b)
{
    return renameat2(dir_fd, a, dir_fd, b, RENAME_EXCHANGE);
}

int jbi_turn_gone(int got)
{
    return got < 0 && errno == ENOENT ? 0 : got;
}

int jbi_turn_sync(const struct turn *turn, struct jb_error *err)
{
    return fsync(turn->dir_fd) == 0
               ? JB_OK
               : jbi_fail_errno(err, JB_EIO, "cannot write the folder \"%s\"", turn->place->folder);
}

int jbi_turn_fail_move(const struct turn *turn, const char *from, const char *to,
                       struct jb_error *err)
{
    return jbi_fail_errno(err, JB_EIO, "cannot rename \"%s/%s\" to \"%s\"", turn->place->folder,
                          from, to);
}

int jbi_turn_raise_barrier(struct turn *turn, struct jb_error *err)
{
    const char *file = turn->place->file;
    if (mkdirat(turn->dir_fd, turn->aside, 0700) < 0 && errno != EEXIST)
        return jbi_fail_errno(err, JB_EIO, "cannot make the folder \"%s\"", turn->aside_path);
    int got = jbi_turn_exchange(turn->dir_fd, file, turn->aside);
    if (got < 0 && jbi_turn_is_unsupported(errno)) {
        got = jbi_turn_gone(unlinkat(turn->dir_fd, turn->aside, AT_REMOVEDIR));
        if (got == 0)
            got = jbi_turn_move(turn->dir_fd, file, turn->aside);
        if (got == 0)
            got = mkdirat(turn->dir_fd, file, 0700);
    }
    return got == 0 ? jbi_turn_sync(turn, err) : jbi_turn_fail_move(turn, file, turn->aside, err);
}

int jbi_turn_lower_barrier(struct turn *turn, struct jb_error *err)
{
    const char *file = turn->place->file, *from = turn->from;
    int got = -1;
    errno = ENOSYS;
    if (turn->comes != NOTHING && turn->view.live != NOTHING)
        got = jbi_turn_exchange(turn->dir_fd, file, from);
    if (got < 0 && jbi_turn_is_unsupported(errno)) {
        got = jbi_turn_gone(unlinkat(turn->dir_fd, file, AT_REMOVEDIR));
        if (got == 0 && turn->comes != NOTHING)
            got = jbi_turn_move(turn->dir_fd, from, file);
    }
    return got == 0 ? jbi_turn_sync(turn, err) : jbi_turn_fail_move(turn, from, file, err);
}

/* ---- Companions ---------------------------------------------------------------------------- */

struct companion {
    char live[NAME_MAX + 16], from[NAME_MAX + 16], aside[NAME_MAX + 16];
    uint64_t ino; /* of what lies at live; 0: nothing */
    bool is_at_from, is_at_aside;
    bool is_old; /* what lies at live belongs to the old one */
};

static int companion_look(const struct turn *turn, int which, struct companion *companion,
                          struct jb_error *err)
{
    struct stat st;
    const char *suffix = jbi_companion_suffixes[which];
    snprintf(companion->live, sizeof companion->live, "%s%s", turn->place->file, suffix);
    snprintf(companion->from, sizeof companion->from, "%s%s", turn->from, suffix);
    snprintf(companion->aside, sizeof companion->aside, "%s%s", turn->aside, suffix);
    companion->ino = 0;
    if (fstatat(turn->dir_fd, companion->live, &st, AT_SYMLINK_NOFOLLOW) == 0)
        companion->ino = st.st_ino;
    else if (errno != ENOENT)
        return jbi_fail_errno(err, JB_EIO, "cannot read \"%s/%s\"", turn->place->folder,
                              companion->live);
    companion->is_at_from = fstatat(turn->dir_fd, companion->from, &st, AT_SYMLINK_NOFOLLOW) == 0;
    companion->is_at_aside = fstatat(turn->dir_fd, companion->aside, &st, AT_SYMLINK_NOFOLLOW) == 0;
    companion->is_old = companion->ino != 0 && companion->ino == turn->place->companions[which];
    return JB_OK;
}

int jbi_turn_any_companion(const struct turn *turn, struct jb_error *err)
{
    bool is_any = false;
    for (int i = 0; i < COMPANIONS; i++) {
        struct companion companion;
        int code = companion_look(turn, i, &companion, err);
        if (code < 0)
            return code;
        is_any = is_any || companion.ino != 0 || companion.is_at_from;
    }
    return is_any;
}

int jbi_turn_companions_as_planned(const struct turn *turn, struct jb_error *err)
{
    for (int i = 0; i < COMPANIONS; i++) {
        struct companion companion;
        int code = companion_look(turn, i, &companion, err);
        if (code < 0)
            return code;
        uint64_t planned = turn->place->companions[i];
        if (companion.ino == planned || (companion.ino == 0 && companion.is_at_aside))
            continue;
        jbi_fail(err, JB_EDATABASE, "database \"%s\" was used meanwhile: its %s file %s",
                 turn->place->file_path, jbi_companion_suffixes[i],
                 planned == 0 ? "is new" : "is gone or another");
        jbi_hint(err, "stop what uses it, then run again");
        return JB_EDATABASE;
    }
    return JB_OK;
}

int jbi_turn_move_companions(const struct turn *turn, struct jb_error *err)
{
    bool is_any = false;
    for (int i = 0; i < COMPANIONS; i++) {
        struct companion c;
        int code = companion_look(turn, i, &c, err);
        if (code < 0)
            return code;
        bool goes = c.ino != 0 && c.is_old == (turn->comes == FRESH);
        is_any = is_any || goes || c.is_at_from;
        if (goes && jbi_turn_move(turn->dir_fd, c.live, c.aside) < 0)
            return jbi_turn_fail_move(turn, c.live, c.aside, err);
        if (c.is_at_from && jbi_turn_move(turn->dir_fd, c.from, c.live) < 0)
            return jbi_turn_fail_move(turn, c.from, c.live, err);
    }
    return is_any ? jbi_turn_sync(turn, err) : JB_OK;
}
