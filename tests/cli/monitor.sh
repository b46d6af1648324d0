#!/bin/bash
# SPDX-License-Identifier: MIT
# jbackup-monitor: its commands and mistakes; Nagios' statuses; the configuration; and the monitor
# that runs on: its signals, what it tells systemd, and that it grows in no way.
. "$(dirname "$0")/lib.sh"
monitor=$build/tools/jbackup-monitor
unset NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID MAIL_SERVER MAIL_PORT MAIL_USERNAME MAIL_PASSWORD \
    MAIL_USE_TLS MAIL_FROM MAIL_CA_FILE
config=$app/backups/backup_monitor_config.json

# look STATUS NAME ARGUMENT...: as expect, of jbackup-monitor.
look() {
    local want=$1 name=$2 status
    shift 2
    "$monitor" --project "$app" "$@" >"$out" 2>"$err" </dev/null
    status=$?
    if [[ $status -eq $want ]]; then
        pass "$name"
    else
        say "jbackup-monitor $*: status $status, want $want"
        show_output
        fail "$name"
    fi
}
# lines COUNT FILE
lines() { [[ $(wc -l <"$2") -eq $1 ]] || { echo "$(wc -l <"$2") lines"; cat "$2"; false; }; }
# value KEY: as config shows it.
value() { "$monitor" --project "$app" config 2>/dev/null | grep "^[a-z]*\.$1|" | cut -d'|' -f2; }

# ---- Without a backup ------------------------------------------------------------------------------
make_app "$app"
look 1 "without a backup the check fails" check
said "it is critical" 'CRITICAL'
look 2 "Nagios calls it critical" check --nagios
check "in one line" lines 1 "$out"
look 0 "config without a repository shows the defaults" config
said "each with where it comes from" '^monitoring.max_backup_age_hours\|26\|26\|default$'
check "and makes nothing" test ! -e "$app/backups"

# ---- All is well -----------------------------------------------------------------------------------
expect 0 "a backup" backup
look 0 "config makes the file" config
check "for its owner alone" test "$(stat -c %a "$config")" = 600
check "it is JSON" python3 -m json.tool "$config"
for setting in services=false min_backup_size_mb=0 journal=false; do
    look 0 "config --set $setting" config --set "$setting"
done
look 0 "all is well" check
said "which it says" '^12 checks, all fine$'
look 0 "in one line" check --brief
check "only" lines 1 "$out"
check "and nothing else" test ! -s "$err"
look 0 "Nagios is content" check --nagios
said "with figures" '^JBACKUP OK - 12 checks, all fine \| age=[0-9]+s .*size=[1-9][0-9]*B backups=1 disk=[0-9]+%;;;0;100 .*time=[0-9.]+s$'
check "in one line" lines 1 "$out"
look 0 "one check" check --check disk
said "alone" '^1 check, all fine$'
look 0 "as JSON" check --json
check "it is some" python3 -m json.tool "$out"
look 0 "metrics" check --prometheus "$scratch/jbackup.prom"
check "are written" grep -q '^jbackup_verdict{project="app"} 0$' "$scratch/jbackup.prom"
check "whole, with no temporary file beside" test -z "$(find "$scratch" -maxdepth 1 -name '.jbackup.prom*')"
look 0 "a report" report
check "its JSON is there" test -s "$(sed -n 's/^report *//p' "$out")"
check "its page, too" grep -q '</html>' "$(sed -n 's/^page *//p' "$out")"
look 0 "history" history
said "of nothing" '^nothing was wrong$'

