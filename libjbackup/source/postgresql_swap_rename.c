/* SPDX-License-Identifier: MIT */
/*
 * Exchanging names:
 *
 *     hold off (committed)  |  end sessions  |  BEGIN; live -> passing; beside -> live;
 *                                            |  passing -> beside; let in; COMMIT
 *
 * Invariant: the names change in one transaction, and who has which is known by OID whatever
 * became of it; a database is only named in a statement after its OID was seen under that name,
 * with the lock of the restore held.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "source/postgresql_swap_parts.h"

#define END_WAIT_MS 10000
#define LOOK_MS     50
#define NUMBER_SIZE 16

/* ---- Looking ---- */

static uint32_t oid_at(const struct postgres_rows *rows, int row)
{
    const char *value = jbi_postgres_value(rows, row, 0);
    return value ? (uint32_t)strtoul(value, NULL, 10) : 0;
}

static bool take_row(const struct postgresql_swap *s, const struct postgres_rows *rows, int row,
                     struct arena *arena, struct swap_look *look)
{
    uint32_t oid = oid_at(rows, row);
    const char *value = jbi_postgres_value(rows, row, 3);
    const char *name = jbi_arena_text(arena, jbi_postgres_value(rows, row, 1));
    int32_t limit = value ? (int32_t)strtol(value, NULL, 10) : -1;
    if (name == NULL)
        return false;
    if (strcmp(name, s->database) == 0) {
        look->at_live = oid;
        look->live_allows = strcmp(jbi_postgres_value(rows, row, 2), "t") == 0;
        look->live_limit = limit;
    }
    if (strcmp(name, s->beside) == 0) {
        look->at_beside = oid;
        look->beside_limit = limit;
    }
    if (s->is_planned && oid == s->old_oid)
        look->old_name = name;
    if (s->is_planned && oid == s->new_oid)
        look->new_name = name;
    return true;
}

int jbi_swap_look(const struct postgresql_swap *s, struct postgres *session, struct arena *arena,
                  struct swap_look *look, struct jb_error *err)
{
    static const char sql[] = "SELECT oid, datname, datallowconn, datconnlimit FROM pg_database"
                              " WHERE datname IN ($1, $2) OR oid IN ($3::oid, $4::oid)";
    char oids[2][NUMBER_SIZE];
    const char *const params[] = {s->database, s->beside, oids[0], oids[1]};
    struct postgres_rows *rows = NULL;
    snprintf(oids[0], sizeof oids[0], "%u", s->is_planned ? s->old_oid : 0);
    snprintf(oids[1], sizeof oids[1], "%u", s->is_planned ? s->new_oid : 0);
    *look = (struct swap_look){0};
    int code =
        jbi_postgres_query(session, "cannot ask for the databases of", sql, params, 4, &rows, err);
    if (code < 0)
        return code;
    for (int i = 0; i < jbi_postgres_row_count(rows) && code == JB_OK; i++) {
        if (!take_row(s, rows, i, arena, look))
            code = jbi_fail_memory(err);
    }
    jbi_postgres_rows_free(rows);
    return code;
}

static const char *place_of(char to[2 * SWAP_NAME_SIZE], uint32_t oid, const char *name)
{
    if (name != NULL)
        snprintf(to, 2 * SWAP_NAME_SIZE, "%u is \"%s\"", oid, name);
    else
        snprintf(to, 2 * SWAP_NAME_SIZE, "%u is not there", oid);
    return to;
}

int jbi_swap_fail_look(const struct postgresql_swap *s, const struct swap_look *look,
                       struct jb_error *err)
{
    char was[2 * SWAP_NAME_SIZE], is[2 * SWAP_NAME_SIZE];
    jbi_fail(err, JB_EDATABASE,
             "\"%s\" is the database with OID %u and \"%s\" that with OID %u (0: there is none); "
             "the old one %s, the restored one %s",
             s->database, look->at_live, s->beside, look->at_beside,
             s->old_oid ? place_of(was, s->old_oid, look->old_name) : "did not exist",
             place_of(is, s->new_oid, look->new_name));
    jbi_hint(err,
             "somebody else renamed or dropped one of them: put the one that you want in place "
             "with ALTER DATABASE ... RENAME TO");
    return JB_EDATABASE;
}

