#!/bin/bash
# SPDX-License-Identifier: MIT
# A project of several databases, PostgreSQL and SQLite, and code: one backup of all of it or none,
# and every verb knows each of them.
. "$(dirname "$0")/lib.sh"
start_server
make_app "$app"
odd='the "odd" = '\''one'\'' \ %20 ä'
sql postgres -c 'CREATE DATABASE journal TEMPLATE template0'
sql postgres -v odd="$odd" <<<'CREATE DATABASE :"odd" TEMPLATE template0;'
sql journal <<'SQL'
CREATE TABLE entry (id serial PRIMARY KEY, title text, body text);
INSERT INTO entry (title, body) SELECT 'title ' || n, repeat('text ' || n, n % 40) FROM generate_series(1, 3000) n;
CREATE TABLE tag (name text PRIMARY KEY);
SELECT lo_from_bytea(5, 'an object') \g /dev/null
SQL
sql "$odd" -c "CREATE TABLE entry AS SELECT 'the odd one' AS t"
[[ $(sql "$odd" -c 'SELECT current_database()') == "$odd" ]]
check "the databases are made" test $? -eq 0

# configure KEYS [URL...]: the project, with these databases besides the usual ones
configure() {
    local keys=$1
    shift
    make_project "$app" "$keys\"exclude\": [\"jbackup.json\"], " "$(url journal)" "$(url "$odd")" \
        sqlite:///instance/app.db "$@"
}
files_of() { find "$app/backups" -path '*/.jbackup' -prune -o -path "*$1*" -type f -printf '%f\n' | sort; }
odd_name=$(echo "$odd" | python3 -c 'import re, sys; print(re.sub(rb"[^A-Za-z0-9_-]", b"_",
    sys.stdin.buffer.read()[:-1]).decode())')
expected() {
    printf '%s\n' "checksums_$1.sha256" "codebase_$1.index.jsonl.gz" "codebase_$1.tar.gz" "manifest_$1.json" \
        "postgresql_$odd_name.dump" postgresql_globals.sql postgresql_journal.dump sqlite_app.db.gz "${@:2}" | sort
}

configure '"plain_sql": "never", '
expect 0 "all in one backup, without SQL" backup --category weekly
weekly=$(newest)
check "its files: a dump each, the globals once" diff <(expected "$weekly") <(files_of "$weekly")
configure '"plain_sql": "daily", '
expect 0 "SQL for daily ones" backup --category daily --label "with SQL"
daily=$(newest)
check "a daily one has it" diff \
    <(expected "$daily" postgresql_journal.sql "postgresql_$odd_name.sql") <(files_of "$daily")
expect 0 "and" backup --category monthly
check "a monthly one has not" diff <(expected "$(newest)") <(files_of "$(newest)")
configure '"plain_sql": "always", '
expect 0 "SQL always" backup --category monthly
monthly=$(newest)
check "a monthly one has it" diff \
    <(expected "$monthly" postgresql_journal.sql "postgresql_$odd_name.sql") <(files_of "$monthly")
check "sha256sum agrees" sh -c 'cd "$1" && sha256sum --quiet -c "checksums_$2.sha256"' sh "$app/backups/daily" "$daily"
expect 0 "all verify" verify
check "each with all its parts" test "$(grep -c 'good' "$out")" -ge 4
expect 0 "the databases alone" backup --db-only
check "without code" test -z "$(files_of "$(newest)" | grep codebase)"
expect 0 "the code alone" backup --code-only
check "without a database" test -z "$(files_of "$(newest)" | grep -E 'postgresql|sqlite')"
file=$(manifest "$daily")
check "the manifest holds of one what the server does" env PGDATABASE=journal \
    python3 "$real/compare.py" server "$file" journal
check "and of the other" env PGDATABASE="$odd" python3 "$real/compare.py" server "$file" "$odd_name"
check "and SQLite" test "$(compare value "$file" app type)" = sqlite
globals=$(artifact postgresql_globals.sql "$daily")
check "the globals have the roles, and no password" \
    sh -c 'grep -q "CREATE ROLE admin" "$1" && ! grep -qi "password" "$1"' sh "$globals"

# ---- Looking ----
expect 0 "list" list
check "six backups" test "$(wc -l <"$out")" -eq 6
said "with their label" "^$daily\|.*with SQL"
expect 0 "show" show "$daily"
for name in journal "$odd_name" app; do
    said "show has $name" "$name"
