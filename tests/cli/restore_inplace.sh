#!/bin/bash
# SPDX-License-Identifier: MIT
# jbackup-restore of a PostgreSQL database whose login may not create databases: replaced in place,
# which is said beforehand; done, undone and put back.
. "$(dirname "$0")/lib.sh"
. "$here/../postgres.sh"
if [[ -z $pg_bin ]]; then
    echo "1..0 # SKIP no PostgreSQL server is installed"
    exit 0
fi
restore=$build/tools/jbackup-restore
server=$scratch/server
trap 'pg_stop "$server"; remove_scratch' EXIT
pg_start "$server" || exit 1
ctl=$scratch/ctl
mkdir -p "$ctl" "$app"

admin() { (pg_env "$server" && psql -qXAtv ON_ERROR_STOP=1 -d "${2:-journal}" -c "$1"); }
admin "CREATE ROLE keeper LOGIN PASSWORD 'k3eper'" postgres
admin "CREATE DATABASE journal OWNER keeper" postgres
admin "SET ROLE keeper; CREATE TABLE entry (id serial PRIMARY KEY, body text);
    INSERT INTO entry (body) SELECT 'entry ' || n FROM generate_series(1, 500) n;
    CREATE VIEW bodies AS SELECT body FROM entry"

# The service writes down when it is stopped and started.
cat >"$ctl/service" <<END
#!/bin/bash
case \$1 in
start) touch "$ctl/up" ;;
stop) rm -f "$ctl/up" ;;
status) [[ -e "$ctl/up" ]] ;;
esac
status=\$?
echo "\$1" >>"$ctl/calls"
exit \$status
END
cat >"$ctl/health" <<END
#!/bin/bash
[[ ! -e "$ctl/ill" ]] || { echo "the doctor says no" >&2; exit 1; }
END
chmod +x "$ctl/service" "$ctl/health"
touch "$ctl/up"
cat >"$app/jbackup.json" <<END
{ "databases": ["postgresql://keeper@127.0.0.1:$(<"$server/port")/journal?sslmode=require"],
  "service": {"start": ["$ctl/service", "start"], "stop": ["$ctl/service", "stop"],
              "status": ["$ctl/service", "status"]},
  "health": {"command": ["$ctl/health"], "timeout_s": 2} }
END
printf 'PGPASSWORD=k3eper\n' >"$app/.env"
chmod 600 "$app/.env"

does() { # STATUS NAME ARGUMENT...
    local want=$1 name=$2 status
    shift 2
    "$restore" --project "$app" "$@" >"$out" 2>"$err"
    status=$?
    if [[ $status -eq $want ]]; then
        pass "$name"
    else
        say "jbackup-restore $*: status $status, want $want"
        show_output
        fail "$name"
    fi
}
state() { (pg_env "$server" && pg_dump -d journal) | grep -v restrict; }
same() { check "$1" diff "$2" <(state); }
dumps() { find "$app/backups/.jbackup" -name 'before_*'; }
tidy() { check "$1: nothing of ours is left" test -z "$(dumps)"; }
changes() { grep -E 'start|stop' "$ctl/calls" | paste -sd' '; }

expect 0 "a backup" backup
good=$(newest)
state >"$scratch/good"
admin "SET ROLE keeper; DELETE FROM entry WHERE id > 30; CREATE TABLE newer AS SELECT 1 AS a;
    CREATE VIEW over AS SELECT b.body, n.a FROM bodies b, newer n"
state >"$scratch/bad"
sleep 1.1

# ---- Said beforehand --------------------------------------------------------------------------

does 0 "plan" plan "$good" --database journal
said "plan: why it is in place" \
    'WARNING journal: the role "keeper" may not create databases, so it is replaced in place'
said "plan: what would help" '^ *hint: .*ALTER ROLE "keeper" CREATEDB'
said "plan: the row" '^postgresql\|journal\|.*\|in place\|'
does 2 "without --confirm" restore "$good" --database journal
said "without --confirm: it is said, too" 'replaced in place'
same "plan: nothing is changed" "$scratch/bad"
check "plan: the service was left alone" test -z "$(changes)"

admin "CREATE TABLE of_admin (a int)"
does 3 "a thing of another role" restore "$good" --database journal --confirm
said "a thing of another role: it is named" 'table public.of_admin of "admin"'
check "a thing of another role: the service was left alone" test -z "$(changes)"
admin "DROP TABLE of_admin"
same "a thing of another role: nothing is changed" "$scratch/bad"
tidy "a thing of another role"

# ---- Done, and back ---------------------------------------------------------------------------

does 0 "restore" restore "$good" --database journal --confirm
same "restore: the backup's state" "$scratch/good"
said "restore: where the old state is kept" \
    "^old state +journal: file $app/backups/.jbackup/before_"
check "restore: that is for its owner alone" test "$(stat -c %a "$(dumps)")" = 600
check "restore: pg_restore reads it" "$pg_bin/pg_restore" --list "$(dumps)"
check "restore: the service was stopped and started" test "$(changes)" = "stop start"
check_fails "restore: no secret is in the journal" \
    grep -q k3eper "$app/backups/.jbackup/restore.json"
does 0 "status" status
said "status: the old state" 'before_.*\.dump'
does 0 "rollback" rollback
same "rollback: the state before" "$scratch/bad"
tidy "rollback"
check "rollback: the service is up" test -e "$ctl/up"

touch "$ctl/ill"
does 4 "health that fails" restore "$good" --database journal --confirm
rm "$ctl/ill"
said "health that fails: why" 'the doctor says no'
same "health that fails: the state before" "$scratch/bad"
tidy "health that fails"

# ---- Killed -----------------------------------------------------------------------------------

for nap in 0.4 0.8 1.2; do
    "$restore" --project "$app" restore "$good" --database journal --confirm --no-safety-backup \
        >/dev/null 2>&1 &
    pid=$!
    sleep $nap
    kill -9 $pid 2>/dev/null
    { wait $pid; } 2>/dev/null
    does 0 "killed after $nap s: recover" recover
    "$restore" --project "$app" rollback >/dev/null 2>&1 # of one that had ended by then
    same "killed after $nap s: the state before" "$scratch/bad"
    check "killed after $nap s: the service is up" test -e "$ctl/up"
    tidy "killed after $nap s"
done

# ---- With the right, it is exchanged ----------------------------------------------------------

admin "ALTER ROLE keeper CREATEDB"
does 0 "plan with the right" plan "$good" --database journal
said "plan with the right: it is exchanged" '^postgresql\|journal\|.*\|exchange\|'
check_fails "plan with the right: no warning" grep -q 'in place' "$err"
does 0 "restore with the right" restore "$good" --database journal --confirm --discard-old
same "restore with the right: the backup's state" "$scratch/good"
done_testing
