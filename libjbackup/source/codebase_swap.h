/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_CODEBASE_SWAP_H
#define JBI_SOURCE_CODEBASE_SWAP_H

#include "source/codebase.h"
#include "source/swap.h"

/*
 * The code in place. Beside it means <root>/.jbackup-restore-<id>/tree/ (0700 above it): on the
 * same file system, and no right in the folder above the root is needed.
 *
 *      <root>/                           before            after
 *        app.py  static/  .git/          old old kept      new new kept
 *        .jbackup-restore-<id>/tree/
 *          app.py  static/               new new           old old
 *
 * Exchanged (renameat2) are the entries of the root, one by one; the root itself stays the folder
 * that it is, and gets mode, owner and time of the backup. What a backup would leave out (excluded,
 * repositories, database files, sockets and devices, what is mounted) stays where it is: in the
 * root it is not touched; deeper it is carried over, by a rename, into the folder that takes the
 * place of its own, whose parents are made if the backup does not have them. If the backup has a
 * file where such a folder must be, plan refuses (JB_EUNSUPPORTED). Names that begin with
 * ".jbackup-restore-" are left out of every backup, wherever they are.
 *
 * A repository is never moved, not for a moment: the journal is found in it after a crash. The
 * folders of the code above it stay what they are, with mode and time, and their entries are
 * exchanged like those of the root. A database in the code is away for a moment: it is to be
 * swapped after the code and undone before it, or planned later than it was swapped.
 *
 * A file system that is mounted deeper than in the root itself is refused by plan and stage
 * (JB_EUNSUPPORTED), before anything is touched: its folder can't be exchanged.
 *
 * Old and new are told by inode numbers and times of birth. What was written into exchanged folders
 * after the swap belongs to the new state and goes with it. But an entry of the root (or the one
 * path) that the application replaced by another after the swap, or one that it made where only the
 * old state has one, is a stranger: undo puts it aside, and discard keeps it in
 * .jbackup-restore-<id>/changed/, with a WARNING finding that says so, until the user removes it.
 * What nobody planned for is not touched. An old entry that is neither in place nor aside,
 * though it was exchanged, makes undo put back all others and fail with JB_EROLLBACK. If anything
 * is changed between plan and swap, swap fails before the first rename. discard refuses (JB_EIO)
 * while the code is exchanged in part.
 *
 * Living files that are what the backup has (see codebase_reuse.h) are in both trees, as two names
 * of one file, which nobody here writes to. An application does, perhaps, after the swap. So that
 * undo gives the old state all the same, plan lists them, with what tells that they are untouched,
 * and undo, before it exchanges anything, replaces in the old tree those that are not untouched by
 * what the archive has: copies that lie ready beside it, renamed into their places. What the
 * application wrote stays in the new tree. Until the old state is removed archive and index keep a
 * name in the folder of kept, whatever becomes of the backup:
 *
 *      <root>/.jbackup-restore-<id>/linked     the list
 *                                   fresh/     copies that lie ready, under their numbers in it
 *                                   mending    times of the folders in which they are put
 *      <kept>/restore_<id>.tar.gz  restore_<id>.index.jsonl.gz
 *
 * Without kept, or where it can't have that name, no file is shared.
 *
 * A root that does not exist is made by stage (what is above it must exist); undo removes it again,
 * and with it what lies beside, if nobody put anything in it. With a path, folders above it that
 * are missing come with it; nothing but that path changes, not even the times of the folders above.
 */
struct codebase_kept {
    int folder_fd;      /* an open folder, 0700, on the file system of the archive */
    const char *folder; /* its path, for people */
};

struct codebase_swap_what {
    const struct codebase_source *live;
    int category_fd;
    const struct artifact *archive, *index;
    const char *path;         /* only this file or folder of the code; NULL: all */
    const char *id;           /* of the restore: YYYYMMDD_HHMMSS */
    const char *const *stays; /* entries of the root that stay as they are, if they are there and no
                                 path is given; up to a NULL */
    int64_t created_us;       /* of the backup, before it looked at any file */
    const struct codebase_kept *kept;
};

/* Names only. What what points to must live as long as the swap. */
int jbi_codebase_swap_begin(struct swap **out, const struct codebase_swap_what *what,
                            struct jb_error *err);
/* From the journal, which is hostile: for undo, discard, check. live and kept as above. */
int jbi_codebase_swap_resume(struct swap **out, const struct json *state,
                             const struct codebase_source *live, const struct codebase_kept *kept,
                             struct jb_error *err);

#endif