done
said "show has the tables" 'public.entry|entry'
expect 0 "find" find main.py
check "in all that hold the code" test "$(grep -c 'src/main\.py' "$out")" -eq 5
expect 0 "stats" stats
said "stats counts them" '6 backups|backups.*6'
sql journal -c "UPDATE entry SET title = 'changed' WHERE id = 77" -c "INSERT INTO tag VALUES ('new')"
sql "$odd" -c "ALTER TABLE entry ADD COLUMN more int"
sqlite3 "$app/instance/app.db" "DELETE FROM tag WHERE name = 'tag3'"
echo changed >"$app/src/main.py"
expect 0 "a backup after changes" backup
later=$(newest)
expect 0 "diff" diff "$daily" "$later"
said "a table whose content changed" 'changed\|content\|.*public\.entry in journal'
said "a table that has more rows" 'changed\|rows\|.*public\.tag in journal'
said "a table with another column" "changed\|.*public\.entry in $odd_name"
said "so another schema" "changed\|schema\|.*$odd_name"
said "a table of SQLite" 'changed\|rows\|.*tag in app'
said "a file" 'changed\|.*src/main\.py'
check "and nothing else" test "$(grep -vc '|time|' "$out")" -eq 6

# ---- Restoring ----
expect 0 "restore all" restore --timestamp "$daily" --to "$scratch/all"
check "the code" test "$(<"$scratch/all/src/main.py")" = 'print("hello")'
check "SQLite at its place" test "$(sqlite3 "$scratch/all/instance/app.db" 'SELECT count(*) FROM tag')" = 20
dumps="$scratch/all/databases"
check "dumps beside it" diff <(ls "$dumps") <(printf '%s\n' globals.sql journal.dump journal.sql \
    "$odd_name.dump" "$odd_name.sql" | sort)
"$pg_bin/createdb" -T template0 copy
check "which pg_restore loads" "$pg_bin/pg_restore" -j2 --exit-on-error -d copy "$dumps/journal.dump"
check "equal to the manifest" env PGDATABASE=copy python3 "$real/compare.py" server "$file" journal
# shellcheck disable=SC2016
check "the globals can be run" sh -c \
    '"$PSQL" -X -q -f "$1" 2>&1 | grep -v "already exists" | { ! grep ERROR; }' sh "$dumps/globals.sql"
expect 0 "restore one database" restore --timestamp "$daily" --database "$odd_name" --to "$scratch/one"
check "alone" diff <(printf '%s\n' "$odd_name.dump" "$odd_name.sql") \
    <(find "$scratch/one" -mindepth 1 ! -name '*globals*' -printf '%f\n' | sort)
said "and the hint loads it" '^ *hint: createdb'
sql postgres -v odd="$odd" <<<'DROP DATABASE :"odd";'
sed -n 's/^ *hint: //p' "$err" >"$scratch/hint"
check "which works" env PATH="$pg_bin:$PATH" sh -e "$scratch/hint"
check "for the odd name" env PGDATABASE="$odd" python3 "$real/compare.py" server "$file" "$odd_name"
expect 0 "restore SQLite" restore --timestamp "$daily" --database app --to "$scratch/sqlite"
check "alone" test "$(find "$scratch/sqlite" -type f | wc -l)" -eq 1
check_fails "a database that is in no backup" jb restore --timestamp "$daily" --database nowhere --to "$scratch/none"

# ---- Against what lives ----
odd_rows() { grep -F " in $odd_name" "$out" || grep -F "database $odd_name" "$out"; }
sql journal -c "INSERT INTO entry (title) VALUES ('one more')" -c "SELECT lo_unlink(5)" >/dev/null \
    -c "CREATE INDEX by_title ON entry (title)" -c "CREATE TABLE fresh AS SELECT 1 AS one"