# ---- The same from other programs ------------------------------------------------------------------
"$build/examples/health" "$app" >"$out" 2>"$err" </dev/null
check "examples/health finds all well" test $? -eq 0
check "and prints JSON" python3 -m json.tool "$out"
# health_py ARGUMENT...: a library with AddressSanitizer wants its run time loaded first.
library=$build/libjbackup/libjbackup.so.0
health_py() {
    local first
    first=$(ldd "$library" | awk '/libasan/ { print $3 }')
    env JBACKUP_LIBRARY="$library" ASAN_OPTIONS=detect_leaks=0 ${first:+LD_PRELOAD="$first"} \
        python3 "$here/../../examples/health.py" "$@" >"$out" 2>"$err" </dev/null
}
health_py "$app"
check "examples/health.py answers" test $? -eq 0
check "with the same checks" test "$(python3 -c 'import json, sys
print(sum(row["row"] == "check" for row in json.load(sys.stdin)["rows"]))' <"$out")" = 12
health_py "$scratch/nowhere"
check "and says what it can't do" test $? -eq 1 -a "$(grep -c nowhere "$err")" -ge 1

# ---- Something is wrong ----------------------------------------------------------------------------
look 0 "a size is asked for that it does not have" config --set min_backup_size_mb=1000
look 0 "a warning is no failure" check --brief
said "but a line" '^WARNING size: '
check "one" lines 1 "$out"
"$build/examples/health" "$app" >"$out" 2>"$err" </dev/null
check "examples/health tells of it" test $? -eq 1
said "with its check" '^size, WARNING: '
health_py "$app"
said "examples/health.py, too" '^size \| WARNING \| '
look 1 "to Nagios it is a warning" check --nagios
said "with its reason" '^JBACKUP WARNING - .*: size; the newest'
look 0 "it is alerted of" check --alert
look 0 "history tells it" history
said "that it lasts" '\|lasts\|.*\|WARNING\|size: '
look 0 "history of one day" history --days 1
look 0 "the size is no longer asked for" config --set min_backup_size_mb=0
look 0 "the incident ends" check --alert
look 0 "history" history
check "tells that it has ended" test "$(grep -c lasts "$out")" -eq 0 -a -s "$out"
mv "$app/instance/app.db" "$scratch/away.db"
look 1 "a database that is gone" check --check database
look 2 "is critical to Nagios" check --check database --nagios
mv "$scratch/away.db" "$app/instance/app.db"

# ---- The configuration -----------------------------------------------------------------------------
look 0 "config --set a list" config --set 'email_recipients=a@example.org, b@example.org'
check "it is in force" test "$(value email_recipients)" = '["a@example.org", "b@example.org"]'
look 0 "config --set to nothing" config --set email_recipients=null
check "it is empty" test "$(value email_recipients)" = '[]'
look 0 "a webhook" config --set webhook_url=https://hooks.example.org/T1/secret-part
check_fails "its secret is not shown" grep -q secret-part "$out"
check "but kept" grep -q secret-part "$config"
look 0 "no webhook" config --set webhook_url=
cp "$config" before.json
for wrong in max_backup_age_hours=0 max_backup_age_hours=two max_age=3 services=maybe \
    email_recipients=nobody webhook_url=ftp://example.org webhook_format=xml min_level=INFO \
    prometheus_file=relative.prom; do
    look 2 "config --set $wrong is refused" config --set "$wrong"
done
check "and nothing was changed" cmp before.json "$config"
look 2 "--set without a value" config --set services
said "says how" 'hint: such as --set max_backup_age_hours=30'
sed -i 's/"disk_usage_threshold"/"disk_usage_treshold"/' "$config"
look 2 "a key that is not known" check
said "is named with file and line" 'backup_monitor_config.json, line [0-9]+: unknown key "disk_usage_treshold"'
look 3 "Nagios does not know" check --nagios
said "and says why" '^JBACKUP UNKNOWN - .*disk_usage_treshold'
cp before.json "$config"
MAIL_SERVER=mail.example.org MAIL_USERNAME=me MAIL_PASSWORD=hush-hush look 0 "mail from the environment" config
said "is shown" '^MAIL_SERVER\|"mail.example.org"\|null\|environment$'
said "its password is not" '^MAIL_PASSWORD\|"\(set\)"\|'
check_fails "nowhere" grep -q hush-hush "$out" "$err"

