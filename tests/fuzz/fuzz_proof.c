/* SPDX-License-Identifier: MIT */
/* The reader of proofs. What is accepted must be printed, read again the same, and have a state. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "repository/proof.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char timestamp[] = "20240708_143022";

static void expect(bool is_so)
{
    if (!is_so)
        abort();
}

static void check_state(const struct proofs *proofs)
{
    int64_t since = 0;
    enum proof_state state = jbi_proofs_state(proofs, &since);
    const struct proof *deciding = jbi_proofs_deciding(proofs);
    expect(jbi_proof_state_name(state) != NULL);
    expect((deciding == NULL) == (state == PROOF_STATE_UNCHECKED));
    expect(deciding == NULL || deciding->at_us == since);
}

static void check_round_trip(const struct proofs *proofs, struct arena *arena)
{
    struct proofs again;
    struct jb_error err = {0};
    char *first = jbi_proofs_print(proofs);
    expect(first != NULL);
    expect(jbi_proofs_parse(&again, first, strlen(first), timestamp, "again", arena, &err) ==
           JB_OK);
    char *second = jbi_proofs_print(&again);
    expect(second != NULL && strcmp(first, second) == 0);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena arena = {0};
    struct proofs proofs;
    struct jb_error err = {0};
    int code =
        jbi_proofs_parse(&proofs, (const char *)data, size, timestamp, "proof", &arena, &err);
    expect(code == err.code);
    expect(code == JB_OK || proofs.count == 0);
    check_state(&proofs);
    if (code == JB_OK)
        check_round_trip(&proofs, &arena);
    jbi_arena_free(&arena);
    return 0;
}
