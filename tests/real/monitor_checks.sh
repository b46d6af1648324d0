#!/bin/bash
# SPDX-License-Identifier: MIT
# jbackup-monitor check, where what it looks at is really broken: PostgreSQL stopped, its password
# changed, a table closed to the backup, no pg_dump that fits; a stored byte flipped; a disk filled; a
# restore killed; a timer stopped. Each time it finds just that, at its level, with its exit status.
. "$(dirname "$0")/failing.sh"
monitor=$build/tools/jbackup-monitor restore=$build/tools/jbackup-restore
[[ -x $monitor ]] || { echo "Bail out! no $monitor"; exit 1; }
unset MAIL_SERVER NOTIFY_SOCKET

# look CHECK: what it finds in $out; its status in $status.
look() {
    "${inside[@]}" "$monitor" --project "$app" --json check --check "$1" >"$out" 2>"$err" </dev/null
    status=$?
    grep -q -e s3cret -e r-s3 "$out" "$err" && fail "no password is told"
}
inside=()
# worst: "LEVEL: SUBJECT: MESSAGE (HINT)" of each finding, worst first.
findings() {
    python3 - "$out" <<'END_PYTHON'
import json, sys
levels = ["CRITICAL", "ERROR", "WARNING", "INFO"]
found = json.load(open(sys.argv[1]))["findings"]
for one in sorted(found, key=lambda one: levels.index(one["level"])):
    print(f'{one["level"]}: {one["subject"]}: {one["message"]} ({one["hint"]})')
END_PYTHON
}
# finds NAME CHECK LEVEL SUBJECT PATTERN: the worst finding, and the exit status.
finds() {
    local want=0
    [[ $3 == ERROR || $3 == CRITICAL ]] && want=1
    look "$2"
    if [[ $status -eq $want ]] && findings | head -n 1 | grep -Eq "^$3: $2: $4: .*$5"; then
        pass "$1"
    else
        say "status $status"
        say "$(findings)"
        show_output
        fail "$1"
    fi
}
well() { # NAME CHECK
    look "$2"
    if [[ $status -eq 0 ]] && ! findings | grep -Eq '^(WARNING|ERROR|CRITICAL)'; then
        pass "$1"
    else
        say "$(findings)"
        fail "$1"
    fi
}

# ---- PostgreSQL ----
serve
sql postgres "CREATE ROLE reader LOGIN PASSWORD 'r-s3cret'" &&
    sql postgres "CREATE DATABASE journal OWNER reader"
sql journal "CREATE TABLE note (id int); INSERT INTO note SELECT generate_series(1, 5000);
    ALTER TABLE note OWNER TO reader"
