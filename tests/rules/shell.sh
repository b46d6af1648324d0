#!/bin/bash
# SPDX-License-Identifier: MIT
# The checkers of shell scripts have nothing to say: of those for sh that they need no bash, of all that
# they are sound. Those that come with shells of their own, the completions, can be read by these.
. "$(dirname "$0")/../tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
mapfile -t all < <(grep -rlE '^#!/bin/(ba)?sh|^# shellcheck shell=bash' .ci debian/tests examples tests tools | sort)
mapfile -t posix < <(awk 'FNR == 1 && /^#!\/bin\/sh/ { print FILENAME }' "${all[@]}")
check "there are scripts" test ${#all[@]} -ge 70
check "and some for sh" test ${#posix[@]} -ge 3

# What is sourced is not followed, so variables that are set there are unknown, and those for others unused.
sound() { shellcheck --severity=warning --exclude=SC2154,SC2034 "$@"; }
# reads NAME COMMAND... -- FILE...: the command takes each, if it is there.
reads() {
    local name=$1 command=() file
    shift
    while [[ $1 != -- ]]; do
        command+=("$1")
        shift
    done
    shift
    if ! command -v "${command[0]}" >/dev/null && ! declare -F "${command[0]}" >/dev/null; then
        skip "$name" "${command[0]} is not installed"
        return
    fi
    for file in "$@"; do
        check "$name: $file" "${command[@]}" "$file"
    done
}
if command -v shellcheck >/dev/null; then
    check "shellcheck" sound "${all[@]}"
    # shellcheck disable=SC2016
    printf '%s\n' '#!/bin/sh' 'rm $1/*' 'if [ $1 == 2 ]; then :; fi' >"$scratch/bad.sh"
    check_fails "an unsound one is noticed" sound "$scratch/bad.sh"
else
    skip "shellcheck" "shellcheck is not installed"
fi
reads dash dash -n -- "${posix[@]}"
reads checkbashisms checkbashisms -- "${posix[@]}"
reads fish fish --no-execute -- tools/completion/*.fish
reads zsh zsh -n -- tools/completion/*.zsh
done_testing
