/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_SESSION_H
#define JBI_API_SESSION_H

#include <string.h>

#include "api/project.h"
#include "base/error.h"
#include "base/report.h"
#include "repository/catalog.h"
#include "repository/publish.h"
#include "source/source.h"

/* What every verb works with: the report, the open repository and its catalog; for verbs that
 * write, also the lock. */
struct session {
    jb_project *project;
    jb_report *report;
    struct repository repository;
    bool is_open;
    int lock_fd; /* -1: reading only */
    struct catalog catalog;
    struct jb_error unwanted; /* stands in for a caller's NULL */
    struct jb_error *err;
    int64_t begin_ms;
    struct arena arena;
};

/* An absent repository: empty for the verbs that look, an error for those that need a backup.
 * damage_level as for jbi_catalog_load. */
int jbi_session_read(struct session *session, jb_project *project, int damage_level,
                     struct jb_error *err);
/* Takes the lock and clears what a crashed run left. what is e.g. "backup". */
int jbi_session_write(struct session *session, jb_project *project, int wait_s, const char *what,
                      struct jb_error *err);
/* Releases all, and hands the report over if code is JB_OK. Returns the verb's result. */
int jbi_session_end(struct session *session, int code, jb_report **report);

/* jbi_catalog_find for a timestamp of the caller's, which may be NULL. */
int jbi_session_find(struct session *session, const char *timestamp, const struct manifest **out);

/* The open category folder of a backup. */
static inline int jbi_category_fd(const struct session *session, const struct manifest *backup)
{
    return session->repository.category_fd[backup->category];
}

struct source_job jbi_session_job(struct session *session, const char *timestamp, int scratch_fd);

/* Copies the caller's options over the defaults in to, by their size. Unknown fields that are set
 * are refused. from may be NULL. */
int jbi_options_take(void *to, size_t known, const void *from, struct jb_error *err);

/* Fields of a jb_list row, also the figures of jb_show; damaged proofs are a finding. */
void jbi_describe_backup(struct session *session, struct record *row,
                         const struct manifest *backup);

#endif
