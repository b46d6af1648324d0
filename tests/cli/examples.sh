#!/bin/bash
# SPDX-License-Identifier: MIT
# The examples for programmers: embed and admin in C, the binding for Python. (The page: real/admin.sh; the
# deployment: cli/deploy.sh.)
. "$(dirname "$0")/lib.sh"
. "$here/journal_lib.sh"
. "$here/../sanitized.sh"
examples=$here/../../examples
make_journal DATABASE_URL=sqlite:///instance/journal.db
journal seed --entries 100 >/dev/null

run() { # STATUS NAME COMMAND...
    "${@:3}" >"$out" 2>"$err"
    local status=$?
    [[ $status -eq $1 ]] || show_output
    check "$2: status $1" test "$status" -eq "$1"
}
json() { python3 -c 'import json, sys; a = json.load(open(sys.argv[1])); sys.exit(not eval(f"({sys.argv[2]})"))' "$out" "$1"; }

# ---- admin.c ----------------------------------------------------------------------------------

run 0 "admin without backups" "$build/examples/admin" "$app"
check "it says so" json 'a["ok"] and a["backups"]["rows"] == [] and "proofs" not in a'
expect 0 "a backup" backup --label 'a "label"'
expect 0 "which is verified" verify
run 0 "admin" "$build/examples/admin" "$app"
check "admin: backups and proofs" json 'a["backups"]["rows"][0]["proof"] == "checked" and
    [row["result"] for row in a["proofs"]["rows"] if row["row"] == "proof"] == ["equal"]'
check "admin: restore and disk" json 'a["restore"]["figures"]["state"] == "none" and
    0 < a["disk"]["figures"]["disk_free"] < a["disk"]["figures"]["disk_total"]'
manifest=$(find "$app/backups" -name 'manifest_*.json')
echo "{" >"$manifest"
run 1 "admin with a damaged manifest" "$build/examples/admin" "$app"
check "it says so" json 'not a["ok"] and a["backups"]["verdict"] == "ERROR"'
rm -r "$app/backups"
run 2 "admin of no project" "$build/examples/admin" "$scratch/\"none\""
check "its answer is JSON, too" json '"none" in a["error"]["text"] and a["error"]["code"] == -2'

# ---- embed.c ----------------------------------------------------------------------------------

run 0 "embed" "$build/examples/embed" "$app"
said "embed: the steps" '^  code$'
said "embed: the backup" '^backup [0-9_]{15}: full, [0-9]+ bytes stored'
before=$(newest)
# Interrupted when it first says what it does.
interrupt() { # NAME
    local pid
    : >"$err"
    "$build/examples/embed" "$app" >"$out" 2>"$err" &
    pid=$!
    for _ in $(seq 1000); do
        [[ -s $err ]] && break
        sleep 0.01
    done
    kill -INT "$pid"
    wait "$pid"
    check "$1: status 3" test $? -eq 3
    said "$1: it says why" 'cancel'
    check "$1: no backup of it" test "$(newest)" = "$before"
    check "$1: nothing half-made" test -z "$(ls -A "$app/backups/.jbackup/staging" 2>/dev/null)"
}
# A shell's background processes ignore SIGINT, unless it has job control.
set -m
exec 9>"$app/backups/.jbackup/lock"
flock 9
interrupt "embed, while it waits"
exec 9>&-
sleep 1.1
head -c 150000000 /dev/urandom >"$app/uploads/film.bin"
interrupt "embed, while it works"
set +m
rm -r "$app/uploads/film.bin" "$app/backups"

# ---- The binding for Python -------------------------------------------------------------------

export PYTHONPATH=$examples/python
mkdir "$scratch/binding"
while IFS=$'\t' read -r result name; do
    case $result in
    pass) pass "Python: $name" ;;
    fail) fail "Python: $name" ;;
    *) say "$result $name" ;;
    esac
done < <("${with_library[@]}" python3 "$here/binding.py" "$here/../../include/jbackup.h" "$app" "$scratch/binding" \
    2>"$err" || echo "fail	it goes to its end")
check "Python: it was done to the end" test "$tap_number" -ge 60
[[ ! -s $err ]] || say "$(head -n 30 "$err")"
check "Python: nothing is said by the library" test ! -s "$err"

# What is left at the end, of all that Python leaves what came from our library.
leaks() {
    env LD_PRELOAD="$sanitizer" PYTHONMALLOC=malloc \
        ASAN_OPTIONS="detect_leaks=1:fast_unwind_on_malloc=0:log_path=$scratch/leaks" \
        "$(python3 -c 'import sys; print(sys.executable)')" "$here/binding.py" leak "$app" "$@" >"$out" 2>"$err"
    cat "$scratch"/leaks.* 2>/dev/null | grep -c 'libjbackup'
    rm -f "$scratch"/leaks.*
}
if [[ $sanitizer == *libasan* ]]; then
    check "Python: no leak" test "$(leaks)" -eq 0
    check "Python: a leak is noticed" test "$(leaks really)" -gt 0
else
    skip "Python: no leak" "the library was built without AddressSanitizer"
fi
done_testing
