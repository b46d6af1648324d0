# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# For the tests of backups that fail, with a real server. Sourced first: . "$(dirname "$0")/failing.sh"
#
#   serve [LINE...]          starts the server $pg with these lines in its postgresql.conf; $port
#   sql DATABASE TEXT        asks it as its administrator
#   url USER PASSWORD DATABASE [PARAMETERS]
#   use URL...               the databases of the project $app
#   middle                   starts a backup ($tool) and halts it while pg_dump copies the table big
#   resume                   lets it go on; its status is in $status, the seconds it took in $took
#   refused NAME PATTERN HINT    what must hold after a backup that failed: after jb or resume
#   clean NAME               no child, no session, nothing in staging, no lock
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
. "$here/../postgres.sh"
[[ -n $pg_bin ]] || { echo "1..0 # SKIP no PostgreSQL server is installed"; exit 0; }
for name in $(compgen -e PG); do
    [[ $name == PG_OWNER ]] || unset "$name"
done
export JBACKUP_TEST=$scratch # the mark of all that our tool starts
export HOME=$scratch/home    # no ~/.pgpass
mkdir "$HOME"
pg=$scratch/pg status=0 took=0
ending() { :; } # more to do at the end
trap 'ending; pg_crash "$pg"; remove_scratch' EXIT

serve() {
    pg_start "$pg" "$@" || { echo "Bail out! no server"; exit 1; }
    port=$(<"$pg/port")
}
# Over the socket, so that it also goes while TLS is off.
sql() { (unset PGPASSWORD PGSERVICEFILE; pg_env "$pg"; PGHOST=$pg/run psql -XqAt -v ON_ERROR_STOP=1 -d "$1" -c "$2"); }
sessions() {
    sql postgres "SELECT count(*) FROM pg_stat_activity
        WHERE application_name IN ('jbackup', 'pg_dump', 'pg_restore', 'pg_dumpall')"
}

url() { echo "postgresql://$1:$2@localhost:$port/$3?sslmode=require${4:+&$4}"; }
use() {
    mkdir -p "$app"
    printf '%s\n' "$@" | python3 -c 'import json, sys
print(json.dumps({"root": ".", "databases": sys.stdin.read().split("\n")[:-1]}))' >"$app/jbackup.json"
}

# ---- A backup that is halted on its way ----

# until_asked PATTERN: returns when a client of the server runs such a statement.
until_asked() {
    sql postgres "SET statement_timeout = '20s'; DO \$\$ BEGIN LOOP PERFORM pg_stat_clear_snapshot();
        EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query ~ '$1'
            AND pid <> pg_backend_pid());
        PERFORM pg_sleep(0.002); END LOOP; END \$\$" 2>"$scratch/until"
}

# SIGINT would be ignored by what bash starts beside itself.
begin() {
    env --default-signal=INT "$jbackup" --project "$app" "$@" backup --db-only >"$out" 2>"$err" &
    tool=$!
}

# Halted, it reads no more of pg_dump's stream, which the table fills.
middle() {
    local watch
    until_asked '^COPY public.big' &
    watch=$!
    begin "$@"
    wait $watch && kill -STOP $tool && sleep 0.1 &&
        [[ $(sql postgres "SELECT count(*) FROM pg_stat_activity
            WHERE state = 'active' AND query ~ '^COPY public.big'") == 1 ]] && return 0
    fail "a backup is halted in the middle"
    kill -CONT $tool
    return 1
}

resume() {
    local began=$SECONDS
    kill -CONT "$tool"
    while kill -0 "$tool" 2>/dev/null; do
        if [[ $((SECONDS - began)) -gt 30 ]]; then
            say "still running after 30 s"
            kill -KILL "$tool"
        fi
        sleep 0.05
    done
    wait "$tool" 2>/dev/null
    status=$?
    took=$((SECONDS - began))
}

# ---- What is left ----

# children [NAME]: the programs that our tool started and that still run.
children() {
    local file
    for file in $(grep -lsF "JBACKUP_TEST=$scratch" /proc/[0-9]*/environ); do
        file=${file%/environ}
        [[ $(<"$file/comm") =~ ^${1:-(pg_dump|pg_dumpall|pg_restore|jbackup)}$ ]] && echo "${file##*/}"
    done 2>/dev/null
}

# within SECONDS COMMAND...: until the command prints nothing, or 0; else what it printed last.
within() {
    local until=$((SECONDS + $1)) printed
    shift
    while printed=$("$@") && [[ -n $printed && $printed != 0 ]]; do
        [[ $SECONDS -ge $until ]] && { echo "$printed"; return; }
        sleep 0.1
    done
}

left() {
    local state=${repository:-$app/backups}/.jbackup found
    found=$(within 0 children)
    [[ -z $found ]] || echo "processes: $found"
    if [[ ${1:-} != "without a server" ]]; then
        found=$(within 3 sessions)
        [[ -z $found ]] || echo "sessions: $found"
    fi
    find "$state/staging" -mindepth 1 2>/dev/null
    [[ ! -e $state/lock ]] || ! grep -q ":$(stat -c %i "$state/lock") " /proc/locks || echo "a lock"
}

# clean NAME [without a server]
clean() {
    local found
    found=$(left "${2:-}")
    [[ -z $found ]] || say "$found"
    check "$1: nothing is left" test -z "$found"
}

remember() { fingerprint "$app" >"$scratch/before"; }
unpublished() { check "$1: nothing was published" diff "$scratch/before" <(fingerprint "$app"); }

# refused NAME PATTERN HINT [without a server]: of the run that ended with $status
refused() {
    local name=$1 lines
    lines=$(wc -l <"$err")
    [[ $status -eq 3 ]] || show_output
    check "$name: status 3" test "$status" -eq 3
    if grep -Eq "^jbackup: .*($2)" "$err" && [[ $lines -le 2 ]]; then
        pass "$name: one message, $(head -c 110 "$err" | head -n 1)"
    else
        say "want $2"
        show_output
        fail "$name: one message"
    fi
    if [[ -n $3 ]]; then
        said "$name: and what to do" "^hint: .*($3)"
    fi
    unpublished "$name"
    clean "$name" "${4:-}"
}
# failing NAME PATTERN HINT URL...: a backup of these databases
failing() {
    local name=$1 pattern=$2 hint=$3
    shift 3
    use "$@"
    remember
    jb backup --db-only
    status=$?
    refused "$name" "$pattern" "$hint"
}
