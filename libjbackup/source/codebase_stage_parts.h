/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_STAGE_PARTS_H
#define JBI_SOURCE_CODEBASE_STAGE_PARTS_H

#include "source/codebase.h"
#include "source/codebase_follow.h"
#include "source/place.h"

/* The parts of jbi_codebase_stage, and laying out entries that are chosen one by one. */

struct stage;

/* A hard link whose first name lies outside the wanted path: its content is fetched afterwards. */
struct stage_deferred {
    struct stage_deferred *next;
    const char *path, *link;
};

/* Entries of the index, counted from 0 on, that are read from the archive in one go. */
struct stage_run {
    uint64_t first, last;
    uint64_t member; /* in which the last one begins */
};

/* Which entries are read from the archive. */
struct stage_choice {
    struct stage *stage;
    const char *path; /* only this and what is below it; NULL: all */
    /* Asked of each entry, once, in order: 1: it is wanted from the archive; 0: it isn't, for it
     * was made otherwise; or a negative code. */
    int (*want)(void *user, uint64_t number, const struct index_entry *entry, struct jb_error *err);
    void *user;
    struct stage_run *runs; /* of those that will be wanted, as far as is known beforehand */
    size_t run_count, run_room, run_at;
};

struct stage_opened {
    int archive_fd, index_fd;
    const char *archive_name, *index_name;
};

struct stage {
    const struct source_job *job;
    const struct artifact *archive;
    struct place *place;
    struct follow follow;
    struct arena *arena;
    struct stage_deferred *deferred;
    struct stage_choice *choice; /* NULL: everything that comes */
    const char *as;              /* the one file under way gets this name; NULL: its own */
    struct tar_entry entry;      /* the file under way */
    struct arena entry_arena;
    int fd;           /* of the file under way, or -1 */
    bool is_complete; /* all that was wanted has come */
    bool is_ahead;    /* follow stands at the entry that comes next from the archive */
    bool is_passed;   /* the entry under way is not wanted */
    uint64_t number;  /* of the entry at which follow stands */
    uint64_t count;   /* of entries that follow has come to */
    uint64_t run_last;
    struct codebase_staged *staged;
    uint64_t written;
};

struct stage_what {
    int category_fd;
    const struct artifact *archive, *index;
    int dir_fd;
    const char *path; /* NULL: all */
    /* Fills the choice: 1; 0: all is wanted after all; or a negative code. NULL: all is wanted. */
    int (*choose)(void *user, struct stage_choice *choice, const struct stage_opened *opened,
                  struct jb_error *err);
    void *user;
};

/* As jbi_codebase_stage. */
int jbi_stage_lay_out(const struct source_job *job, const struct stage_what *what,
                      struct codebase_staged *staged, struct jb_error *err);

/* ---- codebase_stage.c ---- */

extern const struct untar_visitor jbi_stage_visitor;

/* ---- codebase_stage_chosen.c ---- */

/* Moves follow on, unless it stands at the entry already: as jbi_follow_next. */
int jbi_stage_next(struct stage *stage, struct jb_error *err);
/* Asks the choice for the entry at which follow stands. */
int jbi_stage_ask(struct stage *stage, struct jb_error *err);
/* Notes while choosing, in order, that an entry is wanted. What lies between two of one member is
 * passed over while that is read. */
int jbi_stage_add_wanted(struct stage_choice *choice, uint64_t number,
                         const struct index_entry *entry, struct jb_error *err);
int jbi_stage_chosen(struct stage *stage, const struct stage_opened *opened, const char *below,
                     struct jb_error *err);

#endif
