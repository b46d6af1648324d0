#!/bin/bash
# SPDX-License-Identifier: MIT
# jbackup-verify with PostgreSQL: all is well, but for the timers; with one thing broken exactly the
# tests fail that need it, for its reason; Ctrl-C ends it at once, whatever it does, and nothing of
# it is left. SQLite's and the code's part is tests/cli/system.sh.
. "$(dirname "$0")/lib.sh"
. "$here/system_lib.sh"
start_server
"$pg_bin/createdb" bank
check "pgbench makes its tables" "$pg_bin/pgbench" --quiet --initialize --scale=3 --foreign-keys bank
sql bank <<'SQL'
CREATE ROLE keeper LOGIN PASSWORD 'keeper-pw';
GRANT pg_read_all_data TO keeper;
SQL
make_app "$app"
make_shell "$app"
project_of() { make_project "$app" '"plain_sql": "never", ' "$1" sqlite:///instance/app.db; }
project_of "$(url bank)"
expect 0 "a backup" backup
always=systemd # no timers are installed for this project

expect_failed "all is well, but for the timers" "$always"
project_of "$(url bank keeper keeper-pw)"
expect 0 "a backup by a login that may make no database" backup
expect_failed "all is well for it, too: the cluster of its own" "$always"

# ---- Programs that are missing ---------------------------------------------------------------------
# hide FOLDER: from now on the tool sees it as /usr/lib/postgresql.
# shellcheck disable=SC2016
hide() {
    chmod -R go+rX "$1"
    inside=(unshare --mount --propagation private sh -c
        'mount --bind "$1" /usr/lib/postgresql && shift && exec "$@"' hide "$1")
}
mkdir "$scratch/none"
hide "$scratch/none"
if [[ $pg_bin == /usr/lib/postgresql/* ]] && "${inside[@]}" true 2>/dev/null; then
    # Without pg_dump no backup is made; without the pg_restore beside it none is restored.
    expect_failed "no pg_dump" "executable backup restore $always"
    because executable 'pg_dump.*postgresql-client'
    because backup 'pg_dump'

    clients=$scratch/clients/$(basename "$(dirname "$pg_bin")")/bin
    mkdir -p "$clients"
    cp "$pg_bin/pg_dump" "$pg_bin/pg_restore" "$pg_bin/pg_dumpall" "$clients"
    hide "$scratch/clients"
    expect_failed "no right to make a database, and no programs of a server" "restore $always"
    because restore 'CREATEDB'
    because restore 'initdb'
    project_of "$(url bank)"
    expect_failed "with the right these are not needed" "$always"
    project_of "$(url bank keeper keeper-pw)"
else
    skip "programs that are missing" "only root can hide them, in Debian's place"
fi
inside=()

# ---- Rights and the server -------------------------------------------------------------------------
# What the login may not read can't be backed up either.
sql bank -c 'REVOKE pg_read_all_data FROM keeper; GRANT SELECT ON pgbench_tellers TO keeper'
expect_failed "no right to read" "database backup $always"
because database 'may not read'
sql bank -c 'GRANT pg_read_all_data TO keeper'
sql bank -c 'ALTER ROLE keeper PASSWORD NULL'
expect_failed "another password" "database backup $always"
because database 'password'
sql bank -c "ALTER ROLE keeper PASSWORD 'keeper-pw'"

# The backups that there are can be read, and restored on a cluster of our own.
pg_stop "$scratch/server"
expect_failed "the server is down" "database backup $always"
because database 'refused|not running|connect'
pg_start "$scratch/server"
expect_failed "it is up again" "$always"

# ---- A stored byte ---------------------------------------------------------------------------------
dump=$(artifact 'postgresql_bank.dump' "$(newest)")
cp -p "$dump" "$scratch/dump"
printf 'x' | dd of="$dump" bs=1 seek=9000 conv=notrunc status=none
expect_failed "a changed byte of the newest dump" "integrity restore $always"
because integrity 'postgresql_bank\.dump'
because restore 'postgresql_bank\.dump'
cp -p "$scratch/dump" "$dump"
expect_failed "it is put right again" "$always"

# ---- Ctrl-C ----------------------------------------------------------------------------------------
# A folder of the test's own for clusters, where each of them is seen.
export TMPDIR=$scratch/tmp
mkdir -m 1777 "$TMPDIR"
ls -A "$app/backups/.jbackup" >"$scratch/state"
left_behind() {
    pgrep -fa -- "$TMPDIR/jbackup-cluster"
    find "$TMPDIR" -mindepth 1
    ls -A "$app/backups/.jbackup" | diff "$scratch/state" -
    sql postgres -c "SELECT datname FROM pg_database WHERE datname LIKE 'jbackup%'"
}
# Of a server that is being ended the processes are seen for a moment more.
nothing_left() {
    for _ in 1 2 3 4 5 6; do
        [[ -z $(left_behind) ]] && return
        sleep 0.5
    done
    left_behind
    return 1
}
for login in 'keeper keeper-pw' 'admin'; do
    # shellcheck disable=SC2086
    project_of "$(url bank $login)"
    canceled=0 strange=0 slow=0 slowest=0 remains=0
    for delay in 0.1 0.3 0.5 0.8 1.1 1.5 1.9 2.3 2.8 3.3 4; do
        interrupt $delay test --test restore
        [[ $status -eq 3 ]] && canceled=$((canceled + 1))
        [[ $status -eq 3 || $status -eq 0 ]] || { strange=1; say "after $delay s: status $status"; show_output; }
        [[ $took_ms -le 3000 || $status -ne 3 ]] || { slow=1; say "after $delay s it took $took_ms ms"; }
        [[ $took_ms -gt $slowest ]] && slowest=$took_ms
        nothing_left >"$scratch/left" || { remains=1; say "after $delay s: $(cat "$scratch/left")"; }
    done
    say "as ${login% *} $canceled of 11 runs were interrupted; the slowest ended in $slowest ms"
    check "as ${login% *}: SIGINT came while a restore was at work" test $canceled -ge 2
    check "the status is 3, or 0 where it came too late" test $strange -eq 0
    check "it ends at once" test $slow -eq 0
    check "no cluster, database, folder or process is left" test $remains -eq 0
done
expect_failed "afterwards all is well" "$always"
done_testing
