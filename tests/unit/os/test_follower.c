/* SPDX-License-Identifier: MIT */
#include "os/follower.h"

#include <errno.h>

#include "../check.h"

#define STEP 7

struct seen {
    uint64_t next, fails_from;
    bool has_gap, is_too_much;
};

static int see(void *user, uint64_t from, uint64_t to)
{
    struct seen *seen = user;
    seen->has_gap |= from != seen->next || to <= from;
    seen->is_too_much |= to - from > STEP;
    if (from >= seen->fails_from)
        return EIO;
    seen->next = to;
    return 0;
}

static void works_on_all_that_was_told(void)
{
    struct follower *follower;
    struct seen seen = {.fails_from = UINT64_MAX};
    REQUIRE(jbi_follower_new(&follower, STEP, see, &seen, NULL) == JB_OK);
    CHECK(jbi_follower_wait(follower) == 0);
    for (uint64_t end = 0; end < 5000; end += end % 13) {
        jbi_follower_tell(follower, ++end);
        if (end % 5 == 0)
            CHECK(jbi_follower_wait(follower) == 0 && seen.next == end);
    }
    jbi_follower_tell(follower, 10000);
    CHECK(jbi_follower_wait(follower) == 0);
    CHECK(seen.next == 10000 && !seen.has_gap && !seen.is_too_much);
    jbi_follower_free(follower);
}

static void stops_where_work_fails(void)
{
    struct follower *follower;
    struct seen seen = {.fails_from = 3 * STEP};
    REQUIRE(jbi_follower_new(&follower, STEP, see, &seen, NULL) == JB_OK);
    jbi_follower_tell(follower, 10 * STEP);
    CHECK(jbi_follower_wait(follower) == EIO);
    jbi_follower_tell(follower, 20 * STEP);
    CHECK(jbi_follower_wait(follower) == EIO && seen.next == 3 * STEP && !seen.has_gap);
    jbi_follower_free(follower);
}

static void ends_with_work_left(void)
{
    struct follower *follower;
    struct seen seen = {.fails_from = UINT64_MAX};
    REQUIRE(jbi_follower_new(&follower, STEP, see, &seen, NULL) == JB_OK);
    jbi_follower_tell(follower, UINT64_MAX);
    jbi_follower_free(follower);
    CHECK(!seen.has_gap);
    jbi_follower_free(NULL);
}

int main(void)
{
    RUN(works_on_all_that_was_told);
    RUN(stops_where_work_fails);
    RUN(ends_with_work_left);
    return check_end();
}
