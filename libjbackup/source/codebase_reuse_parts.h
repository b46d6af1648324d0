/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_REUSE_PARTS_H
#define JBI_SOURCE_CODEBASE_REUSE_PARTS_H

#include "os/climb.h"
#include "source/codebase_holders.h"
#include "source/codebase_reuse.h"
#include "source/codebase_rules.h"
#include "source/codebase_stage_parts.h"
#include "source/xattrs.h"

/* The parts of jbi_codebase_stage_beside. */

struct reuse {
    const struct codebase_reuse *what;
    struct stage_choice *choice;
    struct arena arena;
    int64_t before_us;
    dev_t device; /* of the root: other file systems are left alone */

    /* Choosing */
    struct codebase_rules rules;
    struct codebase_holders holders;
    const char **in_place; /* folders whose entries are exchanged one by one */
    size_t in_place_count;
    struct follow follow;
    const struct index_entry *expected; /* the next one of the index; NULL: it has ended */
    uint64_t number;                    /* of it */
    unsigned char *unchanged;           /* by number: a bit each */
    size_t unchanged_size;
    uint64_t unchanged_files;
    uint64_t member_raw; /* of the member at which the index stands; 0: it counts already */
    uint64_t all_raw, wanted_raw;

    /* Making */
    struct climb climb; /* in the living tree */
    struct xattrs *xattrs;
};

/* The type of what is unchanged; false: of no type that is stored. */
bool jbi_reuse_type(const struct stat *st, enum tar_type *type);
/* Goes through tree and index together. 1: it is worth while; 0: it isn't; or a negative code. */
int jbi_reuse_choose(struct reuse *reuse, const struct stage_opened *opened, struct jb_error *err);

#endif
