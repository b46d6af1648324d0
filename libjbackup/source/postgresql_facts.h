/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_FACTS_H
#define JBI_SOURCE_POSTGRESQL_FACTS_H

#include "adapter/postgres.h"
#include "base/artifact.h"

/*
 * Begins the transaction that a dump belongs to, and asks the database what it is: version, owner,
 * encoding, extensions, settings, the instant. snapshot is for pg_dump; it holds until the
 * connection is closed. All texts belong to arena.
 */
int jbi_postgresql_facts(struct postgres *postgres, struct arena *arena,
                         struct postgresql_facts *facts, const char **server_version,
                         const char **snapshot, struct jb_error *err);

#endif
