/* SPDX-License-Identifier: MIT */
/* Holding a restored database against its backup. Invariant: the restored one is only read. */
#include "source/postgresql_restored.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/report.h"
#include "base/text.h"
#include "source/names.h"
#include "source/postgresql_compare.h"
#include "source/tables.h"

#define MINOR_GROUPED 16 /* from here on large objects are dumped by owner */

/* ---- Reading ---- */

int jbi_postgresql_restored_look(struct postgresql_restored *r, int dump_fd, struct jb_error *err)
{
    if (!r->artifact->postgresql->is_recoded)
        return JB_OK;
    int code = jbi_dump_look(dump_fd, &r->options, &r->stored, err);
    if (code == JB_OK)
        code = jbi_utf8_names(&r->stored, r->job->arena, err);
    if (code == JB_OK)
        jbi_postgresql_compare_schema(r->job, r->artifact, &r->stored);
    return code;
}

int jbi_postgresql_restored_read(struct postgresql_restored *r, const struct postgresql_dump *dump,
                                 struct jb_error *err)
{
    struct jb_error why = {0};
    int code = JB_EUNSUPPORTED;
    if (r->artifact->postgresql->is_recoded)
        code = jbi_postgresql_stream(dump, -1, -1, &r->options, &r->restored, &why);
    if (code == JB_EUNSUPPORTED) {
        r->restored = (struct dump_contents){0};
        return jbi_postgresql_digest_text(dump, &r->options, &r->restored, err);
    }
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    return code;
}

/* ---- Comparing ---- */

/* ERROR findings that say: this was not compared. */
static void not_compared(const struct postgresql_restored *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void not_compared(const struct postgresql_restored *r, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    jbi_finding(r->job->report, JB_ERROR, r->artifact->path, "%s", message);
    r->checked->not_compared++;
}

/* Whether the same programs wrote the definitions as then. */
static bool is_of_same_versions(const struct postgresql_restored *r)
{
    const char *client = r->artifact->postgresql->client_version;
    const char *server = r->artifact->server_version;
    return client != NULL && server != NULL && atoi(client) == r->tools->major &&
           atoi(server) == r->server_major;
}

static void say(const struct postgresql_restored *r, const char *name, const char *message)
{
    const char *subject = jbi_arena_printf(r->job->arena, "%s: %s", r->artifact->path, name);
    const char *client = r->artifact->postgresql->client_version;
    const char *server = r->artifact->server_version;
    jbi_finding(r->job->report, JB_ERROR, subject ? subject : r->artifact->path, "%s", message);
    if (is_of_same_versions(r))
        return;
    r->checked->not_compared++; /* it may be there under another name */
    jbi_finding_hint(r->job->report,
                     "the backup is of PostgreSQL %s by pg_dump %s, here they are %d and %d, which "
                     "may name it otherwise: verify with the versions of the backup",
                     server ? server : "?", client ? client : "?", r->server_major,
                     r->tools->major);
}

/* The stored definitions have been held against the backup; here, whether a restore makes them all.
 * Its text may change on the way: a server writes a list of texts in another way when it has read
 * it from a dump. */
static void compare_definitions(const struct postgresql_restored *r)
{
    const struct named_text *was = r->stored.definitions, *is = r->restored.definitions;
    const struct named_text *was_end = was + r->stored.definition_count;
    const struct named_text *is_end = is + r->restored.definition_count;
    const char *reworded = NULL;
    size_t reworded_count = 0;
    while (was < was_end || is < is_end) {
        int order = was == was_end ? 1 : is == is_end ? -1 : strcmp(was->name, is->name);
        if (order < 0) {
            if (!r->lacks_subscriptions || !jbi_starts_with(was->name, "SUBSCRIPTION "))
                say(r, was->name, "is in the dump, and not there when that is restored");
            was++;
        } else if (order > 0) {
            say(r, is++->name, "is not in the dump, and there when that is restored");
        } else {
            if (strcmp(was->text, is->text) != 0 && reworded_count++ == 0)
                reworded = was->name;
            was++, is++;
        }
    }
    if (reworded_count > 0)
        jbi_finding(r->job->report, JB_INFO, r->artifact->path,
                    "the server writes %zu definitions in other words after a restore, %s first",
                    reworded_count, reworded);
}

/* From version 1.16 of the format the order of large objects is that of their owners, too, which a
 * restore does not keep. */
static void allow_other_order(struct postgresql_restored *r)
{
    const struct large_objects *was = &r->artifact->postgresql->large_objects;
    struct large_objects *is = &r->restored.large_objects;
    const char *minor = strchr(r->restored.format, '.');
    if (minor == NULL || atoi(minor + 1) < MINOR_GROUPED || was->count != is->count ||
        was->bytes != is->bytes || strcmp(was->sha256, is->sha256) == 0)
        return;
    not_compared(r, "the content of its restored large objects was not compared: they have several "
                    "owners, and so another order");
    *is = *was;
}

int jbi_postgresql_restored_compare(struct postgresql_restored *r, struct jb_error *err)
{
    int code = jbi_utf8_names(&r->restored, r->job->arena, err);
    if (code < 0)
        return code;
    if (!r->artifact->postgresql->is_recoded || r->restored.format[0] == '\0') {
        r->checked->tables += r->restored.table_count;
        not_compared(r, "only its tables were compared: its format is not known to this jbackup");
        jbi_finding_hint(r->job->report, "a newer jbackup compares the rest, too");
        return jbi_tables_compare(r->job, r->artifact, r->restored.tables, r->restored.table_count,
                                  err);
    }
    compare_definitions(r);
    if (r->lacks_owners)
        allow_other_order(r);
    return jbi_postgresql_compare_data(r->job, r->artifact, &r->restored, r->checked, err);
}
