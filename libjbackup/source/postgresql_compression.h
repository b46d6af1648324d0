/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_COMPRESSION_H
#define JBI_SOURCE_POSTGRESQL_COMPRESSION_H

#include "adapter/postgres.h"
#include "base/artifact.h"

/*
 * How a server compresses long values while they are restored. *out is for the setting
 * default_toast_compression of the new database: as the backup recorded it, else lz4, where the
 * server has that and nobody has chosen anything there; NULL: as the server does by itself. The
 * session is one of the login that restores.
 */
int jbi_postgresql_compression(struct postgres *session, const struct postgresql_facts *facts,
                               struct arena *arena, const char **out, struct jb_error *err);

#endif
