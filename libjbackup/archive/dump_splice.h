/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_DUMP_SPLICE_H
#define JBI_ARCHIVE_DUMP_SPLICE_H

#include <stdbool.h>

#include "archive/dump.h"

/* A dump on its way into pg_restore, with something else to do first: so that both are one
 * transaction there. */

/* An entry of the table of contents; texts are the callee's for the moment, "" for none. */
struct dump_item {
    const char *desc, *tag, *schema, *owner;
};

/* Gives every entry, in the order of the dump; a negative code from visit ends it, and is returned.
 * name is what error texts call the dump. JB_ECORRUPT, JB_EUNSUPPORTED as jbi_dump_look. */
typedef int (*dump_visit)(void *user, const struct dump_item *item, struct jb_error *err);
int jbi_dump_items(int in_fd, const char *name, dump_visit visit, void *user, struct jb_error *err);

struct dump_splice {
    const char *name;
    const char *first; /* statements, a new entry before all others */
    /* Entries that the copy lacks, none of them with data; it is asked more than once. */
    bool (*is_left_out)(void *user, const struct dump_item *item);
    /* Gets the copy. Offsets in it are those of the dump itself: it is for a reader that can't
     * seek. */
    int (*write)(void *user, const void *bytes, size_t len, struct jb_error *err);
    void *user;
};
int jbi_dump_splice(int in_fd, const struct dump_splice *how, struct jb_error *err);

#endif
