/* SPDX-License-Identifier: MIT */
/* One artifact: its bytes, its content, or restored. Invariant: what could not be compared is an
 * ERROR finding, never silence. */
#include "api/verify_artifact.h"

#include <sys/stat.h>

#include "base/clock.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/codebase.h"
#include "source/codebase_prove.h"
#include "source/postgresql_prove.h"
#include "source/stored.h"

#define DAY_US (86400 * INT64_C(1000000))

size_t jbi_errors_since(const jb_report *report, size_t from)
{
    size_t errors = report->findings_dropped > 0;
    for (size_t i = from; i < report->finding_count; i++)
        errors += report->findings[i].level >= JB_ERROR;
    return errors;
}

static const struct source_ops *ops_of(const struct artifact *artifact)
{
    switch (artifact->kind) {
    case ARTIFACT_SQLITE:
        return &jbi_sqlite_source;
    case ARTIFACT_POSTGRESQL:
    case ARTIFACT_POSTGRESQL_SQL:
    case ARTIFACT_POSTGRESQL_GLOBALS:
        return &jbi_postgresql_source;
    case ARTIFACT_CODEBASE:
    case ARTIFACT_INDEX:
        break;
    }
    return &jbi_codebase_source;
}

static bool is_sampled(const struct verification *v, const struct artifact *artifact)
{
    return v->sample < 100 && artifact->kind == ARTIFACT_CODEBASE;
}

/* By the depth, short of restoring. */
static int look(struct verification *v, const struct source_job *job,
                const struct artifact *artifact, struct source_checked *checked,
                struct jb_error *err)
{
    int category_fd = jbi_category_fd(v->session, v->backup);
    const struct artifact *index = jbi_manifest_artifact(v->backup, ARTIFACT_INDEX, NULL);
    if (v->depth == JB_DEPTH_BYTES)
        return jbi_stored_check(job, category_fd, artifact, checked, err);
    if (is_sampled(v, artifact) && index != NULL)
        return jbi_codebase_sample(job, category_fd, artifact, index, v->sample,
                                   (uint32_t)v->session->begin_ms, checked, err);
    return ops_of(artifact)->check(job, category_fd, artifact, checked, err);
}

/* ---- Restoring ---- */

/* The configured database of that name: its server may be used. */
static const struct postgresql_source *source_of(const jb_project *project,
                                                 const struct artifact *dump)
{
    for (size_t i = 0; i < project->database_count; i++) {
        const struct database *database = &project->databases[i];
        if (database->kind == DATABASE_POSTGRESQL && strcmp(database->name, dump->name) == 0)
            return &database->postgresql;
    }
    return NULL;
}

/* The globals that the dump's database made, or the only ones there are. */
static const struct artifact *globals_of(const struct manifest *backup, const struct artifact *dump)
{
    const struct artifact *only = NULL;
    size_t count = 0;
    for (size_t i = 0; i < backup->artifact_count; i++) {
        const struct artifact *artifact = &backup->artifacts[i];
        if (artifact->kind != ARTIFACT_POSTGRESQL_GLOBALS)
            continue;
        if (strcmp(artifact->name, dump->name) == 0)
            return artifact;
        only = artifact;
        count++;
    }
    return count == 1 ? only : NULL;
}

static int prove_dump(struct verification *v, const struct source_job *job,
                      const struct artifact *dump, struct source_checked *compared, uint64_t *bytes,
                      struct jb_error *err)
{
    const struct postgresql_proof what = {
        .source = source_of(v->session->project, dump),
        .category_fd = jbi_category_fd(v->session, v->backup),
        .dump = dump,
        .globals = globals_of(v->backup, dump),
    };
    return jbi_postgresql_prove(job, &what, compared, bytes, &v->restored_in, err);
}

