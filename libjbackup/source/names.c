/* SPDX-License-Identifier: MIT */
/* Names as manifests have them. */
#include "source/names.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"

const char *jbi_utf8_name(const char *name, struct arena *arena)
{
    size_t len = name ? strlen(name) : 0;
    if (name == NULL || jbi_is_utf8(name, len))
        return name;
    size_t size = 4 * len + 1;
    char *printable = jbi_arena_alloc(arena, size);
    return printable ? jbi_escape(printable, size, name, len) : NULL;
}

static bool name_in_place(const char **name, struct arena *arena)
{
    const char *given = *name;
    *name = jbi_utf8_name(given, arena);
    return given == NULL || *name != NULL;
}

int jbi_utf8_names(struct dump_contents *contents, struct arena *arena, struct jb_error *err)
{
    bool ok = true;
    for (size_t i = 0; i < contents->table_count && ok; i++) {
        struct table *table = &contents->tables[i];
        ok = name_in_place(&table->schema, arena) && name_in_place(&table->name, arena) &&
             name_in_place(&table->columns, arena);
    }
    for (size_t i = 0; i < contents->definition_count && ok; i++)
        ok = name_in_place(&contents->definitions[i].name, arena);
    for (size_t i = 0; i < contents->sequence_count && ok; i++) {
        struct sequence *sequence = &contents->sequences[i];
        ok = name_in_place(&sequence->schema, arena) && name_in_place(&sequence->name, arena);
    }
    return ok ? JB_OK : jbi_fail_memory(err);
}
