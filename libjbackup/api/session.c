/* SPDX-License-Identifier: MIT */
/* Beginning and ending a verb. */
#include "api/session.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "base/text.h"
#include "repository/proof.h"

static int session_begin(struct session *session, jb_project *project, struct jb_error *err)
{
    *session = (struct session){.project = project, .lock_fd = -1};
    session->err = err ? err : &session->unwanted;
    session->begin_ms = jbi_monotonic_ms();
    session->report = jbi_report_new();
    return session->report ? JB_OK : jbi_fail_memory(session->err);
}

int jbi_session_read(struct session *session, jb_project *project, int damage_level,
                     struct jb_error *err)
{
    int code = session_begin(session, project, err);
    if (code < 0)
        return code;
    struct jb_error why = {0};
    code = jbi_repository_open(&session->repository, project->backup_dir, false, session->report,
                               &why);
    session->is_open = true;
    if (code == JB_ENOTFOUND)
        return JB_OK; /* no backup has been made yet */
    if (code < 0) {
        *session->err = why;
        return code;
    }
    return jbi_catalog_load(&session->catalog, &session->repository, damage_level, session->report,
                            session->err);
}

int jbi_session_write(struct session *session, jb_project *project, int wait_s, const char *what,
                      struct jb_error *err)
{
    int code = session_begin(session, project, err);
    if (code < 0)
        return code;
    struct repository *repository = &session->repository;
    code =
        jbi_repository_open(repository, project->backup_dir, true, session->report, session->err);
    session->is_open = true;
    if (code == JB_OK)
        code = jbi_repository_lock(repository, wait_s, what, &project->hooks, &session->lock_fd,
                                   session->err);
    if (code == JB_OK)
        code = jbi_repository_recover(repository, session->report, session->err);
    if (code == JB_OK)
        code = jbi_catalog_load(&session->catalog, repository, JB_WARNING, session->report,
                                session->err);
    return code;
}

int jbi_session_end(struct session *session, int code, jb_report **report)
{
    jbi_catalog_free(&session->catalog);
    if (session->is_open)
        jbi_repository_close(&session->repository);
    if (session->lock_fd >= 0) {
        /* A child that another thread is just spawning may still hold a copy of the descriptor. */
        flock(session->lock_fd, LOCK_UN);
        close(session->lock_fd);
    }
    jbi_arena_free(&session->arena);
    if (code == JB_OK)
        return jbi_report_hand_over(session->report, report, session->err);
    jb_report_free(session->report);
    return code;
}

int jbi_session_find(struct session *session, const char *timestamp, const struct manifest **out)
{
    if (timestamp != NULL)
        return jbi_catalog_find(&session->catalog, timestamp, out, session->err);
    jbi_fail(session->err, JB_EINVAL, "the timestamp of a backup is missing");
    jbi_hint(session->err, "jbackup list shows the timestamps");
    return JB_EINVAL;
}

struct source_job jbi_session_job(struct session *session, const char *timestamp, int scratch_fd)
{
    return (struct source_job){
        .hooks = &session->project->hooks,
        .report = session->report,
        .arena = &session->arena,
        .compression = session->project->compression,
        .jobs = session->project->jobs,
        .timestamp = timestamp,
        .scratch_fd = scratch_fd,
    };
}

int jbi_options_take(void *to, size_t known, const void *from, struct jb_error *err)
{
    size_t size;
    if (from == NULL)
        return JB_OK;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size || size > 4096)
        return jbi_fail(err, JB_EINVAL, "options of no valid size: begin with their _INIT");
    const unsigned char *bytes = from;
    for (size_t i = known; i < size; i++) {
        if (bytes[i] != 0)
            return jbi_fail(err, JB_EINVAL,
                            "an option that this version of libjbackup does not know");
    }
    memcpy(to, from, size < known ? size : known);
    return JB_OK;
}

static void describe_proofs(struct session *session, struct record *row,
                            const struct manifest *backup)
{
    jb_report *report = session->report;
    struct arena arena = {0};
    struct proofs proofs;
    char at[ISO_TIME_SIZE];
    int64_t since = 0;
    if (jbi_proofs_load(&session->repository, backup, &arena, report, &proofs, NULL) < 0)
        report->failed = true;
    const struct proof *deciding = jbi_proofs_deciding(&proofs);
    jbi_row_text(report, row, "proof", jbi_proof_state_name(jbi_proofs_state(&proofs, &since)));
    jbi_iso_time(at, since, false);
    jbi_row_text(report, row, "proof_at", deciding ? at : NULL);
    jbi_row_text(report, row, "proof_depth",
                 deciding ? jbi_proof_depth_name(deciding->depth) : NULL);
    jbi_arena_free(&arena);
}

void jbi_describe_backup(struct session *session, struct record *row, const struct manifest *backup)
{
    jb_report *report = session->report;
    char created[ISO_TIME_SIZE], until[ISO_TIME_SIZE];
    struct text databases = {0};
    jbi_iso_time(created, backup->created_us, false);
    jbi_iso_time(until, backup->keep_until_us, false);
    for (size_t i = 0; i < backup->artifact_count; i++) {
        if (jbi_artifact_kind_is_database(backup->artifacts[i].kind))
            jbi_text_addf(&databases, "%s%s", databases.len ? "," : "", backup->artifacts[i].name);
    }
    const struct artifact *code = jbi_manifest_artifact(backup, ARTIFACT_CODEBASE, NULL);
    jbi_row_text(report, row, "timestamp", backup->timestamp);
    jbi_row_text(report, row, "category", jbi_category_name(backup->category));
    jbi_row_text(report, row, "type", jbi_type_name(backup->type));
    jbi_row_text(report, row, "created_at", created);
    jbi_row_number(report, row, "total_size", (int64_t)backup->total_size);
    jbi_row_text(report, row, "label", backup->label);
    jbi_row_bool(report, row, "pinned", backup->pinned);
    jbi_row_text(report, row, "keep_until", backup->keep_until_us > 0 ? until : NULL);
    jbi_row_text(report, row, "git_commit", backup->git_commit);
    report->failed = report->failed || databases.failed;
    jbi_row_text(report, row, "databases", databases.at ? databases.at : "");
    jbi_row_number(report, row, "files", code ? (int64_t)code->files : 0);
    jbi_text_free(&databases);
    describe_proofs(session, row, backup);
}
