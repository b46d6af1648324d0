#!/bin/bash
# SPDX-License-Identifier: MIT
# backup.sh under each shell that may be /bin/sh, from another folder, for a project whose path is
# no easy one.
. "$(dirname "$0")/lib.sh"
script=$build/tools/backup.sh app="$scratch/my app's \$(place)"
make_app "$app"
cd / || exit 1

bin=$scratch/bin
mkdir "$bin"

bare() { PATH=$bin:$PATH "${shell[@]}" "$script" "$@" >"$out" 2>"$err"; }
bs() { bare --project "$app" "$@"; }
# gives STATUS NAME FUNCTION ARGUMENT...
gives() {
    local want=$1 name=$2 status
    shift 2
    "$@"
    status=$?
    [[ $status -eq $want ]] || {
        say "$*: status $status, want $want"
        show_output
    }
    check "$name: status $want" test $status -eq "$want"
}
listed() { "$jbackup" --project "$app" list 2>/dev/null; }
has_help() {
    local command
    for command in backup list size pre-deploy rollback verify stats cleanup remove start stop restart \
        status logs help; do
        grep -qE "(^| )$command( |,|\$)" "$out" || { echo "no $command"; return 1; }
    done
}

all_commands() { # NAME: of the shell
    local ts count
    gives 0 "$1: help" bare help
    check "$1: help names every command" has_help
    check "$1: help fits a terminal" test -z "$(awk 'length > 80' "$out")"
    check "$1: and is a screen" test "$(wc -l <"$out")" -le 40
    cp "$out" "$scratch/help"
    gives 0 "$1: --help" bare --help
    check "$1: --help is help" cmp "$out" "$scratch/help"

    gives 0 "$1: backup" bs backup
    gives 0 "$1: backup --db-only" bs backup --db-only
    said "$1: it has the database alone" '^[0-9_]{15}: database backup'
    gives 0 "$1: backup --code-only" bs backup --code-only
    said "$1: it has the code alone" '^[0-9_]{15}: codebase backup'
    gives 2 "$1: both" bs backup --db-only --code-only
    gives 0 "$1: list" bs list
    check "$1: list is jbackup's" cmp "$out" <(listed)
    ts=$(newest)
    gives 0 "$1: list --size" bs list --size
    said "$1: with sizes" "^$ts\\|daily\\|codebase\\|[0-9.]+ k?B\\|"
    gives 0 "$1: size" bs size
    said "$1: size of each" "^$ts\\|daily\\|codebase\\|[0-9.]+ k?B\\|"
    gives 0 "$1: size TS" bs size "$ts"
    said "$1: of its parts" 'codebase_.*\.tar\.gz'
    gives 2 "$1: size of no backup" bs size 20010101_000000
    gives 2 "$1: size of two" bs size "$ts" "$ts"
    gives 0 "$1: verify" bs verify
    gives 0 "$1: verify TS" bs verify "$ts"
    gives 0 "$1: stats" bs stats
    said "$1: stats count" '^backups '
    count=$(listed | wc -l)
    gives 0 "$1: cleanup --dry-run" bs cleanup --dry-run
    check "$1: it removes nothing" test "$(listed | wc -l)" -eq "$count"
    gives 0 "$1: cleanup" bs cleanup
    gives 0 "$1: remove TS" bs remove "$ts"
    check_fails "$1: it is gone" grep -q "^$ts" <(listed)
    gives 2 "$1: remove it again" bs remove "$ts"
    gives 2 "$1: remove what" bs remove

    gives 0 "$1: pre-deploy" bs pre-deploy
    ts=$(tail -n 1 "$out")
    check "$1: its last line is the timestamp" grep -qxE '[0-9]{8}_[0-9]{6}' <(echo "$ts")
    check "$1: it is full, checked, labelled and kept for 30 days" \
        grep -qE "^$ts\\|[a-z]+\\|full\\|.*\\|until 20[0-9-]{8}\\|pre-deploy\\|checked" <(listed)
    check "$1: which are 30" test "$(listed | sed -n "s/^$ts.*|until \([0-9-]*\)|.*/\1/p")" = \
        "$(date -d "@$(($(date -d "${ts:0:8} ${ts:9:2}:${ts:11:2}:${ts:13:2}" +%s) + 30 * 86400))" +%F)"
    gives 2 "$1: pre-deploy is always full" bs pre-deploy --db-only
    gives 0 "$1: pre-deploy --wait" bs pre-deploy --wait 5

    gives 2 "$1: an unknown command" bs undo "$ts"
    said "$1: is named" 'backup.sh: unknown command "undo"'
    gives 2 "$1: no command" bs
    gives 2 "$1: an unknown option" bare --projects "$app" list
    gives 2 "$1: an option without its folder" bare --project
    gives 2 "$1: no such project" bare --project "$app/none" list
    gives 0 "$1: another repository" bare --project="$app" "--backup-dir=$scratch/other one" list
    check "$1: which is empty" test ! -s "$out"
}

