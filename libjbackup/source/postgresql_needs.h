/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_NEEDS_H
#define JBI_SOURCE_POSTGRESQL_NEEDS_H

#include "adapter/postgres.h"
#include "base/artifact.h"

/* What restoring a dump to a server needs. */

/* The client programs: an older pg_restore can't read the dump, a newer one not always write to an
 * older server. JB_EUNSUPPORTED. */
int jbi_postgresql_need_tools(const struct artifact *dump, int server_major, struct arena *arena,
                              struct postgres_tools *tools, struct jb_error *err);
/* The extensions, each installed on the server and open to this login. JB_EUNSUPPORTED. */
int jbi_postgresql_need_extensions(struct postgres *session, const struct artifact *dump,
                                   struct jb_error *err);

#endif
