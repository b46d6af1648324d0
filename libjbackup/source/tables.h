/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_TABLES_H
#define JBI_SOURCE_TABLES_H

#include "source/source.h"

/* Holds the tables found in a stored database against those that the artifact tells of: each that
 * is missing, too many, or differs is an ERROR finding "path: table "schema.name"". */
int jbi_tables_compare(const struct source_job *job, const struct artifact *artifact,
                       const struct table *found, size_t found_count, struct jb_error *err);

/* The same for definitions, both lists sorted by name; an artifact that lists none is not compared.
 * The subject is "path: INDEX public.entry_written_at". */
void jbi_definitions_compare(const struct source_job *job, const struct artifact *artifact,
                             const struct named_text *found, size_t found_count);

/* One finding on a table. schema may be NULL. */
void jbi_table_finding(const struct source_job *job, const struct artifact *artifact,
                       const char *schema, const char *name, const char *message);

#endif
