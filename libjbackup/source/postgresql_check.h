/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_CHECK_H
#define JBI_SOURCE_POSTGRESQL_CHECK_H

#include "source/source.h"

/* The check of a PostgreSQL artifact: of a dump every block, held against what the backup says was
 * in it; of SQL text and globals the stored bytes. */
int jbi_postgresql_check(const struct source_job *job, int category_fd,
                         const struct artifact *artifact, struct source_checked *checked,
                         struct jb_error *err);

#endif
