#!/bin/bash
# SPDX-License-Identifier: MIT
# The check "systemd" of jbackup-monitor against a systemd that really runs: fine with the schedules
# that jbackup-scheduler installs and an active service; each thing that is stopped is found.
. "$(dirname "$0")/../cli/lib.sh"
. "$here/../systemd.sh"
why=$(sd_can_start) || { echo "1..0 # SKIP $why"; exit 0; }
monitor=$build/tools/jbackup-monitor scheduler=$build/tools/jbackup-scheduler box=$scratch/box
trap 'sd_stop "$box"; remove_scratch' EXIT
sd_start "$box" "$build" "$scratch" || { echo "Bail out! systemd does not start"; exit 1; }
box_env=(LC_ALL=C.UTF-8 TZ=UTC)
in_box() { sd "$box" env "${box_env[@]}" "$@" >"$scratch/in_box" 2>&1 || say "$* failed: $(<"$scratch/in_box")"; }

make_app "$app"
printf '{"name": "journal", "service": "journal-app.service", "databases": []}\n' >"$app/jbackup.json"
printf '%s\n' '[Service]' 'ExecStart=/bin/sleep 3600' |
    sd_put "$box" /etc/systemd/system/journal-app.service
in_box "$jbackup" --project "$app" backup
in_box systemctl daemon-reload
in_box systemctl start journal-app.service

look() {
    sd "$box" env "${box_env[@]}" "$monitor" --project "$app" --json check --check systemd \
        >"$out" 2>"$err" </dev/null
    status=$?
}
findings() {
    python3 -c 'import json, sys
for one in json.load(open(sys.argv[1]))["findings"]:
    print(one["level"] + ": " + one["subject"] + ": " + one["message"] + " (" + one["hint"] + ")")' "$out"
}
# bad NAME SUBJECT PATTERN: an ERROR on that, and nothing as bad on anything else.
bad() {
    look
    if [[ $status -eq 1 && $(findings | grep -c -e '^ERROR' -e '^CRITICAL') -eq 1 ]] &&
        findings | grep -Eq "^ERROR: systemd: $2: .*$3"; then
        pass "$1"
    else
        say "status $status"
        say "$(findings)"
        fail "$1"
    fi
}
good() {
    look
    if [[ $status -eq 0 ]] && ! findings | grep -Eq '^(WARNING|ERROR|CRITICAL)'; then
        pass "$1"
    else
        say "status $status"
        say "$(findings)"
        say "$(<"$err")"
        fail "$1"
    fi
}

look
check "schedules that are not installed: it fails" test $status -eq 1
check "and says how to install them" grep -q 'jbackup-scheduler install' "$out"
in_box "$scheduler" --project "$app" install
good "all are in force, and the service is active"
said "which it says" 'are in force, by system, journal-app.service is active'

in_box systemctl stop journal-backup-daily.timer
bad "a timer that was stopped" journal-backup-daily.timer 'starts nothing.*systemctl enable --now'
in_box systemctl start journal-backup-daily.timer
good "and started"
in_box systemctl stop journal-app.service
bad "a service that was stopped" journal-app.service 'not active.*journalctl.*systemctl start'
in_box systemctl start journal-app.service
good "and started, too"

# A run that fails.
printf '%s\n' '[Service]' 'ExecStart=' 'ExecStart=/bin/false' |
    sd_put "$box" /run/systemd/system/journal-backup-weekly.service.d/broken.conf
in_box systemctl daemon-reload
sd "$box" systemctl start journal-backup-weekly.service >/dev/null 2>&1
look
check "a run that failed: it fails" test $status -eq 1
check "and names it" grep -q 'journal-backup-weekly.service' "$out"
done_testing
