#!/bin/bash
# SPDX-License-Identifier: MIT
# Databases with one of everything: each is backed up, verified, restored from its .dump and from its
# .sql, and compared in all its tables, sequences and large objects; what is restored has the same
# schema, and is backed up the same.
#
# JB_ZOO_OBJECT: MB of the largest large object (default 64)
. "$(dirname "$0")/lib.sh"
object_mb=${JB_ZOO_OBJECT:-64}
start_server "wal_level = logical"
sql postgres <<'SQL'
CREATE ROLE zoo_owner LOGIN PASSWORD 'owner-pw';
CREATE ROLE zoo_reader LOGIN PASSWORD 'reader-pw' CONNECTION LIMIT 3;
CREATE ROLE "odd ""role"" ä" ROLE zoo_reader;
SQL
number=0

# create NAME ENCODING: an empty database.
create() { "$pg_bin/createdb" -T template0 -E "$2" --locale=C "$1"; }

restrict_lines='^\\(un)?restrict [0-9A-Za-z]+$'
same_sql() {
    cmp <(grep -aEv "$restrict_lines" "$1") <("$pg_bin/pg_restore" -f - "$2" | grep -aEv "$restrict_lines")
}
restore_dump() { "$pg_bin/pg_restore" -j2 --exit-on-error -d "$1" "$2"; }
# In one transaction, as pg_restore -j does it with each table: else COPY looks for room in the pages
# before, and rows of unequal lengths come to lie in another order.
restore_sql() { sql "$1" -1 -f "$2" -o /dev/null; }
same_as_server() { PGDATABASE=$1 compare server "$2" "$3"; }

