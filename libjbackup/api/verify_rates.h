/* SPDX-License-Identifier: MIT */
#ifndef JBI_API_VERIFY_RATES_H
#define JBI_API_VERIFY_RATES_H

#include "api/session.h"
#include "repository/proof.h"

/* How fast a verification went, in MB of 1,000,000 bytes per second; 0: it did not do that, or in
 * no time that could be measured. */
struct rates {
    int64_t read;     /* of the bytes as they are stored */
    int64_t decoded;  /* of what they hold, decompressed and compared */
    int64_t restored; /* of what was restored and compared again */
};

int64_t jbi_rate(uint64_t bytes, int64_t duration_ms);
struct rates jbi_rates_of(const struct proof *proof);

/* A verification of the past and the backup that it was of. */
struct past_run {
    const struct manifest *backup;
    const struct proof *proof;
};

/* All that are remembered, newest first. What is returned belongs to the session's arena. Damaged
 * proofs are passed over. */
int jbi_past_runs(struct session *session, struct past_run **out, size_t *count,
                  struct jb_error *err);

/*
 * A WARNING finding for each rate that is below half of the median of the last RATES_COMPARED
 * verifications of the same depth on the same host. One that took less than RATE_MEASURED_MS says
 * little about speed: it is neither judged, nor, below a quarter of that, held against others.
 */
#define RATES_COMPARED   5
#define RATE_MEASURED_MS 2000
void jbi_rates_compare(jb_report *report, const char *subject, const struct proof *now,
                       const struct past_run *past, size_t count);

/* How long restoring all of a backup takes: as it last took, else from the rate of the last
 * restores on this host; 0: not known. */
int64_t jbi_restore_estimate_ms(const struct manifest *backup, const struct past_run *past,
                                size_t count);

#endif
