/* SPDX-License-Identifier: MIT */
/* How long values are compressed in a restored database. By default a server does it with pglz,
 * which takes more than half of the time of restoring them. Invariant: a choice of the backup's, or
 * of the server's administrator, is kept. */
#include "source/postgresql_compression.h"

#include <strings.h>

#include "base/error.h"

#define SETTING "default_toast_compression"

int jbi_postgresql_compression(struct postgres *session, const struct postgresql_facts *facts,
                               struct arena *arena, const char **out, struct jb_error *err)
{
    static const char sql[] = "SELECT 'lz4' FROM pg_settings WHERE name = '" SETTING "'"
                              " AND source = 'default' AND 'lz4' = ANY (enumvals)";
    *out = NULL;
    for (size_t i = 0; i < facts->setting_count; i++) {
        if (strcasecmp(facts->settings[i].name, SETTING) == 0)
            *out = facts->settings[i].text;
    }
    if (*out != NULL)
        return JB_OK;
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, "cannot read the settings of", sql, NULL, 0, &rows, err);
    const char *value = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
    if (value != NULL && (*out = jbi_arena_text(arena, value)) == NULL)
        code = jbi_fail_memory(err);
    jbi_postgres_rows_free(rows);
    return code;
}
