/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_POSTGRES_TOOLS_H
#define JBI_ADAPTER_POSTGRES_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

/* How jbi_postgres_tools (adapter/postgres.h) chooses. */

struct postgres_client {
    int major;
    char version[32];   /* "15.4", "16beta1" */
    const char *folder; /* of its pg_dump and pg_restore */
};

/* Takes the version from what "pg_dump --version" says: "pg_dump (PostgreSQL) 15.4 (Debian ...)".
 * False: it is no PostgreSQL program. */
bool jbi_postgres_client_version(const char *said, struct postgres_client *client);

/* The smallest major that is at least server_major, the first one of equals; NULL: none. */
const struct postgres_client *jbi_postgres_choose(const struct postgres_client clients[],
                                                  size_t count, int server_major);

#endif
