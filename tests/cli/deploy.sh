#!/bin/bash
# SPDX-License-Identifier: MIT
# examples/deploy.sh on the sample journal as a real process: a good deployment stays, a bad one is taken
# back and the service is up on the old state.
. "$(dirname "$0")/lib.sh"
. "$here/journal_lib.sh"
deploy=$here/../../examples/deploy.sh
export PATH=$build/tools:$PATH
app="$scratch/my journal"
make_journal
journal seed --entries 200 >/dev/null
service start
is "the journal runs" "$(entries)" 200

# deploys STATUS NAME: with what standard input says in deploy()
deploys() {
    local status
    {
        echo "deploy() {"
        cat
        echo "}"
        cat <<END
restart() { "$ctl/service" stop; sleep 0.5; "$ctl/service" start; sleep 0.5; }
start() { "$ctl/service" start; }
healthy() { curl -fsS --max-time 5 -o /dev/null http://127.0.0.1:$port/health; }
health_wait_s=4
END
    } >"$scratch/steps"
    sleep 1.1 # every backup has a second of its own
    "$deploy" "$app" "$scratch/steps" >"$out" 2>"$err"
    status=$?
    [[ $status -eq $1 ]] || { say "status $status"; show_output; }
    check "$2: status $1" test "$status" -eq "$1"
}
title() { ask / | sed -n 's,.*<title>\(.*\)</title>.*,\1,p'; }
state() { fingerprint "$app" | grep -E ' \./(journal|store|jbackup|templates|static)'; }
is_old() { # NAME
    is "$1: the rows of before" "$(entries)" 201
    is "$1: the page of before" "$(title)" "Two: Journal"
    check "$1: all the code of before" cmp "$scratch/good" <(state)
    check "$1: its service runs" service status
}

deploys 0 "a good deployment" <<'END'
    sed -i 's,<title>,<title>Two: ,' templates/page.html
    printf 'version 2\n' >static/version.txt
    sqlite3 instance/journal.db "INSERT INTO entry (written_at, title, body) VALUES ('2026-01-01T00:00:00', 'migrated', 'x')"
END
is "a good deployment: the new page" "$(title)" "Two: Journal"
is "a good deployment: the new row" "$(entries)" 201
check "a good deployment: the way back is kept" \
    grep -qE '\|until [0-9-]+\|pre-deploy\|checked' <("$jbackup" --project "$app" list 2>/dev/null)
state >"$scratch/good"
check "what a deployment changes is seen" grep -q version.txt "$scratch/good"

pid=$(<"$ctl/pid")
deploys 1 "a database that is gone" <<'END'
    sed -i 's,<title>,<title>Three: ,' templates/page.html
    rm static/version.txt
    sqlite3 instance/journal.db 'DROP TABLE entry'
    sed -i 's/IF NOT EXISTS entry (/IF NOT EXISTS entries (/' store.py
    printf 'new\n' >static/new.txt
END
is_old "a database that is gone"
check "a database that is gone: the service was started anew" test "$pid" != "$(<"$ctl/pid")"
deploys 1 "code that does not start" <<'END'
    echo 'this is no Python' >journal.py
END
said "code that does not start: it is told" 'taking it back'
is_old "code that does not start"
deploys 1 "a step that fails" <<'END'
    sed -i 's,<title>,<title>Three: ,' templates/page.html
    false
    touch ../gone-on
END
check "a step that fails: those behind it are not run" test ! -e "$scratch/gone-on"
is_old "a step that fails"
deploys 1 "an interrupted one" <<'END'
    sed -i 's,<title>,<title>Three: ,' templates/page.html
    kill -TERM $$
    touch static/half
END
check "an interrupted one: its leavings are gone" test ! -e "$app/static/half"
is_old "an interrupted one"

pid=$(<"$ctl/pid")
exec 9>"$app/backups/.jbackup/lock"
flock 9
deploys 3 "no backup, no deployment" <<'END'
    touch static/deployed
END
exec 9>&-
check "no backup: nothing was deployed" test ! -e "$app/static/deployed"
is_old "no backup"
is "no backup: the service was left alone" "$(<"$ctl/pid")" "$pid"
deploys 5 "a deployment that spoils its backup" <<'END'
    for archive in backups/*/codebase_*.tar.gz; do
        : >"$archive"
    done
    false
END
said "a deployment that spoils its backup: a person is asked for" 'jbackup-restore .*status'
"$deploy" >"$out" 2>"$err"
check "no project: status 2" test $? -eq 2
"$deploy" "$app" "$scratch/none" >"$out" 2>"$err"
check "no such steps: status 2" test $? -eq 2
if command -v shellcheck >/dev/null; then
    check "shellcheck has nothing to say" shellcheck "$deploy"
else
    skip "shellcheck" "it is not installed"
fi
done_testing
