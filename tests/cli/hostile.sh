#!/bin/bash
# SPDX-License-Identifier: MIT
# Archives made to do harm, in backups whose checksums fit: none reaches beyond its target, none
# crashes or exhausts what reads it, and no name in one gets to the terminal as it is.
. "$(dirname "$0")/lib.sh"
# What is freed is kept for a while by the sanitizer, which would count as memory used.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=8
make_app "$app" 20
expect 0 "backup" backup
timestamp=$(newest)
mkdir "$scratch/trials"
python3 "$here/hostile_try.py" "$build/tools" "$app" "$timestamp" "$scratch/trials" >"$out" 2>"$err"
check "every archive was tried" test $? -eq 0 -a ! -s "$err" -a "$(grep -cE '^(not )?ok ' "$out")" -gt 100
while IFS= read -r line; do
    case $line in
    "ok "*) pass "${line#ok }" ;;
    "not ok "*) fail "${line#not ok }" ;;
    *) echo "$line" ;;
    esac
done <"$out"

# A live tree deeper than any path is stored: said, the rest backed up, and restored over it.
python3 - "$app" 100000 <<'END'
import os, sys
os.chdir(sys.argv[1])
for _ in range(int(sys.argv[2])):
    os.mkdir("d")
    os.chdir("d")
END
expect 0 "a tree of 100,000 folders is backed up as far as paths are stored" backup --code-only
said "and that is said" 'not stored: its path is over'
check "briefly" test "$(wc -c <"$err")" -lt 20000
deep=$(newest)
expect 0 "diff --live with it" diff "$deep" --live --type codebase
said "tells no difference" "^nothing differs from $deep"
expect 0 "and with what was before it" diff "$timestamp" --live --type codebase
check "briefly, too" test "$(cat "$out" "$err" | wc -c)" -lt 20000
expect 0 "its backup verifies" verify --timestamp "$deep"
in_place() { "$build/tools/jbackup-restore" --project "$app" "$@" >"$out" 2>"$err"; }
check "it is exchanged for a flat one" in_place restore "$timestamp" --type codebase --confirm
check "what no backup has stays" test -e "$app/d"
check "what is kept of it can be let go" in_place discard-old
check "nothing of it is left" test -z "$(find "$app" -maxdepth 1 -name '.jbackup-restore-*')"
done_testing
