#!/bin/bash
# SPDX-License-Identifier: MIT
# Proofs: backups made while pgbench writes are restored to a scratch place and found equal, on the
# server, and where the login may make no database or the server is down, on a throw-away cluster.
# Nothing of it is left.
#
# JB_PROOFS: how many backups under load (default 8)
. "$(dirname "$0")/lib.sh"
runs=${JB_PROOFS:-8}
start_server
"$pg_bin/createdb" bank
check "pgbench makes its tables" "$pg_bin/pgbench" --quiet --initialize --scale=1 --foreign-keys bank
sql bank <<'SQL'
CREATE ROLE reader LOGIN PASSWORD 'reader-pw';
GRANT pg_read_all_data TO reader;
CREATE TABLE note (id serial PRIMARY KEY, text varchar(20) DEFAULT 'empty' CHECK (text IN ('a', 'empty')));
INSERT INTO note (text) SELECT 'a' FROM generate_series(1, 100);
CREATE INDEX note_text ON note (text);
CREATE VIEW notes AS SELECT count(*) FROM note;
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON note TO reader USING (true);
ALTER ROLE reader BYPASSRLS;
SELECT lo_from_bytea(7, 'large') \g /dev/null
GRANT SELECT ON LARGE OBJECT 7 TO reader;
SQL
make_app "$app"
project_of() { make_project "$app" '"plain_sql": "never", ' "$1" sqlite:///instance/app.db; }
project_of "$(url bank)"
mkdir "$scratch/log"
(cd "$scratch/log" && exec "$pg_bin/pgbench" --client=2 --rate=200 --time=900 --no-vacuum bank \
    >"$scratch/writer" 2>&1) &
writer=$!

unequal=0
for run in $(seq "$runs"); do
    jb --quiet backup && jb verify --latest --depth restore &&
        grep -q ' proved .*restored in a database on the server$' "$out" || {
        say "backup $run"
        show_output
        unequal=$((unequal + 1))
    }
done
check "$runs backups under load are proved on the server" test $unequal -eq 0
check "the writer went on" kill -0 $writer
kill $writer
wait $writer 2>/dev/null
jb list
check "the list says so" test "$(grep -c '|proved|' "$out")" -eq "$runs"
no_database() { [[ -z $(sql postgres -c "SELECT datname FROM pg_database WHERE datname LIKE 'jbackup%'") ]]; }
check "no scratch database is left" no_database

# A login that may make no database.
project_of "$(url bank reader reader-pw)"
expect 0 "a backup by a reader" backup
expect 0 "is proved" verify --latest --depth restore
said "on a cluster of its own" 'proved .*restored in a cluster of its own$'
"$jbackup" --project "$app" --json verify --latest --depth restore >"$out" 2>"$err"
check "the report tells of it" python3 - "$out" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
assert report["figures"]["depth"] == "restore" and report["figures"]["bytes_restored"] > 10**6
assert report["rows"][0]["restored_in"] == "a cluster of its own" and report["figures"]["tables"] >= 7
END

# The server is down.
pg_stop "$scratch/server"
expect 0 "without the server, too" verify --latest --depth restore
said "it is proved on a cluster" 'proved .*restored in a cluster of its own$'
left() {
    find /var/tmp "${TMPDIR:-/tmp}" -maxdepth 1 -name 'jbackup-cluster-*' 2>/dev/null
    pgrep -f 'postgres.*jbackup-cluster-'
    find "$app/backups/.jbackup" -mindepth 1 -name 'scratch*'
}
check "no cluster, server or folder is left" test -z "$(left)"

# Damage is found, and stays known.
ts=$(newest)
printf 'x' | dd of="$(artifact 'postgresql_bank.dump' "$ts")" bs=1 seek=9000 conv=notrunc 2>/dev/null
expect 1 "a changed byte is found" verify "$ts" --depth restore
said "and named" 'postgresql_bank.dump'
jb list
check "the list says broken" grep -q "^$ts|.*|broken|" "$out"
done_testing
