/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_INPLACE_PARTS_H
#define JBI_SOURCE_POSTGRESQL_INPLACE_PARTS_H

#include "archive/dump_splice.h"
#include "source/postgresql_inplace.h"
#include "source/postgresql_swap_parts.h"

/* What the files of the replacement in place share. */

#define MARK_SIZE 33 /* an MD5 in hexadecimal: what is the same has it, nothing hangs on more */

struct postgresql_inplace {
    struct postgresql_swap s; /* names, sources, lock; beside is not made */
    int folder_fd;
    const char *folder, *file; /* of the dump of the old state */
    const char *kept;          /* for people */

    bool is_planned;
    uint32_t oid;             /* of the database */
    char old_mark[MARK_SIZE]; /* which things there were, by their OIDs */
    uint64_t written;         /* rows, by the server's statistics */
    uint64_t size;            /* of the file */
    char sha256[SHA256_HEX_SIZE];

    bool is_swapped;    /* and compared: */
    uint32_t new_first; /* the first OID of what the swap made */
    bool is_back;       /* this process has put the old state back, or found it */
};

/* A dump, and what is said of what is in it. */
struct inplace_content {
    int fd;
    const struct artifact *artifact;
};

/* A job whose hooks can't cancel. */
struct inplace_job {
    struct source_job job;
    struct hooks hooks;
    const struct hooks *told;
};
const struct source_job *jbi_inplace_steadfast(struct inplace_job *to,
                                               const struct source_job *job);

/* ---- The journal ---- (postgresql_inplace_journal.c) */

struct json *jbi_inplace_print(const struct swap *swap);
bool jbi_inplace_parse(struct postgresql_inplace *p, const struct json *state);

/* ---- On the server ---- (postgresql_inplace_session.c) */

/* A session in the database, which it can resolve no foreign names in. It has the lock of this
 * restore, and pg_restore of a killed process is ended. */
int jbi_inplace_session(const struct postgresql_inplace *p, struct postgres **out,
                        struct jb_error *err);
struct inplace_look {
    uint32_t oid;
    char mark[MARK_SIZE];
    uint32_t first;
    uint64_t written;
};
int jbi_inplace_look(struct postgres *session, struct inplace_look *look, struct jb_error *err);
/* Ends sessions of others, those that this login may end; waits a moment for their end. */
int jbi_inplace_end_sessions(struct postgres *session, struct jb_error *err);

/* ---- Statements ---- (postgresql_inplace_sql.c) */

/* A query for all things that are there and are dropped one by one: classid, objid, owner, rank.
 * Not those of extensions, of schemas of the server, and what goes with another thing. Casts go
 * with their types. */
extern const char jbi_inplace_things[];
#define INPLACE_RESTORE_CLASS (SWAP_LOCK_CLASS + 1) /* of pg_restore's own lock */
/* What empties the database, as statements for how->first. It holds only while the session does. */
char *jbi_inplace_empty(const struct postgresql_inplace *p, struct postgres *session,
                        struct arena *arena, struct jb_error *err);

/* Extensions of other roles, and the schemas that these were given: they stay. */
struct inplace_staying {
    const char *const *extensions, *const *quoted_extensions;
    const char *const *schemas, *const *quoted_schemas;
    size_t count;
};
int jbi_inplace_staying(struct postgres *session, struct arena *arena,
                        struct inplace_staying *staying, struct jb_error *err);
/* Whether a dump's entry is of those; user is a struct inplace_staying. */
bool jbi_inplace_stays(void *user, const struct dump_item *item);

/* ---- What stands in the way ---- (postgresql_inplace_refuse.c) */

int jbi_inplace_refuse(const struct postgresql_inplace *p, struct postgres *session,
                       const struct source_job *job, struct jb_error *err);
/* Of the dump: its entries. */
int jbi_inplace_refuse_dump(const struct postgresql_inplace *p, struct postgres *session,
                            int dump_fd, const struct source_job *job, struct jb_error *err);

/* ---- Replacing ---- (postgresql_inplace_replace.c) */

/* All that is there, by the content, in one transaction. *session is ended. */
int jbi_inplace_replace(const struct postgresql_inplace *p, struct postgres **session,
                        const struct inplace_content *content, const struct source_job *job,
                        struct jb_error *err);
/* Whether what is there is the content: JB_ECORRUPT says what is not. what is e.g. "restored". */
int jbi_inplace_compare(const struct postgresql_inplace *p, struct postgres *session,
                        const struct inplace_content *content, const char *what,
                        const struct source_job *job, struct jb_error *err);

/* ---- The dump of the old state ---- (postgresql_inplace_keep.c) */

/* Makes the file; sets size and sha256. */
int jbi_inplace_keep(struct postgresql_inplace *p, struct postgres *session,
                     const struct source_job *job, struct jb_error *err);
/* Opens it, reads it in full, and says what is in it; JB_ECORRUPT: it is not the one that was kept.
 * Its texts belong to the job's arena. Close content->fd. */
int jbi_inplace_kept(const struct postgresql_inplace *p, const struct source_job *job,
                     struct inplace_content *content, struct jb_error *err);
/* Absent is fine. */
int jbi_inplace_unkeep(const struct postgresql_inplace *p, struct jb_error *err);

#endif
