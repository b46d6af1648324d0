#!/bin/bash
# SPDX-License-Identifier: MIT
# jbackup-scheduler where no systemd runs: what it would install, the crontab that does the same,
# what schedules do, the monitor's script, and mistakes.
. "$(dirname "$0")/lib.sh"
scheduler=$build/tools/jbackup-scheduler
# No systemd answers, whatever this machine has.
mkdir "$scratch/bin"
printf '#!/bin/sh\necho offline\nexit 1\n' >"$scratch/bin/systemctl"
chmod 755 "$scratch/bin/systemctl"
export PATH=$scratch/bin:$PATH HOME=$scratch/home XDG_CONFIG_HOME=
unset XDG_RUNTIME_DIR
jb() { "$scheduler" --project "$app" "$@" >"$out" 2>"$err"; }
app="$scratch/100% o'clock"
make_app "$app"
configure() { printf '{"name": "journal", "schedule": {%s}}\n' "$1" >"$app/jbackup.json"; }
configure ''

# ---- Install ----

expect 0 "install --dry-run" install --dry-run --run-as daemon
check "it prints eleven units" test "$(grep -c '^### new: /etc/systemd/system/journal-backup-' "$out")" -eq 11
said "they run as that user" '^User=daemon$'
said "their tools are those beside this one" "^ExecStart=$build/tools/jbackup-scheduler perform --type daily"
check "no secret is in them" test "$(grep -c DATABASE_URL "$out")" -eq 0
check "nothing was made" test ! -e "$app/backups"
expect 3 "install" install
said "there is no systemd" 'systemd is not running here'
said "cron does it" 'hint: .*install --cron'
expect 0 "install --user --dry-run" install --user --dry-run
said "into the user's folder" "^### new: $scratch/home/.config/systemd/user/"
expect 2 "no such user" install --dry-run --run-as no-such-user
expect 2 "no such tools" install --dry-run --tools "$scratch"
said "which is missing is said" 'jbackup-scheduler'
configure '"daily": "nonsense"'
expect 2 "a time that is none" install --dry-run
said "its schedule is named" '^jbackup-scheduler: schedule "daily": "nonsense" is no time of systemd: Failed to parse'
said "where it stands, and what tries one" '^hint: in "schedule" of jbackup.json.*systemd-analyze calendar'
configure '"weekly": "25:99"'
expect 2 "a time of day that is none, whether systemd runs or not" install
said "that one is named" 'schedule "weekly": "25:99"'
configure ''

# ---- cron ----

crontab() { "$scheduler" --project "$app" install --cron; }
# line N: the command of its Nth line, as cron would give it to sh.
line() { sed -n "$1p" <(grep -v '^#' "$scratch/crontab") | sed 's/^\([^ ]* \)\{5\}//; s/\\%/%/g'; }
expect 0 "install --cron" install --cron
cp "$out" "$scratch/crontab"
check "five lines" test "$(grep -vc '^#' "$scratch/crontab")" -eq 5
said "percent signs are escaped" '100\\%'
check "all of them" test -z "$(grep -v '^#' "$scratch/crontab" | grep '[^\\]%')"
configure "\"daily\": \"$(date -d '2 minutes ago' +%H:%M)\", \"verify\": \"Sat *-*-* 05:30\""
crontab >"$scratch/crontab"
check "lines are of the minutes of the schedule" grep -q "^30 \* \* \* \* .*--type verify" "$scratch/crontab"
check "its command runs" sh -c "$(line 1)"
check "and made the backup that was due" test "$(find "$app/backups/daily" -name 'manifest_*' | wc -l)" -eq 1
check "it runs again" sh -c "$(line 1)"
check "and nothing was due" test "$(find "$app/backups/daily" -name 'manifest_*' | wc -l)" -eq 1
expect 0 "status" status
said "it is by cron" '^by cron'
configure '"daily": "*-*-* 02:00:30"'
expect 2 "cron has no seconds" install --cron
said "the schedule is named" '"daily"'

# ---- perform, run ----

configure ''
expect 0 "perform" perform --type weekly
said "the backup is named" '^weekly: done, backup 20'
expect 0 "not due" perform --type weekly --if-due
said "is said" '^weekly: not due'
TRIGGER_UNIT=journal-backup-weekly.timer expect 0 "started by a timer it looks, too" perform --type weekly
said "and so is that" '^weekly: not due'
expect 0 "run without systemd" run --type verify
said "is done here" '^verify: ok, backup 20.* verified'
expect 0 "in JSON" run --type daily --json
check "it is one object" python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); assert "daily" in json.dumps(r)' "$out"
mv "$app/instance/app.db" "$scratch/away.db"
expect 2 "a failure" perform --type daily
expect 1 "status shows it" status
said "with its reason" '^ERROR journal-backup-daily.service: its last run .* failed: .*app.db'
expect 0 "alert" alert journal-backup-daily.service
said "is made" 'journal-backup-daily.service: alerted'
check "with the reason" grep -q 'app.db' "$app/backups/backup_alerts.log"
expect 0 "the same alert" alert journal-backup-daily.service
said "is not made twice" 'nothing new to tell'
mv "$scratch/away.db" "$app/instance/app.db"
expect 0 "a success" perform --type daily
check "ends it" test "$(grep -c journal-backup-daily.service "$app/backups/backup_alerts.log")" -eq 2

# A run that is killed is one that failed.
python3 - "$app/backups/.jbackup/schedule_daily.json" <<'END'
import json, sys
record = json.load(open(sys.argv[1]))
record["runs"][0].update(result="running", ended_at=None, timestamp=None)
json.dump(record, open(sys.argv[1], "w"))
END
expect 1 "a run that was killed" status
said "is told" '^ERROR journal-backup-daily.service: .*killed'
expect 0 "the next" perform --type daily
said "says so, too" '^WARNING daily: the run before this one failed'

# ---- monitor ----

say "$(cat "$app/backups/backup_alerts.log")"

expect 0 "monitor" monitor
check "is a script for sh" sh -n "$out"
expect 0 "monitor --to" monitor --to "$scratch/monitor"
check "it may be run" test "$(stat -c %a "$scratch/monitor")" = 755
"$scratch/monitor" >"$scratch/monitored" 2>&1
check "it checks the backups" test $? -le 1
expect 3 "a file that can't be written" monitor --to "$scratch/no/such/folder"

# ---- Mistakes ----

expect 2 "no type" run
expect 2 "no such type" run --type yearly
said "those that are" 'daily'
expect 2 "the monitor is none of perform's" perform --type monitor
expect 2 "no unit" alert
expect 2 "nobody asks" perform --type daily --by me
expect 2 "an option of another command" status --force
expect 0 "uninstall where nothing is" uninstall --user
said "says so" '^nothing of this project'
done_testing
