/* SPDX-License-Identifier: MIT */
/* jb_list, jb_show and jb_files: what is there. */
#include <fcntl.h>
#include <stdlib.h>

#include "api/index_open.h"
#include "api/session.h"
#include "base/clock.h"
#include "base/scope.h"
#include "repository/freed.h"
#include "repository/proof.h"

static int describe(struct session *session, struct record *row, const struct manifest *backup)
{
    uint64_t freed = 0;
    int code = jbi_freed_by(&session->repository, backup, &freed, session->err);
    jbi_describe_backup(session, row, backup);
    jbi_row_number(session->report, row, "freed", (int64_t)freed);
    return code;
}

int jb_list(jb_project *project, const struct jb_list_options *options, jb_report **report,
            struct jb_error *err)
{
    struct jb_list_options taken = JB_LIST_OPTIONS_INIT;
    enum category category = CATEGORY_DAILY;
    struct session session;
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code < 0)
        return code;
    if (taken.category != NULL && !jbi_category_parse(taken.category, &category))
        return jbi_fail(err, JB_EINVAL, "unknown category \"%s\": daily, weekly or monthly",
                        taken.category);
    code = jbi_session_read(&session, project, JB_ERROR, err);
    for (size_t i = 0; code == JB_OK && i < session.catalog.count; i++) {
        const struct manifest *backup = &session.catalog.backups[i];
        if (taken.category == NULL || backup->category == category)
            code = describe(&session, jbi_report_row(session.report), backup);
    }
    return jbi_session_end(&session, code, report);
}

static void show_artifact(jb_report *report, const struct artifact *artifact)
{
    struct record *row = jbi_report_row(report);
    jbi_row_text(report, row, "row", "artifact");
    jbi_row_text(report, row, "path", artifact->path);
    jbi_row_text(report, row, "kind", jbi_artifact_kind_name(artifact->kind));
    jbi_row_text(report, row, "name", artifact->name);
    jbi_row_number(report, row, "size", (int64_t)artifact->size);
    jbi_row_number(report, row, "raw_size", (int64_t)artifact->raw_size);
    jbi_row_text(report, row, "sha256", artifact->sha256);
    if (artifact->kind == ARTIFACT_POSTGRESQL) {
        jbi_row_text(report, row, "server_version", artifact->server_version);
        jbi_row_text(report, row, "encoding", artifact->postgresql->encoding);
        jbi_row_text(report, row, "snapshot_time", artifact->postgresql->snapshot_time);
    }
}

static void show_tables(jb_report *report, const struct artifact *artifact)
{
    for (size_t i = 0; i < artifact->table_count; i++) {
        const struct table *table = &artifact->tables[i];
        struct record *row = jbi_report_row(report);
        jbi_row_text(report, row, "row", "table");
        jbi_row_text(report, row, "database", artifact->name);
        jbi_row_text(report, row, "schema", table->schema);
        jbi_row_text(report, row, "name", table->name);
        jbi_row_number(report, row, "table_rows", (int64_t)table->rows);
        jbi_row_text(report, row, "sha256", table->sha256);
    }
}

static void show_proof(jb_report *report, const struct proof *proof)
{
    char at[ISO_TIME_SIZE];
    struct record *row = jbi_report_row(report);
    jbi_iso_time(at, proof->at_us, false);
    jbi_row_text(report, row, "row", "proof");
    jbi_row_text(report, row, "at", at);
    jbi_row_text(report, row, "depth", jbi_proof_depth_name(proof->depth));
    jbi_row_text(report, row, "result", jbi_proof_result_name(proof->result));
    jbi_row_number(report, row, "sample", proof->sample);
    jbi_row_text(report, row, "host", proof->host);
    jbi_row_text(report, row, "tool", proof->tool);
    jbi_row_number(report, row, "duration_ms", proof->duration_ms);
    jbi_row_number(report, row, "files", (int64_t)proof->files);
    jbi_row_number(report, row, "tables", (int64_t)proof->tables);
    jbi_row_number(report, row, "bytes_read", (int64_t)proof->bytes_read);
    jbi_row_number(report, row, "bytes_restored", (int64_t)proof->bytes_restored);
    jbi_row_number(report, row, "findings", (int64_t)proof->finding_count);
}

