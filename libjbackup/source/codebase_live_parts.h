/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_LIVE_PARTS_H
#define JBI_SOURCE_CODEBASE_LIVE_PARTS_H

#include "source/codebase_follow.h"
#include "source/codebase_holders.h"
#include "source/codebase_links.h"
#include "source/codebase_live.h"
#include "source/codebase_rules.h"
#include "source/file_digests.h"
#include "source/hardlinks.h"

/* The parts of jbi_codebase_compare_live. */

/* A folder of the live tree that would not be there after a restore: gone, or something else. */
struct leaving_folder {
    const char *path;
    size_t change;
};

struct live {
    const struct source_job *job;
    const struct codebase_live_what *what;
    struct codebase_live_found *found;
    struct codebase_rules rules;
    struct codebase_holders holders;
    struct stat *database_folders; /* st_ino 0: absent */
    struct follow follow;
    const struct index_entry *expected; /* the next one of the index; NULL: it has ended */
    struct link_targets *targets;       /* of the backup's hard links */
    struct hardlinks *links;            /* of the live tree */
    struct file_digests *digests;
    const char **mounted;
    size_t mounted_count;
    struct codebase_change *changes;
    size_t change_count, change_room;
    struct leaving_folder *leaving; /* those that hold the present entry */
    size_t leaving_count, leaving_room;
};

/* ---- codebase_live_changes.c ---- */

/* Two changes of one path become one in the end. */
int jbi_live_add(struct live *live, const struct codebase_change *change, struct jb_error *err);
/* The change added last is of a folder that a restore takes away. */
int jbi_live_leaves(struct live *live, struct jb_error *err);
/* Forgets the folders that do not hold path. */
void jbi_live_come_to(struct live *live, const char *path);
/* Something in the folders that hold the present entry stays: so do they. */
void jbi_live_keep_leaving(struct live *live, const char *path);
/* Hands the changes over, in order, each path once. */
void jbi_live_finish(struct live *live);

/* ---- codebase_live_entry.c ---- */

/* An entry that both have. */
int jbi_live_compare(struct live *live, const struct tree_entry *entry, struct jb_error *err);
/* The content of an entry that stays, for what is to be told of it. */
int jbi_live_compare_staying(struct live *live, const struct tree_entry *entry,
                             struct jb_error *err);
/* For struct file_digests_user. */
int jbi_live_content_done(void *user, const struct file_digest *file, struct jb_error *err);

bool jbi_live_is_staying(const struct live *live, const char *path);
void jbi_live_say_unreadable(struct live *live, const char *path, int why);
uint64_t jbi_live_size(const struct stat *st);
/* Of a hard link that of its file. */
uint64_t jbi_live_backup_size(const struct live *live, const struct index_entry *entry);

#endif
