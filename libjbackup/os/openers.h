/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_OPENERS_H
#define JBI_OS_OPENERS_H

#include <stddef.h>
#include <sys/types.h>

/* The pid of another process that has the open file fd, whose name is name, open, too; 0: none is
 * seen. Processes of other users are seen by root only. */
pid_t jbi_opener_of(int fd, const char *name);

/* What a process calls itself; "" if that is not known. */
void jbi_process_name(pid_t pid, char *to, size_t size);

#endif
