/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_SQLITE_PLACE_H
#define JBI_SOURCE_SQLITE_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "adapter/json.h"
#include "adapter/sqlite.h"
#include "base/clock.h"
#include "source/sqlite.h"

/*
 * Two databases and one place, each with its -wal, -shm and -journal:
 *
 *      folder/                    before   while companions move   after
 *        file                     old      an empty folder         new
 *        .jbackup-restore-*       new      new                     -
 *        .jbackup-restore-*.old-* -        old                     old
 *
 * The empty folder can't be opened as a database, even after a crash: so nobody ever meets a
 * database without what belongs to it, nor the -wal of another beside it. Without companions both
 * files are exchanged in one step.
 */
struct sqlite_place {
    char id[TIMESTAMP_SIZE];
    char folder[PATH_MAX]; /* without symbolic links */
    char file[NAME_MAX + 1], fresh[NAME_MAX + 1], old[NAME_MAX + 1];
    char file_path[2 * PATH_MAX], fresh_path[2 * PATH_MAX], old_path[2 * PATH_MAX];
    bool has_time; /* the folder was there, with this time */
    struct timespec time;
    char made[PATH_MAX]; /* the topmost folder that is missing, and made; "": none */
    /* From plan; inodes, 0: there was none. */
    bool is_planned;
    uint64_t old_ino, fresh_ino, companions[COMPANIONS];
};

/* Where the database lies, symbolic links resolved, and what its neighbours are called. place
 * begins with {0}. */
int jbi_sqlite_place_find(struct sqlite_place *place, const struct sqlite_source *live,
                          const char *id, struct jb_error *err);

struct json *jbi_sqlite_place_print(const struct sqlite_place *place); /* NULL: out of memory */
/* The text is hostile: JB_ECORRUPT. The configuration says where the database may lie. */
int jbi_sqlite_place_parse(struct sqlite_place *place, const struct json *state,
                           const struct sqlite_source *live, struct jb_error *err);

#endif
