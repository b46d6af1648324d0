/* SPDX-License-Identifier: MIT */
/* The speed of verifications, from the proofs that they left. */
#include "api/verify_rates.h"

#include <stdlib.h>
#include <unistd.h>

int64_t jbi_rate(uint64_t bytes, int64_t duration_ms)
{
    return duration_ms > 0 ? (int64_t)(bytes / 1000 / (uint64_t)duration_ms) : 0;
}

struct rates jbi_rates_of(const struct proof *proof)
{
    return (struct rates){
        .read = jbi_rate(proof->bytes_read, proof->look_ms),
        .decoded = jbi_rate(proof->bytes_decoded, proof->look_ms),
        .restored = jbi_rate(proof->bytes_restored, proof->restore_ms),
    };
}

static int newest_first(const void *a, const void *b)
{
    int64_t at = ((const struct past_run *)a)->proof->at_us;
    int64_t bt = ((const struct past_run *)b)->proof->at_us;
    return (bt > at) - (bt < at);
}

int jbi_past_runs(struct session *session, struct past_run **out, size_t *count,
                  struct jb_error *err)
{
    const struct catalog *catalog = &session->catalog;
    struct past_run *runs = NULL;
    size_t used = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        struct proofs proofs;
        struct jb_error why = {0};
        int code = jbi_proofs_load(&session->repository, &catalog->backups[i], &session->arena,
                                   NULL, &proofs, &why);
        if (code < 0)
            return jbi_fail_memory(err);
        if (proofs.count == 0)
            continue;
        struct past_run *grown = jbi_arena_grow(&session->arena, runs, used * sizeof *runs,
                                                (used + proofs.count) * sizeof *runs);
        if (grown == NULL)
            return jbi_fail_memory(err);
        runs = grown;
        for (size_t j = 0; j < proofs.count; j++)
            runs[used++] = (struct past_run){&catalog->backups[i], &proofs.list[j]};
    }
    if (used > 0)
        qsort(runs, used, sizeof *runs, newest_first);
    *out = runs;
    *count = used;
    return JB_OK;
}

/* ---- A drop --------------------------------------------------------------------------------- */

enum rate_kind { RATE_READ, RATE_DECODED, RATE_RESTORED, RATE_COUNT };

static int64_t rate_at(const struct proof *proof, enum rate_kind kind)
{
    struct rates rates = jbi_rates_of(proof);
    return kind == RATE_READ ? rates.read : kind == RATE_DECODED ? rates.decoded : rates.restored;
}

static int64_t time_at(const struct proof *proof, enum rate_kind kind)
{
    return kind == RATE_RESTORED ? proof->restore_ms : proof->look_ms;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median of the last ones that can be held against now; 0: there are none. */
static int64_t usual(const struct proof *now, enum rate_kind kind, const struct past_run *past,
                     size_t count)
{
    int64_t rates[RATES_COMPARED];
    size_t used = 0;
    for (size_t i = 0; i < count && used < RATES_COMPARED; i++) {
        const struct proof *proof = past[i].proof;
        if (proof->depth == now->depth && strcmp(proof->host, now->host) == 0 &&
            time_at(proof, kind) >= RATE_MEASURED_MS / 4 && rate_at(proof, kind) > 0)
            rates[used++] = rate_at(proof, kind);
    }
    qsort(rates, used, sizeof *rates, ascending);
    return used > 0 ? rates[used / 2] : 0;
}

void jbi_rates_compare(jb_report *report, const char *subject, const struct proof *now,
                       const struct past_run *past, size_t count)
{
    static const char *const names[RATE_COUNT] = {"reading", "decoding", "restoring"};
    for (int kind = 0; kind < RATE_COUNT; kind++) {
        int64_t rate = rate_at(now, (enum rate_kind)kind);
        int64_t before = usual(now, (enum rate_kind)kind, past, count);
        if (time_at(now, (enum rate_kind)kind) < RATE_MEASURED_MS || 2 * rate >= before)
            continue;
        bool has_work = kind == RATE_READ      ? now->bytes_read > 0
                        : kind == RATE_DECODED ? now->bytes_decoded > 0
                                               : now->bytes_restored > 0;
        if (!has_work)
            continue;
        jbi_finding(report, JB_WARNING, subject,
                    "%s went at %lld MB/s, less than half of the %lld MB/s that is usual here",
                    names[kind], (long long)rate, (long long)before);
        jbi_finding_hint(report, "see what else uses the disk and the processors, and the health "
                                 "of the disk");
    }
}

/* ---- An estimate ---------------------------------------------------------------------------- */

static bool is_whole_restore(const struct proof *proof)
{
    return proof->depth == PROOF_RESTORE && proof->result == PROOF_EQUAL && proof->restore_ms > 0;
}

int64_t jbi_restore_estimate_ms(const struct manifest *backup, const struct past_run *past,
                                size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_whole_restore(past[i].proof) && past[i].backup == backup)
            return past[i].proof->restore_ms;
    }
    for (size_t i = 0; i < backup->artifact_count; i++) {
        enum artifact_kind kind = backup->artifacts[i].kind;
        if (kind == ARTIFACT_SQLITE || kind == ARTIFACT_POSTGRESQL || kind == ARTIFACT_CODEBASE)
            bytes += backup->artifacts[i].raw_size;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t rate = is_whole_restore(past[i].proof) ? jbi_rates_of(past[i].proof).restored : 0;
        if (rate > 0)
            return (int64_t)(bytes / 1000 / (uint64_t)rate) + 1;
    }
    return 0;
}
