#!/bin/bash
# SPDX-License-Identifier: MIT
# One writer at a time: a second run ends 75 and says who holds the lock, or waits.
. "$(dirname "$0")/lib.sh"
make_app "$app" 50
expect 0 "backup" backup
head -c 80000000 /dev/urandom >"$app/src/large.bin"

# A run is stopped while it holds the lock; the lock file says its number.
holder=
hold() {
    "$jbackup" --project "$app" --quiet backup >/dev/null 2>&1 &
    holder=$!
    for _ in $(seq 500); do
        grep -qw "$holder" "$app/backups/.jbackup/lock" 2>/dev/null && break
        sleep 0.01
    done
    kill -STOP $holder
    sleep 0.1
    [[ $(awk '/^State/ { print $2 }' /proc/$holder/status) == T ]]
}
hold # not within check, whose subshell would keep the number to itself
check "a run holds the lock" test $? -eq 0
expect 75 "a second run ends 75" backup
said "it says who holds the lock" "$holder"
said "it says what to do" '[Hh]int:'
began=$SECONDS
expect 75 "--wait 2 ends 75, too" backup --wait 2
check "after two seconds" test $((SECONDS - began)) -ge 2 -a $((SECONDS - began)) -le 20
timestamp=$(newest)
expect 75 "remove ends 75" remove "$timestamp"
expect 75 "cleanup ends 75" cleanup
expect 75 "pin ends 75" pin "$timestamp"
expect 0 "list needs no lock" list
expect 0 "verify needs no lock" verify

(sleep 1; kill -CONT $holder) &
expect 0 "--wait 300 gets its turn" backup --wait 300
wait $holder
check "the first run was not disturbed" test $? -eq 0
expect 0 "list" list
before=$(wc -l <"$out")
check "both made their backup" test "$before" -ge 3

hold
check "a run is held again" test $? -eq 0
kill -9 $holder
{ wait $holder; } 2>/dev/null
rm "$app/src/large.bin"
expect 0 "the lock dies with its holder" backup
expect 0 "all is whole" verify
done_testing
