/* SPDX-License-Identifier: MIT */
/* The reader of the journal of a restore. What is accepted must be printed, and read again the
 * same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "repository/journal.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void expect(bool is_so)
{
    if (!is_so)
        abort();
}

static void check_round_trip(const struct journal *journal, struct arena *arena)
{
    struct journal again;
    struct jb_error err = {0};
    char *first = jbi_journal_print(journal);
    expect(first != NULL);
    expect(jbi_journal_parse(&again, first, strlen(first), "again", arena, &err) == JB_OK);
    char *second = jbi_journal_print(&again);
    expect(second != NULL && strcmp(first, second) == 0);
    free(first);
    free(second);
    jbi_journal_free(&again);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct arena arena = {0};
    struct journal journal;
    struct jb_error err = {0};
    int code = jbi_journal_parse(&journal, (const char *)data, size, "journal", &arena, &err);
    expect(code == err.code);
    expect(code == JB_OK || (journal.root == NULL && journal.target_count == 0));
    if (code == JB_OK)
        check_round_trip(&journal, &arena);
    jbi_journal_free(&journal);
    jbi_arena_free(&arena);
    return 0;
}
