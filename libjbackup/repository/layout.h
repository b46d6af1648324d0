/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_LAYOUT_H
#define JBI_REPOSITORY_LAYOUT_H

#include <jbackup.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/artifact.h"
#include "base/clock.h"
#include "base/hooks.h"

/* Names and places in a repository; the only file that knows them.
 *
 *     backups/                                0700, files 0600
 *       daily/ weekly/ monthly/
 *         db_TS/sqlite_<name>.db.gz
 *               postgresql_<name>.dump  postgresql_<name>.sql
 *               postgresql_globals.sql  postgresql_globals@<name>.sql
 *         codebase_TS.tar.gz  codebase_TS.index.jsonl.gz
 *         checksums_TS.sha256  manifest_TS.json  proof_TS.json
 *       RESTORE.txt  backup.log
 *       .jbackup/lock  staging/  pending  proof
 *                restore.json  restore_earlier.json  restore.lock  before_TS_<name>.dump
 *                restore_TS.tar.gz  restore_TS.index.jsonl.gz
 *                schedule_<name>.json  incidents.json  incidents.reserve  disk.json  monitor.lock
 *                spool/  spool.lock  spool.numbers
 *
 * The <name> of a PostgreSQL database is not "globals" and holds no "@".
 */
enum category { CATEGORY_DAILY, CATEGORY_WEEKLY, CATEGORY_MONTHLY, CATEGORY_COUNT };

const char *jbi_category_name(enum category category);
bool jbi_category_parse(const char *name, enum category *out);
/* By local date: the 1st is monthly, Sunday weekly, any other day daily. */
enum category jbi_category_of(int64_t unix_s);

const char *jbi_type_name(int type); /* enum jb_type: "full", "database", "codebase" */
bool jbi_type_parse(const char *name, int *out);

#define LAYOUT_NAME_SIZE 64
void jbi_manifest_name(char to[LAYOUT_NAME_SIZE], const char *timestamp);
void jbi_checksums_name(char to[LAYOUT_NAME_SIZE], const char *timestamp);
void jbi_proof_name(char to[LAYOUT_NAME_SIZE], const char *timestamp);
void jbi_database_folder(char to[LAYOUT_NAME_SIZE], const char *timestamp); /* "db_TS" */
/* Whether path is one that an artifact of backup TS may have, relative to the category folder: at
 * most one folder deep, printable UTF-8, no backslash; *kind (unless NULL) is what it then is. */
bool jbi_artifact_path_kind(const char *path, const char *timestamp, enum artifact_kind *kind);
bool jbi_is_artifact_path(const char *path, const char *timestamp);
/* Opens the folder that holds path, no symbolic link followed; *base is the name in it. -1 with
 * errno on failure. */
int jbi_artifact_folder(int category_fd, const char *path, const char **base);
/* The timestamp in a name "manifest_TS.json"; false: another name. */
bool jbi_manifest_name_parse(const char *name, char timestamp[TIMESTAMP_SIZE]);

/* In .jbackup/ */
#define STATE_LOCK    "lock"
#define STATE_STAGING "staging"
#define STATE_PENDING "pending"
#define STATE_PROOF   "proof" /* on its way to its category */

struct repository {
    char *path;                      /* absolute */
    int fd;                          /* the backup folder */
    int state_fd;                    /* .jbackup/ in it; -1 if opened to read and absent */
    int category_fd[CATEGORY_COUNT]; /* -1 if opened to read and absent */
};

/* Opens the repository; to_write makes what is missing (0700) if the folder above is there, else
 * nothing is made and an absent repository is JB_ENOTFOUND. What others can read is a WARNING
 * finding (report may be NULL) with the chmod that mends it. Begin with any content; close also
 * after a failure. */
int jbi_repository_open(struct repository *out, const char *path, bool to_write, jb_report *report,
                        struct jb_error *err);
void jbi_repository_close(struct repository *repository);
/* The findings of that kind alone (modes.c). */
void jbi_repository_check_modes(const struct repository *repository, jb_report *report);

/* Whether anything of a backup of that time is there, also of one without a manifest: 1, 0, or -1
 * with errno. */
int jbi_timestamp_is_taken(const struct repository *repository, const char *timestamp);

/* Takes .jbackup/lock; what is e.g. "backup". *lock_fd is closed to release. */
int jbi_repository_lock(struct repository *repository, int wait_s, const char *what,
                        const struct hooks *hooks, int *lock_fd, struct jb_error *err);

/* Appends a line with the time to backup.log (0600), which is kept under 2 MiB by renaming it to
 * backup.log.1. Failures are ignored: a log must not fail a backup. The second one to another file
 * of that kind, beside it. */
void jbi_repository_log(const struct repository *repository, const char *line);
void jbi_repository_log_to(const struct repository *repository, const char *name, const char *line);

#endif
