/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SYSTEM_H
#define JBI_API_SYSTEM_H

#include "api/session.h"
#include "base/text.h"

/* One test of the installation at work. */
struct system_test {
    jb_project *project; /* the user's; not to be changed */
    const struct jb_system_options *options;
    const struct catalog *catalog; /* the user's backups */
    jb_report *report;             /* the findings of this test */
    struct arena *arena;
    struct text did;  /* what was done: "backed up 12 files ..." */
    bool is_canceled; /* while a program ran: then what the test returns does not count */
    int64_t read_mb_s, decoded_mb_s, restored_mb_s; /* 0: this test says nothing of it */
};

/*
 * A test. It passes if the report has no finding of ERROR or worse when it returns JB_OK. Any other
 * code than JB_ECANCELED and JB_ENOMEM becomes the ERROR finding that says why it could not run.
 * Whatever it makes, it removes.
 */
typedef int system_test_fn(struct system_test *test, struct jb_error *err);

system_test_fn jbi_test_executable, jbi_test_database, jbi_test_backup, jbi_test_integrity,
    jbi_test_restore, jbi_test_cleanup, jbi_test_stats, jbi_test_shell, jbi_test_systemd;

/* jbi_process_run for a test: at most so many seconds and bytes, and the progress hook cancels. */
int jbi_system_program(struct system_test *test, const char *const argv[], int timeout_s,
                       size_t limit, struct text *out, struct text *errors, int *status,
                       struct jb_error *err);

/* Adds "1 file", "2 files" to what was done; noun is the singular, whose plural ends in s. */
void jbi_system_tell_count(struct system_test *test, int64_t count, const char *noun);

#endif
