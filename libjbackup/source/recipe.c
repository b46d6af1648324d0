/* SPDX-License-Identifier: MIT */
/* What the bytes of an artifact depend on beside its content. */
#include "source/recipe.h"

#include <unistd.h>

char *jbi_recipe(const struct source_job *job)
{
    static const char *const levels[] = {"fast", "balanced", "best"};
    return jbi_arena_printf(job->arena, "jbackup %s, %s, %s, user %u", JBACKUP_VERSION,
                            jbi_gzip_library(job->compression), levels[job->compression],
                            (unsigned)geteuid());
}
