/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_RULES_H
#define JBI_SOURCE_CODEBASE_RULES_H

#include "archive/untar.h"
#include "os/tree.h"
#include "source/codebase.h"

/* What of a tree belongs to a backup, asked of each entry of a walk of its root. */
struct codebase_rules {
    const struct codebase_source *source;
    struct stat *repositories; /* st_ino 0: absent */
    struct stat *databases;    /* of database_files; st_ino 0: absent */
};

enum codebase_part {
    PART_TAKEN,
    PART_EXCLUDED, /* by a pattern of the user's */
    PART_OURS,     /* a repository, a database's file, what a restore keeps beside the code */
    PART_MOUNTED,  /* a folder of which only itself is taken, not what is in it */
    PART_TOO_LONG, /* a path of over CODEBASE_PATH_MAX bytes */
    PART_SOCKET,
    PART_DEVICE
};

#define CODEBASE_PATH_MAX ARCHIVE_PATH_MAX

/* Looks at the repositories and databases as they are now. */
int jbi_codebase_rules_begin(struct codebase_rules *rules, const struct codebase_source *source,
                             struct jb_error *err);
void jbi_codebase_rules_end(struct codebase_rules *rules); /* after {0}, too */

/* What lies in a folder that is not taken isn't taken either. */
enum codebase_part jbi_codebase_part(const struct codebase_rules *rules,
                                     const struct tree_entry *entry);
/* Whether a restore of all (path NULL) leaves an entry of the root as it is; stays up to a NULL, or
 * NULL for none. */
bool jbi_codebase_is_staying(const char *const *stays, const char *path, const char *entry);
/* Whether it is left out by its name alone: all that can be asked of what can't be read. */
bool jbi_codebase_is_left_out(const struct codebase_rules *rules, const struct tree_entry *entry,
                              bool is_folder);

#endif
