#!/bin/bash
# SPDX-License-Identifier: MIT
# The tests "database" and "executable" of jbackup-verify against a real server: they pass where a
# backup can read everything, and name what it can't.
. "$(dirname "$0")/failing.sh"
verify=$build/tools/jbackup-verify
serve
sql postgres "CREATE ROLE reader LOGIN PASSWORD 'r-s3cret'; CREATE ROLE other" &&
    sql postgres "CREATE DATABASE journal" &&
    sql journal "CREATE TABLE note (id serial PRIMARY KEY, body text); CREATE SCHEMA shop;
        CREATE TABLE shop.\"The order\" (x int) PARTITION BY RANGE (x);
        CREATE TABLE shop.part PARTITION OF shop.\"The order\" FOR VALUES FROM (0) TO (9);
        CREATE VIEW seen AS SELECT * FROM note; CREATE EXTENSION IF NOT EXISTS plpgsql"
check "a database is made" test $? -eq 0
admin=$(url admin s3cret-pg journal) reader=$(url reader r-s3cret journal)

run_test() {
    "$verify" --project "$app" test --test "${test:-database}" --program "$jbackup" >"$out" 2>"$err"
    status=$?
    grep -q -e s3cret -e hush "$out" "$err" && fail "no password is told"
}
good() { # NAME [PATTERN]
    run_test
    if [[ $status -eq 0 ]] && ! grep -Eq '^(WARNING|ERROR|CRITICAL)' "$err"; then
        pass "$1"
    else
        show_output
        fail "$1"
    fi
    [[ $# -lt 2 ]] || said "$1: it says what was done" "$2"
}
bad() { # NAME PATTERN HINT: one error
    run_test
    if [[ $status -eq 1 && $(grep -c '^ERROR' "$err") -eq 1 ]]; then
        pass "$1: one error"
    else
        say "status $status"
        show_output
        fail "$1: one error"
    fi
    said "$1: what is wrong" "^ERROR database: .*$2"
    said "$1: what to do" "hint: .*$3"
}

use "$admin"
good "the owner" 'connected to journal \(PostgreSQL 1[0-9.]+, 3 tables, [0-9.]+ MB, encrypted\)'
use "postgresql://admin:s3cret-pg@/journal?host=$pg/run&port=$port"
good "over a socket" '3 tables, [0-9.]+ MB, local\)'

# ---- Rights ----

use "$reader"
bad "a role without rights" 'reader may not read 4 of its tables and sequences: public.note, ' \
    'GRANT SELECT ON public.note TO reader; or, .*GRANT pg_read_all_data TO reader'
sql journal "GRANT SELECT ON ALL TABLES IN SCHEMA public, shop TO reader"
bad "no right to a schema and a sequence" 'may not read 3 of .*: public.note_id_seq, shop."The order", shop.part' \
    'GRANT SELECT ON SEQUENCE public.note_id_seq TO reader'
sql journal "GRANT SELECT ON SEQUENCE note_id_seq TO reader"
bad "no right to a schema" 'may not read 2 of .*: shop."The order", shop.part' \
    'GRANT USAGE ON SCHEMA shop TO reader; GRANT SELECT ON shop."The order" TO reader'
sql journal "GRANT USAGE ON SCHEMA shop TO reader"
good "all that is to be read" 'connected to journal'
jb backup --db-only
check "so the backup can be made" test $? -eq 0
sql journal "CREATE TABLE closed (x int)"
bad "a table without the right" 'may not read 1 of its tables and sequences: public.closed$' \
    'GRANT SELECT ON public.closed TO reader'
jb backup --db-only
check "nor can the backup be made" test $? -eq 3
grant=$(grep -oE 'GRANT SELECT ON public.closed TO reader' "$err" | head -n 1)
sql journal "${grant:-GRANT SELECT ON public.closed TO reader}"
good "the GRANT mends it"
sql journal "DO \$\$ BEGIN FOR n IN 1..20 LOOP
    EXECUTE 'CREATE TABLE secret_' || n || ' (x int)'; END LOOP; END \$\$"
bad "many" 'may not read 20 of .*: public.secret_1, .* and 15 more' 'pg_read_all_data'
sql journal "GRANT pg_read_all_data TO reader"
good "the role that reads all"
sql journal "REVOKE pg_read_all_data FROM reader; DO \$\$ BEGIN FOR n IN 1..20 LOOP
    EXECUTE 'DROP TABLE secret_' || n; END LOOP; END \$\$"

sql journal "CREATE POLICY mine ON note USING (id = 1); ALTER TABLE note ENABLE ROW LEVEL SECURITY"
bad "rows that a policy hides" 'row security hides rows of 1 table from reader: public.note' \
    'ALTER ROLE reader BYPASSRLS'
sql postgres "ALTER ROLE reader BYPASSRLS"
good "a role that sees them all"
sql postgres "ALTER ROLE reader NOBYPASSRLS"
sql journal "ALTER TABLE note OWNER TO reader"
good "the owner sees them all"
sql journal "ALTER TABLE note FORCE ROW LEVEL SECURITY"
bad "the owner under a forced policy" 'row security hides rows' 'FORCE'
sql journal "ALTER TABLE note NO FORCE ROW LEVEL SECURITY"

object=$(sql journal "SELECT lo_from_bytea(0, 'x')")
bad "a large object" "reader may not read 1 large object: $object" 'ON LARGE OBJECT'
sql journal "GRANT SELECT ON LARGE OBJECT $object TO reader"
good "which may be read"
sql journal "GRANT SELECT ON LARGE OBJECT $object TO PUBLIC;
    REVOKE SELECT ON LARGE OBJECT $object FROM reader"
good "by everybody"
use "$admin"
good "the administrator still"

# ---- Connecting ----

use "$(url admin hush journal)"
bad "a wrong password" 'password authentication failed for user "admin"' 'check the password'
use "$(url admin s3cret-pg absent)"
bad "no such database" 'database "absent" does not exist' 'psql -l'
use "$(url admin s3cret-pg absent)" "$admin" "sqlite:///instance/none.db"
run_test
check "three of which one answers: two errors" test "$status $(grep -c '^ERROR' "$err")" = "1 2"
said "the others are asked all the same" 'could not read absent, connected to journal .*, could not read none'
printf 'DATABASE_URL=%s\n' "$admin" >"$app/.env"
chmod 600 "$app/.env"
use "postgresql://admin@localhost:$port/journal?sslmode=require"
good "the password of .env" 'connected to journal'
rm "$app/.env"

# ---- Programs ----

test=executable
use "$admin"
good "the programs" 'ran jbackup [0-9.]+ from .*, pg_dump [0-9.]+ for PostgreSQL [0-9]+'
without_clients() {
    # shellcheck disable=SC2016
    unshare --mount bash -c 'for folder in /usr/lib/postgresql /usr/pgsql-*; do
            [[ ! -d $folder ]] || mount -t tmpfs tmpfs "$folder" || exit; done
        exec "$@"' without "$verify" --project "$app" test --test executable --program "$jbackup" \
        >"$out" 2>"$err"
    status=$?
}
if unshare --mount true 2>/dev/null; then
    without_clients
    check "no pg_dump: it fails" test $status -eq 1
    said "no pg_dump: it says so" '^ERROR executable: pg_dump: the server is PostgreSQL .*no pg_dump'
    said "no pg_dump: the package" 'hint: install the package postgresql-client'
else
    skip "no pg_dump" "mounts can't be made here"
fi

pg_stop "$pg"
good "the server is down: the programs are tested" 'server of journal did not answer'
if unshare --mount true 2>/dev/null; then
    without_clients
    check "neither server nor pg_dump: it fails" test $status -eq 1
    said "neither server nor pg_dump: it says so" '^ERROR executable: pg_dump: .*is not installed'
    said "neither server nor pg_dump: the package" 'hint: install the package postgresql-client'
fi
test=database
bad "the server is down" 'Connection refused' 'runs and listens'
done_testing