/* A damaged file was told of with the figures. */
static int show_proofs(struct session *session, const struct manifest *backup, struct jb_error *err)
{
    struct proofs proofs;
    int code = jbi_proofs_load(&session->repository, backup, &session->arena, NULL, &proofs, err);
    for (size_t i = 0; code == JB_OK && i < proofs.count; i++)
        show_proof(session->report, &proofs.list[i]);
    return code;
}

static int show(struct session *session, const struct manifest *backup, struct jb_error *err)
{
    jb_report *report = session->report;
    struct record *figures = &report->figures;
    char *path =
        jbi_arena_printf(&session->arena, "%s/%s/manifest_%s.json", session->project->backup_dir,
                         jbi_category_name(backup->category), backup->timestamp);
    scope_free char *text = jbi_manifest_print(backup);
    if (path == NULL || text == NULL)
        return jbi_fail_memory(err);
    int code = describe(session, figures, backup);
    if (code < 0)
        return code;
    jbi_row_text(report, figures, "host", backup->host);
    jbi_row_text(report, figures, "tool", backup->tool);
    jbi_row_number(report, figures, "duration_ms", backup->duration_ms);
    jbi_row_text(report, figures, "git_branch", backup->git_branch);
    jbi_row_number(report, figures, "git_dirty", backup->git_dirty);
    jbi_row_text(report, figures, "path", path);
    jbi_row_json(report, figures, "manifest", text);
    for (size_t i = 0; i < backup->artifact_count; i++)
        show_artifact(report, &backup->artifacts[i]);
    for (size_t i = 0; i < backup->artifact_count; i++)
        show_tables(report, &backup->artifacts[i]);
    return show_proofs(session, backup, err);
}

/* What jb_show and jb_files have in common: all but what they tell of the backup. */
static int look_at(jb_project *project, const struct jb_backup_ref *backup,
                   int (*tell)(struct session *, const struct manifest *, struct jb_error *),
                   jb_report **report, struct jb_error *err)
{
    struct jb_backup_ref taken = JB_BACKUP_REF_INIT;
    const struct manifest *found = NULL;
    struct session session;
    int code = jbi_options_take(&taken, sizeof taken, backup, err);
    if (code < 0)
        return code;
    code = jbi_session_read(&session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = jbi_session_find(&session, taken.timestamp, &found);
    if (code == JB_OK)
        code = tell(&session, found, session.err);
    return jbi_session_end(&session, code, report);
}

int jb_show(jb_project *project, const struct jb_backup_ref *backup, jb_report **report,
            struct jb_error *err)
{
    return look_at(project, backup, show, report, err);
}

static void files_row(jb_report *report, const struct index_entry *entry)
{
    char time[ISO_TIME_SIZE];
    struct record *row = jbi_report_row(report);
    jbi_iso_time(time, jbi_time_us(entry->mtime_s, entry->mtime_ns), false);
    jbi_row_text(report, row, "path", entry->path);
    jbi_row_text(report, row, "type", jbi_tar_type_name(entry->type));
    jbi_row_number(report, row, "size", (int64_t)entry->size);
    jbi_row_number(report, row, "mode", entry->mode);
    jbi_row_number(report, row, "uid", (int64_t)entry->uid);
    jbi_row_number(report, row, "gid", (int64_t)entry->gid);
    jbi_row_text(report, row, "mtime", time);
    jbi_row_text(report, row, "sha256", entry->sha256[0] ? entry->sha256 : NULL);
    jbi_row_text(report, row, "link", entry->link);
}

static int files(struct session *session, const struct manifest *backup, struct jb_error *err)
{
    struct open_index index;
    struct index_entry entry;
    int64_t count = 0, bytes = 0;
    int code = jbi_index_of_backup(&index, session, backup, err);
    if (code == 0)
        return jbi_fail(err, JB_ENOTFOUND, "backup %s holds no code", backup->timestamp);
    while (code > 0 && (code = jbi_index_next(index.reader, &entry, err)) == 1) {
        files_row(session->report, &entry);
        count += entry.type == TAR_FILE;
        bytes += (int64_t)entry.size;
    }
    jbi_index_of_backup_close(&index);
    jbi_row_text(session->report, &session->report->figures, "timestamp", backup->timestamp);
    jbi_row_number(session->report, &session->report->figures, "files", count);
    jbi_row_number(session->report, &session->report->figures, "file_bytes", bytes);
    return code;
}

int jb_files(jb_project *project, const struct jb_backup_ref *backup, jb_report **report,
             struct jb_error *err)
{
    return look_at(project, backup, files, report, err);
}
