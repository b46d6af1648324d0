/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_SPOOL_H
#define JBI_REPOSITORY_SPOOL_H

#include "repository/layout.h"

/*
 * What waits to be sent: .jbackup/spool/<number>.json (0600), numbers of 16 digits counting up, so
 * their order is that of their making. Whoever sends holds .jbackup/spool.lock, so nothing is sent
 * twice but where the server's answer to a body got lost. Entries are written atomically and
 * removed (fsynced) once they were taken.
 */
#define SPOOL_MAX       1000       /* entries; older ones then make room, the oldest first */
#define SPOOL_ENTRY_MAX (1u << 20) /* bytes of one */
#define SPOOL_KEEP_DAYS 7          /* after that an entry is given up */

struct spool_entry {
    uint64_t number;
    int64_t made_us, tried_us; /* tried_us 0: never */
    int tries;
    const char *way;   /* "mail", "webhook" */
    const char *what;  /* for people: the subject */
    const char *error; /* of the last try; NULL */
    const char *body;  /* what is sent: a mail with its headers, JSON */
    size_t body_len;
};

/* The numbers of what waits, oldest first; none: count 0. */
int jbi_spool_list(const struct repository *repository, struct arena *arena, uint64_t **out,
                   size_t *count, struct jb_error *err);
/* Hostile: JB_ECORRUPT (the caller gives it up); JB_ENOTFOUND: it is gone. */
int jbi_spool_load(const struct repository *repository, uint64_t number, struct arena *arena,
                   struct spool_entry *out, struct jb_error *err);
/* Adds one; sets its number. */
int jbi_spool_add(const struct repository *repository, struct spool_entry *entry,
                  struct arena *arena, struct jb_error *err);
/* Writes tries, tried_us and error of one anew. */
int jbi_spool_note(const struct repository *repository, const struct spool_entry *entry,
                   struct jb_error *err);
int jbi_spool_remove(const struct repository *repository, uint64_t number, struct jb_error *err);
/* JB_ELOCKED: somebody else is sending. */
int jbi_spool_lock(const struct repository *repository, int *lock_fd, struct jb_error *err);

#endif
