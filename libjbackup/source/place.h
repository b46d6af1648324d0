/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_PLACE_H
#define JBI_SOURCE_PLACE_H

#include <jbackup.h>

#include "adapter/tar.h"
#include "base/report.h"

/*
 * Writing the entries of an archive below a folder. By descriptors, component by component, no
 * symbolic link followed, nothing overwritten: whatever the archive holds, nothing is written
 * elsewhere. Folders get their modes and times last, when nothing is added to them any more.
 */
struct place;

int jbi_place_new(struct place **out, int root_fd, struct jb_error *err); /* borrows root_fd */
void jbi_place_free(struct place *place);

/* Makes the entry. For a file *fd is open for writing; jbi_place_file_end closes it. */
int jbi_place_entry(struct place *place, const struct tar_entry *entry, int *fd,
                    struct jb_error *err);
/* The open folder of the place that holds the path, made if it is missing, and the path's last
 * component in *name; it stays the place's. -1 on failure. */
int jbi_place_parent(struct place *place, const char *path, const char **name,
                     struct jb_error *err);
/* Whether what this user makes can be given this owner. */
bool jbi_place_can_own(uint64_t uid, uint64_t gid);
/* Sets owner, attributes, mode and time of the file just written, and closes it. */
int jbi_place_file_end(struct place *place, const struct tar_entry *entry, int fd,
                       struct jb_error *err);
/* Folders' metadata; a WARNING finding for what could not be set. */
int jbi_place_finish(struct place *place, jb_report *report, struct jb_error *err);

#endif
