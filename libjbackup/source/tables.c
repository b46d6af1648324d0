/* SPDX-License-Identifier: MIT */
/* Comparing tables by what is in them. */
#include "source/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"

void jbi_table_finding(const struct source_job *job, const struct artifact *artifact,
                       const char *schema, const char *name, const char *message)
{
    const char *subject = jbi_arena_printf(job->arena, "%s: table \"%s%s%s\"", artifact->path,
                                           schema ? schema : "", schema ? "." : "", name);
    jbi_finding(job->report, JB_ERROR, subject != NULL ? subject : artifact->path, "%s", message);
}

static void say(const struct source_job *job, const struct artifact *artifact,
                const struct table *table, const char *message)
{
    jbi_table_finding(job, artifact, table->schema, table->name, message);
}

static void compare_table(const struct source_job *job, const struct artifact *artifact,
                          const struct table *recorded, const struct table *found)
{
    char message[96];
    if (recorded->rows != found->rows) {
        snprintf(message, sizeof message, "has %llu rows, %llu were backed up",
                 (unsigned long long)found->rows, (unsigned long long)recorded->rows);
        say(job, artifact, found, message);
    } else if (strcmp(recorded->sha256, found->sha256) != 0) {
        say(job, artifact, found, "its content differs from what was backed up");
    }
}

static int by_name(const struct table *a, const struct table *b)
{
    int order = strcmp(a->schema ? a->schema : "", b->schema ? b->schema : "");
    return order != 0 ? order : strcmp(a->name, b->name);
}

static int by_name_of_pointers(const void *a, const void *b)
{
    const struct table *const *first = a, *const *second = b;
    return by_name(*first, *second);
}

static const struct table **sorted(const struct table *tables, size_t count)
{
    const struct table **list = calloc(count + 1, sizeof *list);
    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        list[i] = &tables[i];
    qsort(list, count, sizeof *list, by_name_of_pointers);
    return list;
}

int jbi_tables_compare(const struct source_job *job, const struct artifact *artifact,
                       const struct table *found, size_t found_count, struct jb_error *err)
{
    scope_free const struct table **recorded = sorted(artifact->tables, artifact->table_count);
    scope_free const struct table **present = sorted(found, found_count);
    if (recorded == NULL || present == NULL)
        return jbi_fail_memory(err);
    const struct table **was = recorded, **is = present;
    while (*was != NULL || *is != NULL) {
        int order = *was == NULL ? 1 : *is == NULL ? -1 : by_name(*was, *is);
        if (order == 0)
            compare_table(job, artifact, *was++, *is++);
        else if (order < 0)
            say(job, artifact, *was++, "is missing in the copy");
        else
            say(job, artifact, *is++, "was not there when the backup was made");
    }
    return JB_OK;
}

/* ---- Definitions ---- */

static void say_of_definition(const struct source_job *job, const struct artifact *artifact,
                              const char *name, const char *message)
{
    const char *subject = jbi_arena_printf(job->arena, "%s: %s", artifact->path, name);
    jbi_finding(job->report, JB_ERROR, subject != NULL ? subject : artifact->path, "%s", message);
}

void jbi_definitions_compare(const struct source_job *job, const struct artifact *artifact,
                             const struct named_text *found, size_t found_count)
{
    const struct named_text *was = artifact->definitions, *is = found;
    const struct named_text *was_end = was + artifact->definition_count;
    const struct named_text *is_end = is + found_count;
    if (artifact->definition_count == 0)
        return;
    while (was < was_end || is < is_end) {
        int order = was == was_end ? 1 : is == is_end ? -1 : strcmp(was->name, is->name);
        if (order < 0) {
            say_of_definition(job, artifact, was++->name, "is missing in the copy");
        } else if (order > 0) {
            say_of_definition(job, artifact, is++->name, "was not there when the backup was made");
        } else {
            if (strcmp(was->text ? was->text : "", is->text) != 0)
                say_of_definition(job, artifact, was->name,
                                  "is defined in another way than when it was backed up");
            was++, is++;
        }
    }
}
