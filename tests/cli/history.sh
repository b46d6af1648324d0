#!/bin/bash
# SPDX-License-Identifier: MIT
# Members copied from the archive before: random histories of a tree, after each step of which the
# archive is the one that reading everything would give. JB_HISTORIES=2000 for a night's worth.
. "$(dirname "$0")/lib.sh"
mkdir "$app"
histories=${JB_HISTORIES:-20} seed=${JB_SEED:-1}
python3 "$here/history.py" "$jbackup" "$scratch/histories" "$histories" "$seed" >"$out" 2>"$err"
status=$?
sed 's/^/# /' "$out"
[[ $status -eq 0 ]] || show_output
check "$histories histories, each step as if all were read" test "$status" -eq 0
if [[ $(stat -f -c %T "$scratch") != tmpfs ]]; then
    check "members were copied in them" grep -Eq 'of which [1-9][0-9]* bytes were copied' "$out"
fi
done_testing
