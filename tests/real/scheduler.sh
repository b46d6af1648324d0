#!/bin/bash
# SPDX-License-Identifier: MIT
# jbackup-scheduler in a systemd that really runs: what it installs fires, does its work in its
# sandbox, tells when it fails, is made up for after a power cut, and goes away without a trace.
. "$(dirname "$0")/../cli/lib.sh"
. "$here/../systemd.sh"
why=$(sd_can_start) || { echo "1..0 # SKIP $why"; exit 0; }
scheduler=$build/tools/jbackup-scheduler box=$scratch/box gap=$scratch/gap
trap 'sd_stop "$box"; sd_stop "$gap"; remove_scratch' EXIT
# Others than root reach their projects in it, too.
chmod 711 "$scratch"
units=/etc/systemd/system
# No leak is looked for in the sandbox, which allows no tracing.
box_env=(-u TZ LC_ALL=C.UTF-8 HOME="$scratch/home" ASAN_OPTIONS=detect_leaks=0)

in_box() { sd "$box" env "${box_env[@]}" "$@"; }
tool() { in_box "$scheduler" --project "$app" "$@" >"$out" 2>"$err"; }
# does STATUS NAME ARGUMENT...
does() {
    local want=$1 name=$2 status
    shift 2
    tool "$@"
    status=$?
    if [[ $status -eq $want ]]; then
        pass "$name"
    else
        say "jbackup-scheduler $*: status $status, want $want"
        show_output
        fail "$name"
    fi
}
boot() {
    sd_start "$box" "$build" "$scratch" || { echo "Bail out! systemd does not start"; exit 1; }
    in_box systemctl set-environment ASAN_OPTIONS=detect_leaks=0
}
# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [[ $SECONDS -lt $end ]] || return 1
        sleep 0.2
    done
}
property() { in_box systemctl "${@:3}" show --value --property="$2" "$1"; }
# recorded SCHEDULE FIELD [RUN]: a field of its newest run, or of another one.
recorded() {
    python3 - "$app/backups/.jbackup/schedule_$1.json" "$2" "${3:-0}" <<'END' 2>/dev/null
import json, sys
run = json.load(open(sys.argv[1]))["runs"][int(sys.argv[3])]
print(run[sys.argv[2]])
END
}
runs() { grep -c '"began_at"' "$app/backups/.jbackup/schedule_$1.json" 2>/dev/null; }
configure() { printf '{"name": "%s", "schedule": {%s}}\n' "$1" "$2" >"$app/jbackup.json"; }

# ---- A day without the hour of the schedule: it begins now, and is looked at in the end ----

