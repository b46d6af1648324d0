/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_COMPARE_H
#define JBI_SOURCE_POSTGRESQL_COMPARE_H

#include "archive/dump.h"
#include "source/source.h"

/* Holding what a dump says and holds against what the backup says was in it. Each difference is an
 * ERROR finding that names what differs. The names of contents are UTF-8 already
 * (jbi_utf8_names). */

/* Tables, large objects, sequences; adds to checked->tables. */
int jbi_postgresql_compare_data(const struct source_job *job, const struct artifact *artifact,
                                const struct dump_contents *contents,
                                struct source_checked *checked, struct jb_error *err);
/* Sequences alone; JB_ENOMEM. */
int jbi_postgresql_compare_sequences(const struct source_job *job, const struct artifact *artifact,
                                     const struct dump_contents *contents, struct jb_error *err);
/* Definitions, by name; else the schema as a whole. */
void jbi_postgresql_compare_schema(const struct source_job *job, const struct artifact *artifact,
                                   const struct dump_contents *contents);

#endif
