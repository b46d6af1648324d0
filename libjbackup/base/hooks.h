/* SPDX-License-Identifier: MIT */
#ifndef JBI_BASE_HOOKS_H
#define JBI_BASE_HOOKS_H

#include <jbackup.h>

/* What the caller gave: where log lines and progress go. Passed by pointer; never NULL inside. */
struct hooks {
    jb_log_hook log;
    jb_progress_hook progress;
    void *user;
};

enum { LOG_DEBUG = 0, LOG_INFO = 1, LOG_WARNING = 2, LOG_ERROR = 3 };

void jbi_log(const struct hooks *hooks, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns JB_OK, or JB_ECANCELED with err filled. Only from the caller's thread. */
int jbi_progress(const struct hooks *hooks, const char *step, uint64_t done, uint64_t total,
                 const char *unit, struct jb_error *err);

#endif
