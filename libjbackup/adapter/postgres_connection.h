/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_POSTGRES_CONNECTION_H
#define JBI_ADAPTER_POSTGRES_CONNECTION_H

#include "adapter/postgres.h"

/* What the files of the PostgreSQL adapter share. */

struct pg_conn; /* libpq's */

struct postgres {
    struct pg_conn *conn;
    char *place;
    int answer_wait_s; /* how long an answer is waited for before the connection is given up */
    bool is_lost;      /* given up: nothing more is asked of it */
};

#endif