# round LABEL DATABASE ENCODING [SQL]: the whole way of a database; SQL is run in the empty ones
# that it is restored to.
round() {
    local label=$1 database=$2 encoding=$3 before=${4:-} ts file name dump text copy
    number=$((number + 1))
    app=$scratch/app$number
    make_project "$app" '"plain_sql": "always", ' "$(url "$database")"
    expect 0 "$label: backup" backup --db-only
    ts=$(newest)
    file=$(manifest "$ts")
    dump=$(artifact 'postgresql_*.dump' "$ts")
    text=${dump%.dump}.sql
    name=$(basename "$dump" .dump)
    name=${name#postgresql_}
    expect 0 "$label: verify" verify
    check "$label: pg_restore --list" "$pg_bin/pg_restore" --list "$dump"
    check "$label: the .sql is what pg_restore makes of the .dump" same_sql "$text" "$dump"
    for copy in "dump_$number" "sql_$number"; do
        create "$copy" "$encoding"
        [[ -z $before ]] || sql "$copy" -c "$before"
    done
    check "$label: pg_restore -j2" restore_dump "dump_$number" "$dump"
    check "$label: psql -f" restore_sql "sql_$number" "$text"
    check "$label: the source is what the manifest says" same_as_server "$database" "$file" "$name"
    check "$label: so is the restored dump" same_as_server "dump_$number" "$file" "$name"
    check "$label: so is the restored text" same_as_server "sql_$number" "$file" "$name"
    app=$scratch/again$number
    make_project "$app" '"plain_sql": "never", ' "$(url "dump_$number")"
    expect 0 "$label: what was restored is backed up" backup --db-only
    check "$label: with the same schema, tables, sequences, objects" compare manifests "$file" "$name" \
        "$(manifest "$(newest)")" "dump_$number"
    app=$scratch/app$number
    say "$(compare manifests "$file" "$name" "$file" "$name"), $(stat -c '%s bytes' "$dump")"
}

# ---- One of everything ----
create zoo UTF8
check "the zoo is made" sql zoo -f "$real/zoo.sql"
sql postgres <<'SQL'
ALTER DATABASE zoo SET TimeZone = 'America/St_Johns';
ALTER DATABASE zoo SET DateStyle = 'German';
ALTER DATABASE zoo SET IntervalStyle = 'iso_8601';
ALTER DATABASE zoo SET extra_float_digits = -3;
ALTER DATABASE zoo SET search_path = kinds, public;
ALTER DATABASE zoo SET synchronize_seqscans = on;
ALTER DATABASE zoo SET "app.secret" = 'hunter2-zoo';
ALTER DATABASE zoo OWNER TO zoo_owner;
GRANT CONNECT ON DATABASE zoo TO zoo_reader;
COMMENT ON DATABASE zoo IS 'the ä "zoo"';
SQL
round "the zoo" zoo UTF8
file=$(manifest "$(newest)")
facts() { python3 -c 'import json, sys
a = next(iter(json.load(open(sys.argv[1]))["backup_results"]["database"].values()))
print([a[k] for k in ("database", "owner", "encoding", "comment", "recoded", "encrypted")])
print(a["acl"], {s["name"]: s["value"] for s in a["settings"]}, [e["name"] for e in a["extensions"]])' "$file"; }
facts >"$out"
: >"$err"
said "the manifest knows the database" "^\['zoo', 'zoo_owner', 'UTF8', 'the ä \"zoo\"', True, True\]$"
said "and who may enter it" 'zoo_reader=c/zoo_owner'
said "and its settings, but not what an application's own are" "'TimeZone': 'America/St_Johns'.*'app.secret': None"
said "and its extensions" "'btree_gist', 'citext', 'file_fdw', 'hstore', 'pgcrypto', 'plpgsql', 'postgres_fdw'"
check_fails "no secret of the database is in the manifest" grep -E 'hunter2|m4pped|owner-pw' "$file"

# ---- Large ones ----
create large UTF8
sql large <<SQL
CREATE TABLE random (id int, b bytea);
ALTER TABLE random ALTER b SET STORAGE EXTERNAL;
CREATE FUNCTION block() RETURNS text LANGUAGE sql AS
    \$\$ SELECT string_agg(encode(sha256(n::text::bytea), 'hex'), '') FROM generate_series(1, 32768) n \$\$;
INSERT INTO random SELECT n, decode(repeat(block(), n), 'hex') FROM unnest(ARRAY[0, 1, 100]) n;
SELECT lo_create(1), lo_put(1, 5, 'first'), lo_put(1, $object_mb * 1048576::bigint - 4, 'last') \g /dev/null
SELECT lo_from_bytea(2, b) FROM random WHERE id = 1 \g /dev/null
SQL
round "large values, and a large object of $object_mb MB" large UTF8

# ---- Encodings ----
create latin1 LATIN1
PGCLIENTENCODING=UTF8 sql latin1 <<'SQL'
CREATE SCHEMA "schämä";
CREATE TABLE "schämä"."täble ""é""" ("cölumn, ü" text, "h) FROM stdin; ß" int);
INSERT INTO "schämä"."täble ""é""" SELECT chr(n), n FROM generate_series(1, 255) n;
CREATE TABLE plain AS SELECT 'ÿþ' || n AS t FROM generate_series(1, 1000) n;
CREATE SEQUENCE "schämä"."zähler" START -3 MINVALUE -10;
CREATE FUNCTION "schämä".f() RETURNS text LANGUAGE sql AS $$ SELECT 'für' $$;
COMMENT ON TABLE plain IS 'ein Bücherwurm';
SELECT lo_from_bytea(99, 'latin') \g /dev/null
SQL
check "a database in LATIN1 is made" test $? -eq 0
round "LATIN1" latin1 LATIN1
create ascii SQL_ASCII
printf '%s\n' $'CREATE TABLE "\xe4\xff not UTF-8" ("c \xfe" text, "ä" text);' \
    $'INSERT INTO "\xe4\xff not UTF-8" VALUES (\'\xe4\', \'ä\'), (\'\xc3\', E\'\xf0\\\\\xc3\\n\');' \
    $'CREATE TYPE e\xe9 AS ENUM (\'\xa0\', \'b\'); CREATE TABLE u (e e\xe9); INSERT INTO u VALUES (\'\xa0\');' \
    $'CREATE SEQUENCE "s\xe9q"; CREATE VIEW "v\xe9" AS SELECT \'\xe9\'::text AS "\xe9";' \
    $'COMMENT ON TABLE u IS \'\xe9\'; ALTER DATABASE ascii SET "x.y" = \'\xe9\';' \
    $'COMMENT ON DATABASE ascii IS \'\xe9\';' \
    $'CREATE DATABASE "caf\xe9" TEMPLATE template0 ENCODING SQL_ASCII LOCALE "C";' | sql ascii
check "a database in SQL_ASCII is made" test $? -eq 0
round "SQL_ASCII" ascii SQL_ASCII
sql $'caf\xe9' -c "CREATE TABLE t AS SELECT 1 AS a"
round "a database whose name is not UTF-8" $'caf\xe9' SQL_ASCII

# ---- Names of databases ----
for name in $'odd "name"\' \\ %20 = ä' $'two\nlines' 'postgresql://x@y/z' 'host=nowhere' ../.. ' ' -d \
    'select' globals $'tab\t\x1b[31m'; do
    create "$name" UTF8 2>"$scratch/create" || PGDATABASE=postgres sql postgres -v name="$name" \
        <<<'CREATE DATABASE :"name" TEMPLATE template0 ENCODING UTF8 LOCALE "C";'
    sql "$name" -c 'CREATE TABLE t AS SELECT 1 AS a'
    number=$((number + 1))
    app=$scratch/app$number
    make_project "$app" '"plain_sql": "always", ' "$(url "$name")"
    label=$(printf %q "$name")
    expect 0 "a database named $label: backup" backup --db-only
    expect 0 "$label: verify" verify
    dump=$(artifact 'postgresql_*.dump' "$(newest)")
    copy=$(basename "$dump" .dump)
    check "$label: equal" same_as_server "$name" "$(manifest "$(newest)")" "${copy#postgresql_}"
    check "$label: its name in the manifest" test "$name" = \
        "$(compare value "$(manifest "$(newest)")" "${copy#postgresql_}" database)"
    check "$label: three files beside each other" test "$(find "$(dirname "$dump")" -type f | wc -l)" -eq 3
done

# ---- Row security ----
create rls UTF8
sql rls <<'SQL'
ALTER DATABASE rls OWNER TO zoo_owner;
GRANT ALL ON SCHEMA public TO zoo_owner;
SET ROLE zoo_owner;
CREATE TABLE kept (id int, who name);
INSERT INTO kept SELECT n, 'zoo_reader' FROM generate_series(1, 100) n;
ALTER TABLE kept ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON kept USING (id < 10);
GRANT SELECT ON kept TO zoo_reader;
SQL
app=$scratch/rls
make_project "$app" '' "$(url rls zoo_owner owner-pw)"
expect 0 "row security: the owner's backup" backup --db-only
file=$(manifest "$(newest)")
check "has all rows" same_as_server rls "$file" rls
sql rls -c "ALTER TABLE kept FORCE ROW LEVEL SECURITY"
expect 3 "row security forced upon the owner: an error" backup --db-only
said "that names it" 'row-level security policy for table "kept"'
make_project "$app" '' "$(url rls zoo_reader reader-pw)"
expect 3 "row security for another role: an error" backup --db-only
said "that names it, too" 'row-level security policy for table "kept"'
check "nothing was published" test "$(newest).json" = "${file##*manifest_}"
make_project "$app" '' "$(url rls)"
expect 0 "a superuser's backup" backup --db-only
check "has all rows" same_as_server rls "$(manifest "$(newest)")" rls

# ---- Special ones ----
create nothing UTF8
sql nothing -c "DROP SCHEMA public"
round "an empty database" nothing UTF8 "DROP SCHEMA public"

# An extension's table of the user's own settings, which is dumped with its rows.
create configured UTF8
own="CREATE EXTENSION citext; CREATE TABLE settings (k text, v int); CREATE TABLE fixed (a int);
    CREATE SEQUENCE settings_seq; ALTER EXTENSION citext ADD TABLE settings;
    ALTER EXTENSION citext ADD TABLE fixed; ALTER EXTENSION citext ADD SEQUENCE settings_seq;
    UPDATE pg_extension SET extconfig = ARRAY['settings'::regclass, 'settings_seq'], extcondition =
        ARRAY['WHERE v > 0', ''] WHERE extname = 'citext'"
sql configured -c "$own; INSERT INTO settings VALUES ('a', 1), ('b', 2); INSERT INTO fixed VALUES (1)"
round "an extension's configuration" configured UTF8 "$own"

# The hash of an enum is another one in each database, so pg_dump has the rows of such partitions go
# in at the root: they are all there, and not where they were.
create hashed UTF8
sql hashed <<'SQL'
CREATE TYPE size AS ENUM ('xs', 's', 'm', 'l', 'xl', 'xxl');
CREATE TABLE root (k size, v int) PARTITION BY HASH (k);
CREATE TABLE root_0 PARTITION OF root FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE root_1 PARTITION OF root FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO root SELECT (enum_range(NULL::size))[1 + n % 6], n FROM generate_series(1, 1000) n;
SQL
app=$scratch/hashed
make_project "$app" '' "$(url hashed)"
expect 0 "partitions by the hash of an enum: backup" backup --db-only
expect 0 "they verify" verify
check "the source is what the manifest says" same_as_server hashed "$(manifest "$(newest)")" hashed
create unhashed UTF8
check "pg_restore -j2" restore_dump unhashed "$(artifact 'postgresql_*.dump' "$(newest)")"
rows_of_root() { sql "$1" -c "COPY (SELECT * FROM root ORDER BY k, v) TO STDOUT"; }
check "all rows are there" cmp <(rows_of_root hashed) <(rows_of_root unhashed)
done_testing