app=$scratch/summer
make_app "$app"
change=$(($(date -u +%s) + 25))
offset=$((7200 - change % 86400))
[[ $offset -lt -43200 ]] && offset=$((offset + 86400))
{
    echo 'Rule G 2020 only - Jan 1 0:00 0 N'
    echo "Rule G $(LC_ALL=C date -u -d "@$change" '+%Y only - %b %d %H:%M:%Su') 1:00 S"
    printf 'Zone Gap %s%d:%02d:%02d G T%%sT\n' "$([[ $offset -lt 0 ]] && echo -)" \
        $((${offset#-} / 3600)) $((${offset#-} / 60 % 60)) $((${offset#-} % 60))
} >"$scratch/gap.zone"
mkdir -p "$scratch/kept-gap/etc"
zic -d "$scratch/zones" "$scratch/gap.zone" && cp "$scratch/zones/Gap" "$scratch/kept-gap/etc/localtime"
check "a zone that will put its clock forward" test -s "$scratch/kept-gap/etc/localtime"
configure summer '"daily": "*-*-* 02:00:20", "weekly": false, "monthly": false, "verify": false, "monitor": false'
sd_kept=$scratch/kept-gap sd_start "$gap" "$build" "$scratch" || { echo "Bail out! no second systemd"; exit 1; }
sd "$gap" env -u TZ date +%Z >"$scratch/zone"
check "which it has" grep -q '^TNT$' "$scratch/zone"
sd "$gap" systemctl set-environment ASAN_OPTIONS=detect_leaks=0
sd "$gap" env "${box_env[@]}" "$scheduler" --project "$app" install >"$out" 2>"$err" || show_output
check "it has a next time in that zone" grep -qE 'daily.timer\|.* 03:00:[2-5]' "$out"

# ---- Install ----

app=$scratch/app
make_app "$app"
configure journal ''
boot
does 0 "install" install
check "five timers" test "$(in_box systemctl list-timers 'journal-backup-*' --no-legend | wc -l)" -eq 5
next() { check "the next time of $1 is right" grep -qE "$1.timer\|$2" "$out"; }
next daily '... ....-..-.. 0[23]:00:[0-3].'
next weekly 'Sun ....-..-.. 0[34]:00:[0-3].'
next monthly '... ....-..-01 04:00:[0-3].'
next verify 'Sun ....-..-.. 05:00:[0-3].'
next monitor '... ....-..-.. ..:00:[0-3].'
state() { in_box sh -c "cd $units && stat -c '%n %i %Y' journal-backup-*; ls -l timers.target.wants" ; }
state >"$scratch/before"
does 0 "a second install" install
said "nothing has changed" '^nothing has changed'
check "that is true of the files, too" diff "$scratch/before" <(state)
does 0 "status" status
said "all are in force" 'system.s systemd: 5 of 5 in force'

in_box sed -i 's/^Nice=10/Nice=11/' $units/journal-backup-weekly.service
does 0 "an edited unit is kept" install
said "the difference is shown" '^-Nice=11'
said "so is what it would be" '^\+Nice=10'
said "which is a warning" '^WARNING journal-backup-weekly.service: was edited'
check "it is as it was" in_box grep -q '^Nice=11' $units/journal-backup-weekly.service
tool status
said "status says that it was edited" '^WARNING journal-backup-weekly.service: was edited by hand'
does 0 "install --force" install --force
check "replaces it" in_box grep -q '^Nice=10' $units/journal-backup-weekly.service

printf '[Timer]\nOnCalendar=daily\nUnit=x.service\n' | sd_put "$box" $units/journal-backup-extra.timer
configure journal '"daily": "nonsense"'
does 2 "a time that is none" install
check "changed nothing" in_box grep -q 'OnCalendar=\*-\*-\* 02:00' $units/journal-backup-daily.timer

# ---- Run, in the sandbox ----

configure journal ''
does 0 "run" run --type daily
said "by systemd" 'journal-backup-daily.service: ok, backup 2'
check "it made a backup in its category" test -e "$app/backups/daily/manifest_$(recorded daily timestamp).json"
does 0 "run weekly: code and database" run --type weekly
check "in its category" test -e "$app/backups/weekly/codebase_$(recorded weekly timestamp).tar.gz"
does 0 "run verify" run --type verify
check "what it verified is recorded" test "$(recorded verify timestamp)" = "$(recorded weekly timestamp)"
check "security" test "$(in_box systemd-analyze security --no-pager journal-backup-daily.service |
    sed -n 's/.*level for [^:]*: \([0-9]*\)\..*/\1/p')" -lt 3

probe=/run/systemd/system/journal-backup-daily.service.d/probe.conf
cat >"$scratch/probe" <<'END'
for folder in / /etc /usr /root /home /opt /srv /var /var/lib /run "$1" "$1/src" "$1/instance" "$2"; do
    if (: >"$folder/jbackup-probe") 2>/dev/null; then echo "wrote to $folder"; rm "$folder/jbackup-probe"; fi
done
: >"$1/backups/probe" && rm "$1/backups/probe" && echo "wrote to the repository"
END
printf '[Service]\nExecStart=\nExecStart=/bin/sh %s %s %s\n' "$scratch/probe" "$app" "$scratch" | sd_put "$box" "$probe"
in_box systemctl daemon-reload
in_box systemctl start journal-backup-daily.service
in_box journalctl --no-pager -o cat -u journal-backup-daily.service --since -1min >"$scratch/probed"
check "the sandbox lets it write to the repository" grep -q '^wrote to the repository' "$scratch/probed"
check "and to nothing else" test "$(grep -c '^wrote to' "$scratch/probed")" -eq 1
in_box rm -r "$(dirname "$probe")"
in_box systemctl daemon-reload

# ---- A failure ----

mv "$app/instance/app.db" "$scratch/away.db"
does 1 "a run that fails" run --type daily
said "it says why" '^ERROR journal-backup-daily.service: failed: .*app.db'
said "the journal's last lines are there" 'app\.db'
check "OnFailure has run" until_true 20 sh -c \
    "test -s '$app/backups/backup_alerts.log' && grep -q 'journal-backup-daily.service' '$app/backups/backup_alerts.log'"
check "systemctl --failed shows it" grep -q journal-backup-daily.service <(in_box systemctl --failed --no-legend)
check "but not the alert" test -z "$(in_box systemctl --failed --no-legend | grep alert)"
does 1 "status" status
said "shows it, too" '^ERROR journal-backup-daily.service: its last run .* failed: .*app.db'
mv "$scratch/away.db" "$app/instance/app.db"
does 0 "the next run is well" run --type daily
does 0 "so is status" status
check "and systemctl" test -z "$(in_box systemctl --failed --no-legend)"
check "the incident has ended" test "$(grep -c 'journal-backup-daily.service' "$app/backups/backup_alerts.log")" -ge 2

# ---- By the clock ----

configure journal '"daily": "*-*-* *:*:0/5", "weekly": "*-*-* *:*:0/5", "monthly": "*-*-* *:*:0/5",
    "verify": "*-*-* *:*:0/5", "monitor": "*-*-* *:*:0/5"'
seen=$(property journal-backup-monitor.service ExecMainExitTimestamp) ran=()
does 0 "other times" install
said "all five timers have changed" '^5 units changed'
for schedule in daily weekly monthly verify; do
    ran+=("$schedule:$(runs $schedule)")
done
fired() { # SCHEDULE:RUNS
    [[ $(runs "${1%:*}") -gt ${1#*:} && $(recorded "${1%:*}" by) == timer && $(recorded "${1%:*}" result) == ok ]]
}
for each in "${ran[@]}"; do
    schedule=${each%:*}
    check "$schedule fires" until_true 80 fired "$each"
    [[ $schedule == verify ]] ||
        check "and makes a backup in its category" \
            test -e "$app/backups/$schedule/manifest_$(recorded "$schedule" timestamp).json"
done
looked() { [[ $(property journal-backup-monitor.service ExecMainExitTimestamp) != "$seen" && -s $app/backups/.jbackup/disk.json ]]; }
check "the monitor fires" until_true 80 looked
tool status
said "status tells of each" '^monthly.*ok.*[0-9]{8}_[0-9]{6}'
configure journal ''
does 0 "the usual times again" install

# ---- Names ----

names() { # FOLDER NAME
    app=$scratch/$1
    make_app "$app"
    python3 -c 'import json, sys; json.dump({"name": sys.argv[1]}, open(sys.argv[2], "w"))' "$2" "$app/jbackup.json"
    does 0 "install $2" install
    said "its units are named after it" 'new\|.*-backup-daily.timer'
    does 0 "run $2" run --type daily
    check "it made a backup" test -e "$app/backups/daily/manifest_$(recorded daily timestamp).json"
    does 0 "status of $2" status
    mv "$app/instance/app.db" "$scratch/away.db"
    does 1 "a failure of $2" run --type daily
    check "is alerted" until_true 20 test -s "$app/backups/backup_alerts.log"
    mv "$scratch/away.db" "$app/instance/app.db"
    does 0 "uninstall $2" uninstall
}
names "it's 50% \"fine\"" "it's 50% \"fine\""
names 'Tägebuch/2' 'Tägebuch/2'
app=$scratch/of-another
make_app "$app"
configure another '"monitor": false'
chown -R daemon "$app"
does 0 "install of another user's project" install
check "it runs as that user" in_box grep -q '^User=daemon$' $units/another-backup-daily.service
does 0 "it runs" run --type daily
check "the backup is that user's" test "$(stat -c %U "$app/backups/daily/manifest_$(recorded daily timestamp).json")" = daemon
does 0 "run as another is asked for" install --run-as root
check "and is done" test -z "$(in_box grep '^User=' $units/another-backup-daily.service)"
tool status
check_fails "which status takes for what was wanted" grep -q 'another configuration' "$err"
does 0 "back to the owner" install
mv "$app/instance/app.db" "$scratch/away.db"
does 1 "a failure of it" run --type daily
check "is alerted as that user" until_true 20 test -s "$app/backups/backup_alerts.log"
mv "$scratch/away.db" "$app/instance/app.db"
does 0 "uninstall it" uninstall

# ---- A power cut ----

app=$scratch/app
configure journal '"daily": "*-*-* 00:00:00"'
does 0 "once a day" install
sd_save "$box" "$scratch/kept" $units /var/lib/systemd/timers
sd_stop "$box"
touch -d '2 days ago' "$scratch"/kept/var/lib/systemd/timers/stamp-journal-backup-daily.timer
python3 - "$app/backups/.jbackup/schedule_daily.json" <<'END'
import json, re, sys
record = json.load(open(sys.argv[1]))
for run in record["runs"]:
    for key in "began_at", "ended_at":
        run[key] = re.sub(r"^\d{4}", lambda year: str(int(year.group()) - 1), run[key])
json.dump(record, open(sys.argv[1], "w"))
END
before=$(recorded daily began_at)
sd_kept=$scratch/kept boot
missed() { [[ $(recorded daily began_at) != "$before" && $(recorded daily result) == ok ]]; }
check "what was missed is made up for" until_true 50 missed
check "by the timer" test "$(recorded daily by)" = timer
does 0 "after that all is well" status
check "once" test "$(recorded daily began_at 1)" = "$before"

# ---- Uninstall ----

does 0 "uninstall" uninstall
left() { in_box sh -c "find $units /var/lib/systemd/timers -name '*journal-backup*' ! -name '*extra*'"; }
check "leaves nothing" test -z "$(left)"
check "systemd knows nothing of it" test -z "$(in_box systemctl list-units --all --no-legend 'journal-backup-*' | grep -v extra)"
check "another's timer stays" in_box test -e $units/journal-backup-extra.timer
does 0 "uninstall again" uninstall
does 1 "status then" status
said "says that nothing is installed" '^ERROR journal-backup-daily.timer: is not installed'
printf '[Timer]\nOnCalendar=daily\n' | sd_put "$box" $units/journal-backup-daily.timer
does 2 "another's unit is in the way" install
said "it is named" 'journal-backup-daily.timer.* was not made by'
check "nothing was installed" test -z "$(left | grep -v 'daily.timer$')"
in_box rm $units/journal-backup-daily.timer

# ---- This user's systemd ----

mkdir -p "$scratch/home"
sd "$box" mkdir -m 0700 /run/of-user
in_box systemd-run -q --unit=of-user -p Delegate=yes -E XDG_RUNTIME_DIR=/run/of-user -E HOME="$scratch/home" \
    -E ASAN_OPTIONS=detect_leaks=0 /lib/systemd/systemd --user
box_env+=(XDG_RUNTIME_DIR=/run/of-user)
until_true 20 in_box systemctl --user is-system-running >"$scratch/of-user" 2>&1
configure journal ''
does 0 "install --user" install --user
said "without lingering that is told" '^WARNING root: .*logged in'
check "the units are the user's" test -e "$scratch/home/.config/systemd/user/journal-backup-daily.timer"
check "five timers of the user" test "$(in_box systemctl --user list-timers 'journal-backup-*' --no-legend | wc -l)" -eq 5
before=$(runs daily)
does 0 "run by the user's systemd" run --type daily
said "its service" 'journal-backup-daily.service: ok'
check "has run" test "$(runs daily)" -gt "$before"
does 0 "status of the user's" status
said "it says whose" "this user's systemd: 5 of 5"
does 0 "uninstall --user" uninstall --user
check "leaves nothing of the user's" test -z \
    "$(find "$scratch/home" -name '*journal-backup*')"

# ---- The day without that hour ----

app=$scratch/summer
made() { [[ $(recorded daily result) == ok ]]; }
check "the run of the hour that is none was made" until_true 40 made
late=$(($(date -d "$(recorded daily began_at)" +%s) - change))
check "at the next hour, and half a minute for the delay" test "$late" -ge 20 -a "$late" -lt 60
check "by the timer, and well" test "$(recorded daily by) $(recorded daily result)" = "timer ok"
sleep 1
check "and made once" test "$(runs daily)" = 1
done_testing
