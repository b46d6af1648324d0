/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SQLITE_TURN_H
#define JBI_SOURCE_SQLITE_TURN_H

#include "source/sqlite_place.h"

/* What lies at the place: 1: the new one; 0: the old one, or as before nothing; or an error that
 * says that it is neither. */
int jbi_sqlite_in_place(const struct sqlite_place *place, int dir_fd, struct jb_error *err);

/* Puts the new one (the old one) in place, whatever is done of that already. */
int jbi_sqlite_turn(const struct sqlite_place *place, int dir_fd, bool to_fresh,
                    struct jb_error *err);

/* Removes the one that is not in place, and puts the folder's time back if that is the new one. */
int jbi_sqlite_turn_discard(const struct sqlite_place *place, int dir_fd, struct jb_error *err);

#endif
