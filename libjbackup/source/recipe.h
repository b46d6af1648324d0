/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_RECIPE_H
#define JBI_SOURCE_RECIPE_H

#include "source/source.h"

/* How a packed artifact is made, as struct artifact keeps it: with another recipe the same content
 * would not give the same bytes, or not the same files could be read. NULL if out of memory. */
char *jbi_recipe(const struct source_job *job);

#endif
