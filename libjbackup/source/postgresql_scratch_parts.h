/* SPDX-License-Identifier: MIT */
#ifndef JBI_SOURCE_POSTGRESQL_SCRATCH_PARTS_H
#define JBI_SOURCE_POSTGRESQL_SCRATCH_PARTS_H

#include <sys/types.h>

#include "source/postgresql_scratch.h"

/* What the files of the scratch place share. */

struct scratch_cluster; /* one of our own, running */

struct postgresql_scratch {
    const struct source_job *job;
    const struct postgresql_source *source; /* whose server it is on; NULL */
    struct scratch_cluster *cluster;        /* NULL: it is on the server */
    struct postgres *session;               /* that the database was made in, and its lock is of */
    struct postgres_tools tools;
    struct postgres_login login; /* to the database */
    const char *database;        /* its name; NULL: not made yet */
    struct jb_error why;         /* it is not on the server */
    struct hooks hooks;          /* of its sessions */
    int64_t give_up_ms;          /* when they stop to wait for the server; 0: they don't */
    bool is_canceled;            /* the job's hook said so */
    bool is_ending;              /* and is asked no more */
};

/* JB_ECANCELED if one of its sessions was told so, be its answer there in time or not. */
int jbi_scratch_go_on(const struct postgresql_scratch *scratch, struct jb_error *err);

/* ---- Any server ---- (postgresql_scratch_make.c) */

/* Makes the database of that name as the dump's was, and its login. */
int jbi_scratch_make_database(struct postgresql_scratch *scratch, const char *name,
                              const char *comment, const struct artifact *dump,
                              struct jb_error *err);

/* ---- A database on the server ---- */

int jbi_scratch_database_begin(struct postgresql_scratch *scratch,
                               const struct postgresql_source *source, const struct artifact *dump,
                               struct jb_error *err);
/* Drops it, if no one but us is in it. */
void jbi_scratch_database_end(struct postgresql_scratch *scratch);
/* Drops what killed runs left; the session is one that may write. */
void jbi_scratch_database_clear(struct postgres *session, const struct source_job *job);

/* ---- A cluster of our own ---- */

struct scratch_folder {
    int parent_fd, fd; /* -1: there is none */
    char name[40];
    const char *path, *data;
    bool is_anothers; /* its data is of that user, not of ours */
    uid_t uid;
    gid_t gid;
};
/* Makes and locks one; its user is set already. Texts belong to arena. */
int jbi_scratch_folder_make(struct scratch_folder *folder, struct arena *arena,
                            struct jb_error *err);
/* Ends what runs in it. False: something still does. */
bool jbi_scratch_folder_quiet(const struct scratch_folder *folder);
/* Removes it, if nothing runs in it, and lets it go. False: it stays for the next run. */
bool jbi_scratch_folder_end(struct scratch_folder *folder);

/* The programs of tools make and run it. */
int jbi_scratch_cluster_begin(struct scratch_cluster **out, const struct postgres_tools *tools,
                              const struct source_job *job, struct jb_error *err);
/* Its URL, as its superuser. */
const char *jbi_scratch_cluster_url(const struct scratch_cluster *cluster);
void jbi_scratch_cluster_end(struct scratch_cluster *cluster); /* NULL is fine */
/* Removes the clusters of killed runs. */
void jbi_scratch_cluster_clear(void);

#endif
