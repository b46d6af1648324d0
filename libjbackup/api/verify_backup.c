/* SPDX-License-Identifier: MIT */
/* One backup: its artifacts looked at in the wanted depth, held against what it says, and the
 * result kept with it. */
#include "api/verify_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "api/verify_keep.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"

/* The checksums file must be, to the byte, what the manifest implies, and have its digest. */
static int verify_checksums(const struct session *session, const struct manifest *backup,
                            struct jb_error *err)
{
    char name[LAYOUT_NAME_SIZE], sha256[SHA256_HEX_SIZE];
    scope_free char *text = NULL;
    scope_text expected = {0};
    size_t len;
    struct jb_error why = {0};
    jbi_checksums_name(name, backup->timestamp);
    int code =
        jbi_file_read(jbi_category_fd(session, backup), name, MANIFEST_SIZE_MAX, &text, &len, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code < 0) {
        jbi_finding(session->report, JB_ERROR, name, "%s", why.text);
        return JB_OK;
    }
    scope_digest *digest = jbi_digest_new();
    jbi_checksums_text(backup, &expected);
    if (digest == NULL || expected.failed)
        return jbi_fail_memory(err);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, text, len);
    jbi_digest_end(digest, sha256);
    if (strcmp(sha256, backup->checksum) != 0)
        jbi_finding(session->report, JB_ERROR, name,
                    "it does not have the checksum in the manifest");
    else if (len != expected.len || memcmp(text, expected.at, len) != 0)
        jbi_finding(session->report, JB_ERROR, name, "it names other checksums than the manifest");
    return JB_OK;
}

bool jbi_backup_is_removed(const struct session *session, const struct manifest *backup)
{
    char name[LAYOUT_NAME_SIZE];
    jbi_manifest_name(name, backup->timestamp);
    return faccessat(jbi_category_fd(session, backup), name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
           errno == ENOENT;
}

/* What is remembered of a backup that was found broken is not relied upon. */
static int reads_begin(struct verification *v, struct jb_error *err)
{
    struct session *session = v->session;
    int64_t since;
    int code = JB_OK;
    v->read = jbi_arena_alloc(&session->arena, (v->backup->artifact_count + 1) * sizeof *v->read);
    if (v->read == NULL)
        return jbi_fail_memory(err);
    if (v->if_older_days > 0)
        code = jbi_proofs_load(&session->repository, v->backup, &session->arena, session->report,
                               &v->proofs, err);
    if (jbi_proofs_state(&v->proofs, &since) == PROOF_STATE_BROKEN)
        v->if_older_days = 0;
    return code;
}

int jbi_verify_backup(struct verification *v, struct verified *out, struct jb_error *err)
{
    struct session *session = v->session;
    const struct manifest *backup = v->backup;
    jb_report *report = session->report;
    int64_t begin_ms = jbi_monotonic_ms();
    size_t before = report->finding_count;
    int verdict_before = report->verdict;
    *out = (struct verified){0};
    int code = reads_begin(v, err);
    if (code == JB_OK)
        code = verify_checksums(session, backup, err);
    for (size_t i = 0; i < backup->artifact_count && code == JB_OK; i++)
        code = jbi_verify_artifact(v, &backup->artifacts[i], err);
    if (code < 0)
        return code;
    if (backup->artifact_count == 0)
        jbi_finding(report, JB_ERROR, backup->timestamp, "the backup holds nothing");
    out->result = jbi_verify_result(v, before);
    if (out->result != PROOF_EQUAL && jbi_backup_is_removed(session, backup)) {
        report->finding_count = before;
        report->verdict = verdict_before;
        jbi_finding(report, JB_INFO, backup->timestamp,
                    "it was removed while it was being verified");
        out->is_gone = true;
        return JB_OK;
    }
    out->duration_ms = jbi_monotonic_ms() - begin_ms;
    return jbi_verify_keep(v, before, out->duration_ms, err);
}
