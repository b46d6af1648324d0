#!/bin/bash
# SPDX-License-Identifier: MIT
# tests/run counts TAP as it should: nothing that went wrong is counted as passed.
. "$(dirname "$0")/../tap.sh"
counter=$(cd "$(dirname "$0")/.." && pwd)/tap.awk

counts() { # "PASSED FAILED SKIPPED" STATUS LINE...
    local want=$1 status=$2 got
    shift 2
    got=$(printf '%s\n' "$@" | awk -v status="$status" -f "$counter")
    echo "got $got, want $want"
    [[ $got == "$want" ]]
}
check "passes" counts "2 0 0" 0 "ok 1 - a" "# a line" "ok 2 - b" "1..2"
check "the plan may stand first" counts "1 0 0" 0 "1..1" "ok 1 - a"
check "failures" counts "1 1 0" 1 "ok 1 - a" "not ok 2 - b" "1..2"
check "skips" counts "1 0 1" 0 "ok 1 - a" "ok 2 - b # SKIP no disk" "1..2"
check "a whole script may be skipped" counts "0 0 1" 0 "1..0 # SKIP no rights"
check "no plan is a failure" counts "1 1 0" 0 "ok 1 - a"
check "no output is a failure" counts "0 1 0" 0
check "a crash is a failure" counts "1 1 0" 139 "ok 1 - a"
check "a crash after the plan is a failure" counts "1 1 0" 134 "1..1" "ok 1 - a"
check "too few tests are a failure" counts "1 1 0" 0 "1..2" "ok 1 - a"
check "an empty plan is a failure" counts "0 1 0" 0 "1..0"
check "words that begin alike don't count" counts "0 1 0" 0 "okay" "1..1"
done_testing
