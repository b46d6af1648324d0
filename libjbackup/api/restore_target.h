/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RESTORE_TARGET_H
#define JBI_API_RESTORE_TARGET_H

#include "api/service.h"
#include "api/session.h"
#include "source/codebase.h"

#define PRODUCTION "production"

/* Where a restore in place goes: production, which is the project itself, or another environment of
 * its configuration, whose databases stand for the project's in their order. */
struct restore_target {
    const char *environment;
    bool is_production;
    const char *root;
    struct codebase_source code;
    const struct database *databases; /* as many as the project has, in its order */
    size_t database_count;
    const struct service *service; /* NULL: none */
    const struct health *health;   /* NULL: none */
};

/* name NULL: production. JB_ENOTFOUND: no such environment; JB_EINVAL: it has not as many databases
 * as the project, or another kind of one. An environment that has production's root, or one of its
 * databases, is production, whatever it is called. */
int jbi_restore_target(struct restore_target *out, struct session *session, const char *name,
                       struct jb_error *err);

/* The target's database that stands for the project's of that name; NULL: none. */
const struct database *jbi_restore_target_database(const struct restore_target *target,
                                                   const struct jb_project *project,
                                                   const char *name);

#endif
