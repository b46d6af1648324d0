/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_LOCK_H
#define JBI_OS_LOCK_H

#include <jbackup.h>

#include "base/hooks.h"

/*
 * Takes the exclusive kernel lock on the file name in dir_fd (made if absent, 0600) and writes into
 * it who holds it ("pid 123, jbackup backup, host, since 2026-..."). Waits up to wait_s seconds,
 * then JB_ELOCKED with the holder in the text; the progress hook may
 * cancel the wait. what says what the holder does, e.g. "backup".
 * The lock dies with the process. *out is the descriptor; close it to release.
 */
int jbi_lock_take(int dir_fd, const char *name, int wait_s, const char *what,
                  const struct hooks *hooks, int *out, struct jb_error *err);

#endif
