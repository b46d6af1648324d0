/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_SWAP_PARTS_H
#define JBI_SOURCE_CODEBASE_SWAP_PARTS_H

#include "source/codebase_swap.h"
#include "source/exchange.h"

/* A folder's own metadata. */
struct root_state {
    uint64_t inode; /* 0: not known */
    unsigned mode;
    uint64_t uid, gid;
    struct timespec mtime;
};

struct code_swap {
    struct swap swap; /* first: it is what callers hold */
    const struct codebase_source *live;
    int category_fd; /* stage only */
    const struct artifact *archive, *index;
    const char *const *stays; /* plan only; NULL: none */
    struct arena arena;       /* owns the texts */
    const char *root, *id, *path;
    const char *beside;      /* its name in the root */
    const char *where;       /* its whole path */
    bool is_root_made;       /* there was none */
    struct root_state first; /* at begin */
    bool is_planned;
    struct root_state old, new; /* by the plan */
    struct exchange exchange;
};

/* The folders of a swap; -1: absent. */
struct swap_folders {
    int root_fd, beside_fd, tree_fd;
};

#define TREE_NAME "tree" /* in the folder beside */
#define CHANGED_NAME                                                                               \
    "changed" /* there, too: strangers that undo found in the place of new ones                    \
               */

int jbi_swap_open(const struct code_swap *code, struct swap_folders *folders, struct jb_error *err);
void jbi_swap_close(struct swap_folders *folders);
bool jbi_root_look(int root_fd, struct root_state *state);

/* As swap_ops has them. */
int jbi_code_stage(struct swap *swap, const struct source_job *job, struct jb_error *err);
int jbi_code_plan(struct swap *swap, const struct source_job *job, struct jb_error *err);
int jbi_code_discard(struct swap *swap, const struct source_job *job, struct jb_error *err);
struct json *jbi_code_print(const struct swap *swap);
/* Fills what print wrote; JB_ECORRUPT. */
int jbi_code_parse(struct code_swap *code, const struct json *state, struct jb_error *err);

/* What is mounted deeper than in the root can't be exchanged: JB_EUNSUPPORTED. Calls back with the
 * names of what is mounted in the root itself. */
int jbi_code_check_mounts(const struct code_swap *code, int root_fd,
                          int (*visit)(void *user, const char *name, struct jb_error *err),
                          void *user, struct jb_error *err);

/* Removes the folder beside, and gives the root its time back. */
int jbi_code_clear(const struct code_swap *code, const struct swap_folders *folders,
                   struct jb_error *err);

#endif