/* ---- Holding off ---- */

static int hold_off(struct postgres *session, const char *database, struct arena *arena,
                    struct jb_error *err)
{
    return jbi_swap_execute(session, arena, "cannot hold off connections on", err,
                            "ALTER DATABASE %s ALLOW_CONNECTIONS false",
                            (const char *const[]){database});
}

int jbi_swap_let_in(const struct postgresql_swap *s, struct postgres *session,
                    const struct swap_look *look, struct arena *arena, struct jb_error *err)
{
    if (look->at_live == 0 || look->live_allows)
        return JB_OK;
    return jbi_swap_execute(session, arena, "cannot let connections in on", err,
                            "ALTER DATABASE %s ALLOW_CONNECTIONS true",
                            (const char *const[]){s->database});
}

/* ---- The exchange ---- */

/* What is to be renamed; NULL: nobody leaves, or comes from beside. */
struct exchange {
    const char *leaving, *coming;
};

/* Both end up as the living one was: open, the one in place with its limit. */
static int rename_both(const struct postgresql_swap *s, struct postgres *session,
                       const struct exchange *e, struct arena *arena, struct jb_error *err)
{
    static const char what[] = "cannot rename databases on";
    static const char to[] = "ALTER DATABASE %s RENAME TO %s";
    const char *const away[] = {s->database, s->passing}, *const in[] = {s->beside, s->database};
    const char *const aside[] = {s->passing, s->beside};
    char limit[96];
    int code = JB_OK;
    if (e->leaving != NULL)
        code = jbi_swap_execute(session, arena, what, err, to, away);
    if (e->coming != NULL && code == JB_OK)
        code = jbi_swap_execute(session, arena, what, err, to, in);
    if (e->leaving != NULL && code == JB_OK)
        code = jbi_swap_execute(session, arena, what, err, to, aside);
    snprintf(limit, sizeof limit, "ALTER DATABASE %%s ALLOW_CONNECTIONS true CONNECTION LIMIT %d",
             s->live_limit);
    if (e->coming != NULL && code == JB_OK)
        code = jbi_swap_execute(session, arena, what, err, limit, in + 1);
    if (e->leaving != NULL && code == JB_OK)
        code = jbi_swap_execute(session, arena, what, err,
                                "ALTER DATABASE %s ALLOW_CONNECTIONS true", aside + 1);
    return code;
}

/* In one transaction. */
static int exchange(const struct postgresql_swap *s, struct postgres *session,
                    const struct exchange *e, struct arena *arena, struct jb_error *err)
{
    struct jb_error unwanted = {0};
    int code = jbi_postgres_execute(session, "cannot begin to rename on", "BEGIN", err);
    if (code < 0)
        return code;
    code = rename_both(s, session, e, arena, err);
    if (code == JB_OK)
        return jbi_postgres_execute(session, "cannot rename databases on", "COMMIT", err);
    jbi_postgres_execute(session, "cannot end the renaming on", "ROLLBACK", &unwanted);
    return code;
}

/* ---- Undisturbed ---- */

/* What nobody else must be in the databases for. */
struct attempt {
    const struct postgresql_swap *s;
    struct postgres *session;
    struct arena *arena;
    const struct exchange *exchange; /* NULL: the one beside is dropped */
};

static int attempt_once(const struct attempt *a, struct jb_error *err)
{
    if (a->exchange != NULL)
        return exchange(a->s, a->session, a->exchange, a->arena, err);
    return jbi_swap_execute(a->session, a->arena, "cannot drop a database on", err,
                            "DROP DATABASE IF EXISTS %s", (const char *const[]){a->s->beside});
}

