#!/bin/bash
# SPDX-License-Identifier: MIT
# The manual page of the file formats names every key that jbackup writes, that of the library every
# error; and the library's example compiles and works.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/tools.sh"
root=$(cd "$(dirname "$0")/../.." && pwd) build=$(cd "${1:?build folder}" && pwd)
cd "$scratch" || exit 1
for page in jbackup-formats.5 libjbackup.3; do
    text_of "$root/tools/man/$page" >"$page.txt"
done

# Each key is described in the section about its file.
keys_of() { grep -oE '"[a-z][a-z0-9_]*" ?:' | tr -d '": ' | sort -u; }
names() { # FILE KEYS: each stands there as a word of its own
    local key missing=0
    while read -r key; do
        grep -qE "(^|[^A-Za-z0-9_.-])$key([^A-Za-z0-9_-]|\$)" "$1" ||
            { echo "$key is not described"; missing=1; }
    done <"$2"
    return $missing
}
page=jbackup-formats.5.txt corpus=$root/tests/fuzz/corpus
mkdir -p project/data
echo text >project/data/file
odd=$(printf 'odd\xff')
echo text >"project/data/$odd"
ln -s file project/data/link
ln -s "$odd" project/data/odd_link
sqlite3 project/app.db 'create table t(a); insert into t values (1);'
echo '{"databases": ["sqlite:///app.db"]}' >project/jbackup.json
"$build/tools/jbackup" --project project --quiet backup
"$build/tools/jbackup" --project project --quiet verify
{ cat project/backups/*/manifest_*.json "$corpus"/manifest/valid_*.json; } | keys_of |
    grep -vE '^(database_)?(sqlite|postgresql)(_|$)' >manifest.keys
gunzip -c project/backups/*/codebase_*.index.jsonl.gz | keys_of >index.keys
keys_of <"$(find project/backups -name 'proof_*.json')" >proof.keys
printf '%s\n' level subject message >>proof.keys
keys_of <"$corpus/journal/targets.json" | grep -vxE 'root|units' >journal.keys
while read -r file from to least; do
    section "$page" "${from//_/ }" "${to//_/ }" >part.txt
    check "there are keys of the $file" test "$(wc -l <"$file.keys")" -ge "$least"
    check "every key of the $file is described" names part.txt "$file.keys"
done <<'END'
manifest THE_MANIFEST CHECKSUMS 60
index THE_INDEX CONTENT_DIGESTS 15
proof PROOFS THE_JOURNAL 19
journal THE_JOURNAL NOTES 15
END
{ cat index.keys; echo no_such_key; } >more.keys
check_fails "a key without description is noticed" names "$page" more.keys

# libjbackup.3: each error, and an example that compiles and works.
sed -n '/^ERRORS/,/^REPORTS/p' libjbackup.3.txt >errors.txt
for code in $(grep -oE '^ +JB_E[A-Z]+' "$root/include/jbackup.h"); do
    check "$code is described" grep -qE "^ +$code( |\$)" errors.txt
done
section libjbackup.3.txt EXAMPLES 'SEE ALSO' | sed -n '/#include/,/^ *}$/p' >example.c
compiles() {
    gcc -std=c11 -Wall -Wextra -Werror -I"$root/include" -o example example.c -L"$build/libjbackup" \
        -ljbackup -Wl,-rpath,"$build/libjbackup" $sanitizers
}
sanitizers=$(meson introspect --buildoptions "$build" | python3 -c '
import json, sys
value = next(o["value"] for o in json.load(sys.stdin) if o["name"] == "b_sanitize")
print("" if value == "none" else "-fsanitize=" + value)')
check "the example compiles" compiles
check "and makes a backup" ./example project
check "which is there" test "$(find project/backups -name 'manifest_*.json' | wc -l)" -eq 2
done_testing
