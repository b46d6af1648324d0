/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_LAY_OUT_H
#define JBI_REPOSITORY_LAY_OUT_H

#include <jbackup.h>

#include "base/artifact.h"
#include "base/hooks.h"

/* Copies a stored artifact as it is to the new file name in dir_fd (0600; it and the folder
 * fsynced), compared with its size and SHA-256 on the way. Nothing is left there on failure.
 * JB_ECORRUPT: it is not what was stored. */
int jbi_artifact_lay_out(const struct hooks *hooks, int category_fd,
                         const struct artifact *artifact, int dir_fd, const char *name,
                         struct jb_error *err);

#endif
