/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_DISK_HISTORY_H
#define JBI_REPOSITORY_DISK_HISTORY_H

#include "repository/layout.h"

/*
 * How full the disk of the repository was: one sample a day (the day's last), at most
 * DISK_SAMPLES_KEPT, in .jbackup/disk.json. It says when the disk will be full.
 */
#define DISK_SAMPLES_KEPT 400

struct disk_sample {
    int64_t at_us;
    uint64_t used, total; /* bytes; used counts what only root may still fill as used */
};

/* Oldest first. None, or a damaged file: an empty one. */
int jbi_disk_history_load(const struct repository *repository, struct arena *arena,
                          struct disk_sample **out, size_t *count, struct jb_error *err);
/* Adds one, in the place of one of the same local day, and of those that a wrong clock has put
 * into its future. */
int jbi_disk_history_add(const struct repository *repository, const struct disk_sample *sample,
                         struct arena *arena, struct jb_error *err);
/* Days until it is full, by the line through the samples of the last 30 days (least squares); -1:
 * it does not grow, or fewer than 3 days were seen. Pure. */
double jbi_disk_days_left(const struct disk_sample *samples, size_t count);

#endif
