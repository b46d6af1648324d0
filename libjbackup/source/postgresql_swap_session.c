/* SPDX-License-Identifier: MIT */
/* The session that a swap works in. Invariant: one process at a time has it, and it is not before
 * what the session of a killed process still did has ended. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "source/postgresql_swap_parts.h"

#define LOCK_WAIT_MS 120000 /* a checkpoint may keep a killed process's session that long */
#define LOOK_MS      50
#define NUMBER_SIZE  16

int jbi_swap_await_lock(const struct postgresql_swap *s, struct postgres *session, int32_t class,
                        struct jb_error *err)
{
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    int64_t until = jbi_monotonic_ms() + LOCK_WAIT_MS;
    char keys[2][NUMBER_SIZE];
    const char *const params[] = {keys[0], keys[1]};
    snprintf(keys[0], sizeof keys[0], "%d", class);
    snprintf(keys[1], sizeof keys[1], "%d", s->mark);
    for (;;) {
        struct postgres_rows *rows = NULL;
        int code = jbi_postgres_query(session, "cannot lock the restore on",
                                      "SELECT pg_try_advisory_lock($1::int4, $2::int4)", params, 2,
                                      &rows, err);
        const char *value = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
        bool is_mine = value != NULL && strcmp(value, "t") == 0;
        jbi_postgres_rows_free(rows);
        if (code < 0 || is_mine)
            return code;
        if (jbi_monotonic_ms() > until)
            break;
        nanosleep(&nap, NULL);
    }
    jbi_fail(err, JB_EDATABASE, "cannot lock the restore on \"%s\": another session is at it",
             jbi_postgres_place(session));
    jbi_hint(err, "see in pg_stat_activity what the sessions of the application jbackup do");
    return JB_EDATABASE;
}

/* Whether it is the server that the restore was planned on. */
static int check_system(const struct postgresql_swap *s, struct postgres *session,
                        struct jb_error *err)
{
    struct postgres_rows *rows = NULL;
    struct jb_error unwanted = {0};
    if (!s->is_planned || *s->system == '\0' ||
        jbi_postgres_query(session, "cannot ask",
                           "SELECT system_identifier FROM pg_control_system()", NULL, 0, &rows,
                           &unwanted) < 0)
        return JB_OK;
    const char *system = jbi_postgres_value(rows, 0, 0);
    bool is_same = system != NULL && strcmp(system, s->system) == 0;
    jbi_postgres_rows_free(rows);
    if (is_same)
        return JB_OK;
    jbi_fail(err, JB_EDATABASE, "\"%s\" is another server than that of the restore",
             jbi_postgres_place(session));
    jbi_hint(err, "let the project's settings name the server on which \"%s\" is", s->beside);
    return JB_EDATABASE;
}

int jbi_swap_begin_session(const struct postgresql_swap *s, struct postgres *session,
                           struct jb_error *err)
{
    int code = jbi_postgres_execute(session, "cannot begin a session with",
                                    "SET synchronous_commit = local", err);
    if (code == JB_OK)
        code = jbi_postgres_execute(session, "cannot begin a session with",
                                    "SET default_transaction_read_only = off", err);
    if (code == JB_OK)
        code = jbi_swap_await_lock(s, session, SWAP_LOCK_CLASS, err);
    return code < 0 ? code : check_system(s, session, err);
}

/* What lets a login into one database need not let it into another. */
static void hint_beside(struct jb_error *err)
{
    static const char *const reasons[] = {"no password supplied", "no pg_hba.conf entry",
                                          "permission denied for database"};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (strstr(err->text, reasons[i]) == NULL)
            continue;
        err->hint[0] = '\0';
        jbi_hint(err, "a database can't be renamed from inside: let the login into the database "
                      "\"postgres\", too (pg_hba.conf, GRANT CONNECT; in ~/.pgpass * for the "
                      "database)");
    }
}

int jbi_swap_session(const struct postgresql_swap *s, struct postgres **out, struct jb_error *err)
{
    static const char *const databases[] = {"postgres", "template1"};
    struct jb_error first = {0};
    int code = JB_EDATABASE;
    *out = NULL;
    for (size_t i = 0; i < sizeof databases / sizeof *databases && *out == NULL; i++) {
        struct postgres_target target = s->live->target;
        target.database = databases[i];
        target.is_writable = true;
        if (strcmp(s->database, databases[i]) != 0)
            code = jbi_postgres_open(out, &target, &first);
    }
    if (*out == NULL) {
        hint_beside(&first);
        if (err != NULL && err->code == 0)
            *err = first;
        return code;
    }
    code = jbi_swap_begin_session(s, *out, err);
    if (code < 0) {
        jbi_postgres_close(*out);
        *out = NULL;
    }
    return code;
}

int jbi_swap_execute(struct postgres *session, struct arena *arena, const char *what,
                     struct jb_error *err, const char *format, const char *const names[])
{
    scope_text sql = {0};
    for (const char *at = format; *at != '\0';) {
        size_t plain = strcspn(at, "%");
        jbi_text_add(&sql, at, plain);
        at += plain;
        if (*at == '\0')
            break;
        const char *quoted = jbi_postgres_quote_name(session, *names++, arena);
        if (quoted == NULL)
            return jbi_fail_memory(err);
        jbi_text_adds(&sql, quoted);
        at += 2;
    }
    if (sql.failed)
        return jbi_fail_memory(err);
    return jbi_postgres_execute(session, what, sql.at, err);
}
