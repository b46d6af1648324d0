/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_CATALOG_H
#define JBI_REPOSITORY_CATALOG_H

#include "repository/layout.h"
#include "repository/manifest.h"

/* All backups of a repository, newest first (by sequence, then by time, then by name). */
struct catalog {
    struct arena arena;
    struct manifest *backups;
    size_t count;
    const char **damaged_timestamps; /* of manifests that can't be read; each a finding */
    size_t damaged;
};

/* Reads every manifest. A damaged one is a finding of damage_level with its path as subject:
 * an ERROR where the state of all backups is asked for, a WARNING elsewhere. report may be
 * NULL. */
int jbi_catalog_load(struct catalog *out, const struct repository *repository, int damage_level,
                     jb_report *report, struct jb_error *err);
void jbi_catalog_free(struct catalog *catalog);

/* The backup of that timestamp. JB_EINVAL: not a timestamp; JB_ENOTFOUND with a hint (the nearest
 * ones); JB_ECORRUPT: there is a manifest of that name, but it is damaged. */
int jbi_catalog_find(const struct catalog *catalog, const char *timestamp,
                     const struct manifest **out, struct jb_error *err);

/* The first artifact that is not there with its size; NULL: all are. */
const struct artifact *jbi_backup_lacks(const struct repository *repository,
                                        const struct manifest *manifest);
/* Whether every artifact is there with its size: what can be said without reading it. */
bool jbi_backup_is_whole(const struct repository *repository, const struct manifest *manifest);

#endif
