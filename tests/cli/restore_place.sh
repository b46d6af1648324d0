#!/bin/bash
# SPDX-License-Identifier: MIT
# jbackup-restore in place: code and a SQLite database under a server that runs on them. What it
# does, what it refuses, and that it ends as the new state or as the old one.
. "$(dirname "$0")/lib.sh"
restore=$build/tools/jbackup-restore
ctl=$scratch/ctl
mkdir "$ctl" "$scratch/site" "$scratch/alias"
ln -s app "$scratch/site/link"
app=$scratch/site/app
trap 'kill_servers; remove_scratch' EXIT

# ---- An application ---------------------------------------------------------------------------

# It answers with the version of its code and what its database holds, and won't run on code that
# has a file "broken". Its address is in $ctl/port.
make_server() {
    cat >"$1" <<'END'
import http.server, os, pathlib, sqlite3, sys
app, ctl = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
if (app / "src/broken").exists():
    sys.exit("this code is broken")
db = sqlite3.connect(app / "instance/app.db", check_same_thread=False)
version = (app / "src/version").read_text().strip()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        count = db.execute("SELECT count(*) FROM entry").fetchone()[0]
        body = f"{version} {count}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
(ctl / "port.new").write_text(str(server.server_port))
os.replace(ctl / "port.new", ctl / "port")
server.serve_forever()
END
}

# start, stop and status as a configuration names them; a file "stubborn" keeps it from stopping.
make_service() { # "slow" lets what asks for its state wait
    cat >"$ctl/service" <<END
#!/bin/bash
cd "$ctl" || exit 1
running() { [[ -f pid ]] && kill -0 "\$(cat pid)" 2>/dev/null && ! grep -q '^State:.Z' "/proc/\$(cat pid)/status"; }
case \$1 in
start)
    echo start >>calls
    running && exit 0
    rm -f port
    setsid python3 "$app/src/server.py" "$app" "$ctl" </dev/null >>log 2>&1 &
    echo \$! >pid
    ;;
stop)
    echo stop >>calls
    [[ -e stubborn ]] && exit 0
    running && kill "\$(cat pid)"
    exit 0
    ;;
status)
    [[ ! -e slow ]] || { touch looked; sleep 1; }
    running
    ;;
esac
END
    cat >"$ctl/health" <<END
#!/bin/bash
touch "$ctl/asked"
while [[ -e "$ctl/block" ]]; do sleep 0.05; done
[[ ! -e "$ctl/likes-2" || \$(cat "$app/src/version") == 2 ]] || { echo "the doctor says no" >&2; exit 1; }
[[ ! -e "$ctl/ill" ]] || { echo "the doctor says no" >&2; exit 1; }
exec python3 "$ctl/ask.py" "$ctl" >/dev/null
END
    cat >"$ctl/ask.py" <<'END'
import pathlib, sys, time, urllib.request
port = pathlib.Path(sys.argv[1]) / "port"
for _ in range(200):
    try:
        print(urllib.request.urlopen(f"http://127.0.0.1:{port.read_text()}/", timeout=2).read().decode(), end="")
        sys.exit(0)
    except OSError:
        time.sleep(0.02)
sys.exit("no answer")
END
    chmod +x "$ctl/service" "$ctl/health"
}

configure() {
    cat >"$1" <<END
{ "databases": ["sqlite:///instance/app.db"],
  "exclude": ["/uploads/", ".env"],
  "service": {"start": ["$ctl/service", "start"], "stop": ["$ctl/service", "stop"],
              "status": ["$ctl/service", "status"]},
  "service_timeout_s": 4,
  "health": {"command": ["$ctl/health"], "timeout_s": 6},
  "environments": {
    "staging": {"root": "$scratch/site/staging", "databases": ["sqlite:///$scratch/site/staging/instance/app.db"]},
    "root-alias": {"root": "$scratch/alias/../site/link", "databases": ["sqlite:///$scratch/other.db"]},
    "database-alias": {"root": "$scratch/alias", "databases": ["sqlite:///$scratch/site/link/instance/app.db"]} } }
END
}

answer() { python3 "$ctl/ask.py" "$ctl" 2>&1; }
kill_servers() {
    rm -f "$ctl/block"
    [[ -f $ctl/pid ]] && kill "$(cat "$ctl/pid")" 2>/dev/null
    return 0
}
service() { "$ctl/service" "$1"; }

# ---- Two states of it -------------------------------------------------------------------------