# configure KEYS: jbackup.json of the project.
configure() { printf '{%s}\n' "$1" >"$app/jbackup.json"; }
is_down() { [[ ! -e $app/up ]]; }
# answers WORD COMMAND...: the same at a terminal, where a person types the word.
answers() {
    local word=$1
    shift
    { sleep 2; echo "$word"; sleep 3; } | script -qec "$(printf '%q ' env PATH="$PATH" "${shell[@]}" \
        "$script" --project "$app" "$@")" /dev/null >"$out" 2>"$err"
}

services() { # NAME
    local ts command
    configure ''
    gives 2 "$1: start of no service" bs start
    said "$1: which is said" 'jbackup.json names no service'
    gives 2 "$1: logs of no service" bs logs
    bs status
    check "$1: status without a service has the backups" grep -q '^backups ' "$out"
    check_fails "$1: and no service" grep -q '^service ' "$out"

    configure '"exclude": ["/up"],
        "service": {"start": ["touch", "up"], "stop": ["rm", "up"], "status": ["test", "-e", "up"]}'
    gives 0 "$1: start" bs start
    check "$1: it is up" test -e "$app/up"
    bs status
    said "$1: status says so" '^service +touch is active'
    said "$1: it has the schedules" '^daily\|'
    said "$1: and the health" '^(WARNING|ERROR|all) '
    gives 0 "$1: restart" bs restart
    check "$1: it is up again" test -e "$app/up"
    for command in start stop restart; do
        gives 2 "$1: $command of two" bs $command other
    done
    gives 2 "$1: logs of commands" bs logs
    said "$1: are not known" 'run by commands'

    gives 0 "$1: a backup to go back to" bs backup
    ts=$(newest)
    echo changed >"$app/src/main.py"
    gives 2 "$1: rollback to what" bs rollback
    gives 2 "$1: rollback to two" bs rollback "$ts" "$ts"
    gives 2 "$1: rollback with an option of another" bs rollback "$ts" --confirm
    gives 2 "$1: rollback to no backup" bs rollback 20010101_000000 --yes
    gives 2 "$1: rollback where nobody can be asked" bs rollback "$ts" </dev/null
    said "$1: is told how" "rollback $ts --yes"
    said "$1: and what it would do" 'src|code'
    gives 2 "$1: rollback, and a no" answers no rollback "$ts"
    check "$1: all that changed nothing" grep -qx changed "$app/src/main.py"
    gives 0 "$1: rollback, and a yes" answers yes rollback "$ts"
    check "$1: that is the code of the backup" grep -q hello "$app/src/main.py"
    check "$1: and the service is up" test -e "$app/up"
    echo changed >"$app/src/main.py"
    gives 0 "$1: rollback --yes" bs rollback --yes "$ts"
    check "$1: is the code of the backup, too" grep -q hello "$app/src/main.py"

    gives 0 "$1: stop" bs stop
    check "$1: it is down" is_down
    gives 1 "$1: status of a service that is down" bs status
    said "$1: says so" '^service +touch is inactive'
    gives 0 "$1: stop again" bs stop
    configure ''
}

