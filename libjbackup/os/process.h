/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_PROCESS_H
#define JBI_OS_PROCESS_H

#include <jbackup.h>

#include "base/text.h"

/*
 * Runs a program found on PATH, without a shell, standard input empty, and collects at most limit
 * bytes of its output and of its error output (the rest is read and dropped). Killed after
 * timeout_s. Only this child is reaped. *status is the exit status, or 128 + the signal.
 * JB_ENOTFOUND: there is no such program.
 */
int jbi_process_run(const char *const argv[], int timeout_s, size_t limit, struct text *out,
                    struct text *errors, int *status, struct jb_error *err);

#endif