static int prove(struct verification *v, const struct source_job *job,
                 const struct artifact *artifact, struct jb_error *err)
{
    struct jb_error why = {0};
    struct source_checked compared = {0}; /* the same tables and files again: counted once */
    uint64_t bytes = 0;
    int code = JB_OK;
    const struct artifact *index = jbi_manifest_artifact(v->backup, ARTIFACT_INDEX, NULL);
    if (artifact->kind == ARTIFACT_CODEBASE && index != NULL)
        code = jbi_codebase_prove(job, jbi_category_fd(v->session, v->backup), artifact, index,
                                  &compared, &bytes, &why);
    else if (artifact->kind == ARTIFACT_POSTGRESQL)
        code = prove_dump(v, job, artifact, &compared, &bytes, &why);
    else if (artifact->kind == ARTIFACT_SQLITE)
        bytes = artifact->raw_size; /* its check has restored it to a file and opened that */
    v->bytes_restored += bytes;
    v->incomplete += compared.not_compared;
    if (code == JB_OK)
        return JB_OK;
    if (code == JB_ECANCELED || code == JB_ENOMEM) {
        *err = why;
        return code;
    }
    v->incomplete++;
    jbi_finding(job->report, JB_ERROR, artifact->path, "it was not restored to be compared: %s",
                why.text);
    jbi_finding_hint(job->report, "%s", why.hint[0] ? why.hint : "see that there is room for it");
    return JB_OK;
}

/* ---- The whole ---- */

static void compare_checksum(const struct verification *v, const struct artifact *artifact,
                             const struct source_checked *checked, size_t before)
{
    jb_report *report = v->session->report;
    if (checked->sha256_known && strcmp(checked->sha256, artifact->sha256) != 0)
        jbi_finding(report, JB_ERROR, artifact->path,
                    "its %llu bytes do not have the checksum in the manifest",
                    (unsigned long long)checked->bytes_read);
    else if (!checked->sha256_known && !is_sampled(v, artifact) &&
             jbi_errors_since(report, before) == 0)
        jbi_finding(report, JB_ERROR, artifact->path, "its checksum could not be taken");
}

/* Whether the artifact was read lately, and is there still, of its size; which is told. */
static bool skip(struct verification *v, const struct artifact *artifact)
{
    const struct proof_read *read =
        v->if_older_days > 0 ? jbi_proofs_read_of(&v->proofs, artifact->path) : NULL;
    struct jb_error unwanted = {0};
    struct stat st;
    scope_fd int fd = -1;
    if (read == NULL)
        return false;
    int64_t age_us = jbi_now_us() - read->at_us;
    if (age_us < 0 || age_us >= v->if_older_days * DAY_US ||
        jbi_open_regular(jbi_category_fd(v->session, v->backup), artifact->path, &fd, &unwanted) <
            0 ||
        fstat(fd, &st) < 0 || (uint64_t)st.st_size != artifact->size)
        return false;
    int64_t days = age_us / DAY_US;
    jbi_finding(v->session->report, JB_INFO, artifact->path,
                "not read now: it was read %lld day%s ago by %s", (long long)days,
                days == 1 ? "" : "s", read->tool);
    v->skipped++;
    return true;
}

int jbi_verify_artifact(struct verification *v, const struct artifact *artifact,
                        struct jb_error *err)
{
    jb_report *report = v->session->report;
    struct source_job job = jbi_session_job(v->session, v->backup->timestamp, v->scratch_fd);
    struct source_checked checked = {0};
    size_t before = report->finding_count;
    int64_t begin_ms = jbi_monotonic_ms(), look_ms;
    if (skip(v, artifact))
        return JB_OK;
    int code = look(v, &job, artifact, &checked, err);
    if (code < 0)
        return code;
    look_ms = jbi_monotonic_ms() - begin_ms;
    v->look_ms += look_ms;
    v->incomplete += checked.not_compared;
    compare_checksum(v, artifact, &checked, before);
    v->sum.bytes_read += checked.bytes_read;
    v->sum.files += checked.files;
    v->sum.tables += checked.tables;
    if (jbi_errors_since(report, before) > 0)
        return JB_OK;
    if (checked.sha256_known)
        v->read[v->read_count++] = artifact;
    if (v->depth != JB_DEPTH_BYTES && !is_sampled(v, artifact))
        v->bytes_decoded += artifact->raw_size;
    if (v->depth != JB_DEPTH_RESTORE)
        return JB_OK;
    begin_ms = jbi_monotonic_ms();
    code = prove(v, &job, artifact, err);
    v->restore_ms += jbi_monotonic_ms() - begin_ms;
    if (artifact->kind == ARTIFACT_SQLITE)
        v->restore_ms += look_ms; /* its check is a restore */
    return code;
}
