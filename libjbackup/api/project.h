/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_PROJECT_H
#define JBI_API_PROJECT_H

#include <jbackup.h>
#include <stdbool.h>

#include "adapter/gzip.h"
#include "api/schedule.h"
#include "api/service.h"
#include "base/arena.h"
#include "base/hooks.h"
#include "repository/retention.h"
#include "source/codebase.h"
#include "source/exclude.h"
#include "source/postgresql.h"
#include "source/sqlite.h"

enum database_kind { DATABASE_SQLITE, DATABASE_POSTGRESQL };

/* Which backups have a database also as plain SQL; the numbers are the order of its words. */
enum plain_sql { PLAIN_SQL_DAILY, PLAIN_SQL_ALWAYS, PLAIN_SQL_NEVER };

struct database {
    enum database_kind kind;
    struct sqlite_source sqlite;         /* DATABASE_SQLITE */
    struct postgresql_source postgresql; /* DATABASE_POSTGRESQL; with_sql is set for each run */
    const char *server; /* DATABASE_POSTGRESQL: the same text for databases of one server */
    const char *name;   /* printable, unique in the project, fit for a file name */
};

/* Another place where the project runs: staging, test ... Its databases stand for the project's in
 * their order. */
struct environment {
    const char *name; /* never "production" */
    const char *root;
    struct database *databases;
    size_t database_count;
    const struct service *service; /* NULL: none */
    const struct health *health;   /* NULL: none */
};

/* A project as configured. All texts belong to the arena; paths are absolute. */
struct jb_project {
    struct arena arena;
    struct hooks hooks;
    const char *name;
    const char *folder; /* of its jbackup.json, or of what stood in for one */
    const char *root;
    const char *backup_dir;
    const char *configured_backup_dir; /* the same, unless another was set for this run */
    const char *trial_of; /* backup_dir is a scratch one in the place of this; NULL: it is not */
    struct database *databases;
    size_t database_count;
    bool databases_named; /* the configuration names them, perhaps none */
    const char *found; /* how the databases were found without configuration; NULL: they weren't */
    const char *ambiguous; /* why none was chosen without configuration; NULL: nothing to say */
    const char *ambiguous_hint; /* what to do about that; NULL: name the database */
    const char *const *exclude_patterns;
    size_t exclude_count;
    bool default_excludes;
    struct exclude *exclude;
    bool one_file_system;
    struct retention retention;
    enum compression compression;
    enum plain_sql plain_sql;
    unsigned jobs;
    const struct service *service; /* NULL: none */
    const struct health *health;   /* NULL: none */
    struct environment *environments;
    size_t environment_count;
    struct schedule_entry schedules[SCHEDULE_COUNT];
    const char *schedule_user; /* whom they run as; NULL: nothing is said of that */
};

/* Adds a database from its URL; relative paths count from base. where is for error texts:
 * "jbackup.json, line 3". The URL's password never appears in a text. */
int jbi_project_add_database(struct jb_project *project, const char *url, const char *base,
                             const char *where, struct jb_error *err);

/* Gives databases (of environments, too) whose URL has no password the one that folder/.env holds
 * for them, if any; not if the environment has a PGPASSWORD, which comes first. */
int jbi_project_find_passwords(struct jb_project *project, const char *folder,
                               struct jb_error *err);

/* The code below root as a source, with these databases' files left out of it. */
int jbi_project_code(struct codebase_source *out, const struct jb_project *project,
                     const char *root, const struct database *databases, size_t count,
                     struct arena *arena, struct jb_error *err);

/* base/path, or path itself if it is absolute; without "." components and a slash at its end. */
char *jbi_path_join(struct arena *arena, const char *base, const char *path);

/* Reads the text of a jbackup.json into the project. name is for error texts. */
int jbi_config_read(struct jb_project *project, const char *text, size_t len, const char *name,
                    const char *base, struct jb_error *err);

/* The value of key in the text of a .env file, or NULL. */
const char *jbi_dotenv_find(const char *text, const char *key, struct arena *arena);

#endif
