/* SPDX-License-Identifier: MIT */
/* Comparing dumps with what the backup says of them. */
#include "source/postgresql_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "source/tables.h"

/* ---- Sequences ---- */

static int by_name(const struct sequence *a, const struct sequence *b)
{
    int order = strcmp(a->schema ? a->schema : "", b->schema ? b->schema : "");
    return order != 0 ? order : strcmp(a->name, b->name);
}

static int by_name_of_pointers(const void *a, const void *b)
{
    const struct sequence *const *first = a, *const *second = b;
    return by_name(*first, *second);
}

/* With a NULL at the end. */
static const struct sequence **sorted(const struct sequence *sequences, size_t count)
{
    const struct sequence **list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; i < count && list != NULL; i++)
        list[i] = &sequences[i];
    if (list != NULL)
        qsort(list, count, sizeof *list, by_name_of_pointers);
    return list;
}

static void say(const struct source_job *job, const struct artifact *artifact,
                const struct sequence *sequence, const char *message)
{
    const char *subject = jbi_arena_printf(job->arena, "%s: sequence \"%s%s%s\"", artifact->path,
                                           sequence->schema ? sequence->schema : "",
                                           sequence->schema ? "." : "", sequence->name);
    jbi_finding(job->report, JB_ERROR, subject ? subject : artifact->path, "%s", message);
}

static void compare_values(const struct source_job *job, const struct artifact *artifact,
                           const struct sequence *was, const struct sequence *is)
{
    char message[96];
    if (was->value == is->value && was->is_called == is->is_called)
        return;
    snprintf(message, sizeof message, "is at %lld%s, %lld%s was backed up", (long long)is->value,
             is->is_called ? "" : " (not called)", (long long)was->value,
             was->is_called ? "" : " (not called)");
    say(job, artifact, is, message);
}

int jbi_postgresql_compare_sequences(const struct source_job *job, const struct artifact *artifact,
                                     const struct dump_contents *contents, struct jb_error *err)
{
    const struct postgresql_facts *facts = artifact->postgresql;
    scope_free const struct sequence **recorded = sorted(facts->sequences, facts->sequence_count);
    scope_free const struct sequence **present =
        sorted(contents->sequences, contents->sequence_count);
    if (recorded == NULL || present == NULL)
        return jbi_fail_memory(err);
    const struct sequence **was = recorded, **is = present;
    while (*was != NULL || *is != NULL) {
        int order = *was == NULL ? 1 : *is == NULL ? -1 : by_name(*was, *is);
        if (order == 0)
            compare_values(job, artifact, *was++, *is++);
        else if (order < 0)
            say(job, artifact, *was++, "is missing in the copy");
        else
            say(job, artifact, *is++, "was not there when the backup was made");
    }
    return JB_OK;
}

/* ---- The rest ---- */

static bool is_same_objects(const struct large_objects *a, const struct large_objects *b)
{
    return a->count == b->count && a->bytes == b->bytes && strcmp(a->sha256, b->sha256) == 0;
}

int jbi_postgresql_compare_data(const struct source_job *job, const struct artifact *artifact,
                                const struct dump_contents *contents,
                                struct source_checked *checked, struct jb_error *err)
{
    if (!is_same_objects(&contents->large_objects, &artifact->postgresql->large_objects))
        jbi_table_finding(job, artifact, NULL, "large objects",
                          "their content differs from what was backed up");
    checked->tables += contents->table_count;
    int code = jbi_postgresql_compare_sequences(job, artifact, contents, err);
    return code < 0
               ? code
               : jbi_tables_compare(job, artifact, contents->tables, contents->table_count, err);
}

void jbi_postgresql_compare_schema(const struct source_job *job, const struct artifact *artifact,
                                   const struct dump_contents *contents)
{
    size_t before = job->report->finding_count;
    jbi_definitions_compare(job, artifact, contents->definitions, contents->definition_count);
    bool is_named = job->report->finding_count > before;
    if (!is_named && strcmp(contents->schema_sha256, artifact->schema_sha256) != 0)
        jbi_finding(job->report, JB_ERROR, artifact->path,
                    "its schema differs from what was backed up");
}
