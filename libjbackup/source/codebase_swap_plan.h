/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_SWAP_PLAN_H
#define JBI_SOURCE_CODEBASE_SWAP_PLAN_H

#include "os/tree.h"
#include "source/codebase_holders.h"
#include "source/codebase_rules.h"
#include "source/codebase_swap_parts.h"

/* The parts of jbi_code_plan. */

/* Paths in the order of a walk. */
struct name_list {
    const char **names;
    size_t *items; /* of the exchange; not of what is left alone */
    size_t count, room;
};

struct plan {
    struct code_swap *code;
    const struct source_job *job;
    struct codebase_rules rules;
    struct swap_folders folders;
    struct arena arena;
    struct name_list moved, left, mounted, in_place;
    struct codebase_holders holders;
    const char *carried_to; /* the folder whose place in the new tree is open */
    int carried_fd;
    size_t present; /* length of the part of code->path that there is in the live tree */
};

int jbi_plan_list_add(struct plan *plan, struct name_list *list, const char *name, size_t item,
                      struct jb_error *err);
/* Only in lists that were made in order; NULL: it isn't there. */
const size_t *jbi_plan_list_find(const struct name_list *list, const char *name);

/* The folder will be given back mode and time. */
int jbi_plan_add_folder(struct plan *plan, const char *path, int fd, struct jb_error *err);
/* The same, of a folder that must be opened up because it changes its parent; others are fine. */
int jbi_plan_add_closed(struct plan *plan, const char *path,
                        const struct exchange_identity *identity, struct jb_error *err);
int jbi_plan_identify(int dir_fd, const char *name, const char *path,
                      struct exchange_identity *identity, struct jb_error *err);

/* Opens the place of a live folder in the new tree, making what is missing; JB_EUNSUPPORTED if the
 * backup has something else there. */
int jbi_plan_open_place(struct plan *plan, const char *folder, int *out, struct jb_error *err);
/* Whether an entry of the root is to stay as it is, whatever the backup has. */
bool jbi_plan_is_staying(const struct plan *plan, const char *path);
/* A live entry within one that moves, which stays where it is. */
int jbi_plan_carry(struct plan *plan, const struct tree_entry *entry, struct jb_error *err);
/* What of the new tree joins which of the old, or comes alone. */
int jbi_plan_add_new(struct plan *plan, struct jb_error *err);

#endif