/* Sessions that had begun to connect before they were held off still come in for a moment. */
static int until_undisturbed(const struct attempt *a, struct jb_error *err)
{
    const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};
    const char *other = a->exchange != NULL ? a->s->database : a->s->beside;
    int64_t until = jbi_monotonic_ms() + END_WAIT_MS;
    for (;;) {
        struct jb_error why = {0};
        bool is_last = jbi_monotonic_ms() > until;
        int count = 0;
        int code = jbi_swap_end_sessions(a->session, a->s->beside, other, is_last, &count, &why);
        bool is_alone = code == JB_OK && count == 0;
        if (is_alone)
            code = attempt_once(a, &why);
        bool is_disturbed = strstr(why.text, "being accessed by other users") != NULL;
        if (code < 0 && (is_last || !is_disturbed)) {
            if (err != NULL && err->code == 0)
                *err = why;
            return code;
        }
        if (is_alone && code == JB_OK)
            return JB_OK;
        nanosleep(&nap, NULL);
    }
}

static int do_exchange(const struct postgresql_swap *s, struct postgres *session,
                       const struct exchange *e, struct arena *arena, struct jb_error *err)
{
    int code = jbi_postgres_execute(session, "cannot set a time limit on",
                                    "SET lock_timeout = '10s'", err);
    if (code == JB_OK && e->leaving != NULL)
        code = hold_off(session, s->database, arena, err);
    if (code == JB_OK && e->coming != NULL)
        code = hold_off(session, s->beside, arena, err);
    const struct attempt attempt = {s, session, arena, e};
    return code < 0 ? code : until_undisturbed(&attempt, err);
}

/* What is to be done for the wanted one to be in place. False: what is there is neither state. */
static bool choose(const struct postgresql_swap *s, const struct swap_look *look, bool to_new,
                   struct exchange *e)
{
    uint32_t wanted = to_new ? s->new_oid : s->old_oid;
    uint32_t other = to_new ? s->old_oid : s->new_oid;
    *e = (struct exchange){0};
    if (look->at_live == wanted)
        return true;
    /* A new one that somebody dropped does not keep the old one from coming back. */
    bool is_expected = look->at_live == other || (look->at_live == 0 && !to_new);
    e->leaving = look->at_live != 0 ? s->database : NULL;
    e->coming = wanted != 0 ? s->beside : NULL;
    return is_expected && look->at_beside == wanted;
}

/* After a failure: the answer to COMMIT may have been lost, and the session with it. */
static int look_again(const struct postgresql_swap *s, struct postgres **session, bool to_new,
                      struct arena *arena, bool *is_done, struct jb_error *err)
{
    struct swap_look look;
    *is_done = false;
    jbi_postgres_close(*session);
    *session = NULL;
    int code = jbi_swap_session(s, session, err);
    if (code == JB_OK)
        code = jbi_swap_look(s, *session, arena, &look, err);
    if (code < 0)
        return code;
    *is_done = look.at_live == (to_new ? s->new_oid : s->old_oid);
    bool is_ours = look.at_live == s->new_oid || look.at_live == s->old_oid;
    return is_ours ? jbi_swap_let_in(s, *session, &look, arena, err) : JB_OK;
}

int jbi_swap_rename(const struct postgresql_swap *s, struct postgres **session, bool to_new,
                    struct arena *arena, struct jb_error *err)
{
    struct swap_look look;
    struct exchange e;
    struct jb_error why = {0}, unwanted = {0};
    bool is_done = false;
    int code = jbi_swap_look(s, *session, arena, &look, err);
    if (code < 0)
        return code;
    if (!choose(s, &look, to_new, &e))
        return jbi_swap_fail_look(s, &look, err);
    if (e.leaving == NULL && e.coming == NULL)
        return jbi_swap_let_in(s, *session, &look, arena, err);
    code = do_exchange(s, *session, &e, arena, &why);
    if (code == JB_OK || look_again(s, session, to_new, arena, &is_done, &unwanted) < 0 ||
        !is_done) {
        if (code < 0 && err != NULL && err->code == 0)
            *err = why;
        return code;
    }
    return JB_OK;
}

/* ---- Dropping ---- */

/* One whose drop was cut short can't be altered any more, only dropped. */
int jbi_swap_drop(const struct postgresql_swap *s, struct postgres *session, struct arena *arena,
                  struct jb_error *err)
{
    const struct attempt attempt = {s, session, arena, NULL};
    struct jb_error unwanted = {0};
    hold_off(session, s->beside, arena, &unwanted);
    return until_undisturbed(&attempt, err);
}
