/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_SWAP_PARTS_H
#define JBI_SOURCE_POSTGRESQL_SWAP_PARTS_H

#include <stdint.h>

#include "archive/dump.h"
#include "source/postgresql_swap.h"

/* What the files of the PostgreSQL swap share. */

#define SWAP_NAME_SIZE 64 /* of a database, with its NUL */

/* What the journal holds of it. */
struct postgresql_swap {
    struct swap swap;
    struct arena arena;
    const struct postgresql_source *live;
    int category_fd; /* of these two nothing is known to one that is resumed */
    const struct artifact *dump;

    const char *database; /* that is swapped */
    const char *id;       /* of the restore */
    char beside[SWAP_NAME_SIZE];
    char passing[SWAP_NAME_SIZE]; /* within the transaction that renames */
    const char *kept;             /* for people */
    bool is_beside;               /* something may lie there */
    /* The connection limit with which the new one is made: so it is known for ours from the first
     * instant, by a number that nobody else would choose. Until it is planned. */
    int32_t mark;

    bool is_planned;
    const char *system;        /* the server's own identifier; "": it does not tell */
    uint32_t old_oid, new_oid; /* old 0: there is none */
    int32_t live_limit;        /* of connections, of what is in place */
};

/* ---- The journal ---- (postgresql_swap_journal.c) */

/* Chooses names and mark. */
int jbi_swap_name(struct postgresql_swap *s, const char *id, struct jb_error *err);
struct json *jbi_swap_print(const struct swap *swap);
bool jbi_swap_parse(struct postgresql_swap *s, const struct json *state);

/* ---- Sessions ---- (postgresql_swap_session.c) */

/*
 * One in another database of the server, for the living one must have none; it may write. It has
 * the lock of this restore: what the session of a killed process still does has ended. Commits are
 * on the server's disk when they return.
 */
int jbi_swap_session(const struct postgresql_swap *s, struct postgres **out, struct jb_error *err);
/* One that is open already is made such a session. */
int jbi_swap_begin_session(const struct postgresql_swap *s, struct postgres *session,
                           struct jb_error *err);
/* Waits for the advisory lock of that class that belongs to this restore; the
 * session has SWAP_LOCK_CLASS's. */
int jbi_swap_await_lock(const struct postgresql_swap *s, struct postgres *session, int32_t class,
                        struct jb_error *err);
#define SWAP_LOCK_CLASS                                                                            \
    1784834931 /* the first key of our advisory locks; the second is the mark                      \
                */
/* Names are quoted for %s, at most three of them. */
int jbi_swap_execute(struct postgres *session, struct arena *arena, const char *what,
                     struct jb_error *err, const char *format, const char *const names[]);

/* ---- What stands in the way ---- (postgresql_swap_refuse.c) */

/* Of the living one and of the login's rights. JB_EUNSUPPORTED, each named. */
int jbi_swap_refuse_live(const struct postgresql_swap *s, struct postgres *session,
                         const struct source_job *job, struct jb_error *err);
/* The part of it that is of the living one's content. */
int jbi_swap_refuse_contents(const struct postgresql_swap *s, struct postgres *session,
                             const struct source_job *job, struct jb_error *err);
/* Of the backup, and of the new one's name. */
int jbi_swap_refuse_dump(const struct postgresql_swap *s, struct postgres *session,
                         const struct source_job *job, struct jb_error *err);
/* Of the roles that the dump's owners and grants name, those that the server lacks. */
int jbi_swap_refuse_roles(struct postgres *session, const struct dump_contents *contents,
                          struct jb_error *err);

/* ---- Making the new one ---- */

/* postgresql_swap_make.c: made, restored and compared; or nothing is left of it, and of the
 * session. */
int jbi_swap_make(const struct postgresql_swap *s, struct postgres **session,
                  const struct source_job *job, struct jb_error *err);
/* What was compared: an error if anything differs, whose findings the job's report then gets; what
 * could only not be compared is a warning there. what is e.g. "restored". */
int jbi_swap_conclude(const struct postgresql_swap *s, const jb_report *compared,
                      size_t not_compared, const char *what, const struct source_job *job,
                      struct jb_error *err);
/* What to do about an error of pg_restore. */
void jbi_swap_hint_restore(struct jb_error *err);
/* postgresql_swap_properties.c: of the database as a whole, as recorded. Owner and grants come
 * before there is any content. */
int jbi_swap_give_rights(const struct postgresql_swap *s, struct postgres *session,
                         struct arena *arena, struct jb_error *err);
int jbi_swap_give_properties(const struct postgresql_swap *s, struct postgres *session,
                             const struct source_job *job, struct jb_error *err);
int jbi_swap_compare_properties(const struct postgresql_swap *s, struct postgres *session,
                                struct jb_error *err);

/* ---- Sessions of others ---- (postgresql_swap_others.c) */

/* Whether this login may end all that are there; an error names those that it may not. */
int jbi_swap_may_end(const struct postgresql_swap *s, struct postgres *session,
                     struct jb_error *err);
/* Tells those in either database to end, once; *count is how many there were. is_last: it is an
 * error that names them. */
int jbi_swap_end_sessions(struct postgres *session, const char *one, const char *other,
                          bool is_last, int *count, struct jb_error *err);

/* JB_EDATABASE that names those that hold locks in this session's database; JB_OK: nobody does. */
int jbi_swap_fail_holders(struct postgres *session, struct jb_error *err);

/* ---- Renaming ---- (postgresql_swap_rename.c) */

/* Who has which name. OIDs: 0 for nobody. */
struct swap_look {
    uint32_t at_live, at_beside;
    bool live_allows;
    int32_t live_limit, beside_limit;
    const char *old_name, *new_name; /* NULL: it is not there */
};
int jbi_swap_look(const struct postgresql_swap *s, struct postgres *session, struct arena *arena,
                  struct swap_look *look, struct jb_error *err);
/* Error: neither the old nor the new state. */
int jbi_swap_fail_look(const struct postgresql_swap *s, const struct swap_look *look,
                       struct jb_error *err);
/* Holds off and ends sessions, exchanges the names: so that the new (the old) one is in place. A
 * failure leaves the names as they are; connections to the old one are let in again. */
int jbi_swap_rename(const struct postgresql_swap *s, struct postgres **session, bool to_new,
                    struct arena *arena, struct jb_error *err);
/* Lets connections to the old one, in place, in again, if we held them off. */
int jbi_swap_let_in(const struct postgresql_swap *s, struct postgres *session,
                    const struct swap_look *look, struct arena *arena, struct jb_error *err);
/* Drops the database beside the living one. */
int jbi_swap_drop(const struct postgresql_swap *s, struct postgres *session, struct arena *arena,
                  struct jb_error *err);

#endif
