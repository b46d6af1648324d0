#!/bin/bash
# SPDX-License-Identifier: MIT
# What users get wrong: the message says what to do, the status is that of the design, and nothing
# has changed.
. "$(dirname "$0")/lib.sh"
make_app "$app"
expect 0 "a first backup" backup
timestamp=$(newest)
fingerprint "$app" >"$scratch/before"
unchanged() { check "$1: nothing has changed" diff "$scratch/before" <(fingerprint "$app"); }

# mistake STATUS NAME PATTERN ARGUMENT...: PATTERN must be in the messages; stdout stays empty.
mistake() {
    local status=$1 name=$2 pattern=$3
    shift 3
    expect "$status" "$name" "$@"
    said "$name: the message" "$pattern"
    check "$name: nothing on standard output" test ! -s "$out"
    unchanged "$name"
}
mistake 2 "an unknown option" '--bogus' backup --bogus
mistake 2 "an unknown verb" 'bakcup' bakcup
mistake 2 "a known verb, misspelt, gets a suggestion" 'backup' bakcup
mistake 2 "an option without its value" '--label' backup --label
mistake 2 "an unknown category" 'daily.*weekly.*monthly' backup --category hourly
mistake 2 "options that contradict each other" 'code-only' backup --db-only --code-only
mistake 2 "an argument too many" 'extra' list extra
mistake 2 "no timestamp" '[Tt]imestamp|TS' remove
mistake 2 "a timestamp that is none" 'timestamp' verify --timestamp yesterday
mistake 2 "a date that does not exist" 'timestamp' remove 20240231_120000
mistake 2 "a backup that does not exist" "$timestamp|jbackup list" verify --timestamp 20200101_000000
mistake 2 "removing a backup that does not exist" "$timestamp|jbackup list" remove 20200101_000000
mistake 2 "restore without a place" '--to' restore --timestamp "$timestamp"
mistake 2 "a wait that is no number" '--wait' backup --wait soon
mistake 2 "an unknown depth" 'content.*bytes.*restore|bytes.*content.*restore' verify --depth deep
mistake 2 "a depth without its value" '--depth' verify --depth
for sample in 0 101 -5 half 5%% 5x 99999999999999999999; do
    mistake 2 "a sample of \"$sample\"" '1 to 100' verify --sample="$sample"
done
mistake 2 "an empty sample" '--sample' verify --sample=
mistake 2 "a sample at another depth" 'depth content' verify --sample 50 --depth restore
mistake 2 "one backup and the latest" 'not both' verify --latest "$timestamp"

mkdir "$scratch/full"
echo precious >"$scratch/full/file"
expect 2 "restore into a folder that is not empty" restore --timestamp "$timestamp" --to "$scratch/full"
said "restore into a folder that is not empty: the message" 'not empty'
check "what lay there is still there" grep -q precious "$scratch/full/file"

# No project.
mkdir "$scratch/nothing"
(cd "$scratch/nothing" && "$jbackup" backup >"$out" 2>"$err")
check "no project: status 2" test $? -eq 2
said "no project: the message says what to do" '[Hh]int:'
check "no project: nothing was made" test -z "$(ls -A "$scratch/nothing")"
"$jbackup" --project "$scratch/absent" backup >"$out" 2>"$err"
check "a project folder that does not exist: status 2" test $? -eq 2
said "a project folder that does not exist: the message names it" "$scratch/absent"
check "it was not made" test ! -e "$scratch/absent"

# Mistakes in jbackup.json: file, line and key are named.
configured() { # NAME PATTERN JSON
    printf '%s\n' "$3" >"$app/jbackup.json"
    expect 2 "jbackup.json: $1" backup
    said "jbackup.json: $1: the message" "$2"
    said "jbackup.json: $1: the file is named" 'jbackup\.json'
    rm "$app/jbackup.json"
    unchanged "jbackup.json: $1"
}
configured "a typo in a key" 'exclud' $'{ "root": ".",\n  "databases": [],\n  "exclud": ["*.log"] }'
configured "the line of the typo" '(:|line )3' $'{ "root": ".",\n  "databases": [],\n  "exclud": ["*.log"] }'
configured "a typo further down" 'dayly_days' '{ "databases": [], "retention": {"dayly_days": 7} }'
configured "a wrong type" 'exclude' '{ "databases": [], "exclude": 7 }'
configured "an impossible value" 'daily_days' '{ "databases": [], "retention": {"daily_days": -1} }'
configured "an unknown compression" 'fast.*balanced.*best' '{ "databases": [], "compression": "tiny" }'
configured "no JSON" '(:|line )2' $'{ "databases": [],\n  oops }'
configured "a key given twice" 'name' '{ "name": "a", "databases": [], "name": "b" }'
configured "a database of an unknown kind" 'postgresql://' '{ "databases": ["mysql://x/y"] }'

