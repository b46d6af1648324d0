#!/bin/bash
# SPDX-License-Identifier: MIT
# The test "systemd" of jbackup-verify against a systemd that really runs: it passes with a whole
# schedule, and for each thing that is broken in it, fails and names just that.
. "$(dirname "$0")/../cli/lib.sh"
. "$here/../systemd.sh"
why=$(sd_can_start) || { echo "1..0 # SKIP $why"; exit 0; }
verify=$build/tools/jbackup-verify box=$scratch/box
trap 'sd_stop "$box"; remove_scratch' EXIT
sd_start "$box" "$build" "$scratch" || { echo "Bail out! systemd does not start"; exit 1; }
box_env=(LC_ALL=C.UTF-8 TZ=UTC)

make_app "$app"
name_project() { printf '{"name": "%s", "databases": []}\n' "$1" >"$app/jbackup.json"; }
name_project journal

# install_units NAME SCHEDULE CALENDAR [FOLDER]: a timer and its service, which writes a line.
install_units() {
    local unit=$1-backup-$2 folder=${4:-/etc/systemd/system}
    printf '%s\n' '[Service]' 'Type=oneshot' 'ExecStart=/bin/echo backed up' |
        sd_put "$box" "$folder/$unit.service"
    printf '%s\n' '[Timer]' "OnCalendar=$3" '[Install]' 'WantedBy=timers.target' |
        sd_put "$box" "$folder/$unit.timer"
}
in_box() { sd "$box" env "${box_env[@]}" "$@" >"$scratch/in_box" 2>&1 || say "$* failed: $(<"$scratch/in_box")"; }
# install_all NAME [FOLDER [OPTION]]
install_all() {
    install_units "$1" daily '*-*-* 02:00:00' "${2:-}"
    install_units "$1" weekly 'Sun *-*-* 03:00:00' "${2:-}"
    install_units "$1" monthly '*-*-01 04:00:00' "${2:-}"
    install_units "$1" verify 'Sun *-*-* 05:00:00' "${2:-}"
    install_units "$1" monitor '*-*-* *:00:00' "${2:-}"
    in_box systemctl "${3:---system}" daemon-reload
    in_box systemctl "${3:---system}" enable --now "$1-backup-daily.timer" \
        "$1-backup-weekly.timer" "$1-backup-monthly.timer" "$1-backup-verify.timer" \
        "$1-backup-monitor.timer"
}

run_test() {
    sd "$box" env "${box_env[@]}" "$verify" --project "$app" test --test systemd >"$out" 2>"$err"
    status=$?
}
# good NAME: it passes, and nothing but what is for information is said.
good() {
    run_test
    if [[ $status -eq 0 ]] && ! grep -Eq '^(WARNING|ERROR|CRITICAL)' "$err"; then
        pass "$1"
    else
        show_output
        fail "$1"
    fi
}
# bad NAME PATTERN HINT: it fails with one error, which names what is broken, and says what to do.
bad() {
    run_test
    if [[ $status -eq 1 && $(grep -c '^ERROR' "$err") -eq 1 ]]; then
        pass "$1: one error"
    else
        say "status $status"
        show_output
        fail "$1: one error"
    fi
    said "$1: what is broken" "^ERROR systemd: $2"
    said "$1: what to do" "hint: .*$3"
}

run_test
check "without units it fails" test $status -eq 1
check "and names the five timers" test "$(grep -cE \
    '^ERROR systemd: journal-backup-(daily|weekly|monthly|verify|monitor)\.timer: there is no such unit' "$err")" -eq 5

install_all journal
good "a whole schedule passes"
said "it says when the next run is" 'all are in force, next run of journal-backup-daily is .* 02:00:00'
said "it says that nothing has run yet" '^INFO systemd: journal-backup-daily.service: has not run'
in_box systemctl start journal-backup-daily.service
good "so it does after a run"
check_fails "which has run, then" grep -q 'journal-backup-daily.service' "$err"

in_box systemctl disable journal-backup-weekly.timer
bad "disabled" 'journal-backup-weekly.timer: is disabled and active' \
    "systemctl enable --now 'journal-backup-weekly.timer'"
in_box systemctl stop journal-backup-weekly.timer
bad "disabled and stopped" 'journal-backup-weekly.timer: is disabled and inactive: it starts nothing$' \
    "systemctl enable --now 'journal-backup-weekly.timer'"
