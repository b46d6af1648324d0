# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# For the tests of jbackup-verify. Sourced after lib.sh:
#
#   jv ARGUMENT...              the tool, on the project $app; output in $out, $err. Run by the command
#                               inside, an array, if that is not empty
#   expect_verify STATUS NAME ...   runs jv and checks its exit status
#   expect_failed NAME TESTS OPTION...   runs all tests; those that failed must be TESTS exactly
#   because TEST PATTERN        an ERROR finding of that test, in the last expect_failed, matches
#   interrupt DELAY ARGUMENT... runs jv, sends it SIGINT so many seconds after it catches that, and sets $status,
#                               $took_ms, and $left: the processes of its session still there
#   make_shell FOLDER           the project's own backup.sh; it finds jbackup on PATH
verify=$build/tools/jbackup-verify
path_of_others=$PATH
PATH=$build/tools:$PATH
[[ -x $verify ]] || { echo "# no $verify"; exit 1; }

inside=()
jv() { "${inside[@]}" "$verify" --project "$app" "$@" >"$out" 2>"$err"; }

expect_verify() {
    local want=$1 name=$2
    shift 2
    jv "$@"
    status=$?
    [[ $status -eq $want ]] || {
        say "jbackup-verify $*: status $status, want $want"
        show_output
    }
    check "$name: status $want" test $status -eq "$want"
}

all_tests() {
    printf '%s\n' executable database backup integrity restore cleanup stats shell systemd
}

# The names in TESTS in the order in which the tests run.
in_order() {
    local test found=()
    while read -r test; do
        [[ " $1 " == *" $test "* ]] && found+=("$test")
    done < <(all_tests)
    echo "${found[*]}"
}

expect_failed() {
    local name=$1 want got
    want=$(in_order "$2")
    shift 2
    jv verify --json "$@"
    status=$?
    cp "$out" "$scratch/answer.json"
    got=$(python3 "$here/system_failed.py" "$scratch/answer.json" tests)
    if [[ $got == "$want" ]]; then
        pass "$name: failed are \"$want\""
    else
        say "failed are \"$got\" (status $status), want \"$want\""
        python3 "$here/system_failed.py" "$scratch/answer.json" findings | sed 's/^/# /'
        say "$(cat "$err")"
        fail "$name: failed are \"$want\""
    fi
}

because() {
    python3 "$here/system_failed.py" "$scratch/answer.json" findings "$1" >"$scratch/findings"
    if grep -Eq -- "$2" "$scratch/findings"; then
        pass "  $1 says why"
    else
        say "nothing matches $2"
        say "$(cat "$scratch/findings")"
        fail "  $1 says why"
    fi
}

# Whether it has said what it does at SIGINT, or has ended.
catches_signals() {
    local caught
    caught=$(sed -n 's/^SigCgt:\t//p' "/proc/$1/status" 2>/dev/null)
    [[ -z $caught || $((0x$caught & 2)) -ne 0 ]]
}

interrupt() {
    local delay=$1 pid began
    shift
    setsid env --default-signal=INT "$verify" --project "$app" --quiet "$@" >"$out" 2>"$err" &
    pid=$!
    until catches_signals $pid; do
        sleep 0.01
    done
    sleep "$delay"
    began=$(date +%s%3N)
    kill -INT $pid 2>/dev/null
    wait $pid
    status=$?
    took_ms=$(($(date +%s%3N) - began))
    for _ in $(seq 100); do # what was killed may not be reaped yet
        left=$(pgrep -s $pid | wc -l)
        [[ $left -ne 0 ]] || break
        sleep 0.01
    done
}

make_shell() {
    cp "$here/../../tools/backup.sh" "$1/backup.sh"
    chmod 755 "$1/backup.sh"
}
