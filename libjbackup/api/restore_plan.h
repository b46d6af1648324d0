/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RESTORE_PLAN_H
#define JBI_API_RESTORE_PLAN_H

#include "api/restore_transaction.h"

/* What a restore in place will do: its figures and a row for each thing that is replaced; errors
 * for what can be told beforehand: no room, no such service. Changes nothing. */
struct restore_plan {
    bool service_is_active;
    uint64_t space_needed, space_free; /* on the file system of the root */
};

int jbi_restore_plan(struct restore_plan *plan, struct transaction *t,
                     const struct manifest *backup, struct jb_error *err);

#endif
