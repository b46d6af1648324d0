/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_POSTGRES_H
#define JBI_ADAPTER_POSTGRES_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/hooks.h"

/* Connections to PostgreSQL by libpq: its URLs, service files, environment and ~/.pgpass. */

/* What to connect to. */
struct postgres_target {
    const char *url;      /* postgresql://..., as jbi_postgres_url made it */
    const char *password; /* where the URL has none, before the environment and ~/.pgpass; NULL */
    const char *database; /* instead of the URL's; NULL: that */
    bool is_writable;     /* the session may write, and its statements take 10 min */
    const struct hooks *hooks; /* may cancel, as long as the connection is; NULL: nobody does */
};

/* What a URL says; NULL: nothing, so libpq's defaults hold. */
struct postgres_url {
    const char *url;  /* without a driver's name: "postgresql+psycopg2://" is "postgresql://" */
    const char *name; /* the database, else the service, else "postgresql" */
    const char *user, *host, *port, *database, *service; /* host: else the address */
    const char *password;
};

/* Whether it begins as a PostgreSQL URL: postgresql://, postgres://, postgresql+driver://. */
bool jbi_postgres_is_url(const char *text);
/* Takes a URL apart. JB_EINVAL with a text that never holds a part of the URL, which may be of the
 * password; where is for it: "jbackup.json, line 3". */
int jbi_postgres_url(const char *text, const char *where, struct arena *arena,
                     struct postgres_url *out, struct jb_error *err);

struct postgres;

/* Connects; 15 s for each address unless the URL says otherwise. The server's words in the error,
 * one line, and a hint. JB_EDATABASE, JB_ECANCELED within a moment. The session is read-only unless
 * the target says otherwise, its texts are the database's encoding, its statements end after 60 s,
 * its application_name is "jbackup". */
int jbi_postgres_open(struct postgres **out, const struct postgres_target *target,
                      struct jb_error *err);
void jbi_postgres_close(struct postgres *postgres); /* NULL is fine */

/* Facts of the connection; texts are borrowed. */
const char *jbi_postgres_database(const struct postgres *postgres);
/* "postgresql://user@host:port/database", without a secret, for people. */
const char *jbi_postgres_place(const struct postgres *postgres);
int jbi_postgres_server_major(const struct postgres *postgres);
bool jbi_postgres_is_encrypted(const struct postgres *postgres);
/* A socket file or a loopback address. */
bool jbi_postgres_is_local(const struct postgres *postgres);

/* The answer to a query, as text. */
struct postgres_rows;
/* JB_ECANCELED: the connection is given up, and what the server was asked for may still be done.
 * params are passed beside the text of the query ($1 ...), never in it. JB_EDATABASE: the server's
 * words; what is e.g. "cannot read the settings of". */
int jbi_postgres_query(struct postgres *postgres, const char *what, const char *sql,
                       const char *const params[], int param_count, struct postgres_rows **out,
                       struct jb_error *err);
/* A statement that gives nothing back, the same. */
int jbi_postgres_execute(struct postgres *postgres, const char *what, const char *sql,
                         struct jb_error *err);
int jbi_postgres_row_count(const struct postgres_rows *rows);
/* NULL: SQL NULL, or there is no such row. Borrowed from rows. */
const char *jbi_postgres_value(const struct postgres_rows *rows, int row, int column);
void jbi_postgres_rows_free(struct postgres_rows *rows); /* NULL is fine */

/* A name or a text as a part of a statement, where it can't be a parameter: quoted by libpq, there
 * is no other way into SQL. NULL: it is not in the connection's encoding, or out of memory. */
const char *jbi_postgres_quote_name(const struct postgres *postgres, const char *name,
                                    struct arena *arena);
const char *jbi_postgres_quote_text(const struct postgres *postgres, const char *text,
                                    struct arena *arena);

/*
 * What lets a client program connect to the same server and database as this connection, its
 * password not among the arguments, nor in the environment: a passfile that exists only as a
 * descriptor.
 */
struct postgres_login {
    const char *conninfo;           /* for --dbname, without a secret */
    const char *const *environment; /* ours less all of libpq's own, PGPASSFILE, PGTZ=UTC, LC_ALL */
    int passfile_fd;                /* the program must keep it; -1: no password */
};
/* Texts belong to arena; passfile_fd is the caller's to close. database: another one than that of
 * the connection; NULL: the same. */
int jbi_postgres_login(const struct postgres *postgres, const char *database, struct arena *arena,
                       struct postgres_login *out, struct jb_error *err);

/* Fills err (code, text "<what> \"<object>\": <why>", hint) from what the server or a client
 * program said: prefixes ("pg_dump: error:", "FATAL:", "connection to server at ... failed:") cut,
 * first message only, one line. Returns JB_EDATABASE. */
int jbi_postgres_fail(struct jb_error *err, const char *what, const char *object, const char *said);

/* ---- Client programs ---- (postgres_tools.c) */

struct postgres_tools {
    int major;
    const char *version;                           /* "15.4" */
    const char *pg_dump, *pg_restore, *pg_dumpall; /* absolute; pg_dumpall may be NULL */
    const char *initdb, *postgres;                 /* the server's, beside them; may be NULL */
};
/* Of all pg_dump with a pg_restore beside it, on PATH and in the distributions' version folders,
 * the smallest version that is at least the server's major. A wrapper that chooses by itself is
 * passed over. JB_EUNSUPPORTED with the package to install in the hint. */
int jbi_postgres_tools(int server_major, struct arena *arena, struct postgres_tools *out,
                       struct jb_error *err);
/* The same of those that have initdb and postgres beside them, the least that is at least major. */
int jbi_postgres_server_tools(int major, struct arena *arena, struct postgres_tools *out,
                              struct jb_error *err);

#endif
