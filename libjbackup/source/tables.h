/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_TABLES_H
#define JBI_SOURCE_TABLES_H

#include "source/source.h"

/* Holds the tables found in a stored database against those that the artifact tells of: each that
 * is missing, too many, or differs is an ERROR finding "path: table "schema.name"". */
int jbi_tables_compare(const struct source_job *job, const struct artifact *artifact,
                       const struct table *found, size_t found_count, struct jb_error *err);

/* One such finding. schema may be NULL. */
void jbi_table_finding(const struct source_job *job, const struct artifact *artifact,
                       const char *schema, const char *name, const char *message);

#endif
