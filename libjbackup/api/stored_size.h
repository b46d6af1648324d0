/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_STORED_SIZE_H
#define JBI_API_STORED_SIZE_H

#include "repository/layout.h"

/* The bytes of all files of the repository, each counted once however many links it has; absent:
 * 0. */
int jbi_stored_size(const struct repository *repository, uint64_t *bytes, struct jb_error *err);

#endif
