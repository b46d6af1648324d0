/* SPDX-License-Identifier: MIT */
/* What restoring a dump to a server needs: programs and extensions. Nothing is changed there. */
#include "source/postgresql_needs.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MAJOR_TRUSTED  13 /* extensions may be trusted from this version on */
#define MAJOR_SETS_NEW 17 /* pg_restore sets what servers before it do not know */

int jbi_postgresql_need_tools(const struct artifact *dump, int server_major, struct arena *arena,
                              struct postgres_tools *tools, struct jb_error *err)
{
    const char *client = dump->postgresql->client_version;
    int made_by = client ? atoi(client) : 0;
    int code =
        jbi_postgres_tools(made_by > server_major ? made_by : server_major, arena, tools, err);
    if (code == JB_OK && server_major < MAJOR_SETS_NEW && tools->major >= MAJOR_SETS_NEW)
        code = jbi_fail(err, JB_EUNSUPPORTED,
                        "pg_restore %s, which the dump needs, does not restore to PostgreSQL %d",
                        tools->version, server_major);
    return code;
}

static int look_for_extension(struct postgres *session, const char *name, struct jb_error *err)
{
    static const char trusted[] =
        "SELECT NOT v.superuser OR v.trusted OR r.rolsuper"
        " FROM pg_available_extension_versions v, pg_roles r"
        " WHERE r.rolname = current_user AND v.name = $1 ORDER BY 1 DESC LIMIT 1";
    static const char untrusted[] =
        "SELECT NOT v.superuser OR r.rolsuper"
        " FROM pg_available_extension_versions v, pg_roles r"
        " WHERE r.rolname = current_user AND v.name = $1 ORDER BY 1 DESC LIMIT 1";
    bool has_trust = jbi_postgres_server_major(session) >= MAJOR_TRUSTED;
    struct postgres_rows *rows = NULL;
    int code = jbi_postgres_query(session, "cannot ask for the extensions of",
                                  has_trust ? trusted : untrusted, &name, 1, &rows, err);
    const char *may = code == JB_OK ? jbi_postgres_value(rows, 0, 0) : NULL;
    if (code == JB_OK && may == NULL) {
        code = jbi_fail(err, JB_EUNSUPPORTED, "the extension \"%s\" is not installed there", name);
        jbi_hint(err, "install the package of the extension for that version of PostgreSQL");
    } else if (code == JB_OK && strcmp(may, "t") != 0) {
        code = jbi_fail(err, JB_EUNSUPPORTED,
                        "the extension \"%s\" can be created by a superuser only", name);
    }
    jbi_postgres_rows_free(rows);
    return code;
}

int jbi_postgresql_need_extensions(struct postgres *session, const struct artifact *dump,
                                   struct jb_error *err)
{
    int code = JB_OK;
    for (size_t i = 0; i < dump->postgresql->extension_count && code == JB_OK; i++) {
        const char *name = dump->postgresql->extensions[i].name;
        if (strcmp(name, "plpgsql") != 0)
            code = look_for_extension(session, name, err);
    }
    return code;
}
