/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RESTORE_CHOICE_H
#define JBI_API_RESTORE_CHOICE_H

#include "api/restore_transaction.h"

/* What is wanted of a backup. */
struct restore_choice {
    struct transaction *t; /* with its target, and the id in its journal */
    const struct manifest *backup;
    const struct jb_restore_options *options; /* type and database */
    const char *path;                         /* of the code, normal; NULL: all */
};

/* wanted: the database's name; NULL: any. */
bool jbi_restore_wants(const struct artifact *artifact, const char *wanted);
/* JB_ENOTFOUND: the backup does not hold the wanted database, or none. */
int jbi_restore_no_database(const struct manifest *backup, const char *wanted,
                            struct jb_error *err);

/* The entries of the root that a restore of all leaves as they are; up to a NULL. */
extern const char *const jbi_restore_stays[];

/* Begins the swaps of a transaction: databases first, for their exchange can be refused by others,
 * the code's can't. Nothing is touched. JB_ENOTFOUND: the backup does not hold what is wanted;
 * JB_EINVAL: the configuration has no place for it. */
int jbi_restore_choose(const struct restore_choice *choice, struct jb_error *err);

#endif
