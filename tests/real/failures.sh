#!/bin/bash
# SPDX-License-Identifier: MIT
# PostgreSQL backups that can't be made, and such as break on their way: each is one clear error,
# status 3, nothing published and nothing left, here or on the server.
. "$(dirname "$0")/failing.sh"
serve
sql postgres "CREATE ROLE reader LOGIN PASSWORD 'r-s3cret'" &&
    sql postgres "CREATE DATABASE big" &&
    sql big "CREATE TABLE note (id int PRIMARY KEY, body text); INSERT INTO note VALUES (1, 'one');
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"
check "a database is made" test $? -eq 0
admin=$(url admin s3cret-pg big)
reader=$(url reader r-s3cret big)
use "$admin"
expect 0 "a backup to keep" backup --db-only
expect 0 "it verifies" verify
kept=$(newest)

# ---- Connecting ----

failing "a wrong password" 'password authentication failed for user "admin"' 'check the password' \
    "$(url admin wrong big)"
failing "no password" 'no password supplied' 'PGPASSWORD.*\.pgpass' \
    "postgresql://admin@localhost:$port/big"
failing "no such database" 'database "absent" does not exist' 'psql -l' "$(url admin s3cret-pg absent)"
failing "the second of three fails" '/absent": database "absent" does not exist' . \
    "$admin" "$(url admin s3cret-pg absent)" "$(url admin s3cret-pg postgres)"
failing "no TLS wanted, and the server insists" 'no encryption' 'sslmode=require' \
    "postgresql://admin:s3cret-pg@localhost:$port/big?sslmode=disable"
failing "a certificate of another name" 'does not match host name "db.example"' 'hostaddr' \
    "postgresql://admin:s3cret-pg@db.example:$port/big?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=$pg/ca.crt"
failing "a certificate of an unknown authority" 'certificate' 'sslrootcert' \
    "postgresql://admin:s3cret-pg@localhost:$port/big?sslmode=verify-full"
sql postgres "ALTER SYSTEM SET ssl = off" && sql postgres "SELECT pg_reload_conf()" >/dev/null
sleep 0.3
failing "TLS wanted, and the server has none" 'does not support SSL' 'ssl = on' "$admin"
sql postgres "ALTER SYSTEM RESET ssl" && sql postgres "SELECT pg_reload_conf()" >/dev/null

sql postgres "ALTER ROLE reader CONNECTION LIMIT 0"
failing "the role has no connection free" 'too many connections for role "reader"' 'limit of the role' \
    "$reader"
sql postgres "ALTER ROLE reader CONNECTION LIMIT 1"
failing "the role has one connection free" 'too many connections for role "reader"' 'limit of the role' \
    "$reader"
sql postgres "ALTER ROLE reader CONNECTION LIMIT -1"

