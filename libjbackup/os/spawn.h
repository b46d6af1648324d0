/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_SPAWN_H
#define JBI_OS_SPAWN_H

#include "os/process.h"

/* Makes a child that leads a process group of its own and has fds, all above 2, as its standard
 * descriptors, and the kept ones of start. No signal is blocked in it, and those that end a
 * program do. 0, or the errno of what failed. */
int jbi_spawn(pid_t *pid, const struct process_start *start, const int fds[3]);

#endif
