/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SQLITE_TURN_STEPS_H
#define JBI_SOURCE_SQLITE_TURN_STEPS_H

#include "source/sqlite_turn.h"

/* BARRIER is the empty folder. */
enum thing { NOTHING, OLD, FRESH, BARRIER, OTHER };

struct view {
    enum thing live, at_fresh, at_old;
};

/* A turn and where its two sides lie. */
struct turn {
    const struct sqlite_place *place;
    int dir_fd;
    enum thing comes, goes;   /* NOTHING: no database was there before */
    const char *from, *aside; /* where that which comes lies, and that which goes shall lie */
    const char *aside_path;   /* for people */
    struct view view;
};

/* Renames over nothing. -1 with errno. */
int jbi_turn_move(int dir_fd, const char *from, const char *to);
int jbi_turn_exchange(int dir_fd, const char *a, const char *b);
bool jbi_turn_is_unsupported(int number); /* by this file system: errno of an exchange */
int jbi_turn_gone(int got);               /* -1 with errno, unless it was gone anyway */

int jbi_turn_fail_move(const struct turn *turn, const char *from, const char *to,
                       struct jb_error *err);
int jbi_turn_sync(const struct turn *turn, struct jb_error *err);

/* Takes what is in place aside and leaves an empty folder; puts that which comes in its place. */
int jbi_turn_raise_barrier(struct turn *turn, struct jb_error *err);
int jbi_turn_lower_barrier(struct turn *turn, struct jb_error *err);

/* 1: there are some to move; 0: none. */
int jbi_turn_any_companion(const struct turn *turn, struct jb_error *err);
/* JB_EDATABASE: they are not those of the plan. */
int jbi_turn_companions_as_planned(const struct turn *turn, struct jb_error *err);
/* What belongs to that which goes, aside; what belongs to that which comes, in place. */
int jbi_turn_move_companions(const struct turn *turn, struct jb_error *err);

#endif