state() { fingerprint "$app"; "$pg_bin/pg_dump" journal | grep -v restrict; }
state >"$scratch/live-before"
expect 0 "diff --live" diff "$daily" --live
cp "$out" "$scratch/live"
check "nothing was written" cmp "$scratch/live-before" <(state)
cp "$scratch/live" "$out"
said "a sentence first" "^a restore of $daily would replace 1 entry.*; table public\.entry differs: 3,001 rows here, 3,000 in"
said "rows" '^changed\|rows\|3,001 rows\|3,000 rows\|table public\.entry in journal$'
said "a table that is emptied" '^changed\|rows\|1 row\|0 rows\|table public\.tag in journal$'
said "one that goes" '^removed\|\|1 row\|\|table public\.fresh in journal$'
said "large objects" '^changed\|rows\|0 rows\|1 row\|table large objects in journal$'
said "a sequence" '^changed\|sequence\|3,001\|3,000\|sequence public\.entry_id_seq in journal$'
said "definitions by name" '^changed\|schema\|.*database journal: INDEX public\.by_title, TABLE public\.fresh$'
said "SQLite" '^changed\|rows\|19 rows\|20 rows\|table tag in app$'
said "a file" '^changed\|content,time\|.*src/main\.py$'
check_fails "the database that is the same is not named" odd_rows
expect 0 "one database" diff "$daily" --live --database "$odd_name"
said "does not differ" '^nothing differs .*: 0 files, 1 table compared$'
"$build/tools/jbackup-restore" --project "$app" restore "$daily" --confirm --discard-old >"$out" 2>"$err"
check "a restore in place" test $? -eq 0
expect 0 "diff --live after it" diff "$daily" --live
said "nothing differs" "^nothing differs from $daily: [0-9]+ files, 5 tables compared$"
make_project "$app" '"exclude": ["jbackup.json"], ' postgresql://admin@localhost:1/journal "$(url "$odd")" \
    sqlite:///instance/app.db
expect 1 "a server that does not answer" diff "$daily" --live
said "is an error" '^ERROR journal: not compared: .*'
said "never equal" '^NOT COMPARED in full \(1 failure\)'
expect 1 "in JSON" diff "$daily" --live --json
check "incomplete" grep -Eq '"result": ?"incomplete"' "$out"
configure '"plain_sql": "always", '

# ---- One fails, all fail ----
before=$(fingerprint "$app")
configure '' "$(url missing)"
expect 3 "a missing database fails the backup" backup
said "which names it" 'missing'
configure '' sqlite:///instance/absent.db
expect 2 "so does a missing SQLite file, before anything is begun" backup
said "which names it, too" 'absent\.db'
cp -p "$app/instance/app.db" "$scratch/app.db"
printf 'no database at all, but it is long enough to be looked at%1000s' '' >"$app/instance/app.db"
configure ''
expect 3 "so does the third of three" backup
said "which is named" 'instance/app\.db" is not a SQLite database'
cp -p "$scratch/app.db" "$app/instance/app.db"
sql journal -c 'CREATE TABLE hidden (a int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY' \
    -c "CREATE ROLE reader LOGIN PASSWORD 'pw'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
make_project "$app" '' "$(url "$odd")" "$(url journal reader pw)"
expect 3 "so does a table that may not be read" backup
said "which names the table" 'hidden|row-level security|permission denied'
configure '"plain_sql": "always", '
check "nothing was published, nothing is left" diff <(grep -v jbackup.json <<<"$before") \
    <(fingerprint "$app" | grep -v jbackup.json)
check "staging is empty" test -z "$(ls -A "$app/backups/.jbackup/staging" 2>/dev/null)"
sql journal -c 'DROP TABLE hidden'
expect 0 "then it works again" backup

# ---- Two spellings of one server ----
make_project "$app" '"plain_sql": "never", ' "$(url journal)" \
    "postgresql://admin@localhost:$PGPORT/copy" "postgresql://admin@127.0.0.1:$PGPORT/journal"
expect 0 "another address is another server" backup --db-only
check "with globals of its own" test "$(files_of "$(newest)" | grep -c '^postgresql_globals')" -eq 2
expect 0 "it verifies" verify --timestamp "$(newest)"

# ---- Cleaning up ----
configure '"retention": {"daily_days": 1, "weekly_weeks": 1, "monthly_months": 1, "keep_min": 1}, '
expect 0 "cleanup --dry-run" cleanup --dry-run
expect 0 "cleanup" cleanup
expect 0 "what is left is good" verify
expect 0 "remove" remove "$monthly"
check "leaves nothing of it" test -z "$(files_of "$monthly")"
expect 0 "verify" verify
done_testing
