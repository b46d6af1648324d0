/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_POSTGRES_CONNECTION_H
#define JBI_ADAPTER_POSTGRES_CONNECTION_H

#include "adapter/postgres.h"
#include "base/hooks.h"
#include "base/text.h"

/* What the files of the PostgreSQL adapter share. */

struct pg_conn; /* libpq's */

struct postgres {
    struct pg_conn *conn;
    char *place;
    const struct hooks *hooks; /* NULL: nobody cancels */
    int answer_wait_s; /* how long an answer is waited for before the connection is given up */
    bool is_lost;      /* given up: nothing more is asked of it */
};

/* ---- Connecting ---- (postgres_connect.c) */

/* JB_OK: *conn is connected, or said tells why not, as libpq says it. *conn may be NULL. */
int jbi_postgres_connect(const struct postgres_target *target, struct pg_conn **conn,
                         struct text *said, struct jb_error *err);

/* ---- Where servers may be ---- (postgres_servers.c) */

/* One attempt of connecting. */
struct postgres_server {
    const char *host, *address, *port; /* address: of host, if that is a name; else as given */
};
struct postgres_servers {
    struct postgres_server *at;
    size_t count;
};

/* Takes libpq's lists, with commas, apart; an empty port is the default one. Names become all their
 * addresses; said tells of those that have none. An empty list and no word: the lists don't match,
 * as libpq will say. */
int jbi_postgres_servers(struct postgres_servers *out, const struct postgres_server *lists,
                         const char *default_port, const struct hooks *hooks, struct arena *arena,
                         struct text *said, struct jb_error *err);

/* ---- Waiting, while somebody may cancel ---- (postgres_wait.c) */

struct postgres_wait {
    const struct hooks *hooks; /* NULL: nobody cancels */
    const char *step;
    int64_t until_ms;
    int64_t asked_ms; /* when the hook was last asked */
};

/* Begins a wait: the hook has just been asked, so to say. */
struct postgres_wait jbi_postgres_wait(const struct hooks *hooks, const char *step,
                                       int64_t limit_ms);
/* Waits for the events for a moment, at most until the limit. JB_ECANCELED, JB_EIO. */
int jbi_postgres_wait_for(struct postgres_wait *wait, int fd, short events, bool *is_ready,
                          struct jb_error *err);

#endif
