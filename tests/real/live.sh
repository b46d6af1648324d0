#!/bin/bash
# SPDX-License-Identifier: MIT
# A database in use: backups in a row while pgbench writes all the time. Each verifies, restores, is
# equal in all its tables, consistent in itself, and tells of a single changed row.
#
# JB_LIVE: how many backups (default 20)
. "$(dirname "$0")/lib.sh"
runs=${JB_LIVE:-20}
start_server
"$pg_bin/createdb" bank
check "pgbench makes its tables" "$pg_bin/pgbench" --quiet --initialize --scale=1 --foreign-keys bank
sql bank <<'SQL'
CREATE TABLE quiet AS SELECT n, md5(n::text) FROM generate_series(1, 1000) n;
SELECT lo_from_bytea(7, 'never changed') \g /dev/null
SQL
make_project "$app" '"plain_sql": "never", ' "$(url bank)"
mkdir "$scratch/log"
(cd "$scratch/log" && exec "$pg_bin/pgbench" --client=2 --rate=300 --time=900 --no-vacuum --log \
    --progress=1 bank >"$scratch/writer" 2>&1) &
writer=$!
written() { sql bank -c 'SELECT count(*) FROM pgbench_history'; }
until [[ $(written) -gt 0 ]] || ! kill -0 $writer; do sleep 0.1; done
began=$SECONDS first=$(written)

failed=0 unequal=0 inconsistent=0 overlooked=0
complain() {
    say "backup $run: $*"
    show_output
    return 1
}

restore() {
    sql postgres -c 'DROP DATABASE IF EXISTS copy' -c 'CREATE DATABASE copy TEMPLATE template0' &&
        "$pg_bin/pg_restore" -j2 --exit-on-error -d copy "$(artifact 'postgresql_bank.dump' "$ts")"
}
same_as_copy() { PGDATABASE=copy compare server "$(manifest "$ts")" bank >"$out" 2>"$err"; }

# Every transaction moves one amount in all three tables, and writes it down.
consistent() {
    sql copy -c 'SELECT count(DISTINCT sum) || $$ of $$ || count(sum) FROM (
        SELECT sum(abalance) FROM pgbench_accounts UNION ALL SELECT sum(bbalance) FROM pgbench_branches
        UNION ALL SELECT sum(tbalance) FROM pgbench_tellers
        UNION ALL SELECT sum(delta) FROM pgbench_history) AS sums' >"$out"
    [[ $(<"$out") == "1 of 4" ]]
}

# One row changed, in each table in turn: that table, and no other, is another one.
changes=(
    "pgbench_accounts:UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = 54321"
    "pgbench_tellers:UPDATE pgbench_tellers SET filler = 'x' WHERE tid = 4"
    "pgbench_history:UPDATE pgbench_history SET mtime = mtime + '1 microsecond'
        WHERE ctid = (SELECT max(ctid) FROM pgbench_history)"
    "quiet:DELETE FROM quiet WHERE n = 500"
    "pgbench_branches:INSERT INTO pgbench_branches (bid) VALUES (2)"
    "large objects:SELECT lo_put(7, 3, 'E')"
)
change_is_seen() {
    local change=${changes[$((run % ${#changes[@]}))]}
    sql copy -c "${change#*:}" >/dev/null
    same_as_copy && return 1
    [[ $(grep -c . "$out") -eq 1 ]] && grep -q "${change%%:*}" "$out"
}

for run in $(seq "$runs"); do
    jb --quiet backup --db-only || { complain "failed"; failed=$((failed + 1)); continue; }
    ts=$(newest)
    jb verify --timestamp "$ts" && restore >"$out" 2>"$err" || { complain "bad"; failed=$((failed + 1)); continue; }
    same_as_copy || { complain "unequal"; unequal=$((unequal + 1)); }
    consistent || { complain "inconsistent"; inconsistent=$((inconsistent + 1)); }
    change_is_seen || { complain "a change is overlooked"; overlooked=$((overlooked + 1)); }
done
check "$runs backups under the writer are made, verify and restore" test $failed -eq 0
check "all are equal to what was restored: no false alarm" test $unequal -eq 0
check "all are consistent" test $inconsistent -eq 0
check "one changed row is always found" test $overlooked -eq 0
last=$(written)
check "the writer wrote all the time" test $((last - first)) -gt $(((SECONDS - began) * 10))
check "and still does" kill $writer
wait $writer
say "$(tail -n 1 "$scratch/writer")"
check "undisturbed" test "$(grep -c '^progress: .* 0 failed' "$scratch/writer")" -gt 1
grep -v '^progress: .* 0 failed' "$scratch/writer" | grep -E 'error|abort|failed' >"$out"
check "without an error" test ! -s "$out"
longest=$(cut -d' ' -f3 "$scratch"/log/pgbench_log.* | sort -n | tail -n 1)
check "it never waited for longer than 5 seconds" test "${longest:-99999999}" -lt 5000000
say "$((last - first)) transactions in $((SECONDS - began)) s, the longest of $((longest / 1000)) ms"

expect 0 "verify all" verify
expect 0 "list" list
check "all are listed" test "$(wc -l <"$out")" -eq "$runs"
oldest=$(tail -n 1 "$out" | cut -d'|' -f1)
expect 0 "diff of the first and the last" diff "$oldest" "$(newest)"
for table in accounts branches tellers history; do
    said "tells of pgbench_$table" "public\.pgbench_$table"
done
check_fails "not of what nobody wrote to" grep -E 'quiet|large objects' "$out"
done_testing
