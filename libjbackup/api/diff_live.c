/* SPDX-License-Identifier: MIT */
/* jb_diff_live: what a restore in place would change. Invariant: nothing is written but temporary
 * files outside of the repository and the code; what could not be compared is never equal. */
#include <stdlib.h>

#include "api/diff.h"
#include "api/restore_choice.h"
#include "api/restore_place.h"
#include "api/restore_target.h"
#include "api/scratch.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/text.h"
#include "source/codebase_live.h"
#include "source/codebase_swap.h"

struct live_run {
    struct jb_diff_live_options options;
    struct session session;
    const struct manifest *backup;
    struct restore_target target;
    struct scratch scratch;
    struct diff diff;
    const char *path;
    uint64_t not_compared;
    int64_t files, tables, bytes_read, databases;
    int64_t files_added, files_removed, files_replaced, files_metadata;
};

static struct source_job job_of(struct live_run *run)
{
    return jbi_session_job(&run->session, run->backup->timestamp, run->scratch.fd);
}

/* ---- The code ------------------------------------------------------------------------------- */

static void code_row(struct live_run *run, const struct codebase_change *change)
{
    static const char *const kinds[] = {
        [CODE_ADDED] = "added", [CODE_REMOVED] = "removed", [CODE_CHANGED] = "changed"};
    static const char *const names[CODE_WHAT_COUNT] = {"type", "content", "link",
                                                       "mode", "owner",   "time"};
    jb_report *report = run->session.report;
    scope_text what = {0};
    for (unsigned i = 0; i < CODE_WHAT_COUNT; i++) {
        if ((change->what & 1u << i) != 0)
            jbi_text_addf(&what, "%s%s", what.len ? "," : "", names[i]);
    }
    report->failed = report->failed || what.failed;
    struct record *row =
        jbi_diff_row(&run->diff, kinds[change->kind], what.len > 0 ? what.at : NULL);
    jbi_row_text(report, row, "path", change->path);
    if (change->kind != CODE_ADDED)
        jbi_row_number(report, row, "from_size", (int64_t)change->live_size);
    if (change->kind != CODE_REMOVED)
        jbi_row_number(report, row, "to_size", (int64_t)change->backup_size);
    bool is_replaced = (change->what & (CODE_TYPE | CODE_CONTENT)) != 0;
    run->files_added += change->kind == CODE_ADDED;
    run->files_removed += change->kind == CODE_REMOVED;
    run->files_replaced += change->kind == CODE_CHANGED && is_replaced;
    run->files_metadata += change->kind == CODE_CHANGED && !is_replaced;
}

static int compare_code(struct live_run *run, struct jb_error *err)
{
    struct source_job job = job_of(run);
    struct codebase_live_found found;
    const struct codebase_live_what what = {
        .live = &run->target.code,
        .category_fd = jbi_category_fd(&run->session, run->backup),
        .archive = jbi_manifest_artifact(run->backup, ARTIFACT_CODEBASE, NULL),
        .index = jbi_manifest_artifact(run->backup, ARTIFACT_INDEX, NULL),
        .path = run->path,
        .stays = jbi_restore_stays,
    };
    if (what.archive == NULL || what.index == NULL) {
        jbi_fail(err, JB_ENOTFOUND, "backup %s holds no code", run->backup->timestamp);
        jbi_hint(err, "\"jbackup list\" shows which backups do");
        return JB_ENOTFOUND;
    }
    int code = jbi_codebase_compare_live(&job, &what, &found, err);
    for (size_t i = 0; code == JB_OK && i < found.count; i++)
        code_row(run, &found.changes[i]);
    run->files = (int64_t)found.files;
    run->bytes_read = (int64_t)found.bytes;
    run->not_compared += found.not_compared;
    return code;
}

/* ---- Databases ------------------------------------------------------------------------------ */

static void say_not_compared(struct live_run *run, const char *name, const struct jb_error *why)
{
    jb_report *report = run->session.report;
    run->not_compared++;
    jbi_finding(report, JB_ERROR, name, "not compared: %s", why->text);
    if (why->hint[0] != '\0')
        jbi_finding_hint(report, "%s", why->hint);
}