fakes=()
ending() { [[ ${#fakes[@]} -eq 0 ]] || kill "${fakes[@]}" 2>/dev/null; }
fake() { # VERSION
    rm -f "$scratch/fake-port"
    python3 "$here/../real/fake_server.py" "$scratch/fake-port" "$1" &
    fakes+=($!)
    disown
    for _ in $(seq 100); do
        [[ -e $scratch/fake-port ]] && break
        sleep 0.05
    done
}
fake 99.1
failing "a server newer than all clients" 'PostgreSQL 99, .*pg_dump.* is 1?[0-9.]+' 'postgresql-client-99' \
    "postgresql://admin@127.0.0.1:$(<"$scratch/fake-port")/big"
fake silent
failing "a server that says nothing" 'timeout expired' 'connect_timeout' \
    "postgresql://admin@127.0.0.1:$(<"$scratch/fake-port")/big?connect_timeout=2"

# ---- Rights ----

sql big "CREATE TABLE \"closed one\" (x int); CREATE TABLE policed (x int); GRANT SELECT ON policed TO reader"
failing "no right to one table" 'permission denied for table closed one' 'pg_read_all_data' "$reader"
sql big "DROP TABLE \"closed one\"; CREATE POLICY mine ON policed USING (x = 1);
    ALTER TABLE policed ENABLE ROW LEVEL SECURITY"
failing "rows that a policy hides" 'row-level security policy for table "policed"' 'BYPASSRLS' "$reader"
sql big "ALTER TABLE policed FORCE ROW LEVEL SECURITY, OWNER TO reader"
failing "the owner under a forced policy" 'row-level security policy for table "policed"' 'FORCE' "$reader"
sql big "ALTER TABLE policed NO FORCE ROW LEVEL SECURITY"
use "$reader"
expect 0 "the owner without one may read all" backup --db-only
sql big "DROP TABLE policed"

# ---- URLs ----

# mistaken NAME URL: nothing of its password is ever told.
mistaken() {
    local option
    use "$2"
    remember
    for option in --quiet --verbose --json; do
        expect 2 "$1, $option: status 2" "$option" backup --db-only
        said "$1, $option: the file and the line" 'jbackup\.json.* line 1|jbackup\.json:1'
        check_fails "$1, $option: the password is not told" grep -q 'hush' "$out" "$err"
    done
    said "$1: and what to do" '^hint: '
    unpublished "$1"
}
mistaken "a bad percent sign" "postgresql://admin:hush%zz@localhost:$port/big"
mistaken "an unknown parameter" "postgresql://admin:hush@localhost:$port/big?hushmode=hush"
mistaken "a password with an @" "postgresql://admin:hu@hush@localhost:$port/big"
mistaken "a password with a /" "postgresql://admin:12/hush@localhost:$port/big"
mistaken "a port that is none" "postgresql://admin:hush@localhost:hush/big"
check_fails "nor in the log" grep -q hush "$app/backups/backup.log"

# ---- In the middle ----

sql big "CREATE TABLE big AS SELECT n AS id, md5(n::text) || md5((-n)::text) || md5((n + 1)::text) AS body
    FROM generate_series(1, 500000) n"
use "$admin"
remember

# The server's last words may be lost with the connection.
lost='table "big" failed: (terminating connection|SSL SYSCALL error|server closed the connection|.*reset)'
middle && pg_crash "$pg"
resume
refused "the server crashes" 'cannot dump "big": .*'"$lost" 'log' "without a server"
serve
clean "the server crashes, then is back"

middle && { pg_stop "$pg" & stopping=$!; sleep 0.5; }
resume
wait "$stopping"
refused "the server is shut down" 'cannot dump "big": .*'"$lost" 'log' \
    "without a server"
jb backup --db-only
status=$?
refused "the server is down" 'Connection refused' 'runs and listens' "without a server"
serve
clean "the server is shut down, then is back"

middle && { pg_stop "$pg"; serve; }
resume
refused "the server is restarted" 'cannot dump "big": .*'"$lost" 'log'

ended() { sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = '$1'" >/dev/null; }
middle && ended pg_dump
resume
refused "the session of pg_dump is ended" 'cannot dump "big": .*'"$lost" 'log'
# pg_dump has the snapshot by then, so nothing depends on our session any more.
middle && ended jbackup
resume
check "our own session is ended: the dump goes on" test $status -eq 0
expect 0 "it verifies, all of it" verify
clean "our own session is ended"
remember

middle && kill -KILL "$(children pg_dump)"
resume
refused "pg_dump is killed" 'cannot dump "big": .*signal 9' 'memory'
middle && kill -KILL "$(children pg_restore)"
resume
refused "pg_restore is killed" 'cannot write as SQL "big": .*signal 9' 'memory'

# ---- Canceled ----

# canceled NAME: of the run that was asked to stop
canceled() {
    refused "$1" 'cancel' ''
    check "$1: within 6 seconds" test $took -le 6
}
for signal in INT TERM HUP; do
    middle && kill -$signal $tool
    resume
    canceled "SIG$signal in the middle of a table"
done

backend() { sql postgres "SELECT pid FROM pg_stat_activity WHERE application_name = 'pg_dump'"; }
halted=
middle && { halted=$(backend); kill -STOP "$halted"; kill -INT $tool; }
resume
kill -CONT "$halted"
canceled "SIGINT while the server is halted"

lock_big() { # SECONDS
    sql big "BEGIN; LOCK TABLE big; SELECT pg_sleep($1)" >/dev/null 2>&1 &
    locker=$!
    until_asked 'pg_sleep\(\d'
}
lock_big 30
begin_waiting() {
    local watch
    until_asked '^LOCK TABLE' &
    watch=$!
    begin
    wait $watch
}
begin_waiting
kill -INT $tool
resume
refused "SIGINT while a lock is waited for" 'cancel' ''
check "SIGINT while a lock is waited for: within 6 seconds" test $took -le 6
sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep\(30'
    AND pid <> pg_backend_pid()" >/dev/null
wait $locker 2>/dev/null
lock_big 2
expect 0 "a lock that is released: waited for" backup --db-only
wait $locker

# Without us pg_dump finds its pipe broken, and the server its client gone.
remember
middle
kill -KILL $tool
{ wait $tool; } 2>/dev/null
check "killed in the middle: pg_dump and pg_restore end by themselves" test -z "$(within 5 children)"
check "killed in the middle: their sessions, too" test -z "$(within 5 sessions)"
unpublished "killed in the middle"
check "killed in the middle: staging is not empty" test -n "$(ls -A "$app/backups/.jbackup/staging")"
# One that waits for a lock hears of nothing before it has it.
lock_big 2
begin_waiting
kill -KILL $tool
{ wait $tool; } 2>/dev/null
wait $locker
check "killed while a lock is waited for: all ends when it is released" \
    test -z "$(within 5 children; within 5 sessions)"
expect 0 "killed in the middle: the next run works" backup --db-only
clean "killed in the middle, then run again"
remember

# ---- Full disks ----

disk=$scratch/disk
mkdir "$disk"
if mount -t tmpfs -o size=130m,mode=0711 tmpfs "$disk" 2>/dev/null; then
    ending() { kill "${fakes[@]}" 2>/dev/null; [[ ! -d $disk/pg ]] || pg_crash "$disk/pg"; umount "$disk"; }
    repository=$disk/backups
    on_disk() { # NAME PATTERN
        jb --backup-dir "$repository" backup --db-only
        status=$?
        refused "$1" "$2" 'free space|[Ff]ree' # nothing in $app changes either
        jb --backup-dir "$repository" list
        check "$1: no backup is listed" test ! -s "$out"
    }
    head -c 200000000 /dev/zero >"$disk/filler" 2>/dev/null
    truncate -s -$((6 << 20)) "$disk/filler"
    on_disk "our disk is full during the dump" 'No space left'
    sql postgres "CREATE DATABASE text"
    sql text "CREATE TABLE text AS SELECT repeat('text ', 2000) FROM generate_series(1, 1500)"
    use "$(url admin s3cret-pg text)"
    remember
    on_disk "our disk is full during the SQL text" 'text.*No space left'
    unset repository

    # That of the server: it may read without writing, but a snapshot is a file.
    rm -rf "$disk/filler" "$disk/backups"
    pg_start "$disk/pg" && cp "$disk/pg/port" "$scratch/full-port"
    head -c 200000000 /dev/zero >"$disk/filler" 2>/dev/null
    use "postgresql://admin:s3cret-pg@localhost:$(<"$scratch/full-port")/postgres"
    remember
    jb backup --db-only
    status=$?
    if [[ $status -eq 0 ]]; then
        expect 0 "the server's disk is full: a good backup" verify
    else
        refused "the server's disk is full" 'No space left|could not write' 'free space'
    fi
    pg_crash "$disk/pg"
    rm -rf "$disk/pg"
else
    skip "full disks" "mounting is not allowed here"
fi

# ---- Connections ----

pg_stop "$pg"
echo 'max_connections = 6' >>"$pg/data/postgresql.conf"
serve
crowd=()
for number in 1 2 3; do # three are the administrators'
    (pg_env "$pg"; PGHOST=$pg/run PGUSER=reader PGPASSWORD=r-s3cret exec psql -XqAt -d postgres \
        -c "SELECT 'in'" -c "SELECT pg_sleep(60)" >"$scratch/crowd$number" 2>&1) &
    crowd+=($!)
    for _ in $(seq 100); do
        grep -q in "$scratch/crowd$number" && break
        sleep 0.05
    done
done
failing "no connection is left for ordinary roles" 'remaining connection slots' 'max_connections' "$reader"
sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'" >/dev/null
wait "${crowd[@]}" 2>/dev/null

use "$admin"
expect 0 "after all this a backup works" backup --db-only
expect 0 "and all verify" verify
jb list
check "the first one, too" grep -q "^$kept" "$out"
done_testing