# ---- Mistakes --------------------------------------------------------------------------------------
look 2 "no command"
look 2 "an unknown command" chek
said "the nearest is named" 'did you mean "check"'
look 2 "an unknown check" check --check freshnes
said "the nearest is named" 'did you mean "freshness"'
look 3 "to Nagios a mistake is unknown" check --nagios --check freshnes
look 3 "brief and Nagios" check --brief --nagios
look 2 "brief and JSON" check --brief --json
for minutes in 0 10081 x -1 1.5; do
    look 2 "--interval $minutes" monitor --interval "$minutes"
done
look 2 "--days 0" history --days 0
look 2 "an address that is none" test-mail 'a b@example.org'
look 2 "mail without a server" test-mail a@example.org
said "says what to set" 'hint: set MAIL_SERVER'
"$monitor" --project "$scratch/nowhere" check --nagios >"$out" 2>"$err"
check "no project is unknown, too" test $? -eq 3 -a "$(cut -d' ' -f2 "$out")" = UNKNOWN

# ---- Mail that does not go -------------------------------------------------------------------------
mail() { MAIL_SERVER=$1 MAIL_PORT=$2 look 3 "mail to $1, port $2" test-mail a@example.org; }
mail 127.0.0.1 1
said "where it failed" '^failed at +connect$'
said "and a hint" '^hint: '
mail nowhere.invalid 587
said "where it failed" '^failed at +resolve$'

# ---- The monitor that runs on ----------------------------------------------------------------------
cat >listen.py <<'END'
"""Listens where NAME says, and writes each datagram as a line into the file."""
import os, socket, sys
name, path = sys.argv[1:]
ears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ears.bind("\0" + name[1:] if name.startswith("@") else name)
with open(path, "wb", buffering=0) as file:
    print("ready", flush=True)
    while True:
        file.write(ears.recv(4096) + b"\n")
END
# listen NAME FILE: begins to, and sets ears.
listen() {
    coproc LISTEN { exec python3 listen.py "$1" "$2"; }
    ears=$LISTEN_PID
    read -r -u "${LISTEN[0]}"
}
# run_on ARGUMENT...: begins one, and sets runner.
run_on() {
    "$monitor" --project "$app" monitor "$@" >"$scratch/run.out" 2>"$scratch/run.err" </dev/null 8<&- &
    runner=$!
}
# within SECONDS COMMAND...: it succeeds in that time.
within() {
    local tries=$(($1 * 50))
    shift
    while ! "$@" >/dev/null 2>&1; do
        ((tries-- > 0)) || { echo "not in time: $*"; cat "$scratch/run.out" "$scratch/run.err"; return 1; }
        sleep 0.02
    done
}
rounds() { [[ $(grep -c ' checks, \| checks bad' "$scratch/run.out") -ge $1 ]]; }
# ends SIGNAL: within a second, with status 0; also one that is stopped.
ends() {
    local began status
    began=$(date +%s%N)
    kill -s "$1" $runner
    kill -s CONT $runner
    wait $runner
    status=$?
    echo "status $status after $((($(date +%s%N) - began) / 1000000)) ms"
    [[ $status -eq 0 && $(($(date +%s%N) - began)) -lt 1000000000 ]]
}

listen "$scratch/notify" "$scratch/told"
export NOTIFY_SOCKET=$scratch/notify WATCHDOG_USEC=400000
run_on --interval 60
check "it looks at once" within 20 rounds 1
check "it was ready before" test "$(head -n 1 told)" = READY=1
check "it tells its state" grep -qx 'STATUS=12 checks, all fine' told
sleep 1
check "it feeds the watchdog" test "$(grep -cx WATCHDOG=1 told)" -ge 3
kill -HUP $runner
check "SIGHUP makes it look again" within 20 rounds 2
echo '{"name": "renamed", "databases": ["sqlite:///instance/none.db"]}' >"$app/jbackup.json"
kill -HUP $runner
check "and reads the project anew" within 20 grep -q 'database' run.err
echo '{"nonsense": 1}' >"$app/jbackup.json"
kill -HUP $runner
check "one that is wrong is told of" within 20 grep -q 'unknown key "nonsense"' run.err
check "and the old one stays in force" within 20 rounds 4
rm "$app/jbackup.json"
echo '{' >"$config"
kill -HUP $runner
check "a wrong configuration is told of" within 20 grep -q 'backup_monitor_config.json' run.err
cp before.json "$config"
kill -HUP $runner
check "it goes on when that is mended" within 20 rounds 5
ends TERM >ended
check "SIGTERM ends it within a second: $(cat ended)" test $? -eq 0 -a "$(cut -d' ' -f2 ended)" = 0
check "it says so to systemd" test "$(tail -n 1 told)" = STOPPING=1
{ kill $ears && wait $ears; } 2>/dev/null

