/* SPDX-License-Identifier: MIT */
/* The speed of verifications: what counts as a drop, and what a restore will take. */
#include "api/verify_rates.h"

#include "check.h"

#define MB 1000000ull

static struct proof proofs[8];
static struct past_run past[8];
static struct manifest manifests[2];
static jb_report *report;

/* A restore on "here" that read so many MB/s and restored so many; each took ms. */
static struct proof proof_of(uint64_t read, uint64_t restored, int64_t ms)
{
    return (struct proof){
        .depth = PROOF_RESTORE,
        .result = PROOF_EQUAL,
        .sample = 100,
        .host = "here",
        .look_ms = ms,
        .restore_ms = ms,
        .bytes_read = read * MB * (uint64_t)ms / 1000,
        .bytes_decoded = 2 * read * MB * (uint64_t)ms / 1000,
        .bytes_restored = restored * MB * (uint64_t)ms / 1000,
    };
}

static size_t compare(struct proof now, size_t count)
{
    for (size_t i = 0; i < count; i++)
        past[i] = (struct past_run){&manifests[0], &proofs[i]};
    jb_report_free(report);
    report = jbi_report_new();
    REQUIRE(report != NULL);
    jbi_rates_compare(report, "20240708_143022", &now, past, count);
    return jb_report_finding_count(report);
}

static void rates_are_of_their_own_times(void)
{
    struct proof proof = proof_of(100, 40, 3000);
    proof.restore_ms = 6000;
    struct rates rates = jbi_rates_of(&proof);
    CHECK(rates.read == 100 && rates.decoded == 200 && rates.restored == 20);
    CHECK(jbi_rate(5 * MB, 0) == 0 && jbi_rate(0, 10) == 0);
}

static void less_than_half_of_the_median_is_a_warning(void)
{
    for (size_t i = 0; i < 5; i++)
        proofs[i] = proof_of(100 + 10 * i, 50, 3000);
    proofs[2].bytes_read *= 100; /* one of five moves no median far */
    CHECK(compare(proof_of(100, 50, 3000), 5) == 0);
    CHECK(compare(proof_of(66, 26, 3000), 5) == 0);
    CHECK(compare(proof_of(100, 20, 3000), 5) == 1);
    const struct jb_finding *finding = jb_report_finding(report, 0);
    CHECK(finding != NULL && finding->level == JB_WARNING);
    CHECK_TEXT(finding->message,
               "restoring went at 20 MB/s, less than half of the 50 MB/s that is usual here");
    CHECK(finding->hint[0] != '\0');
    CHECK(compare(proof_of(40, 50, 3000), 5) == 2); /* reading and decoding */
}

static void what_can_not_be_compared_is_not(void)
{
    proofs[0] = proof_of(100, 50, 3000);
    struct proof slow = proof_of(10, 5, 3000);
    CHECK(compare(slow, 1) == 3);
    CHECK(compare(slow, 0) == 0);
    CHECK(compare(proof_of(10, 5, RATE_MEASURED_MS - 1), 1) == 0);
    proofs[0] = proof_of(100, 50, RATE_MEASURED_MS / 4 - 1);
    CHECK(compare(slow, 1) == 0);
    proofs[0] = proof_of(100, 50, 3000);
    proofs[0].host = "elsewhere";
    CHECK(compare(slow, 1) == 0);
    proofs[0].host = "here";
    proofs[0].depth = PROOF_CONTENT;
    CHECK(compare(slow, 1) == 0);
    proofs[0].depth = PROOF_RESTORE;
    slow.bytes_decoded = 0; /* at depth bytes nothing is decoded: that is no drop */
    CHECK(compare(slow, 1) == 2);
}

static void the_estimate_is_of_the_backup_or_of_the_rate(void)
{
    struct artifact artifacts[] = {
        {.kind = ARTIFACT_CODEBASE, .raw_size = 300 * MB},
        {.kind = ARTIFACT_INDEX, .raw_size = 999 * MB},
        {.kind = ARTIFACT_SQLITE, .raw_size = 100 * MB},
    };
    manifests[1] = (struct manifest){.artifacts = artifacts, .artifact_count = 3};
    proofs[0] = proof_of(100, 50, 3000);
    past[0] = (struct past_run){&manifests[0], &proofs[0]};
    CHECK(jbi_restore_estimate_ms(&manifests[1], past, 0) == 0);
    CHECK(jbi_restore_estimate_ms(&manifests[1], past, 1) == 400000 / 50 + 1);
    CHECK(jbi_restore_estimate_ms(&manifests[0], past, 1) == 3000);
    proofs[0].result = PROOF_DIFFERENT;
    CHECK(jbi_restore_estimate_ms(&manifests[0], past, 1) == 0);
}

int main(void)
{
    RUN(rates_are_of_their_own_times);
    RUN(less_than_half_of_the_median_is_a_warning);
    RUN(what_can_not_be_compared_is_not);
    RUN(the_estimate_is_of_the_backup_or_of_the_rate);
    jb_report_free(report);
    return check_end();
}
