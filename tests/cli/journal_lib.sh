# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# The sample journal as a service that runs, started and stopped by commands. Sourced after lib.sh.
#
#   make_journal [NAME=VALUE]   a journal in $app with this setting, not seeded; its commands are in $ctl
#   journal ARGUMENT...         journal.py of it
#   service start|stop|status   as jbackup.json has it
#   ask PATH                    what it answers, waiting until it listens; fails unless that is well
#   entries                     how many entries it says that there are
port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
ctl=$scratch/ctl
python=${JOURNAL_PYTHON:-python3}

make_journal() {
    mkdir -p "$app" "$ctl"
    cp -r "$here/../../examples/journal/." "$app"
    rm -rf "$app/.env" "$app/instance" "$app/uploads" "$app/backups" "$app/__pycache__"
    printf '%s\n' "PORT=$port" "$@" >"$app/.env"
    chmod 600 "$app/.env"
    cat >"$ctl/service" <<END
#!/bin/bash
cd "$ctl" || exit 1
running() { [[ -s pid ]] && kill -0 "\$(<pid)" 2>/dev/null && ! grep -q '^State:.Z' "/proc/\$(<pid)/status"; }
case \$1 in
start)
    running && exit 0
    setsid $python "$app/journal.py" serve </dev/null >>log 2>&1 &
    echo \$! >pid
    ;;
stop) ! running || kill "\$(<pid)" ;;
status) running ;;
esac
END
    chmod +x "$ctl/service"
    python3 - "$app/jbackup.json" "$ctl/service" "$port" <<'END'
import json, sys
path, service, port = sys.argv[1:]
with open(path) as file:
    config = json.load(file)
config["service"] = {verb: [service, verb] for verb in ("start", "stop", "status")}
config["health"] = {"url": config["health"]["url"].replace(":5000/", f":{port}/"), "timeout_s": 20}
with open(path, "w") as file:
    json.dump(config, file, indent=2)
END
}

journal() { $python "$app/journal.py" "$@"; }
service() { "$ctl/service" "$1"; }
ask() {
    curl --fail --silent --max-time 10 --retry 40 --retry-delay 0 --retry-max-time 15 \
        --retry-connrefused "${@:2}" "http://127.0.0.1:$port$1"
}
entries() { ask /health | sed -n 's/.*"entries": \([0-9]*\).*/\1/p'; }
is() {
    [[ $2 == "$3" ]] || say "$1: \"$2\", not \"$3\""
    check "$1" test "$2" = "$3"
}
end_journal() {
    [[ ! -x $ctl/service ]] || service stop
    remove_scratch
}
trap end_journal EXIT