listen "@jbackup-test-$$" "$scratch/told"
export NOTIFY_SOCKET=@jbackup-test-$$
unset WATCHDOG_USEC
run_on
check "an abstract socket is told, too" within 20 grep -qx READY=1 told
check "it looks" within 20 rounds 1
ends INT >ended
check "SIGINT ends it within a second: $(cat ended)" test $? -eq 0 -a "$(cut -d' ' -f2 ended)" = 0
check "no watchdog is fed that does not wait" test "$(grep -c WATCHDOG told)" -eq 0
{ kill $ears && wait $ears; } 2>/dev/null
unset NOTIFY_SOCKET

# In the middle of a check, which reads a backup that is large and new: stopped there, so that it
# does not depend on how fast the machine reads.
archive_is_open() { find "/proc/$runner/fd" -lname '*.tar.gz' | grep -q .; }
stops_reading() { archive_is_open && kill -s STOP $runner; }
head -c 600000000 /dev/urandom >"$app/src/large.bin"
expect 0 "a large backup" backup
rm -f "$app"/backups/.jbackup/monitor*.json
run_on
check "it reads an archive" within 20 stops_reading
check "and is in the middle of that" archive_is_open
check_fails "so the check has not ended" rounds 1
ends TERM >ended
check "SIGTERM ends it in the middle of a check: $(cat ended)" test $? -eq 0 -a "$(cut -d' ' -f2 ended)" = 0
rm "$app/src/large.bin"

# While a mail server that says nothing is waited for; the alert stays in the spool.
cat >silent.py <<'END'
import socket, time
ears = socket.socket()
ears.bind(("127.0.0.1", 0))
ears.listen()
print(ears.getsockname()[1], flush=True)
one = ears.accept()
print("asked", flush=True)
time.sleep(600)
END
coproc SILENT { exec python3 silent.py; }
ears=$SILENT_PID
read -r -u "${SILENT[0]}" port
look 0 "mail to somebody" config --set email_recipients=a@example.org
look 0 "a size is asked for again" config --set min_backup_size_mb=1000000
MAIL_SERVER=127.0.0.1 MAIL_PORT=$port run_on
read -r -t 30 -u "${SILENT[0]}" asked
check "the mail server is asked" test "$asked" = asked
ends TERM >ended
check "SIGTERM ends it all the same: $(cat ended)" test $? -eq 0 -a "$(cut -d' ' -f2 ended)" = 0
{ kill $ears && wait $ears; } 2>/dev/null
check "the alert waits" test "$(find "$app/backups/.jbackup/spool" -name '*.json' | wc -l)" -eq 1
cp before.json "$config"

# Another that alerts holds the lock: that is told of, and it goes on.
touch "$app/backups/.jbackup/monitor.lock"
exec 8<>"$app/backups/.jbackup/monitor.lock"
flock 8
run_on
check "a lock is told of" within 30 grep -q 'hint\|another\|holds' run.err
exec 8<&-
kill -HUP $runner
check "and it goes on" within 30 rounds 1
# again TIMES: it looks so often, and rests.
again() {
    for ((i = 0; i < $1; i++)); do
        kill -HUP $runner
        sleep 0.02
    done
    sleep 1
}
descriptors() { find /proc/$runner/fd -mindepth 1 | wc -l; }
again 10
before=$(descriptors)
again 100
check "its descriptors are as they were" test "$(descriptors)" -eq "$before" -a "$before" -ge 3
ends TERM >ended
check "SIGTERM ends it: $(cat ended)" test $? -eq 0 -a "$(cut -d' ' -f2 ended)" = 0
done_testing
