/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_RESTORE_DATABASE_H
#define JBI_API_RESTORE_DATABASE_H

#include "api/session.h"

/* Where the databases of a backup are laid out. */
struct database_target {
    struct session *session; /* its report gets a row for each database: database, path */
    const struct manifest *backup;
    const char *to; /* the folder's name, for hints */
    int to_fd;
    bool with_code; /* the code of the backup is laid out there, too, afterwards */
};

/* Lays one database out as the header says of restore_safe: an SQLite database as its file, one of
 * PostgreSQL as the .dump with what belongs to it. */
int jbi_database_lay_out(const struct database_target *target, const struct artifact *artifact,
                         struct jb_error *err);

#endif