/* Other versions write the same definitions in other words. */
static void say_versions(struct live_run *run, const struct artifact *live,
                         const struct artifact *stored)
{
    if (live->kind != ARTIFACT_POSTGRESQL || live->server_version == NULL ||
        stored->server_version == NULL)
        return;
    const char *client = live->postgresql->client_version;
    const char *then = stored->postgresql->client_version;
    bool is_same = atoi(live->server_version) == atoi(stored->server_version) && client != NULL &&
                   then != NULL && atoi(client) == atoi(then);
    if (!is_same && strcmp(live->schema_sha256, stored->schema_sha256) != 0)
        jbi_finding(run->session.report, JB_INFO, stored->name,
                    "the backup is of PostgreSQL %s by pg_dump %s, here they are %s and %s, which "
                    "may write the same definitions in other words",
                    stored->server_version, then ? then : "?", live->server_version,
                    client ? client : "?");
}

static int look_at_live(struct live_run *run, const struct database *database,
                        struct artifact *live, struct jb_error *err)
{
    struct source_job job = job_of(run);
    return database->kind == DATABASE_SQLITE
               ? jbi_sqlite_look_at_live(&database->sqlite, &job, live, err)
               : jbi_postgresql_look_at_live(&database->postgresql, &job, live, err);
}

/* What ends the whole, and is none of the database's. */
static bool is_of_run(int code)
{
    return code == JB_ECANCELED || code == JB_ENOMEM;
}

static int compare_database(struct live_run *run, const struct artifact *stored,
                            struct jb_error *err)
{
    const struct database *database =
        jbi_restore_target_database(&run->target, run->session.project, stored->name);
    struct artifact live = {0};
    struct jb_error why = {0};
    int code;
    run->databases++;
    if (database == NULL)
        code = jbi_fail(&why, JB_EINVAL, "the configuration does not say where it is");
    else if ((database->kind == DATABASE_SQLITE) != (stored->kind == ARTIFACT_SQLITE))
        code = jbi_fail(&why, JB_EINVAL, "the one in the backup is of another kind");
    else
        code = look_at_live(run, database, &live, &why);
    if (is_of_run(code)) {
        *err = why;
        return code;
    }
    if (code == JB_ENOTFOUND && stored->kind == ARTIFACT_SQLITE) {
        jbi_diff_row_of_database(&run->diff, "added", "database", stored->name);
        return JB_OK;
    }
    if (code < 0) {
        say_not_compared(run, stored->name, &why);
        return JB_OK;
    }
    run->tables += (int64_t)live.table_count;
    live.name = stored->name;
    say_versions(run, &live, stored);
    return jbi_diff_database(&run->diff, &live, stored, err);
}

static int compare_databases(struct live_run *run, bool must_find, struct jb_error *err)
{
    const char *wanted = run->options.database;
    bool is_found = false;
    int code = JB_OK;
    for (size_t i = 0; i < run->backup->artifact_count && code == JB_OK; i++) {
        const struct artifact *stored = &run->backup->artifacts[i];
        if (!jbi_restore_wants(stored, wanted))
            continue;
        is_found = true;
        code = compare_database(run, stored, err);
    }
    return code == JB_OK && !is_found && must_find
               ? jbi_restore_no_database(run->backup, wanted, err)
               : code;
}

static bool is_in_backup(const struct manifest *backup, const char *name)
{
    for (size_t i = 0; i < backup->artifact_count; i++)
        if (jbi_restore_wants(&backup->artifacts[i], name))
            return true;
    return false;
}

/* What a restore would not touch, so that silence is not taken for equality. */
static void say_left_alone(struct live_run *run, bool with_code, bool with_databases)
{
    const struct jb_project *project = run->session.project;
    jb_report *report = run->session.report;
    if (with_code && !jbi_manifest_has_codebase(run->backup))
        jbi_finding(report, JB_WARNING, "code",
                    "not compared: the backup does not hold it, a restore leaves it alone");
    for (size_t i = 0; with_databases && i < project->database_count; i++) {
        if (!is_in_backup(run->backup, project->databases[i].name))
            jbi_finding(report, JB_WARNING, project->databases[i].name,
                        "not compared: the backup does not hold it, a restore leaves it alone");
    }
}

