/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_DUMP_ROLES_H
#define JBI_ARCHIVE_DUMP_ROLES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* The roles that a dump's entries name, each once. Names belong to the arena. */
struct dump_roles {
    const char **names;
    size_t count, room;
};

/* False: out of memory. NULL and "" are nobody. */
bool jbi_roles_add(struct dump_roles *roles, const char *name, struct arena *arena);
/* Those in the statements of an entry ACL or DEFAULT ACL, as pg_dump writes them:
 * "GRANT SELECT ON TABLE public.t TO reader;". NULL is none. */
bool jbi_roles_of_grants(struct dump_roles *roles, const char *statements, struct arena *arena);

#endif
