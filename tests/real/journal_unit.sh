#!/bin/bash
# SPDX-License-Identifier: MIT
# The sample journal as the unit that lies beside it, in a systemd that really runs: started when it is
# ready, deployed to by examples/deploy.sh as it stands, and what fails is taken back.
. "$(dirname "$0")/../cli/lib.sh"
. "$here/../systemd.sh"
why=$(sd_can_start) || { echo "1..0 # SKIP $why"; exit 0; }
examples=$(cd "$here/../../examples" && pwd)
box=$scratch/box
trap 'sd_stop "$box"; remove_scratch' EXIT
sd_start "$box" "$build" "$examples" || { echo "Bail out! systemd does not start"; exit 1; }

inside() { # in a shell there, in the journal's folder
    sd "$box" env PATH="$build/tools:$PATH" ASAN_OPTIONS="${ASAN_OPTIONS-}" bash -c "cd /srv/journal 2>/dev/null; $1"
}
says() { # NAME WANTED COMMAND
    local said
    said=$(inside "$3" 2>&1)
    [[ $said == "$2" ]] || say "$1: $said"
    check "$1" test "$said" = "$2"
}
well='curl -s -o /dev/null -w "%{http_code}\n" --max-time 5 http://127.0.0.1:5000/health'
count="curl -s --max-time 5 http://127.0.0.1:5000/health | grep -o '[0-9]*'"

# As its README says.
check "it is installed" inside "set -e
    useradd --system --no-create-home journal
    cp -r '$examples/journal' /srv/journal
    cd /srv/journal
    rm -rf .env instance uploads backups __pycache__
    /usr/bin/python3 journal.py seed --entries 200
    mkdir -p uploads
    chown -R journal: instance uploads .env
    cp journal-app.service /etc/systemd/system/
    systemctl daemon-reload"
check "systemd understands the unit" inside 'test -z "$(systemd-analyze verify journal-app.service 2>&1)"'
check "it starts" inside "systemctl enable --now journal-app.service"
says "it is ready when systemctl says so" 200 "$well"
says "it takes an entry" 303 \
    'curl -s -o /dev/null -w "%{http_code}\n" -d title=Monday -d body=Rain http://127.0.0.1:5000/entries'
says "it takes an upload" 201 \
    'curl -s -o /dev/null -w "%{http_code}\n" --data-binary @jbackup.json http://127.0.0.1:5000/uploads/a'
says "it runs as its own user" journal 'ps -o user= -p "$(systemctl show -P MainPID journal-app)"'

deploys() { # STATUS NAME LINE
    inside "printf '%s\n' 'deploy() {' '$3' '}' health_wait_s=5 >/run/steps; sleep 1.1
        '$examples/deploy.sh' /srv/journal /run/steps" >"$out" 2>"$err"
    local status=$?
    [[ $status -eq $1 ]] || show_output
    check "$2: status $1" test "$status" -eq "$1"
    says "$2: the service is up" active 'systemctl is-active journal-app'
    says "$2: and well" 200 "$well"
    says "$2: it has its entries" 201 "$count"
}
deploys 0 "a good deployment" 'echo "<!-- 2 -->" >>templates/page.html'
says "a good deployment: it is there" '<!-- 2 -->' 'curl -s http://127.0.0.1:5000/ | tail -n 1'
deploys 1 "code that does not start" 'echo "this is no Python" >journal.py'
deploys 1 "a database that is gone" 'rm instance/journal.db; sed -i "/IF NOT EXISTS entry (/s/entry/entries/" store.py'
says "what was good is there" '<!-- 2 -->' 'curl -s http://127.0.0.1:5000/ | tail -n 1'
says "what runs on it may write" 303 \
    'curl -s -o /dev/null -w "%{http_code}\n" -d title=Monday -d body=Rain http://127.0.0.1:5000/entries'

check "it stops" inside 'systemctl stop journal-app'
says "in good order" success 'systemctl show -P Result journal-app'
done_testing
