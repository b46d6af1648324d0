/* SPDX-License-Identifier: MIT */
/* The proofs of a backup. Invariant: however many are added, those that decide its state are kept,
 * and what can't be read is never taken for a proof. */
#include "repository/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"

static const char *const state_names[] = {"unchecked", "checked", "proved", "broken"};

const char *jbi_proof_state_name(enum proof_state state)
{
    return state_names[state];
}

/* ---- What they say -------------------------------------------------------------------------- */

static bool is_equal_in_full(const struct proof *proof)
{
    return proof->result == PROOF_EQUAL && proof->sample == 100;
}

const struct proof *jbi_proofs_deciding(const struct proofs *proofs)
{
    const struct proof *newest = NULL, *restored = NULL;
    int cleared = -1; /* the deepest that was found equal since */
    for (size_t i = 0; i < proofs->count; i++) {
        const struct proof *proof = &proofs->list[i];
        if (proof->result == PROOF_DIFFERENT && (int)proof->depth > cleared)
            return proof;
        if (!is_equal_in_full(proof))
            continue;
        cleared = (int)proof->depth > cleared ? (int)proof->depth : cleared;
        newest = newest ? newest : proof;
        if (proof->depth == PROOF_RESTORE && restored == NULL)
            restored = proof;
    }
    return restored ? restored : newest;
}

enum proof_state jbi_proofs_state(const struct proofs *proofs, int64_t *since)
{
    const struct proof *deciding = jbi_proofs_deciding(proofs);
    *since = deciding ? deciding->at_us : 0;
    if (deciding == NULL)
        return PROOF_STATE_UNCHECKED;
    if (deciding->result == PROOF_DIFFERENT)
        return PROOF_STATE_BROKEN;
    return deciding->depth == PROOF_RESTORE ? PROOF_STATE_PROVED : PROOF_STATE_CHECKED;
}

