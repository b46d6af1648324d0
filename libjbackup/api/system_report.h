/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SYSTEM_REPORT_H
#define JBI_API_SYSTEM_REPORT_H

#include "api/system.h"
#include "api/verify_rates.h"

#define SYSTEM_TESTS     9
#define SYSTEM_RUNS_TOLD 100 /* of earlier verifications */

/* What a test left. */
struct system_result {
    const char *name;
    jb_report *report;
    struct text did;
    int64_t duration_ms;
};

/* A verification of the installation. */
struct system_run {
    jb_project *project;
    struct jb_system_options options;
    struct session session; /* while the tests run */
    struct system_result results[SYSTEM_TESTS];
    size_t result_count;
    struct rates rates;
    int64_t begin_ms;
};

/* Makes the report that the header describes; writes it into the repository, if that is wanted. */
int jbi_system_report(const struct system_run *run, jb_report **report, struct jb_error *err);

#endif
