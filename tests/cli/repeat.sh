#!/bin/bash
# SPDX-License-Identifier: MIT
# The same tree gives the same bytes, stored once; a change is seen and named.
. "$(dirname "$0")/lib.sh"
make_app "$app"
sqlite3 "$app/instance/app.db" 'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE' >/dev/null
expect 0 "first backup" backup --category daily
first=$(newest)
expect 0 "second backup of the same" backup --category daily
second=$(newest)
check "it is another backup" test "$first" != "$second"
same_inode() { test "$(stat -c %i "$1")" = "$(stat -c %i "$2")"; }
archive() { artifact "codebase_$1.tar.gz" "$1"; }
index() { artifact "codebase_$1.index.jsonl.gz" "$1"; }
check "the archives have the same bytes" cmp "$(archive "$first")" "$(archive "$second")"
check "the archive is a hard link" same_inode "$(archive "$first")" "$(archive "$second")"
check "the index has the same bytes" cmp "$(index "$first")" "$(index "$second")"

expect 0 "the same in another category" backup --category weekly
check "it is a hard link, too" same_inode "$(archive "$first")" "$(archive "$(newest)")"

touch -d '2020-02-02 02:02:02' "$app/src/main.py"
expect 0 "a time was changed" backup --category daily
check_fails "the archive has other bytes" cmp -s "$(archive "$second")" "$(archive "$(newest)")"

before=$(newest)
echo 'print("changed")' >>"$app/src/main.py"
echo new >"$app/src/new.txt"
rm "$app/src/deep/notes.txt"
sqlite3 "$app/instance/app.db" "INSERT INTO entry (title, body) VALUES ('a', 'b')"
expect 0 "content was changed" backup --category daily
after=$(newest)
expect 0 "diff" diff "$before" "$after"
said "diff names the changed file" 'changed.*src/main\.py'
said "diff names the added file" 'added.*src/new\.txt'
said "diff names the removed file" 'removed.*src/deep/notes\.txt'
said "diff names the changed table" 'entry'
check_fails "diff is silent about the rest" grep -E 'big\.txt|tag' "$out"
expect 0 "diff of a backup with itself" diff "$after" "$after"
check_fails "has no rows" grep -E 'src/|entry' "$out"

expect 0 "all of them verify" verify
printf '{ "databases": ["sqlite:///instance/app.db"], "jobs": 1 }\n' >"$app/jbackup.json"
expect 0 "with one worker" backup
one=$(newest)
printf '{ "databases": ["sqlite:///instance/app.db"], "jobs": 5 }\n' >"$app/jbackup.json"
expect 0 "with five" backup
five=$(newest)
members() { tar -xzOf "$(archive "$1")" --exclude jbackup.json | sha256sum; }
check "the content is the same" test "$(members "$one")" = "$(members "$five")"
touch -r "$app/src/big.txt" "$app/jbackup.json"
expect 0 "with five, the time set" backup
five=$(newest)
printf '{ "databases": ["sqlite:///instance/app.db"], "jobs": 2 }\n' >"$app/jbackup.json"
touch -r "$app/src/big.txt" "$app/jbackup.json"
expect 0 "with two" backup
sizes() { stat -c %s "$(archive "$1")"; }
check "the cuts don't depend on the number of workers" \
    test $(($(sizes "$five") - $(sizes "$(newest)"))) -ge -3 -a $(($(sizes "$five") - $(sizes "$(newest)"))) -le 3
done_testing
