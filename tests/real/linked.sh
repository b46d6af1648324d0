#!/bin/bash
# SPDX-License-Identifier: MIT
# Dumps of an unchanged database are stored once, in whatever category; the manifest of each stays its
# own, and each restores to what it says. A change of data, owners or a sequence gives a new file.
. "$(dirname "$0")/lib.sh"
start_server
make_zoo
sql zoo -c 'CREATE SEQUENCE counted' \
    -c "CREATE FUNCTION guard() RETURNS text LANGUAGE sql AS E'SELECT ''\n\\\\\\\\unrestrict x\n'''"
make_project "$app" '"plain_sql": "always", ' "$(url zoo)"
dump() { artifact postgresql_zoo.dump "$1"; }
text() { artifact postgresql_zoo.sql "$1"; }
globals() { artifact 'postgresql_globals*.sql' "$1"; }
inode() { stat -c %i "$1"; }
linked() { # NAME: the newest two are one file, dump, text and globals
    for kind in dump text globals; do
        check "$1: one file, $kind" test "$(inode "$($kind "$one")")" = "$(inode "$($kind "$(newest)")")"
    done
}
apart() {
    check "$1: another dump" test "$(inode "$(dump "$one")")" != "$(inode "$(dump "$(newest)")")"
    one=$(newest)
}
expect 0 "the first" backup --db-only --category daily
one=$(newest)
cp "$(dump "$one")" "$scratch/first.dump"
sleep 1.1 # the time in the header has whole seconds
expect 0 "unchanged, weekly" backup --db-only --category weekly
said "it is told" 'zoo\.dump.*unchanged: a link'
linked "weekly"
weekly=$(newest)
snapshot() { grep -o '"snapshot_time": "[^"]*"' "$(manifest "$1")"; }
check "each manifest has its own snapshot" test "$(snapshot "$one")" != "$(snapshot "$weekly")"
expect 0 "unchanged, monthly" backup --db-only --category monthly
linked "monthly"
check "the file is as it was" cmp "$(dump "$(newest)")" "$scratch/first.dump"
expect 0 "all of them verify" verify
for ts in "$one" "$weekly"; do
    check "$ts: sha256sum agrees" bash -c 'cd "$1" && sha256sum --quiet -c checksums_*.sha256' _ \
        "$(dirname "$(manifest "$ts")")"
done
expect 0 "one that is linked is restored and compared" verify --latest --depth restore

expect 0 "removal frees next to nothing" --json remove "$weekly" --dry-run
freed=$(grep -o '"freed": [0-9]*' "$out" | cut -d' ' -f2)
check "as said" test "$freed" -lt 2000
expect 0 "removed" --json remove "$weekly"
check "as was said" test "$freed" = "$(grep -o '"freed": [0-9]*' "$out" | cut -d' ' -f2)"

sql zoo -c "SELECT nextval('counted')" >/dev/null
expect 0 "a sequence went on" backup --db-only --category daily
apart "sequence"
sql zoo -c 'ALTER SEQUENCE counted OWNER TO zoo_owner'
expect 0 "an owner is another" backup --db-only --category daily
apart "owner"
sql zoo -c 'GRANT SELECT ON SEQUENCE counted TO zoo_reader'
expect 0 "a right was given" backup --db-only --category daily
apart "grant"
sql zoo -c "COMMENT ON SEQUENCE counted IS 'one'"
expect 0 "a comment" backup --db-only --category daily
apart "comment"

flip "$(dump "$one")" 20 # in the time: the dump still reads
expect 0 "after the time in the older dump was damaged" backup --db-only --category daily
apart "damaged"
expect 0 "the newest is whole" verify --latest
done_testing
