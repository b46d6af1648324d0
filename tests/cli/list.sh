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
check "no proof yet: the last two fields" \
    test "$(awk -F'|' 'NF == 11 && $10 == "unchecked" && $11 == ""' "$out" | wc -l)" -eq 4
expect 0 "list --size" list --size
check "one line each, too" test "$(wc -l <"$out")" -eq 4
# prove TS RESULT TIME: a proof as jbackup would keep it.
prove() {
    python3 - "$app/backups" "$@" <<'END'
import glob, json, os, re, sys
folder, timestamp, result, at = sys.argv[1:]
manifest = glob.glob(f"{folder}/*/manifest_{timestamp}.json")[0]
sha256 = re.search(r'"manifest_sha256": "([0-9a-f]{64})"', open(manifest).read()).group(1)
proof = {"at": at, "depth": "restore", "result": result, "sample": 100, "host": "host1",
         "tool": "jbackup 0.1.0", "duration_s": 1.5, "look_s": 0.5, "restore_s": 0.25,
         "files": 3, "tables": 2, "bytes_read": 12000, "bytes_decoded": 24000, "bytes_restored": 34000, "findings": []}
name = manifest.replace("manifest_", "proof_")
with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
    json.dump({"timestamp": timestamp, "manifest_sha256": sha256, "manifest_digest": "0" * 64,
               "proofs": [proof]}, out)
END
}
on_terminal() { TERM=dumb script -qec "'$jbackup' --project '$app' $*" /dev/null </dev/null >"$out" 2>"$err"; }
proved=$(newest)
prove "$proved" equal "$(date -d '3 days ago' +%Y-%m-%dT%H:%M:%S%:z)"
expect 0 "list after a proof" list
check "its state and time are the last two fields" \
    grep -qE "^$proved\\|.*\\|proved\\|$(date -d '3 days ago' +%Y-%m-%d)T[0-9:+]*\$" "$out"
expect 0 "show after a proof" show "$proved"
said "show has the state" '^proof +proved 3 days ago$'
said "show has the proof" '\|restore\|equal\|100 %\|3\|2\|12.0 kB\|34.0 kB\|1.5 s\|0\|jbackup 0.1.0\|host1$'
if command -v script >/dev/null; then
    on_terminal list
    said "a terminal gets its age" "$proved.* proved 3 days ago"
    said "under a header" 'TIMESTAMP.*LABEL +\| PROOF'
else
    skip "a terminal gets its age" "script is not installed"
fi
prove "$proved" different "$(date +%Y-%m-%dT%H:%M:%S%:z)"
expect 0 "show of a broken one" show "$proved"
said "show says so" '^proof +broken, found [0-9]+ seconds? ago$'
echo '{' >"$(artifact "proof_*.json" "$proved")"
expect 0 "damaged proofs are no failure" list
said "but told" "WARNING.*proof_$proved"
rm "$(artifact "proof_*.json" "$proved")"
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
prove "$oldest" equal 2024-07-08T14:30:22+02:00
expect 0 "remove" remove "$oldest"
check "nothing of it is left" test -z "$(find "$app/backups" -name "*$oldest*")"
expect 0 "list" list
check "the others are there" test "$(wc -l <"$out")" -eq 3
expect 0 "verify" verify

# aged TS YYYYMMDD: makes a daily backup one of long ago, digests and all.
aged() {
    python3 - "$app/backups/daily" "$1" "$2_120000" <<'END'
import hashlib, os, re, sys
folder, old, new = sys.argv[1:]
for name in os.listdir(folder):
    if old in name:
        os.rename(f"{folder}/{name}", f"{folder}/{name.replace(old, new)}")
sha = lambda path: hashlib.sha256(open(path, "rb").read()).hexdigest()
checksums, manifest = f"{folder}/checksums_{new}.sha256", f"{folder}/manifest_{new}.json"
before = sha(checksums)
text = open(checksums).read().replace(old, new)
open(checksums, "w").write(text)
text = open(manifest).read().replace(old, new).replace(before, sha(checksums))
day = f"{new[:4]}-{new[4:6]}-{new[6:8]}T12:00:00"
text = re.sub(r'("created_at": ")[-0-9T:]+', lambda found: found.group(1) + day, text)
end = text.rindex("\n", 0, text.index("manifest_sha256")) + 1
body, last = text[:end], text[end:]
last = re.sub(r"[0-9a-f]{64}", hashlib.sha256(body.encode()).hexdigest(), last)
open(manifest, "w").write(body + last)
END
}
jb list
stale=$(cut -d'|' -f1,2 "$out" | grep '|daily' | tail -n 1 | cut -d'|' -f1)
newest_code=$(grep '|full|' "$out" | head -n 1 | cut -d'|' -f1)
aged "$stale" 20210303
echo mine >"$app/backups/daily/mine_20210303_120000.txt"
chmod 600 "$app/backups/daily/mine_20210303_120000.txt"
expect 0 "an old backup verifies" verify --timestamp 20210303_120000
fingerprint "$app" >"$scratch/before"
expect 0 "cleanup --dry-run names it" cleanup --dry-run
said "it would be removed" '^20210303_120000.*remove'
check "a dry run changes nothing" diff "$scratch/before" <(fingerprint "$app")
expect 0 "pin it" pin 20210303_120000
expect 0 "cleanup" cleanup
said "a pinned one is kept" '^20210303_120000.*kept'
expect 0 "unpin it" unpin 20210303_120000
expect 0 "cleanup" cleanup
said "each has a reason" "^$newest_code.*kept.*|[a-z]"
expect 0 "list" list
check_fails "the old one is gone" grep 20210303 "$out"
check "the newest of each component is there" grep -q "^$newest_code" "$out"
check "a file of another's is there" test -s "$app/backups/daily/mine_20210303_120000.txt"
check "nothing else of it is" test "$(find "$app/backups" -name '*20210303*' | wc -l)" -eq 1
expect 0 "verify" verify
third=$newest_code

expect 0 "restore of one file" restore --timestamp "$third" --path src/number.txt --to "$scratch/one"
check "it is the file" test "$(find "$scratch/one" -name number.txt -exec cat {} +)" = 3
check "and only the file" test "$(find "$scratch/one" -type f | wc -l)" -eq 1
expect 0 "restore of everything" restore --timestamp "$third" --to "$scratch/all"
check "its database is there" test "$(find "$scratch/all" -name 'app.db' -exec sqlite3 {} \
    'SELECT count(*) FROM entry' \;)" = 200
expect 0 "restore of the databases alone" restore --timestamp "$third" --type database --to "$scratch/db"
check "it is there, and nothing else" test "$(find "$scratch/db" -type f | wc -l)" -eq 1

"$jbackup" --help >"$out" 2>"$err"
check "--help: status 0, on standard output" test $? -eq 0 -a -s "$out" -a ! -s "$err"
check "--help is at most 100 columns wide" test -z "$(awk 'length > 100' "$out")"
"$jbackup" --version >"$out" 2>"$err"
check "--version" grep -qE '^jbackup [0-9]+\.[0-9]+\.[0-9]+' "$out"
check_fails "standard output that can't be written is an error" \
    bash -c '"$0" --project "$1" list >/dev/full' "$jbackup" "$app"

find "$app/backups" -type f ! -name 'mine*' ! -perm 600 >"$scratch/lax"
find "$app/backups" -type d ! -perm 700 >>"$scratch/lax"
check "folders are 0700 and files 0600" test ! -s "$scratch/lax"
chmod 755 "$app/backups"
jb list
said "a laxer mode is reported with the remedy" 'chmod'
done_testing