# Databases.
saved=$scratch/saved.db
sqlite3 "$app/instance/app.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
cp -p "$app/instance/app.db" "$saved"
database() { # STATUS NAME PATTERN
    local status=$1
    shift
    fingerprint "$app" >"$scratch/before"
    expect "$status" "$1: status $status" backup --db-only
    said "$1: the message" "$2"
    said "$1: the file is named" 'instance/app\.db'
    unchanged "$1"
}
rm "$app/instance/app.db"
database 2 "a missing database" 'no |not |absent|missing'
check "it was not created" test ! -e "$app/instance/app.db"
: >"$app/instance/app.db"
database 3 "an empty database file" 'empty'
head -c 50000 /dev/urandom >"$app/instance/app.db"
database 3 "a file that is no database" 'not a (SQLite )?database'
cp "$saved" "$app/instance/app.db"
printf '\377%.0s' {1..4096} | dd of="$app/instance/app.db" bs=1 seek=8192 conv=notrunc status=none
database 3 "a corrupt database" 'corrupt|malformed|damaged|integrity'
cp -p "$saved" "$app/instance/app.db"
expect 0 "the database is whole again" backup --db-only

# Rights: only another user than root can be refused.
if [[ $(id -u) -eq 0 ]] && command -v setpriv >/dev/null; then
    user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    chmod 755 "$scratch"
    theirs=$scratch/theirs
    app=$theirs make_app "$theirs"
    mkdir "$theirs/src/closed"
    echo secret >"$theirs/src/closed/file"
    chown -R 65534:65534 "$theirs"
    chown 0:0 "$theirs/src/closed"
    chmod 700 "$theirs/src/closed"
    cp "$jbackup" "$scratch/jbackup-copy" && tool=$scratch/jbackup-copy
    library=$(cd "$build/libjbackup" && pwd)
    mkdir "$scratch/lib"
    find "$library" -maxdepth 1 -name 'libjbackup.so*' ! -type d -exec cp -P {} "$scratch/lib/" \;
    chmod -R a+rX "$scratch/lib" "$tool"
    theirs_jb() {
        env LD_LIBRARY_PATH="$scratch/lib" "${user[@]}" "$tool" --project "$theirs" "$@" >"$out" 2>"$err"
    }
    theirs_jb backup
    status=$?
    said "an unreadable folder is named" 'src/closed'
    check "an unreadable folder: the status is 0 (a warning) or 1" test $status -le 1
    theirs_jb list
    check "the rest of the tree was backed up" test "$(wc -l <"$out")" -eq 1
    chmod 500 "$theirs/backups" "$theirs/backups"/*/ "$theirs/backups/.jbackup"
    fingerprint "$theirs" >"$scratch/theirs-before"
    theirs_jb backup
    check "a read-only repository: status 3" test $? -eq 3
    said "a read-only repository: the message names it" "$theirs/backups"
    said "a read-only repository: the message says what to do" '[Hh]int:'
    check "a read-only repository: nothing has changed" \
        diff "$scratch/theirs-before" <(fingerprint "$theirs")
    theirs_jb verify --depth restore
    check "a read-only repository is verified, but for owners that only root can set: status 1" test $? -eq 1
    said "it says so" 'owners: not compared'
    check "and nothing else" test "$(grep -c '^ERROR' "$err")" -eq 1
    said "a read-only repository is verified: that the result is not kept" 'not kept'
    check "a read-only repository is verified: nothing has changed" \
        diff "$scratch/theirs-before" <(fingerprint "$theirs")
else
    skip "rights" "needs root to become another user"
fi
mkdir "$scratch/odd-url"
printf 'DATABASE_URL=postgresql://ann:s3%%zzcret@localhost/journal\n' >"$scratch/odd-url/.env"
app=$scratch/odd-url
expect 2 "a URL that can't be read" backup
said "the hint is of it" '^hint: .*%'
check_fails "no part of it is told" grep -q 's3' "$out" "$err"
done_testing