/* ---- The whole ------------------------------------------------------------------------------ */

static int compare(struct live_run *run, struct jb_error *err)
{
    const struct jb_diff_live_options *options = &run->options;
    bool only_code = options->path != NULL || options->type == JB_TYPE_CODEBASE;
    bool only_databases = options->database != NULL || options->type == JB_TYPE_DATABASE;
    int code = only_code ? JB_OK : compare_databases(run, only_databases, err);
    if (code == JB_OK && !only_databases && (only_code || jbi_manifest_has_codebase(run->backup)))
        code = compare_code(run, err);
    if (code == JB_OK)
        say_left_alone(run, !only_code && !only_databases, !only_code && options->database == NULL);
    return code;
}

static int prepare(struct live_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    int code = jbi_session_find(session, run->options.timestamp, &run->backup);
    if (code == JB_OK)
        code = jbi_code_path(&session->arena, run->options.path, &run->path, err);
    if (code == JB_OK)
        code = jbi_restore_target(&run->target, session, NULL, err);
    if (code == JB_OK)
        code = jbi_scratch_begin(&run->scratch, -1, err);
    run->diff =
        (struct diff){.report = session->report, .arena = &session->arena, .with_sequences = true};
    return code;
}

static void report_figures(struct live_run *run)
{
    jb_report *report = run->session.report;
    struct record *figures = &report->figures;
    const struct diff *diff = &run->diff;
    int64_t differences = diff->added + diff->removed + diff->changed;
    int64_t of_files =
        run->files_added + run->files_removed + run->files_replaced + run->files_metadata;
    bool is_incomplete = run->not_compared + diff->not_compared > 0;
    const struct {
        const char *key;
        int64_t number;
    } numbers[] = {
        {"added", diff->added},
        {"removed", diff->removed},
        {"changed", diff->changed},
        {"files_added", run->files_added},
        {"files_removed", run->files_removed},
        {"files_replaced", run->files_replaced},
        {"files_metadata", run->files_metadata},
        {"in_databases", differences - of_files},
        {"files", run->files},
        {"databases", run->databases},
        {"tables", run->tables},
        {"not_compared", (int64_t)(run->not_compared + diff->not_compared)},
        {"bytes_read", run->bytes_read},
        {"duration_ms", jbi_monotonic_ms() - run->session.begin_ms},
    };
    jbi_row_text(report, figures, "from", "live");
    jbi_row_text(report, figures, "to", run->backup->timestamp);
    jbi_row_text(report, figures, "result",
                 is_incomplete     ? "incomplete"
                 : differences > 0 ? "different"
                                   : "equal");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        jbi_row_number(report, figures, numbers[i].key, numbers[i].number);
}

static int check_options(const struct jb_diff_live_options *options, struct jb_error *err)
{
    bool wants_code = options->path != NULL || options->type == JB_TYPE_CODEBASE;
    bool wants_database = options->database != NULL || options->type == JB_TYPE_DATABASE;
    if (options->type < JB_TYPE_FULL || options->type > JB_TYPE_CODEBASE)
        return jbi_fail(err, JB_EINVAL, "%d is no type of a backup", options->type);
    if (wants_code && wants_database)
        return jbi_fail(err, JB_EINVAL,
                        "a path or the code, and a database, can't be compared together");
    return JB_OK;
}

int jb_diff_live(jb_project *project, const struct jb_diff_live_options *options,
                 jb_report **report, struct jb_error *err)
{
    struct live_run run = {.options = JB_DIFF_LIVE_OPTIONS_INIT, .scratch = SCRATCH_INIT};
    int code = jbi_options_take(&run.options, sizeof run.options, options, err);
    if (code == JB_OK)
        code = check_options(&run.options, err);
    if (code < 0)
        return code;
    code = jbi_session_read(&run.session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = prepare(&run, run.session.err);
    if (code == JB_OK)
        code = compare(&run, run.session.err);
    if (code == JB_OK)
        report_figures(&run);
    jbi_scratch_end(&run.scratch);
    return jbi_session_end(&run.session, code, report);
}
