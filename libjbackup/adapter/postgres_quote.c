/* SPDX-License-Identifier: MIT */
/* Names and texts as parts of statements. */
#include <libpq-fe.h>
#include <string.h>

#include "adapter/postgres_connection.h"

static const char *keep(char *quoted, struct arena *arena)
{
    const char *kept = quoted != NULL ? jbi_arena_text(arena, quoted) : NULL;
    PQfreemem(quoted);
    return kept;
}

const char *jbi_postgres_quote_name(const struct postgres *postgres, const char *name,
                                    struct arena *arena)
{
    return keep(PQescapeIdentifier(postgres->conn, name, strlen(name)), arena);
}

const char *jbi_postgres_quote_text(const struct postgres *postgres, const char *text,
                                    struct arena *arena)
{
    return keep(PQescapeLiteral(postgres->conn, text, strlen(text)), arena);
}
