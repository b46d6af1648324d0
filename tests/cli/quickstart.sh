#!/bin/bash
# SPDX-License-Identifier: MIT
# examples/quickstart runs to its end.
. "$(dirname "$0")/lib.sh"
top=$(cd "$here/../.." && pwd)
env -u CC -u CFLAGS "$top/examples/quickstart" "$scratch/quick" >"$out" 2>"$err" </dev/null
status=$?
if [[ $status -ne 0 ]]; then
    tail -n 30 "$out" | sed 's/^/# /'
    tail -n 10 "$err" | sed 's/^/# /'
fi
check "it ends with status 0" test $status -eq 0
said "it shows each command" '^\$ jbackup backup'
said "it verifies" 'good'
said "it checks with sha256sum" 'codebase_.*: OK'
said "it opens the copy with sqlite3" '^[0-9]+ entries'
check "the result is left" test -s "$scratch/quick/journal/backups/RESTORE.txt"
check "nothing of it runs on" test -z "$(pgrep -f "$scratch/quick" || true)"
env PATH="$PATH" "$top/examples/quickstart" "$scratch/quick" >"$out" 2>"$err" </dev/null
check "a folder that is not empty is refused" test $? -ne 0
done_testing
