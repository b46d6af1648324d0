/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SYSTEM_DATABASE_H
#define JBI_API_SYSTEM_DATABASE_H

#include "api/system.h"

/* Whether a backup could read all of a PostgreSQL database, asked of its server: what it could not
 * is a finding. Adds to test->did. A code only where the server could not be asked. */
int jbi_test_postgresql(struct system_test *test, const struct database *database,
                        struct jb_error *err);

#endif