sql() { python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=10)
db.execute(sys.argv[2])
db.commit()' "$app/instance/app.db" "$1"; }
rows() { python3 -c 'import sqlite3, sys
for line in sqlite3.connect(sys.argv[1]).iterdump():
    print(line)' "$1/instance/app.db"; }
# What a backup has of a project: all but what it leaves out, and the database by its rows.
state() {
    fingerprint "$1" | grep -Ev \
        ' \./(backups|uploads|instance|\.git|\.env|jbackup\.json|\.jbackup-restore-[0-9_]+)(/| |$)|^d [0-9]+ [0-9]+ \. '
    rows "$1"
}
left_out() { fingerprint "$app" | grep -E ' \./(uploads|\.git)(/| )| \./\.env( |$)'; }
# All of it, to the byte: for what must not have been touched.
everything() { fingerprint "$scratch/site" | grep -v '/backups/\.jbackup/'; }
# Names that are there beside the project and in it; ours must be gone in the end.
names() { (cd "$scratch/site" && find . -path ./app/backups -prune -o ! -name '*.db-*' -print | sort); }

rs() { "$restore" --project "$app" "$@" >"$out" 2>"$err"; }
# does STATUS NAME ARGUMENT...: as expect, of jbackup-restore.
does() {
    local want=$1 name=$2 status
    shift 2
    rs "$@"
    status=$?
    if [[ $status -eq $want ]]; then
        pass "$name"
    else
        say "jbackup-restore $*: status $status, want $want"
        show_output
        fail "$name"
    fi
}
same() { check "$1" diff "$2" "$3"; }
is() { check "$1" test "$2" = "$3"; }
json() { python3 -c 'import json, sys
answer = json.load(open(sys.argv[1]))
sys.exit(0 if eval(sys.argv[2], {"a": answer}) else f"{sys.argv[2]} is false of {answer}")' "$out" "$1"; }
printed() { check "$1" grep -Eq -- "$2" "$out"; }
no_restore() { does 0 "$1: nothing is open or kept" status; printed "$1: it is said" 'no restore is open'; }

make_app "$app"
make_server "$app/src/server.py"
make_service
configure "$app/jbackup.json"
echo 1 >"$app/src/version"
echo one >"$app/src/only-one"
mkdir "$app/uploads" "$app/.git"
echo picture >"$app/uploads/a.jpg"
echo ref >"$app/.git/HEAD"
service start
is "the application runs" "$(answer)" "1 200"
expect 0 "a backup" backup
good=$(newest)
state "$app" >"$scratch/good"

# A bad deployment: code, a file gone, a file new, rows gone; and what is no part of backups.
sleep 1.1
echo 2 >"$app/src/version"
rm "$app/src/only-one"
echo two >"$app/src/only-two"
sql 'DELETE FROM entry WHERE id > 30'
sql 'CREATE TABLE bad (x)'
echo 'SECRET=changed' >>"$app/.env"
echo another >"$app/uploads/b.jpg"
service stop
sleep 0.3
service start
is "the bad deployment runs" "$(answer)" "2 30"
state "$app" >"$scratch/bad"
left_out >"$scratch/left-out"
check_fails "the two states differ" cmp -s "$scratch/good" "$scratch/bad"
everything >"$scratch/before"
names >"$scratch/names"
pid=$(cat "$ctl/pid")
: >"$ctl/calls"
untouched() { # NAME: to the byte, and the server was left alone
    same "$1: nothing has changed" "$scratch/before" <(everything)
    check "$1: the service was left alone" test ! -s "$ctl/calls" -a "$pid" = "$(cat "$ctl/pid")"
}
is_bad() { # NAME: the old state, and the service up on it
    same "$1: the old state" "$scratch/bad" <(state "$app")
    is "$1: the service answers from it" "$(answer)" "2 30"
    same "$1: what backups leave out" "$scratch/left-out" <(left_out)
}
is_good() {
    same "$1: the backup's state" "$scratch/good" <(state "$app")
    is "$1: the service answers from it" "$(answer)" "1 200"
    same "$1: what backups leave out" "$scratch/left-out" <(left_out)
}
tidy() { same "$1: nothing of ours lies about" "$scratch/names" <(names); }

# ---- Look before ------------------------------------------------------------------------------

does 0 "list" list
printed "list names the backup" "^$good\|"
"$jbackup" --project "$app" list >"$scratch/list" 2>/dev/null
same "it is jbackup's list" "$scratch/list" "$out"

does 0 "plan" plan "$good"
printed "plan: the service" '^service +.*ctl/service, is stopped and started again'
printed "plan: the health" '^health +.*health'
printed "plan: the room" '^space +.* needed'
printed "plan: the code" "codebase\|.*\|$app\$"
printed "plan: the database" 'sqlite\|.*instance/app\.db$'
does 0 "plan as JSON" plan "$good" --json
check "it has what the text has" json \
    'a["figures"]["service_active"] and a["figures"]["confirm_needed"] and len(a["rows"]) == 2'
untouched "plan"

does 0 "test" test "$good"
printed "test: the verdict" "^$good can be restored"
printed "test: the plan" '^service '
does 0 "test of a type" test "$good" --type database
check "without the code" test -z "$(grep codebase "$out")"
does 0 "test as JSON" test "$good" --json
check "it has plan and verification" json \
    'a["plan"]["figures"]["timestamp"] and a["verification"]["figures"]["bad"] == 0'
untouched "test"
does 0 "status" status
printed "status: nothing" 'no restore is open, and no old state is kept'
no_restore "before any restore"
does 0 "recover with nothing to do" recover
printed "it says so" 'nothing to recover'

# ---- Refused ----------------------------------------------------------------------------------

does 2 "without --confirm" restore "$good"
said "without --confirm: what to do" '^hint: .*--confirm'
printed "without --confirm: the plan is told" '^service +.*is stopped'
does 2 "without --confirm, as JSON" restore "$good" --json
check "it has the error and the plan" json \
    'a["error"]["code"] == "JB_EINVAL" and a["report"]["figures"]["confirm_needed"]'
for environment in root-alias database-alias; do
    does 2 "$environment: production by another spelling" restore "$good" --environment $environment
    said "$environment: what to do" '^hint: .*--confirm'
done
does 2 "the name production" restore "$good" --environment production
refused() { # NAME PATTERN ARGUMENT...
    local name=$1 pattern=$2
    shift 2
    does 2 "$name" "$@"
    said "$name: the message" "$pattern"
    check "$name: nothing on standard output" test ! -s "$out"
}
refused "no such environment" 'stagign' restore "$good" --environment stagign --confirm
refused "no such backup" 'jbackup list|no backup' restore 20200101_000000 --confirm
refused "a timestamp that is none" 'timestamp' restore yesterday --confirm
refused "no such type" 'full.*database.*codebase' restore "$good" --type everything --confirm
refused "no such database" 'other\.db' restore "$good" --database other.db --confirm
refused "no such file" 'src/absent' restore "$good" --path src/absent --confirm
refused "a path that leads out" '\.\./x' restore "$good" --path ../x --confirm
refused "a path and a database" 'together' restore "$good" --path src --database app --confirm
refused "a wait that is no number" '--wait' restore "$good" --wait soon --confirm
refused "no timestamp" 'needs TS' restore --confirm
refused "a place and --confirm" 'in place' restore "$good" --to "$scratch/to" --confirm
refused "nothing to go back to" 'no restore has kept' rollback
refused "nothing to discard" 'no restore has kept' discard-old
expect 2 "jbackup restore does not restore in place" restore --timestamp "$good"
said "jbackup restore: what does" '^hint: .*jbackup-restore'
untouched "all that was refused"

does 0 "--to a folder" restore "$good" --to "$scratch/to"
same "--to a folder: the backup" "$scratch/good" <(state "$scratch/to")
untouched "--to a folder"

# ---- Done, and back ---------------------------------------------------------------------------

does 0 "restore" restore "$good" --confirm
printed "restore: what was replaced" "codebase\|"
printed "restore: how long it was down" '^down +[0-9.]+ s'
printed "restore: the way back" 'jbackup-restore rollback'
printed "restore: the other way" 'jbackup-restore discard-old'
safety=$(sed -n 's/^safety  *\([0-9_]*\) .*/\1/p' "$out")
kept=$(sed -n 's/^old state  *[^:]*: //p' "$out")
check "restore: the old state is kept where it says" \
    test "$(wc -l <<<"$kept")" -eq 2 -a -e "$(head -n 1 <<<"$kept")" -a -e "$(tail -n 1 <<<"$kept")"
is "restore: the service was stopped and started" "$(paste -sd' ' "$ctl/calls")" "stop start"
is_good "restore"
expect 0 "the safety backup is good" verify --timestamp "$safety"
does 0 "restore: status" status
printed "restore: status says that it is kept" 'state before it is kept'
printed "restore: status names the backup" "^backup +$good"

does 0 "rollback" rollback
printed "rollback: what it did" "before the restore of $good is back"
is_bad "rollback"
tidy "rollback"
no_restore "rollback"
refused "a second rollback" 'no restore has kept' rollback

does 0 "restore, as JSON" restore "$good" --confirm --json --no-safety-backup
check "it says what was done" json \
    'a["figures"]["done"] and a["figures"]["safety"] is None and a["figures"]["down_ms"] > 0'
is_good "restore again"
does 0 "discard-old" discard-old
printed "discard-old: what it did" "restore of $good had kept"
is_good "discard-old"
# The backup has its own names, and what it leaves out stays.
sed -i 's,^\./app/src/only-two$,./app/src/only-one,' "$scratch/names"
tidy "discard-old"
no_restore "discard-old"

# ---- Parts ------------------------------------------------------------------------------------

bad_again() { # the bad deployment once more; the timestamps of files differ from the first
    service stop
    sleep 0.3
    echo 2 >"$app/src/version"
    rm -f "$app/src/only-one"
    echo two >"$app/src/only-two"
    sql 'DELETE FROM entry WHERE id > 30'
    sql 'CREATE TABLE IF NOT EXISTS bad (x)'
    service start
    answer >/dev/null
    state "$app" >"$scratch/bad"
    names >"$scratch/names"
    : >"$ctl/calls"
}
bad_again
does 0 "one file" restore "$good" --path src/version --confirm --discard-old
is "one file: it is there" "$(cat "$app/src/version")" 1
check "one file: the others are not touched" test -e "$app/src/only-two" -a ! -e "$app/src/only-one"
is "one file: the service runs on it, with the rows of now" "$(answer)" "1 30"
tidy "one file"
no_restore "one file, with --discard-old"
bad_again
database=$(sed -n "s/^$good|//p" "$scratch/list" | cut -d'|' -f4)
does 0 "one database" restore "$good" --database "$database" --confirm
is "one database: the rows, and the code of now" "$(answer)" "2 200"
check "one database: the code is not touched" test ! -e "$app/src/only-one" -a -e "$app/src/only-two"
expect 0 "the next backup" backup
jb files "$(newest)"
check_fails "the next backup has nothing of the old state" grep -q jbackup-restore "$out"
tidy "one database: the next backup lets go of the old state"
no_restore "one database"
bad_again
does 0 "the code" restore "$good" --type codebase --confirm
is "the code: the database is that of now" "$(answer)" "1 30"
check "the code: all of it" test -e "$app/src/only-one" -a ! -e "$app/src/only-two"
does 0 "the code: rollback" rollback
is_bad "the code: rollback"
tidy "the code: rollback"

# ---- Another environment ----------------------------------------------------------------------

cp -a "$app" "$scratch/site/staging"
rm -rf "$scratch/site/staging/backups"
everything | grep -v staging >"$scratch/before"
pid=$(cat "$ctl/pid")
: >"$ctl/calls"
does 0 "staging needs no --confirm" restore "$good" --environment staging
same "staging: the backup's state" "$scratch/good" <(state "$scratch/site/staging")
check "staging: no safety backup is made of it" test -z "$(grep '^safety' "$out")"
same "staging: production is not touched" "$scratch/before" <(everything | grep -v staging)
check "staging: nor its service" test ! -s "$ctl/calls" -a "$pid" = "$(cat "$ctl/pid")"
does 0 "staging: rollback" rollback
same "staging: the state before" "$scratch/bad" <(state "$scratch/site/staging")
rm -rf "$scratch/site/staging"
tidy "staging"

# ---- Failures ---------------------------------------------------------------------------------

touch "$ctl/ill"
does 4 "health that fails, before as after" restore "$good" --confirm
said "health that fails, before as after: both are told" '^WARNING health: of the old state'
rm "$ctl/ill"
is_bad "health that fails, before as after"

# Well on the old state, ill on the new: as a bad backup would be.
touch "$ctl/likes-2"
does 4 "health that fails on the new state" restore "$good" --confirm
said "health that fails: the message" 'old state was put back'
said "health that fails: why" 'the doctor says no'
printed "health that fails: the safety backup" '^safety +[0-9_]+ '
is_bad "health that fails"
tidy "health that fails"
no_restore "health that fails"
does 4 "the same, as JSON" restore "$good" --confirm --json
check "it has the error and the findings" json \
    'a["error"]["code"] == "JB_EROLLEDBACK" and a["report"]["findings"] and not a["report"]["figures"]["done"]'
is_bad "the same, as JSON"
rm "$ctl/likes-2"

touch "$app/src/broken"
expect 0 "a backup of code that crashes" backup
broken=$(newest)
rm "$app/src/broken"
does 4 "a service that crashes on the new code" restore "$broken" --confirm
is_bad "a service that crashes"
tidy "a service that crashes"
no_restore "a service that crashes"

touch "$ctl/stubborn"
pid=$(cat "$ctl/pid")
rs restore "$good" --confirm
status=$?
check "a service that does not stop: status $status" test $status -eq 3 -o $status -eq 4
said "a service that does not stop: the message" 'stop'
rm "$ctl/stubborn"
is_bad "a service that does not stop"
is "a service that does not stop: it was not replaced" "$(cat "$ctl/pid")" "$pid"
tidy "a service that does not stop"
no_restore "a service that does not stop"

# A damaged backup is found out before anything is replaced.
archive=$(artifact 'codebase_*.tar.gz' "$good")
cp -p "$archive" "$scratch/archive"
pid=$(cat "$ctl/pid")
: >"$ctl/calls"
everything >"$scratch/before"
printf '\377\377\377\377' | dd of="$archive" bs=1 seek=$(($(stat -c %s "$archive") / 2)) conv=notrunc status=none
does 1 "test of a damaged backup" test "$good"
printed "test of a damaged backup: the verdict" "^$good IS DAMAGED"
said "test of a damaged backup: what is" '^ERROR .*codebase'
does 3 "restore of a damaged backup" restore "$good" --confirm
cat "$scratch/archive" >"$archive"
touch -r "$scratch/archive" "$archive"
untouched "a damaged backup"
tidy "a damaged backup"
no_restore "a damaged backup"

# ---- Two at once, and killed ------------------------------------------------------------------

# A restore in the background, $first, until it makes the file $ctl/NAME: "looked" at the service
# before anything was done, or "asked" for health when all was exchanged.
in_background() {
    rm -f "$ctl/$1"
    touch "$ctl/$2"
    "$restore" --project "$app" restore "$good" --confirm >"$scratch/first" 2>&1 &
    first=$!
    local i
    for i in $(seq 400); do
        [[ -e $ctl/$1 ]] && break
        sleep 0.05
    done
    check "a restore runs in the background: $1" test -e "$ctl/$1"
}
ended() { # STATUS NAME
    wait $first
    is "$2: status" $? "$1"
    cp "$scratch/first" "$err"
}
everything >"$scratch/before"
in_background looked slow
kill -TERM $first
ended 3 "SIGTERM before the service is stopped"
rm "$ctl/slow"
untouched "SIGTERM before the service is stopped"
tidy "SIGTERM before the service is stopped"
no_restore "SIGTERM before the service is stopped"

in_background asked block
kill -TERM $first
sleep 0.3
rm "$ctl/block"
ended 0 "SIGTERM when all is exchanged: it goes through"
is_good "SIGTERM when all is exchanged"
does 0 "SIGTERM when all is exchanged: rollback" rollback --quiet
check "--quiet says nothing" test ! -s "$out" -a ! -s "$err"
is_bad "SIGTERM when all is exchanged: rollback"

in_background asked block
does 75 "another restore meanwhile" restore "$good" --confirm
said "another restore: who is at it" 'restore|another'
does 75 "rollback meanwhile" rollback
does 0 "status meanwhile: no alarm" status
printed "status meanwhile: it says what is" 'a restore is running'
rm "$ctl/block"
ended 0 "the first one"
is_good "the first one"
does 0 "back" rollback
is_bad "back"

in_background asked block
kill -9 $first
{ wait $first; } 2>/dev/null
rm "$ctl/block"
does 1 "killed: status" status
said "killed: status is an alarm" '^CRITICAL .*'
said "killed: what to do" 'jbackup-restore recover'
printed "killed: status says what is" 'A RESTORE HAS NOT ENDED'
refused "killed: no rollback of what has not ended" 'recover' rollback
does 0 "killed: recover" recover
printed "killed: what recover did" "the state before the restore of $good is back"
is_bad "killed"
tidy "killed"
no_restore "killed"
does 0 "killed: recover once more" recover
printed "killed: nothing to do any more" 'nothing to recover'

# ---- Without its service running --------------------------------------------------------------

service stop
sleep 0.3
: >"$ctl/calls"
sed -i '/"health"/d' "$app/jbackup.json"
state "$app" >"$scratch/bad"
does 0 "a service that is not running" restore "$good" --confirm
same "a service that is not running: the backup's state" "$scratch/good" <(state "$app")
check "a service that is not running: it stays so" test ! -s "$ctl/calls"
does 0 "a service that is not running: rollback" rollback
same "a service that is not running: the old state" "$scratch/bad" <(state "$app")
tidy "a service that is not running"
done_testing
