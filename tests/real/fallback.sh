#!/bin/bash
# SPDX-License-Identifier: MIT
# A pg_dump whose version of the format is not known: the dump is stored as it made it, its tables
# digested by way of pg_restore, to the same digests. The programs are the real ones behind wrappers
# that call the format 1.17 and back.
. "$(dirname "$0")/lib.sh"
start_server
make_zoo
sql zoo -c "CREATE TABLE nasty AS SELECT n,
    repeat(chr(65 + n % 26), n * 100) || E'\n\\\\.\nCOPY x (y) FROM stdin;\n' AS t FROM generate_series(1, 2000) n"

wrappers=$scratch/wrappers
mkdir "$wrappers"
chmod 755 "$wrappers"
# minor NUMBER: standard input with another version in the header, 1.NUMBER
cat >"$wrappers/minor" <<'WRAPPER'
#!/bin/bash
dd bs=1 count=6 status=none
printf "\\x$(printf %x "$1")"
dd bs=1 count=1 status=none >/dev/null
exec cat
WRAPPER
cat >"$wrappers/pg_dump" <<WRAPPER
#!/bin/bash
set -o pipefail
[[ \$1 == --version ]] && { echo "pg_dump (PostgreSQL) \${FAKE_VERSION:-15.99} (of the future)"; exit; }
echo "\$*" >>"$scratch/asked"
"$pg_bin/pg_dump" "\$@" | "$wrappers/minor" 17
WRAPPER
cat >"$wrappers/pg_restore" <<WRAPPER
#!/bin/bash
set -o pipefail
"$wrappers/minor" 14 | "$pg_bin/pg_restore" "\$@"
WRAPPER
ln -s "$pg_bin/pg_dumpall" "$wrappers/pg_dumpall"
chmod 755 "$wrappers"/*

value() { compare value "$file" zoo "$@"; }
make_project "$app" '"plain_sql": "always", "compression": "balanced", ' "$(url zoo)"
expect 0 "an ordinary backup" backup --db-only
usual=$(manifest "$(newest)")
usual_sql=$(artifact postgresql_zoo.sql "$(newest)")
plain_path=$PATH
PATH=$wrappers:$PATH
expect 0 "a backup in an unknown format" backup --db-only
said "says so" 'WARNING.*pg_dump 15\.99 writes version 1\.17 of the dump format'
ts=$(newest)
file=$(manifest "$ts")
dump=$(artifact postgresql_zoo.dump "$ts")
check "the manifest, too" test "$(value recoded) $(value dump_format) $(value client_version)" = "false 1.17 15.99"
check "it is in that version" test "$(head -c 7 "$dump" | od -An -tx1 | tr -d ' ')" = 5047444d500111
check "it was compressed by pg_dump" test \
    "$(grep -oE -e '--compress=[0-9]+' "$scratch/asked" | tr '\n' ' ')" = "--compress=0 --compress=6 "
check "at the same snapshot" test \
    "$(grep -oE -e '--snapshot=[^ ]+' "$scratch/asked" | sort | uniq -c | awk '{ print $1 }')" = 2
check "smaller than its text" test "$(stat -c %s "$dump")" -lt $(($(stat -c %s "$usual_sql") / 2))
tables() { python3 -c 'import json, sys
for t in sorted((t["schema"], t["name"], t["columns"], t["rows"], t["sha256"])
                for t in json.load(open(sys.argv[1]))["backup_results"]["database"]["postgresql"]["tables"]):
    print(t)' "$1"; }
check "the tables have the digests of an ordinary backup" diff <(tables "$usual") <(tables "$file")
check "all of them" test "$(tables "$file" | wc -l)" -gt 50
without_restrict() { grep -aEv '^(\\(un)?restrict [0-9A-Za-z]+|-- Dumped by .*)$' "$1"; }
check "the text is that of an ordinary backup" \
    cmp <(without_restrict "$usual_sql") <(without_restrict "${dump%.dump}.sql")
expect 0 "it verifies" verify --timestamp "$ts"
said "with its tables" "$(tables "$file" | wc -l) tables"
expect 0 "show" show "$ts"
expect 0 "restore" restore --timestamp "$ts" --to "$scratch/restored" --database zoo
"$pg_bin/createdb" -T template0 copy
check "pg_restore of that version loads it" sh -c \
    '"$1/pg_restore" --single-transaction -d copy <"$2"' sh "$wrappers" "$scratch/restored/zoo.dump"
check "and it is equal" env PGDATABASE=copy python3 "$real/compare.py" server "$usual" zoo
expect 0 "diff with an ordinary one" diff "$(basename "$usual" .json | cut -c10-)" "$ts"
check "finds nothing that differs" test ! -s "$out"
said "and says that tables alone are compared" 'WARNING zoo: only its tables are compared'
for against in "$ts" "$(basename "$usual" .json | cut -c10-)"; do
    expect 0 "diff --live" diff "$against" --live
    said "compares the tables" '^NOT COMPARED in full .*nothing differs from .* [1-9][0-9]+ tables compared$'
    said "and says that it is these alone" 'WARNING zoo: only its tables are compared'
done

# ---- Damage ----
cp "$dump" "$scratch/good"
size=$(stat -c %s "$dump")
overlooked=0
for part in 1 2 3 4 5 6 7 8; do
    at=$((size * part / 9))
    printf '\xff\x00\xff\x00' | dd of="$dump" bs=1 seek=$at conv=notrunc status=none
    jb verify --timestamp "$ts"
    [[ $? -eq 1 ]] && grep -q 'ERROR.*postgresql_zoo\.dump' "$err" || { show_output; overlooked=$((overlooked + 1)); }
    cp "$scratch/good" "$dump"
done
check "damage is found" test $overlooked -eq 0
truncate -s $((size / 2)) "$dump"
expect 1 "so is a dump that is cut short" verify --timestamp "$ts"
cp "$scratch/good" "$dump"
expect 0 "mended, it is good" verify --timestamp "$ts"

# resealed FILE PYTHON: changes the manifest m, and its own digest.
resealed() {
    python3 - "$@" <<'PYTHON'
import hashlib, json, sys
m = json.load(open(sys.argv[1]))
d = m["backup_results"]["database"]["postgresql"]
exec(sys.argv[2])
del m["manifest_sha256"]
text = json.dumps(m, indent=2)[:-2] + ",\n"
text += '"manifest_sha256": "%s"}\n' % hashlib.sha256(text.encode()).hexdigest()
open(sys.argv[1], "w").write(text)
PYTHON
}
cp "$file" "$scratch/manifest"
resealed "$file" 'next(t for t in d["tables"] if t["name"] == "nasty")["rows"] += 1'
expect 1 "a table that is another one than recorded" verify --timestamp "$ts"
said "is named" 'public\.nasty".*2000 rows, 2001 were backed up'
cp "$scratch/manifest" "$file"

# ---- Without pg_restore ----
resealed "$file" 'd["client_version"] = "99.1"'
expect 1 "without a pg_restore of that version" verify --timestamp "$ts"
said "that is no damage" 'NOT COMPARED in full'
said "only the checksum is compared, which is no pass" 'ERROR.*only its checksum was compared.*PostgreSQL 99'
said "and a hint what to install" 'postgresql-client-99'
printf '\xff\x00' | dd of="$dump" bs=1 seek=$((size / 2)) conv=notrunc status=none
expect 1 "damage is found by the checksum" verify --timestamp "$ts"
cp "$scratch/good" "$dump"
cp "$scratch/manifest" "$file"

# ---- pg_dump and pg_restore that fail ----
published=$(newest)
sed -i 's/minor" 17$/minor" 17; exit 5/' "$wrappers/pg_dump"
expect 3 "a pg_dump of that version that fails" backup --db-only
check "publishes nothing" test "$(newest)" = "$published"
sed -i 's/; exit 5$//' "$wrappers/pg_dump"
sed -i 's/^"\(.*\)pg_restore" "\$@"/exit 6/; s/^.*minor" 14.*/exit 6/' "$wrappers/pg_restore"
expect 3 "a pg_restore of that version that fails" backup --db-only
check "publishes nothing, either" test "$(newest)" = "$published"
check "staging is empty" test -z "$(ls -A "$app/backups/.jbackup/staging" 2>/dev/null)"
PATH=$plain_path
expect 0 "an ordinary backup again" backup --db-only
said "in the known format" '[0-9]+ tables'
done_testing