in_box systemctl enable journal-backup-weekly.timer
bad "stopped" 'journal-backup-weekly.timer: is enabled and inactive' "systemctl enable --now"
in_box systemctl start journal-backup-weekly.timer
good "mended"

sd_put "$box" /run/systemd/system/journal-backup-monthly.service.d/fail.conf <<'END'
[Service]
ExecStart=
ExecStart=/bin/sh -c 'exit 3'
END
in_box systemctl daemon-reload
sd "$box" systemctl start journal-backup-monthly.service 2>"$scratch/failing"
bad "the last run failed" \
    'journal-backup-monthly.service: its last run failed, [A-Z][a-z]+ .*: exit-code, status 3' \
    "\"journalctl -u 'journal-backup-monthly.service'\""
sd "$box" rm -r /run/systemd/system/journal-backup-monthly.service.d
in_box systemctl daemon-reload
in_box systemctl start journal-backup-monthly.service
good "a good run after it"

sd "$box" rm /etc/systemd/system/journal-backup-monthly.service
in_box systemctl daemon-reload
bad "the service is missing" 'journal-backup-monthly.service: there is no such unit' '"jbackup-scheduler install"'
install_units journal monthly '2020-01-01 00:00:00'
in_box systemctl daemon-reload
in_box systemctl restart journal-backup-monthly.timer
bad "no next time" 'journal-backup-monthly.timer: has no next time' 'OnCalendar'
install_units journal monthly 'nonsense'
in_box systemctl daemon-reload
bad "a calendar that is none" 'journal-backup-monthly.timer: could not be loaded: bad-setting' \
    "systemctl status 'journal-backup-monthly.timer'"
in_box systemctl disable --now journal-backup-monthly.timer
sd "$box" rm /etc/systemd/system/journal-backup-monthly.timer
in_box systemctl daemon-reload
bad "the timer is missing" 'journal-backup-monthly.timer: there is no such unit' '"jbackup-scheduler install"'

# ---- Turned off ----

printf '{"name": "journal", "databases": [], "schedule": {"monthly": false}}\n' >"$app/jbackup.json"
good "a schedule that is turned off needs no timer"
said "the others do" 'asked systemd for 4 timers: all are in force'

# ---- Names ----

name_project "my shop/1@x %i"
escaped='my\x20shop\x2f1\x40x\x20\x25i'
install_all "$escaped"
good "a project with an odd name"
said "it is that schedule" 'next run of my.+shop'
name_project "--help"
run_test
check "a name like an option is none" test "$(grep -c '^ERROR systemd: .*x2d-help-backup.*no such unit' "$err")" -eq 5

# ---- The user's manager ----

name_project journal
in_box systemctl disable --now journal-backup-daily.timer journal-backup-weekly.timer \
    journal-backup-verify.timer journal-backup-monitor.timer
sd "$box" sh -c 'rm /etc/systemd/system/journal-backup-*'
in_box systemctl daemon-reload
sd "$box" mkdir -m 0700 /run/of-user
in_box systemd-run --unit=of-user -p Delegate=yes -E XDG_RUNTIME_DIR=/run/of-user -E HOME=/root \
    /lib/systemd/systemd --user
box_env+=(XDG_RUNTIME_DIR=/run/of-user HOME=/root)
for _ in $(seq 100); do
    sd "$box" env "${box_env[@]}" systemctl --user is-system-running >"$scratch/state" 2>&1
    grep -qE 'running|degraded' "$scratch/state" && break
    sleep 0.1
done
install_all journal /run/of-user/systemd/user --user
run_test
check "a schedule of the user's manager passes" test $status -eq 0
[[ $status -eq 0 ]] || show_output
said "it says whose" "this user's systemd"
said "and that it ends when the user logs out" '^WARNING systemd: root: .*logged in'
said "and how not" "hint: loginctl enable-linger 'root'"
sd_put "$box" /var/lib/systemd/linger/root </dev/null
good "with lingering nothing is said"
in_box systemctl --user stop journal-backup-daily.timer
bad "a timer of the user is stopped" 'journal-backup-daily.timer: is enabled and inactive' \
    "systemctl --user enable --now 'journal-backup-daily.timer'"
done_testing