const struct proof_read *jbi_proofs_read_of(const struct proofs *proofs, const char *path)
{
    for (size_t i = 0; i < proofs->read_count; i++) {
        if (strcmp(proofs->reads[i].path, path) == 0)
            return &proofs->reads[i];
    }
    return NULL;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static void make_subject(char to[2 * LAYOUT_NAME_SIZE], const struct manifest *manifest)
{
    char file[LAYOUT_NAME_SIZE];
    jbi_proof_name(file, manifest->timestamp);
    snprintf(to, 2 * LAYOUT_NAME_SIZE, "%s/%s", jbi_category_name(manifest->category), file);
}

/* 1, 0, or JB_ENOMEM. */
static int is_of_manifest(const struct proofs *proofs, const struct manifest *manifest)
{
    char digest[SHA256_HEX_SIZE];
    if (proofs->manifest_sha256[0] != '\0' &&
        strcmp(proofs->manifest_sha256, manifest->self_sha256) == 0)
        return 1;
    if (!jbi_manifest_digest(manifest, digest))
        return JB_ENOMEM;
    return strcmp(proofs->manifest_digest, digest) == 0;
}

static int read_proofs(const struct repository *repository, const struct manifest *manifest,
                       struct arena *arena, struct proofs *out, struct jb_error *err)
{
    char file[LAYOUT_NAME_SIZE], subject[2 * LAYOUT_NAME_SIZE];
    scope_free char *text = NULL;
    size_t len = 0;
    *out = (struct proofs){0};
    jbi_proof_name(file, manifest->timestamp);
    make_subject(subject, manifest);
    struct jb_error why = {0};
    int code = jbi_file_read(repository->category_fd[manifest->category], file, PROOF_SIZE_MAX,
                             &text, &len, &why);
    if (code == JB_ENOTFOUND)
        return JB_OK;
    if (code < 0)
        return jbi_fail(err, code, "%s", why.text);
    code = jbi_proofs_parse(out, text, len, manifest->timestamp, subject, arena, err);
    int is_same = code == JB_OK ? is_of_manifest(out, manifest) : 0;
    if (is_same < 0)
        code = jbi_fail_memory(err);
    if (is_same <= 0)
        *out = (struct proofs){0};
    return code;
}

int jbi_proofs_load(const struct repository *repository, const struct manifest *manifest,
                    struct arena *arena, jb_report *report, struct proofs *out,
                    struct jb_error *err)
{
    char subject[2 * LAYOUT_NAME_SIZE];
    struct jb_error why = {0};
    int code = read_proofs(repository, manifest, arena, out, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code == JB_OK)
        return JB_OK;
    make_subject(subject, manifest);
    jbi_finding(report, JB_WARNING, subject, "%s", why.text);
    if (code == JB_ECORRUPT)
        jbi_finding_hint(report, "the next verification of the backup writes it anew");
    return JB_OK;
}

/* ---- Adding --------------------------------------------------------------------------------- */

/* Whether proof i is the newest of its kind; those before it are newer. */
static bool must_stay(const struct proof *list, size_t i)
{
    bool is_newest = true, is_newest_result = true;
    bool decides = list[i].result == PROOF_DIFFERENT || is_equal_in_full(&list[i]);
    for (size_t j = 0; j < i; j++) {
        if (list[j].depth != list[i].depth)
            continue;
        is_newest = false;
        if (list[j].result == list[i].result &&
            (list[j].result == PROOF_DIFFERENT || is_equal_in_full(&list[j])))
            is_newest_result = false;
    }
    return is_newest || (decides && is_newest_result);
}

static void drop_oldest(struct proofs *proofs)
{
    for (size_t i = proofs->count; i-- > 0 && proofs->count > PROOFS_KEPT;) {
        if (must_stay(proofs->list, i))
            continue;
        memmove(&proofs->list[i], &proofs->list[i + 1],
                (proofs->count - i - 1) * sizeof *proofs->list);
        proofs->count--;
    }
}

/* The worst findings of a proof that has too many, else all, in their order. */
static int keep_worst(struct proof *proof, struct arena *arena, struct jb_error *err)
{
    if (proof->finding_count <= PROOF_FINDINGS_KEPT)
        return JB_OK;
    struct proof_finding *kept = jbi_arena_alloc(arena, PROOF_FINDINGS_KEPT * sizeof *kept);
    size_t count = 0;
    if (kept == NULL)
        return jbi_fail_memory(err);
    for (int level = JB_CRITICAL; level >= JB_INFO; level--)
        for (size_t i = 0; i < proof->finding_count && count < PROOF_FINDINGS_KEPT; i++)
            if (proof->findings[i].level == level)
                kept[count++] = proof->findings[i];
    proof->findings = kept;
    proof->finding_count = count;
    return JB_OK;
}

static bool was_read_now(const struct proof *proof, const struct artifact *artifact)
{
    for (size_t i = 0; i < proof->read_count; i++) {
        if (proof->read[i] == artifact)
            return true;
    }
    return false;
}

/* Of each artifact the newest reading. */
static int reads_with(struct proofs *out, const struct proofs *old, const struct manifest *manifest,
                      const struct proof *proof, struct arena *arena, struct jb_error *err)
{
    out->reads = jbi_arena_alloc(arena, (manifest->artifact_count + 1) * sizeof *out->reads);
    if (out->reads == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < manifest->artifact_count && out->read_count < PROOF_READS_MAX; i++) {
        const struct artifact *artifact = &manifest->artifacts[i];
        const struct proof_read *before = jbi_proofs_read_of(old, artifact->path);
        if (was_read_now(proof, artifact))
            out->reads[out->read_count++] =
                (struct proof_read){artifact->path, proof->tool, proof->at_us};
        else if (before != NULL)
            out->reads[out->read_count++] = *before;
    }
    return JB_OK;
}

/* What has to be written: the old ones with the new one before them. */
static int proofs_with(struct proofs *out, const struct proofs *old,
                       const struct manifest *manifest, const struct proof *proof,
                       struct arena *arena, struct jb_error *err)
{
    size_t added = !proof->is_partial || proof->result == PROOF_DIFFERENT;
    *out = (struct proofs){.count = old->count + added};
    out->list = jbi_arena_alloc(arena, (out->count + 1) * sizeof *out->list);
    if (out->list == NULL || !jbi_manifest_digest(manifest, out->manifest_digest))
        return jbi_fail_memory(err);
    memcpy(out->timestamp, manifest->timestamp, TIMESTAMP_SIZE);
    memcpy(out->manifest_sha256, manifest->self_sha256, SHA256_HEX_SIZE);
    out->list[0] = *proof;
    if (old->count > 0)
        memcpy(out->list + added, old->list, old->count * sizeof *out->list);
    drop_oldest(out);
    int code = reads_with(out, old, manifest, proof, arena, err);
    return code < 0 || added == 0 ? code : keep_worst(out->list, arena, err);
}

/* Made in .jbackup/, so that a crash leaves nothing in the category. */
static int write_proofs(const struct repository *repository, const struct manifest *manifest,
                        const struct proofs *proofs, struct arena *arena, struct jb_error *err)
{
    char file[LAYOUT_NAME_SIZE];
    struct proofs again;
    int category_fd = repository->category_fd[manifest->category];
    jbi_proof_name(file, manifest->timestamp);
    scope_free char *text = jbi_proofs_print(proofs);
    if (text == NULL)
        return jbi_fail_memory(err);
    int code =
        jbi_proofs_parse(&again, text, strlen(text), manifest->timestamp, "proof", arena, err);
    if (code == JB_OK)
        code =
            jbi_file_write_atomic(repository->state_fd, STATE_PROOF, text, strlen(text), 0600, err);
    if (code == JB_OK && (renameat(repository->state_fd, STATE_PROOF, category_fd, file) < 0 ||
                          fsync(category_fd) < 0))
        code = jbi_fail_errno(err, JB_EIO, "cannot put \"%s/%s\" in place",
                              jbi_category_name(manifest->category), file);
    if (code < 0)
        unlinkat(repository->state_fd, STATE_PROOF, 0);
    return code;
}

static int check_backup_is_there(const struct repository *repository,
                                 const struct manifest *manifest, struct jb_error *err)
{
    char name[LAYOUT_NAME_SIZE];
    struct stat st;
    jbi_manifest_name(name, manifest->timestamp);
    if (fstatat(repository->category_fd[manifest->category], name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return JB_OK;
    return jbi_fail_errno(err, errno == ENOENT ? JB_ENOTFOUND : JB_EIO, "cannot find \"%s/%s\"",
                          jbi_category_name(manifest->category), name);
}

int jbi_proof_add(const struct repository *repository, const struct manifest *manifest,
                  const struct proof *proof, struct arena *arena, struct jb_error *err)
{
    struct proofs old, all;
    struct jb_error why = {0};
    int code = check_backup_is_there(repository, manifest, err);
    if (code < 0)
        return code;
    code = read_proofs(repository, manifest, arena, &old, &why);
    if (code < 0 && code != JB_ECORRUPT) {
        jbi_fail(err, code, "%s", why.text);
        jbi_hint(err, "the proof could not be added to those that may be there");
        return code;
    }
    code = proofs_with(&all, &old, manifest, proof, arena, err);
    return code < 0 ? code : write_proofs(repository, manifest, &all, arena, err);
}
