/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SWAP_H
#define JBI_SOURCE_SWAP_H

#include <stdbool.h>

#include "adapter/json.h"
#include "source/source.h"

/*
 * Putting a restored thing in the place of a living one, and back.
 *
 *      begin      names only, nothing is touched: so the journal can name what will be made
 *      stage      the new one is made beside the living one, and compared; nobody notices
 *      plan       what exactly will be exchanged with what, by identity (inode, OID): with the
 *                 service stopped; nothing is touched
 *      swap       the exchange
 *      undo       the exchange back
 *      discard    removes what lies beside the living one: the new one that was not taken, or the
 *                 old one that is not wanted any more
 *
 * Between any two of them, and within each, the process may die; another one then resumes from what
 * print gave to the journal before the last step began. So swap, undo and discard look at what is
 * there (whose identity is in place), do what is missing, and may be called again and again; undo
 * and discard also if nothing had been made yet. What they meet that is neither the old nor the new
 * one is never removed: an error says what lies where. Nothing outside of the place and its own
 * names is touched.
 */
struct swap {
    const struct swap_ops *ops;
    const char *name; /* of the database; "code" */
    /* Nothing is made beside: it is replaced where it is, which takes as long as a restore, with
     * the service stopped. Why so, and what to do about it, for people; NULL: it is exchanged. */
    const char *in_place, *in_place_hint;
};

struct swap_ops {
    const char *kind; /* "codebase", "sqlite", "postgresql": in the journal */

    int (*stage)(struct swap *swap, const struct source_job *job, struct jb_error *err);
    int (*plan)(struct swap *swap, const struct source_job *job, struct jb_error *err);
    int (*swap)(struct swap *swap, const struct source_job *job, struct jb_error *err);
    int (*undo)(struct swap *swap, const struct source_job *job, struct jb_error *err);
    int (*discard)(struct swap *swap, const struct source_job *job, struct jb_error *err);
    /* After swap (or undo): whether the new (the old) one is in place and answers; JB_OK, or the
     * error that says what is wrong. Cheap: contents were compared when it was staged. */
    int (*check)(struct swap *swap, const struct source_job *job, bool is_new,
                 struct jb_error *err);

    /* All that another process needs, without secrets; NULL: out of memory. */
    struct json *(*print)(const struct swap *swap);
    /* Where what lies beside the living one is found, for people; "" if nothing does. */
    const char *(*kept)(const struct swap *swap);
    void (*close)(struct swap *swap); /* frees; touches nothing */
};

/* job->hooks may cancel in stage only; job->report gets findings; job->arena outlives the swap. */

#endif
