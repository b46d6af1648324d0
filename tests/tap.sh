# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# TAP for shell tests: sourced by tests/rules/*.sh and tests/cli/*.sh.
tap_number=0 tap_failed=0

# pass NAME, fail NAME, skip NAME WHY
pass() { echo "ok $((++tap_number)) - $1"; }
fail() { tap_failed=1; echo "not ok $((++tap_number)) - $1"; }
skip() { echo "ok $((++tap_number)) - $1 # SKIP $2"; }

# say TEXT...: a comment; several lines are fine.
say() { printf '%s\n' "$*" | sed 's/^/# /'; }

# check NAME COMMAND...: passes if the command succeeds; its output is shown if not.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        pass "$name"
    else
        say "status $?: $*"
        say "${output:-(no output)}" | tail -n 25
        fail "$name"
    fi
}

# check_fails NAME COMMAND...: passes if the command fails with an ordinary status.
check_fails() {
    local name=$1 output status
    shift
    output=$("$@" 2>&1)
    status=$?
    if [[ $status -gt 0 && $status -lt 126 ]]; then
        pass "$name"
    else
        say "status $status: $*"
        say "${output:-(no output)}" | tail -n 25
        fail "$name"
    fi
}

done_testing() {
    echo "1..$tap_number"
    exit "$tap_failed"
}

# A scratch folder, removed at the end, with whatever modes the test left in it.
scratch=$(mktemp -d "${TMPDIR:-/tmp}/jbackup-test-XXXXXX") || exit 1
remove_scratch() {
    cd /
    [[ -d $scratch ]] || return 0
    chmod -R u+rwX "$scratch" 2>/dev/null
    rm -rf "$scratch"
}
trap remove_scratch EXIT
