/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_DIFF_H
#define JBI_API_DIFF_H

#include "api/session.h"

/* Differences on their way into a report: a row each, counted. */
struct diff {
    jb_report *report;
    struct arena *arena;
    bool with_sequences;
    int64_t added, removed, changed;
    uint64_t not_compared; /* databases of which only the tables were */
};

/* A row of that kind; what may be NULL. */
struct record *jbi_diff_row(struct diff *diff, const char *change, const char *what);
/* The same of a database. */
struct record *jbi_diff_row_of_database(struct diff *diff, const char *change, const char *what,
                                        const char *database);

/* Holds what is in two databases against each other; they have the name of from. */
int jbi_diff_database(struct diff *diff, const struct artifact *from, const struct artifact *to,
                      struct jb_error *err);

#endif
