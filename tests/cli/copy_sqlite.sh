#!/bin/bash
# SPDX-License-Identifier: MIT
# Pieces of a SQLite copy that the newest backup has, too, are taken from there; whatever is wrong
# with that one, the new copy is the one that --reread gives.
. "$(dirname "$0")/lib.sh"
mkdir -p "$app/instance"
settings() { printf '{"name": "copy", "databases": ["sqlite:///instance/app.db"], "jobs": 2, "compression": "%s"}\n' "$1" >"$app/jbackup.json"; }
settings balanced
python3 - "$app/instance/app.db" <<'END_PYTHON'
import random, sqlite3, sys
dice = random.Random(7)
db = sqlite3.connect(sys.argv[1])
db.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, body TEXT)")
db.executemany("INSERT INTO entry (body) VALUES (?)",
               [(" ".join(str(dice.randrange(10**6)) for _ in range(150)),) for _ in range(5000)])
db.commit()
END_PYTHON
sql() { sqlite3 "$app/instance/app.db" "$1"; }
copy() { artifact 'sqlite_*.db.gz' "$(newest)"; }
copied() { grep -o '"copied_bytes": [0-9]*' "$out" | head -n 1 | cut -d' ' -f2; }

# as_packed NAME [OPTION...]: backs up, and compares the copy with that of a fresh repository.
as_packed() {
    local name=$1
    shift
    expect 0 "$name" --json backup --db-only "$@"
    rm -rf "$scratch/fresh"
    "$jbackup" --project "$app" --backup-dir "$scratch/fresh" --quiet backup --db-only --reread
    check "$name: the copy is that of --reread" cmp "$(copy)" "$(find "$scratch/fresh" -name 'sqlite_*.db.gz')"
}
all_packed() { check "$1: nothing was copied" test "$(copied)" -eq 0; }
some_copied() { check "$1: pieces were copied" test "$(copied)" -gt 500000; }

as_packed "the first backup" --category daily
all_packed "the first backup"
keep_whole
sql "UPDATE entry SET body = 'changed' WHERE id = 2500"
as_packed "a row was changed" --category weekly
some_copied "one changed"
sql "INSERT INTO entry (body) SELECT body FROM entry LIMIT 700"
as_packed "it has grown, monthly" --category monthly
some_copied "grown"
sql 'DELETE FROM entry WHERE id > 4000; VACUUM'
as_packed "it has shrunk" --category daily
expect 0 "--reread" --json backup --db-only --reread
all_packed "--reread"
as_packed "unchanged" --category daily
check "all was copied" test "$(copied)" -eq "$(stat -c %s "$(copy)")"
expect 0 "all of them verify" verify
keep_whole

size=$(stat -c %s "$(copy)")
for offset in 17 4000 $((size / 2)); do
    whole
    flip "$(copy)" "$offset"
    as_packed "a flipped byte at $offset" --category daily
    said "offset $offset: it is said" 'it is damaged: what is damaged was not copied'
    expect 0 "offset $offset: the backup is right" verify --latest
done
whole
flip "$(copy)" 4000
expect 1 "a verification finds a flipped byte" verify --latest
flip "$(copy)" 4000
as_packed "after that, though it is whole again" --category daily
all_packed "found broken"
whole
rm "$(copy)"
as_packed "the copy was removed" --category daily
said "that is said" 'nothing was copied from it'
whole
settings best
as_packed "another compression" --category daily
all_packed "another compression"
done_testing
