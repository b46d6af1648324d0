#!/bin/bash
# SPDX-License-Identifier: MIT
# The verbs that look, keep and remove; --json of each is JSON.
. "$(dirname "$0")/lib.sh"
make_app "$app"
expect 0 "list before the first backup" list
check "is empty" test ! -s "$out"
for number in 1 2 3; do
    echo "$number" >"$app/src/number.txt"
    expect 0 "backup $number" backup --label "number $number"
done
expect 0 "a database backup" backup --db-only --category weekly

expect 0 "list" list
check "one line each" test "$(wc -l <"$out")" -eq 4
check "the timestamp first, fields separated by |" \
    test "$(grep -cE '^[0-9]{8}_[0-9]{6}\|' "$out")" -eq 4
check "newest first" diff <(cut -d'|' -f1 "$out") <(cut -d'|' -f1 "$out" | sort -r)
check "list | head -1 | cut names the newest" test "$(newest)" = "$(cut -d'|' -f1 "$out" | sort | tail -n 1)"
expect 0 "list --size" list --size
check "one line each, too" test "$(wc -l <"$out")" -eq 4
(set -o pipefail; "$jbackup" --project "$app" list 2>"$err" | head -n 0)
check "a closed pipe is no reason for words" test ! -s "$err"
is_json() { "$jbackup" --project "$app" "$@" --json | python3 -c 'import json, sys; json.load(sys.stdin)'; }
oldest=$("$jbackup" --project "$app" list | tail -n 1 | cut -d'|' -f1)
third=$("$jbackup" --project "$app" list | sed -n 2p | cut -d'|' -f1)

expect 0 "show" show "$oldest"
said "show has the label" 'number 1'
said "show has the tables" 'entry'
expect 0 "files" files "$oldest"
said "files has the files" 'src/deep/notes\.txt'
expect 0 "find" find number.txt
check "find has each version" test "$(grep -c 'src/number\.txt' "$out")" -eq 3
expect 0 "find with a pattern" find 'src/deep/*'
said "find has the match" 'notes\.txt'
expect 0 "stats" stats
expect 0 "cleanup --dry-run" cleanup --dry-run
check "names every backup" test "$(grep -oE '[0-9]{8}_[0-9]{6}' "$out" | sort -u | wc -l)" -eq 4
for verb in list "show $oldest" "files $oldest" "find number.txt" stats "cleanup --dry-run" verify \
    "diff $oldest $third"; do
    # shellcheck disable=SC2086
    check "$verb --json" is_json $verb
done

expect 0 "pin" pin "$oldest"
expect 2 "a pinned backup is not removed" remove "$oldest"
said "the message says how" 'unpin'
expect 0 "verify after pin" verify --timestamp "$oldest"
expect 0 "unpin" unpin "$oldest"
expect 0 "remove" remove "$oldest"
check "nothing of it is left" test -z "$(find "$app/backups" -name "*$oldest*")"
expect 0 "list" list
check "the others are there" test "$(wc -l <"$out")" -eq 3
expect 0 "verify" verify

echo mine >"$app/backups/daily/mine.txt"
printf '{ "databases": ["sqlite:///instance/app.db"], "retention": {"daily_days": 0, "weekly_weeks": 0, "monthly_months": 0, "keep_min": 0} }\n' >"$app/jbackup.json"
jb cleanup
status=$?
check "cleanup with nothing to keep: 0, or 2 if such a retention is refused" test $status -eq 0 -o $status -eq 2
expect 0 "list" list
check "the newest of each component is there" grep -q "^$third" "$out"
check "a file of another's is there" test -s "$app/backups/daily/mine.txt"
expect 0 "verify" verify

expect 0 "restore of one file" restore --timestamp "$third" --path src/number.txt --to "$scratch/one"
check "it is the file" test "$(find "$scratch/one" -name number.txt -exec cat {} +)" = 3
check "and only the file" test "$(find "$scratch/one" -type f | wc -l)" -eq 1
expect 0 "restore of everything" restore --timestamp "$third" --to "$scratch/all"
check "a database is there" test "$(find "$scratch/all" -path '*databases*' -type f -exec sqlite3 {} \
    'SELECT count(*) FROM entry' \;)" = 200

"$jbackup" --help >"$out" 2>"$err"
check "--help: status 0, on standard output" test $? -eq 0 -a -s "$out" -a ! -s "$err"
check "--help is at most 100 columns wide" test -z "$(awk 'length > 100' "$out")"
"$jbackup" --version >"$out" 2>"$err"
check "--version" grep -qE '^jbackup [0-9]+\.[0-9]+\.[0-9]+' "$out"
check_fails "standard output that can't be written is an error" \
    bash -c '"$0" --project "$1" list >/dev/full' "$jbackup" "$app"

find "$app/backups" -type f ! -name mine.txt ! -perm 600 >"$scratch/lax"
find "$app/backups" -type d ! -perm 700 >>"$scratch/lax"
check "folders are 0700 and files 0600" test ! -s "$scratch/lax"
chmod 755 "$app/backups"
jb list
said "a laxer mode is reported with the remedy" 'chmod'
done_testing
