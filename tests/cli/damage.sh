#!/bin/bash
# SPDX-License-Identifier: MIT
# verify finds every damage: one flipped byte anywhere, a truncated, grown, removed or exchanged
# file, a row added to the copy; and names the artifact, and the file in the archive.
. "$(dirname "$0")/lib.sh"
make_app "$app" 100
expect 0 "backup" backup
timestamp=$(newest)
category=$(dirname "$(artifact "manifest_$timestamp.json" "$timestamp")")
expect 0 "verify of what is whole" verify
keep_whole

# found NAME PATTERN: verify's status is 1 and it names what PATTERN matches.
found() {
    local status
    jb verify
    status=$?
    if [[ $status -ne 1 ]] || ! cat "$out" "$err" | grep -Eq -- "$2"; then
        say "$1: status $status, want 1 and $2"
        show_output
        return 1
    fi
}
# The offsets: both ends, headers of a member, and some all over the file.
offsets() {
    python3 - "$1" "${2:-12}" <<'END'
import os, random, sys
size = os.path.getsize(sys.argv[1])
dice = random.Random(size)
some = {0, 1, 3, 9, 12, 16, 20, 24, size - 1, size - 5} | {dice.randrange(size) for _ in range(int(sys.argv[2]))}
print(*sorted(n for n in some if 0 <= n < size))
END
}
# What verifications keep with a backup is no part of it: damaged, it is replaced.
mapfile -t files < <(cd "$category" && find . -type f -path "*$timestamp*" ! -name 'proof_*' |
    sed 's#^\./##' | sort)
check "there are five files" test ${#files[@]} -eq 5
for file in "${files[@]}"; do
    kind=${file//$timestamp/TS}
    bad=0 tried=0
    for offset in $(offsets "$category/$file"); do
        whole
        flip "$category/$file" "$offset"
        tried=$((tried + 1))
        found "$file at $offset" "${file##*/}" || bad=$((bad + 1))
    done
    check "$kind: a flipped byte at $tried places is found" test $bad -eq 0 -a $tried -gt 10
    for change in truncate-half truncate-one empty grow remove; do
        whole
        size=$(stat -c %s "$category/$file")
        case $change in
        truncate-half) truncate -s $((size / 2)) "$category/$file" ;;
        truncate-one) truncate -s $((size - 1)) "$category/$file" ;;
        empty) truncate -s 0 "$category/$file" ;;
        grow) echo >>"$category/$file" ;;
        remove) rm "$category/$file" ;;
        esac
        if [[ $change == remove && $file == manifest_* ]]; then
            # What has no manifest is no backup: then there is nothing to verify, and that is said.
            check "$kind: $change is found" found "$file $change" 'no backup|without|manifest'
        else
            check "$kind: $change is found" found "$file $change" "${file##*/}"
        fi
    done
done

# One byte of a file within the archive, in the middle of the large file's member.
whole
flip "$category/codebase_$timestamp.tar.gz" "$(python3 - "$category/codebase_$timestamp.tar.gz" <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
offset = 0
best = (0, 0)
while offset < len(data):
    total, raw = struct.unpack("<II", data[offset + 16:offset + 24])
    best = max(best, (raw, offset + 24 + (total - 32) // 2))
    offset += total
print(best[1])
END
)"
check "damage within the archive names a file in it" found "archive" '(src|instance|\.env|templates|big\.txt)'

# A row more in the copy, packed anew: by the checksum, and, with the checksums made to fit, by the table.
copy=$category/db_$timestamp/sqlite_app.db.gz
whole
gunzip -c "$copy" >"$scratch/copy.db"
sqlite3 "$scratch/copy.db" "INSERT INTO entry (title, body) VALUES ('forged', 'row')"
gzip -c "$scratch/copy.db" >"$copy"
check "an added row is found" found "added row" 'sqlite_app\.db\.gz'
python3 - "$category" "$timestamp" "$copy" "$scratch/copy.db" <<'END'
import hashlib, os, re, sys
category, timestamp, copy, database = sys.argv[1:]
sha = lambda path: hashlib.sha256(open(path, "rb").read()).hexdigest()
whole = f"{category}/db_{timestamp}/sqlite_app.db.gz"
checksums = f"{category}/checksums_{timestamp}.sha256"
manifest = f"{category}/manifest_{timestamp}.json"
old = re.search(r"([0-9a-f]{64})[ *]+\S*sqlite_app", open(checksums).read()).group(1)
old_checksum = sha(checksums)
text = open(checksums).read().replace(old, sha(whole))
open(checksums, "w").write(text)
text = open(manifest).read().replace(old, sha(whole)).replace(old_checksum, sha(checksums))
lines = text.split("\n")
last = next(n for n in range(len(lines) - 1, -1, -1) if "manifest_sha256" in lines[n])
body = "\n".join(lines[:last]) + "\n"
lines[last] = re.sub(r"[0-9a-f]{64}", hashlib.sha256(body.encode()).hexdigest(), lines[last])
open(manifest, "w").write("\n".join(lines))
END
check "a forged copy with fitting checksums is found" found "forged" 'sqlite_app\.db\.gz'

whole
expect 0 "the whole one is restored" restore --timestamp "$timestamp" --to "$scratch/undamaged"
flip "$category/codebase_$timestamp.tar.gz" $(($(stat -c %s "$category/codebase_$timestamp.tar.gz") / 2))
jb restore --timestamp "$timestamp" --to "$scratch/restored"
status=$?
check "restore of a damaged archive fails" test $status -ne 0
check "and leaves nothing" test ! -e "$scratch/restored/src"
whole
expect 0 "the whole one verifies" verify
done_testing
