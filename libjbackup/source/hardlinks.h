/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_HARDLINKS_H
#define JBI_SOURCE_HARDLINKS_H

#include <jbackup.h>
#include <sys/stat.h>

/*
 * Which file with several links was stored first, and where. A file counts as the same only while
 * its size and times are the same, too: an inode number that was freed and used again during the
 * walk must not make a link to another file.
 */
struct hardlinks;

struct hardlinks *jbi_hardlinks_new(void);            /* NULL if out of memory */
void jbi_hardlinks_free(struct hardlinks *hardlinks); /* NULL is fine */
/* *first is the path under which the file was stored before, or NULL: then path is remembered. */
int jbi_hardlinks_find(struct hardlinks *hardlinks, const struct stat *st, const char *path,
                       const char **first, struct jb_error *err);
/* The file was not stored after all. */
void jbi_hardlinks_forget(struct hardlinks *hardlinks, const struct stat *st);

#endif
