/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_SWAP_PARTS_H
#define JBI_SOURCE_CODEBASE_SWAP_PARTS_H

#include "source/codebase_linked.h"
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
    const char *beside;                       /* its name in the root */
    const char *where;                        /* its whole path */
    bool is_root_made;                        /* there was none */
    struct root_state first;                  /* at begin */
    const struct codebase_kept *kept;         /* NULL: nothing can be kept */
    int64_t created_us;                       /* stage only */
    struct artifact kept_archive, kept_index; /* by their names there */
    struct linked_files linked;               /* stage and plan only */
    uint64_t linked_count;                    /* by the plan: in LINKED_NAME */
    char linked_sha256[SHA256_HEX_SIZE];
    bool is_planned;
    struct root_state old, new; /* by the plan */
    struct exchange exchange;
};

/* The folders of a swap; -1: absent. */
struct swap_folders {
    int root_fd, beside_fd, tree_fd;
};

#define TREE_NAME "tree" /* in the folder beside */
/* There, too: strangers that undo found in the place of new ones. */
#define CHANGED_NAME "changed"

#define LINKED_NAME  "linked"  /* there, too: the list of files that both trees share */
#define MENDING_NAME "mending" /* folders of the old tree that are being changed for that */
#define FRESH_NAME   "fresh"   /* files out of the archive, on their way into a tree */

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

/* ---- codebase_swap_kept.c ---- */

/* Names for archive and index in the folder of kept: fsynced; 1; 0: that can't be. */
int jbi_kept_add(struct code_swap *code, struct jb_error *err);
/* Absent is fine. */
int jbi_kept_remove(const struct code_swap *code, struct jb_error *err);

/* ---- codebase_swap_linked.c ---- */

/* With the service stopped: files of the staged tree that are not as they were linked become copies
 * of their own. */
int jbi_linked_settle(struct code_swap *code, const struct swap_folders *folders,
                      const struct source_job *job, struct jb_error *err);
/* The list of what is left, durable, when it is known what is exchanged. */
int jbi_linked_note(struct code_swap *code, const struct swap_folders *folders,
                    struct jb_error *err);

/* The wanted files out of the archive take their places in the tree, the folders there stay as they
 * are. note is called when the copies lie ready, before the first is put in its place. */
struct linked_places {
    const struct linked_files *files;
    const bool *is_wanted;
    int tree_fd;
    int (*note)(const struct swap_folders *folders, const struct linked_files *above,
                struct jb_error *err); /* NULL: it isn't called */
};
int jbi_linked_replace(const struct code_swap *code, const struct swap_folders *folders,
                       const struct linked_places *places, const struct source_job *job,
                       struct jb_error *err);
/* Gives folders of a tree their modes and times. */
int jbi_linked_restore_folders(int tree_fd, const struct linked_files *above, struct jb_error *err);

/* ---- codebase_swap_mend.c ---- */

/* Before anything is exchanged back: the old tree gets files of its own where the shared ones have
 * changed. May be called again and again. */
int jbi_linked_mend(struct code_swap *code, const struct swap_folders *folders,
                    const struct source_job *job, struct jb_error *err);

/* Removes the folder beside, and gives the root its time back. */
int jbi_code_clear(const struct code_swap *code, const struct swap_folders *folders,
                   struct jb_error *err);

#endif