shell=() # as its first line says
all_commands sh
services sh
for shell_name in dash 'bash --posix' 'busybox sh'; do
    read -ra shell <<<"$shell_name"
    if command -v "${shell[0]}" >/dev/null; then
        rm -rf "$app/backups"
        all_commands "$shell_name"
        services "$shell_name"
    else
        skip "$shell_name" "it is not installed"
    fi
done
shell=()

# ---- What fails ----

head -c 100 /dev/urandom >"$(artifact 'codebase_*.tar.gz' "$(newest)")"
gives 1 "a damaged backup: verify" bs verify
rm -rf "$app/backups" && : >"$app/backups"
gives 3 "no repository: backup" bs backup
gives 3 "no repository: pre-deploy" bs pre-deploy
said "it says not to deploy" 'do not deploy'
check_fails "and gives no timestamp" grep -qxE '[0-9]{8}_[0-9]{6}' "$out"
rm "$app/backups"
breaking=$scratch/breaking
mkdir "$breaking"
cp "$script" "$breaking/backup.sh"
cat >"$breaking/jbackup" <<END
#!/bin/sh
"$jbackup" "\$@"
status=\$?
case "\$*" in
*" backup "*) for file in "\$2"/backups/daily/codebase_*.tar.gz; do echo damaged >"\$file"; done ;;
esac
exit \$status
END
chmod 755 "$breaking/jbackup"
script=$breaking/backup.sh
gives 1 "a backup that is damaged at once: pre-deploy" bs pre-deploy
said "it says not to deploy, either" 'not known to be good: do not deploy'
check_fails "and gives no timestamp, either" grep -qxE '[0-9]{8}_[0-9]{6}' "$out"

# ---- A service of systemd, by one that only tells how it was called ----

script=$build/tools/backup.sh calls=$scratch/calls state=$scratch/state unit=app@one.service
rm -rf "$app/backups"
configure "\"service\": \"$unit\""
cat >"$bin/systemctl" <<END
#!/bin/sh
echo systemctl "\$@" >>"$calls"
case "\$*" in
*" show "*) printf '%s\n' LoadState=loaded "ActiveState=\$(cat "$state")" InvocationID=1 Result=success ;;
*"stop "*) echo inactive >"$state" ;;
*start*) [ ! -e "$scratch/stuck" ] || exit 4; echo active >"$state" ;;
esac
END
# shellcheck disable=SC2016
printf '#!/bin/sh\necho journalctl "$@"\n' >"$bin/journalctl"
# shellcheck disable=SC2016
printf '#!/bin/sh\necho sudo "$@" >>"%s"\nshift\nexec "$@"\n' "$calls" >"$bin/sudo"
chmod 755 "$bin/systemctl" "$bin/journalctl" "$bin/sudo"
echo inactive >"$state" && : >"$calls"
chmod 666 "$calls" "$state"
called() { grep -qxF -- "$1" "$calls"; }
gives 0 "start of a unit" bs start
gives 0 "restart of a unit" bs restart
gives 0 "logs of a unit" bs logs -f
check "journalctl is asked for them" grep -qxF "journalctl --no-pager --lines=100 --unit=$unit -f" "$out"
if [[ $(id -u) -eq 0 ]]; then
    check "root calls systemctl" called "systemctl --system start --no-ask-password -- $unit"
    check_fails "root needs no sudo" grep -q sudo "$calls"
    chmod 711 "$scratch"
    chown -R daemon "$app"
    shell=(setpriv --reuid daemon --regid daemon --clear-groups sh)
else
    skip "root calls systemctl" "not root"
fi
: >"$calls"
for command in stop start restart; do
    gives 0 "$command without root" bs $command
    check "$command without root is left to sudo" called "sudo -- systemctl $command -- $unit"
