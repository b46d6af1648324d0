/* SPDX-License-Identifier: MIT */
/* The note of an unfinished change, and what a crash left. Invariant: a file is swept only if a
 * note names it or its backup, its name is one of ours, and its backup has no manifest. */
#include "repository/pending.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/json.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "repository/publish.h"

#define NOTE_SIZE_MAX   (4 << 20)
#define NOTE_FILES_MAX  (MANIFEST_ARTIFACTS_MAX + 4)
#define PENDING_DAMAGED STATE_PENDING ".damaged"

static const char *const op_names[] = {"publish", "remove"};

int jbi_pending_of(struct pending *out, enum pending_op op, const struct manifest *manifest,
                   struct arena *arena, struct jb_error *err)
{
    char checksums[LAYOUT_NAME_SIZE], proof[LAYOUT_NAME_SIZE];
    *out = (struct pending){.op = op, .category = manifest->category};
    memcpy(out->timestamp, manifest->timestamp, TIMESTAMP_SIZE);
    out->files = jbi_arena_alloc(arena, (manifest->artifact_count + 2) * sizeof *out->files);
    if (out->files == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < manifest->artifact_count; i++)
        out->files[out->count++] = manifest->artifacts[i].path;
    jbi_checksums_name(checksums, manifest->timestamp);
    out->files[out->count++] = jbi_arena_text(arena, checksums);
    if (op == PENDING_REMOVE) { /* a new backup has no proof yet */
        jbi_proof_name(proof, manifest->timestamp);
        out->files[out->count++] = jbi_arena_text(arena, proof);
    }
    bool is_complete = out->files[manifest->artifact_count] && out->files[out->count - 1];
    return is_complete ? JB_OK : jbi_fail_memory(err);
}

int jbi_pending_save(const struct repository *repository, const struct pending *pending,
                     struct jb_error *err)
{
    scope_json *note = jbi_json_object();
    struct json *files = jbi_json_array();
    bool ok = jbi_json_set_text(note, "op", op_names[pending->op]) &&
              jbi_json_set_text(note, "category", jbi_category_name(pending->category)) &&
              jbi_json_set_text(note, "timestamp", pending->timestamp);
    ok = jbi_json_set(note, "files", files) && ok;
    for (size_t i = 0; i < pending->count && ok; i++)
        ok = jbi_json_push_text(files, pending->files[i]);
    scope_free char *text = ok ? jbi_json_print(note, 1) : NULL;
    if (text == NULL)
        return jbi_fail_memory(err);
    return jbi_file_write_atomic(repository->state_fd, STATE_PENDING, text, strlen(text), 0600,
                                 err);
}

static bool is_file_of(const char *path, const char *timestamp)
{
    char checksums[LAYOUT_NAME_SIZE], proof[LAYOUT_NAME_SIZE];
    jbi_checksums_name(checksums, timestamp);
    jbi_proof_name(proof, timestamp);
    return jbi_is_artifact_path(path, timestamp) || strcmp(path, checksums) == 0 ||
           strcmp(path, proof) == 0;
}

static bool note_op(const struct json *note, enum pending_op *op)
{
    const char *name = jbi_json_text(jbi_json_get(note, "op"));
    for (int i = PENDING_PUBLISH; name != NULL && i <= PENDING_REMOVE; i++)
        if (strcmp(name, op_names[i]) == 0) {
            *op = (enum pending_op)i;
            return true;
        }
    return false;
}

/* False: not a note of ours. */
static bool note_read(const struct json *note, struct pending *out, struct arena *arena,
                      bool *out_of_memory)
{
    const char *category = jbi_json_text(jbi_json_get(note, "category"));
    const char *timestamp = jbi_json_text(jbi_json_get(note, "timestamp"));
    const struct json *files = jbi_json_get(note, "files");
    if (!note_op(note, &out->op) || category == NULL || timestamp == NULL ||
        !jbi_category_parse(category, &out->category) || !jbi_is_timestamp(timestamp) ||
        !jbi_json_is_array(files) || jbi_json_length(files) > NOTE_FILES_MAX)
        return false;
    memcpy(out->timestamp, timestamp, TIMESTAMP_SIZE);
    out->files = jbi_arena_alloc(arena, (jbi_json_length(files) + 1) * sizeof *out->files);
    *out_of_memory = out->files == NULL;
    for (size_t i = 0; i < jbi_json_length(files) && !*out_of_memory; i++) {
        const char *path = jbi_json_text(jbi_json_at(files, i));
        if (path == NULL || !is_file_of(path, timestamp))
            return false;
        out->files[out->count] = jbi_arena_text(arena, path);
        *out_of_memory = out->files[out->count++] == NULL;
    }
    return true;
}