use "$(url reader r-s3cret journal)"
chmod 600 "$app/jbackup.json"
expect 0 "a backup" backup
"$monitor" --project "$app" config --set min_backup_size_mb=0 >/dev/null
"$monitor" --project "$app" config --set services=false >/dev/null
well "the database answers" database
well "a pg_dump fits it" versions
sql journal "CREATE TABLE hidden (id int)"
finds "a table that the backup may not read" database ERROR 'postgresql://.*' 'may not read.*GRANT'
sql journal "DROP TABLE hidden"
sql postgres "ALTER ROLE reader PASSWORD 'another'"
finds "a password that was changed" database CRITICAL journal 'does not answer.*password'
sql postgres "ALTER ROLE reader PASSWORD 'r-s3cret'"
well "and changed back" database
pg_stop "$pg"
finds "a server that is down" database CRITICAL journal 'does not answer'
well "of which the version is remembered" versions
pg_start "$pg" || { echo "Bail out! no server"; exit 1; }
well "and is up again" database
if unshare --mount true 2>/dev/null; then
    mkdir "$scratch/old"
    printf '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.1"\n' >"$scratch/old/pg_dump"
    cp "$scratch/old/pg_dump" "$scratch/old/pg_restore"
    chmod +x "$scratch"/old/*
    # shellcheck disable=SC2016
    inside=(unshare --mount --propagation private sh -c 'for folder in /usr/lib/postgresql /usr/pgsql-*; do
        [ ! -d "$folder" ] || mount -t tmpfs tmpfs "$folder"; done; PATH=$1; shift; exec "$@"'
        hide "$scratch/old")
    finds "a pg_dump that is older than the server" versions ERROR journal 'next backup.*9\.6\.1.*install'
    rm -r "$scratch/old"
    finds "no pg_dump at all" versions ERROR journal 'no pg_dump.*install'
    inside=()
else
    skip "a pg_dump that is older than the server" "nothing can be mounted here"
fi

# ---- An empty dump ----
sql journal "DELETE FROM note"
expect 0 "a backup of an empty database" backup
finds "a dump of no rows" size ERROR journal 'holds no row'
# Other rows than before, or the new dump would be a link to the old one.
sql journal "INSERT INTO note SELECT generate_series(1, 5001)"
expect 0 "a backup with rows" backup
well "rows are back" size

# ---- A flipped byte ----
dump=$(find "$app/backups" -name 'postgresql_journal.dump' | sort | tail -n 1)
well "stored files" integrity
printf 'XXXX' | dd of="$dump" bs=1 seek=2000 conv=notrunc 2>/dev/null
well "what was read is not read again at once" integrity
rm "$app"/backups/*/proof_*.json
finds "a damaged dump" integrity CRITICAL "$(newest)" "postgresql_journal\\.dump.*checksum.*verify"
expect 0 "another backup" backup
finds "is no longer the newest" integrity ERROR '[0-9_]+' 'postgresql_journal\.dump'
damaged=$(findings | head -n 1 | cut -d: -f3 | tr -d ' ')
expect 0 "it is removed" remove "$damaged"
well "and all is well" integrity

# ---- A restore that is killed ----
if strace -qq -o /dev/null true 2>/dev/null; then
    (ASAN_OPTIONS=detect_leaks=0 strace -qq -f -o /dev/null -e trace=renameat2,renameat,rename \
        -e inject=renameat2,renameat,rename:signal=KILL:when=5 "$restore" --project "$app" restore \
        "$(newest)" --type codebase --confirm >/dev/null 2>&1)
    finds "a restore that was killed" restore CRITICAL 'open restore' 'nobody is at it.*jbackup-restore recover'
    "$restore" --project "$app" recover >/dev/null 2>&1
    well "and recovered" restore
else
    skip "a restore that was killed" "tracing is not allowed here"
fi

# ---- A disk ----
disk=$scratch/disk
mkdir "$disk"
if mount -t tmpfs -o size=20m,nr_inodes=400,mode=0700 tmpfs "$disk" 2>/dev/null; then
    ending() { umount "$disk"; }
    cp -a "$app/backups" "$disk/backups"
    sed -i "s|\"databases\"|\"backup_dir\": \"$disk/backups\", \"databases\"|" "$app/jbackup.json"
    well "a disk with room" disk
    head -c 18200000 /dev/zero >"$disk/filler"
    finds "a disk that is filling" disk WARNING space '% full.*cleanup'
    head -c 20000000 /dev/zero >"$disk/filler" 2>/dev/null
    finds "a disk that is nearly full" disk ERROR space '% full.*cleanup'
    head -c 30000000 /dev/zero >"$disk/filler" 2>/dev/null
    finds "a disk without room for a backup" disk CRITICAL space 'no room for the next one'
    "$monitor" --project "$app" --json check --check disk --alert >"$out" 2>"$err"
    check "what is found there is handed over, also where no alert can be kept" \
        grep -q 'no room for the next one' "$out"
    rm "$disk/filler"
    well "a disk with room again" disk
    mkdir "$disk/many"
    for number in $(seq 300); do : >"$disk/many/$number"; done
    finds "a disk that runs out of inodes" disk WARNING inodes 'inodes in use'
    rm -r "$disk/many" "$disk/backups"
    finds "a disk that is not mounted" freshness CRITICAL repository 'no repository'
else
    skip "a disk that is filling" "mounting is not allowed here"
fi
done_testing
