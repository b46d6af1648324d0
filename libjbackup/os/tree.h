/* SPDX-License-Identifier: MIT */
#ifndef JBI_OS_TREE_H
#define JBI_OS_TREE_H

#include <jbackup.h>
#include <stdbool.h>
#include <sys/stat.h>

/* One thing in a tree, valid during the visit. */
struct tree_entry {
    int dir_fd;       /* the folder that holds it */
    const char *name; /* in that folder */
    const char *path; /* from the root of the walk, without a leading slash */
    struct stat st;   /* as lstat; of no meaning if sys_errno is not 0 */
    int sys_errno;    /* the entry (or, with is_listing, the folder's list) can't be read: why */
    bool is_listing;  /* a folder was visited before, but its list could not be read */
    bool is_mount;    /* a folder on another file system than the root */
    bool is_brief;    /* st has only type, inode and device, as the folder's list has them */
    bool is_leaving;  /* second visit of a folder, after what is in it */
};

/* Return values of a visit: go on, don't enter this folder, or a negative jb_code to stop. */
enum { TREE_GO_ON = 0, TREE_SKIP = 1 };
typedef int (*tree_visit)(void *user, const struct tree_entry *entry, struct jb_error *err);

/*
 * Visits everything below the open folder root_fd (not the root itself), folders before what is
 * in them, names in order of their bytes. By descriptors: no symbolic link is followed, and a tree
 * that is renamed under the walk can't lead it elsewhere. Memory grows with the entries of the
 * folders that are open, descriptors are bounded whatever the depth.
 * Folders on other file systems are visited with is_mount; return TREE_SKIP to stay out.
 * with_leaving: folders are visited a second time when done.
 */
int jbi_tree_walk(int root_fd, bool with_leaving, tree_visit visit, void *user,
                  struct jb_error *err);

/* The same, but only folders are looked at: for everything else is_brief is set, where the file
 * system tells types in its lists. */
int jbi_tree_walk_brief(int root_fd, tree_visit visit, void *user, struct jb_error *err);

/* Opens a visited file to read it, leaving its time of access alone where the rights suffice, and
 * looks at it again. No link is followed, no device or FIFO opened. The descriptor, or -1 with
 * errno; ESTALE: something that is no file has taken its place. */
int jbi_tree_open_file(const struct tree_entry *entry, struct stat *st);

/* The order in which a walk visits paths (of files, or on entering): below, at or above 0. The root
 * may be "." or "". */
int jbi_tree_order(const char *a, const char *b);

#endif
