#!/bin/bash
# SPDX-License-Identifier: MIT
# The sample journal with its entries in PostgreSQL, as a real process: served, backed up while it runs,
# restored under it; ill while its database is down.
. "$(dirname "$0")/lib.sh"
# The Python that has psycopg2 need not be the first one.
JOURNAL_PYTHON=$(for python in python3 /usr/bin/python3; do
    "$python" -c 'import psycopg2' 2>/dev/null && echo "$python" && break
done)
[[ -n $JOURNAL_PYTHON ]] || { echo "1..0 # SKIP psycopg2 is not installed"; exit 0; }
. "$real/../cli/journal_lib.sh"
start_server
end_all() {
    service stop
    stop_server
}
trap end_all EXIT

sql postgres -c 'CREATE DATABASE journal_db'
make_journal "DATABASE_URL=$(url journal_db admin s3cret-pg)"
check "it is seeded" journal seed --entries 300
service start
is "it is well, and has the entries" "$(entries)" 300
check "an entry is written" ask /entries -d title=Monday -d 'body=Rain, and a % and a ?' -d 'tags=weather home'
is "it is there" "$(entries)" 301
check "it is found" grep -q 'Rain, and a % and a ?' <(ask '/?q=rain')
check "it is the newest" grep -q '^\[{"id": 301, .*"title": "Monday"' <(ask /entries)
is "its tags are there" "$(sql journal_db -c 'SELECT count(*) FROM tag WHERE entry_id = 301')" 2
check_fails "another site can't write" ask /entries -H 'Origin: http://evil.example' -d title=x -d body=x

expect 0 "a backup while it runs" backup
expect 0 "verified" verify
check "an entry more" ask /entries -d title=Tuesday -d body=Sun
is "302 now" "$(entries)" 302
"$build/tools/jbackup-restore" --project "$app" restore "$(newest)" --confirm >"$out" 2>"$err"
status=$?
[[ $status -eq 0 ]] || show_output
check "restored in place: status 0" test "$status" -eq 0
is "it runs on the restored database" "$(entries)" 301
check "and goes on writing" ask /entries -d title=Wednesday -d body=Wind
is "which has its own numbers" "$(entries)" 302

pg_stop "$scratch/server"
is "its database is down: so it says" \
    "$(curl -s -o "$out" -w '%{http_code}' "http://127.0.0.1:$port/health")" 503
check_fails "without the password" grep -q s3cret "$out" "$ctl/log"
pg_start "$scratch/server"
is "its database is up: it is well" "$(entries)" 302
pid=$(<"$ctl/pid")
kill "$pid"
for _ in $(seq 100); do
    service status || break
    sleep 0.05
done
check_fails "it ends on SIGTERM" service status
done_testing
