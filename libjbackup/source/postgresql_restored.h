/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_RESTORED_H
#define JBI_SOURCE_POSTGRESQL_RESTORED_H

#include "source/postgresql_stream.h"

/*
 * A restored database, dumped again into nothing and held against the backup: tables, large objects
 * and sequences; and the definitions against those of the stored dump: each must be there after the
 * restore, and no other; a server may word one in another way, which is an INFO finding.
 */
struct postgresql_restored {
    const struct source_job *job; /* its report gets the differences, ERROR findings */
    const struct artifact *artifact;
    struct dump_options options;
    bool lacks_subscriptions, lacks_owners; /* they were not restored */
    int server_major;
    const struct postgres_tools *tools;
    struct source_checked *checked;
    struct dump_contents stored, restored; /* of the stored one no data */
};

/* Table of contents of the stored dump; its definitions are held against the backup. */
int jbi_postgresql_restored_look(struct postgresql_restored *r, int dump_fd, struct jb_error *err);
int jbi_postgresql_restored_read(struct postgresql_restored *r, const struct postgresql_dump *dump,
                                 struct jb_error *err);
/* What could not be compared is an ERROR finding that is counted in checked->not_compared. */
int jbi_postgresql_restored_compare(struct postgresql_restored *r, struct jb_error *err);

#endif