done
gives 0 "logs without root" bs logs
check "logs without root are left to sudo" called "sudo -- journalctl --no-pager --lines=100 --unit=$unit"
gives 0 "a backup without root" bs backup
ts=$(newest)
echo changed >"$app/src/main.py"
: >"$calls"
gives 0 "rollback without root" bs rollback "$ts" --yes
check "it has restored" grep -q hello "$app/src/main.py"
check "sudo has stopped and started the service, and nothing else" diff \
    <(printf '%s\n' "sudo -- systemctl stop -- $unit" "sudo -- systemctl start -- $unit") <(grep sudo "$calls")
: >"$calls"
gives 2 "rollback without root to no backup" bs rollback 20010101_000000 --yes
check_fails "has stopped nothing" grep -q sudo "$calls"
: >"$scratch/stuck"
gives 5 "rollback without root, and a service that does not start" bs rollback "$ts" --yes
said "it says so" "$unit does not start"
rm "$scratch/stuck"
echo inactive >"$state" && : >"$calls"
gives 0 "rollback without root, and a service that was down" bs rollback "$ts" --yes
check_fails "leaves it alone" grep -q sudo "$calls"
rm "$bin/sudo"
if command -v sudo >/dev/null; then
    skip "without root and sudo" "sudo is installed"
else
    gives 3 "without root and sudo" bs start
    said "it says that root may" 'only root may do this: systemctl start'
fi
rm "$bin/systemctl" "$bin/journalctl" "$app/jbackup.json"
[[ $(id -u) -ne 0 ]] || chown -R root "$app"
shell=()

# ---- Where it lies ----

rm -rf "$app/backups"
cp "$build/tools/backup.sh" "$app/backup.sh"
script=$app/backup.sh
gives 3 "no jbackup" bare list
said "is said" 'neither beside this script nor on PATH'
ln -s "$jbackup" "$bin/jbackup"
gives 0 "in the project, with jbackup on PATH" bare backup
check "it is that project's" test -n "$(newest)"
(cd "$app" && PATH=$bin:$PATH ./backup.sh list) >"$out" 2>"$err"
check "called as ./backup.sh" cmp "$out" <(listed)
(cd "$app" && PATH=$bin:$PATH sh backup.sh list) >"$out" 2>"$err"
check "called as sh backup.sh" cmp "$out" <(listed)
rm "$app/backup.sh" "$bin/jbackup"
ln -s "$build/tools/backup.sh" "$app/backup.sh"
gives 0 "a link to it in the project" bare list
check "jbackup is beside what it leads to" cmp "$out" <(listed)
(PATH=$app:$PATH backup.sh list) >"$out" 2>"$err"
check "found on PATH" cmp "$out" <(listed)
script=$build/tools/backup.sh
(cd "$app/src" && "$script" --project .. list) >"$out" 2>"$err"
check "a relative project" cmp "$out" <(listed)
JBACKUP_PROJECT=$app gives 0 "the project of the environment" bare list
check "is that" cmp "$out" <(listed)
JBACKUP_PROJECT=$scratch/none gives 0 "--project comes first" bs list

# ---- Checkers of scripts, also of the script that jbackup-scheduler writes ----

make_app "$scratch/plain"
"$build/tools/jbackup-scheduler" --project "$scratch/plain" monitor >"$scratch/monitor.sh" 2>"$err"
scripts=("$here/../../tools/backup.sh" "$scratch/monitor.sh")
for example in "$here"/../../examples/*.sh; do
    [[ ! -e $example ]] || scripts+=("$example")
done
for checker in shellcheck 'dash -n' checkbashisms; do
    read -ra checker_command <<<"$checker"
    for checked in "${scripts[@]}"; do
        name="$checker has nothing to say of ${checked##*/}"
        if command -v "${checker_command[0]}" >/dev/null; then
            check "$name" "${checker_command[@]}" "$checked"
        else
            skip "$name" "it is not installed"
        fi
    done
done
done_testing
