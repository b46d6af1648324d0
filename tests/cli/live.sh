#!/bin/bash
# SPDX-License-Identifier: MIT
# Databases in use: 50 backups in a row under a writer that commits all the time, each of them
# consistent; and databases of every kind.
#
# JB_LIVE: how many backups (default 50)
. "$(dirname "$0")/lib.sh"
runs=${JB_LIVE:-50}
cp -r "$here/../../examples/journal" "$app"
rm -rf "$app/instance" "$app/.env"
check "the journal is seeded" python3 "$app/journal.py" seed --entries 2000

for mode in WAL DELETE; do
    rounds=$runs
    [[ $mode == DELETE ]] && rounds=$((runs / 5))
    sqlite3 "$app/instance/journal.db" "PRAGMA journal_mode = $mode" >/dev/null
    [[ $mode == DELETE ]] && sed -i 's/journal_mode = WAL/journal_mode = DELETE/' "$app/store.py"
    python3 "$app/journal.py" write --per-second 200 >"$scratch/writer" 2>&1 &
    writer=$!
    sleep 0.5
    bad=0
    for _ in $(seq "$rounds"); do
        jb --quiet backup --db-only || { show_output; bad=$((bad + 1)); }
    done
    check "$mode: backups under the writer" test $bad -eq 0
    kill $writer
    wait $writer
    check "$mode: the writer was not disturbed" test $? -eq 0
    say "$(cat "$scratch/writer")"
    longest=$(sed -nE 's/.*wait was ([0-9]+) ms.*/\1/p' "$scratch/writer")
    check "$mode: the writer never waited for longer than 2 seconds" test "${longest:-99999}" -lt 2000
done
expect 0 "all verify" verify
expect 0 "list" list
check "all are listed" test "$(wc -l <"$out")" -eq $((runs + runs / 5))
inconsistent=0
for copy in "$app"/backups/*/db_*/sqlite_journal.db.gz; do
    gunzip -c "$copy" >"$scratch/copy.db"
    answer=$(sqlite3 "$scratch/copy.db" 'PRAGMA integrity_check; PRAGMA foreign_key_check;
        SELECT count(*) - (SELECT count(*) FROM entry_search) FROM entry')
    [[ $answer == $'ok\n0' ]] || { say "$copy: $answer"; inconsistent=$((inconsistent + 1)); }
done
check "every copy is consistent for sqlite3" test $inconsistent -eq 0
check_fails "the copies differ, for the writer wrote" cmp -s "$scratch/copy.db" \
    <(gunzip -c "$(find "$app/backups" -name 'sqlite_journal.db.gz' | sort | head -n 1)")

# Every kind of table, odd names.
mkdir -p "$scratch/odd/data"
odd="$scratch/odd/data/odd 'name' ä.db"
sqlite3 "$odd" <<'END'
CREATE TABLE "we""ird [name]" ("a b" INTEGER PRIMARY KEY, "c""d" BLOB);
INSERT INTO "we""ird [name]" VALUES (1, x'00ff'), (-5, NULL), (3, 'text'), (4, 1.5), (5, 9e999);
CREATE TABLE wr (k TEXT, n INT, PRIMARY KEY (n DESC, k)) WITHOUT ROWID;
INSERT INTO wr VALUES ('a', 1), ('b', 2);
CREATE TABLE gen (a INT, b INT GENERATED ALWAYS AS (a * 2) STORED, c INT AS (a + 1) VIRTUAL);
INSERT INTO gen (a) VALUES (1), (2);
CREATE TABLE none (a);
CREATE VIEW v AS SELECT * FROM gen;
CREATE VIRTUAL TABLE f USING fts5(x);
INSERT INTO f VALUES ('words to find');
CREATE TABLE seq (id INTEGER PRIMARY KEY AUTOINCREMENT, "_rowid_" TEXT, rowid TEXT, oid TEXT);
INSERT INTO seq ("_rowid_", rowid, oid) VALUES ('x', 'y', 'z');
CREATE TABLE "ünï" ("col,umn" TEXT COLLATE NOCASE, UNIQUE ("col,umn"));
INSERT INTO "ünï" VALUES ('Ä');
END
python3 - "$scratch/odd" "$odd" <<'END'
import json, sys
json.dump({"databases": ["sqlite:///" + "data/" + sys.argv[2].rsplit("/", 1)[1]]},
          open(sys.argv[1] + "/jbackup.json", "w"))
END
app=$scratch/odd
expect 0 "a database of odd names" backup
expect 0 "verifies" verify
expect 0 "restores" restore --timestamp "$(newest)" --to "$scratch/restored"
copy=$(find "$scratch/restored" -name '*.db' -type f | head -n 1)
copy=${copy:-/nowhere}
check "equal in all its rows" diff <(sqlite3 "$odd" .dump) <(sqlite3 "$copy" .dump)
done_testing