int jbi_pending_load(const struct repository *repository, struct pending *out, struct arena *arena,
                     struct jb_error *err)
{
    scope_free char *text = NULL;
    size_t len = 0;
    *out = (struct pending){0};
    int code = jbi_file_read(repository->state_fd, STATE_PENDING, NOTE_SIZE_MAX, &text, &len, err);
    if (code < 0)
        return code;
    scope_json *note = NULL;
    bool out_of_memory = false;
    if (jbi_json_parse(&note, text, len, STATE_PENDING, NULL) < 0 ||
        !note_read(note, out, arena, &out_of_memory))
        return jbi_fail(err, JB_ECORRUPT, "the note of an interrupted run is damaged");
    return out_of_memory ? jbi_fail_memory(err) : JB_OK;
}

static int sync_state(const struct repository *repository, struct jb_error *err)
{
    if (fsync(repository->state_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot sync \"%s/.jbackup\"", repository->path);
    return JB_OK;
}

int jbi_pending_drop(const struct repository *repository, struct jb_error *err)
{
    if (unlinkat(repository->state_fd, STATE_PENDING, 0) < 0 && errno != ENOENT)
        return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s/.jbackup/" STATE_PENDING "\"",
                              repository->path);
    return sync_state(repository, err);
}

/* Names nothing that may be removed: kept aside for a person, so that the next run can go on. */
static int set_damaged_note_aside(const struct repository *repository, const struct jb_error *why,
                                  jb_report *report, struct jb_error *err)
{
    jbi_finding(report, JB_WARNING, ".jbackup/" STATE_PENDING, "%s; nothing was removed by it",
                why->text);
    jbi_finding_hint(report, "it was kept as .jbackup/" PENDING_DAMAGED);
    if (renameat(repository->state_fd, STATE_PENDING, repository->state_fd, PENDING_DAMAGED) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot rename \"%s/.jbackup/" STATE_PENDING "\"",
                              repository->path);
    return sync_state(repository, err);
}

static int settle(const struct repository *repository, const struct pending *pending,
                  jb_report *report, struct jb_error *err)
{
    char manifest[LAYOUT_NAME_SIZE];
    struct stat st;
    int category_fd = repository->category_fd[pending->category];
    jbi_manifest_name(manifest, pending->timestamp);
    bool is_there = fstatat(category_fd, manifest, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && errno != ENOENT)
        return jbi_fail_errno(err, JB_EIO, "cannot look at \"%s/%s\"",
                              jbi_category_name(pending->category), manifest);
    /* The manifest may have been unlinked without being off the disk yet. */
    if (!is_there && fsync(category_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot sync \"%s/%s\"", repository->path,
                              jbi_category_name(pending->category));
    if (!is_there) {
        int code = jbi_pending_sweep(repository, pending, NULL, report, err);
        if (code < 0)
            return code;
        jbi_finding(report, JB_INFO, pending->timestamp, "%s",
                    pending->op == PENDING_PUBLISH
                        ? "cleared what an interrupted backup had left"
                        : "finished a removal that had been interrupted");
    }
    return jbi_pending_drop(repository, err);
}

int jbi_repository_recover(struct repository *repository, jb_report *report, struct jb_error *err)
{
    struct arena arena = {0};
    struct pending pending;
    struct jb_error why = {0};
    int code = jbi_pending_load(repository, &pending, &arena, &why);
    if (code == JB_OK)
        code = settle(repository, &pending, report, err);
    else if (code == JB_ENOTFOUND)
        code = JB_OK;
    else if (code == JB_ECORRUPT)
        code = set_damaged_note_aside(repository, &why, report, err);
    else
        jbi_fail(err, code, "%s", why.text);
    jbi_arena_free(&arena);
    return code < 0 ? code : jbi_staging_discard(repository, err);
}
