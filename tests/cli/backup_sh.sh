#!/bin/bash
# SPDX-License-Identifier: MIT
# backup.sh under each shell that may be /bin/sh, from another folder, for a project whose path is
# no easy one.
. "$(dirname "$0")/lib.sh"
script=$build/tools/backup.sh app="$scratch/my app's \$(place)"
make_app "$app"
cd / || exit 1

bin=$scratch/bin # programs that tell how they were called
mkdir "$bin"
for name in systemctl journalctl; do
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho %s "$@"\nexit ${FAKE_STATUS:-0}\n' "$name" >"$bin/$name"
    chmod 755 "$bin/$name"
done

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
    for command in backup list size pre-deploy verify stats cleanup remove start stop restart status \
        logs help; do
        grep -qE "(^| )$command( |,|\$)" "$out" || { echo "no $command"; return 1; }
    done
}

all_commands() { # NAME: of the shell
    local ts count
    gives 0 "$1: help" bare help
    check "$1: help names every command" has_help
    check "$1: help fits a terminal" test -z "$(awk 'length > 80' "$out")"
    check_fails "$1: help names no rollback" grep -q rollback "$out"
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
    check "$1: it is full, checked, pinned and labelled" \
        grep -qE "^$ts\\|daily\\|full\\|.*\\|pinned\\|pre-deploy\\|checked" <(listed)
    gives 2 "$1: pre-deploy is always full" bs pre-deploy --db-only
    gives 0 "$1: pre-deploy --wait" bs pre-deploy --wait 5

    gives 2 "$1: an unknown command" bs rollback "$ts"
    said "$1: is named" 'backup.sh: unknown command "rollback"'
    gives 2 "$1: no command" bs
    gives 2 "$1: an unknown option" bare --projects "$app" list
    gives 2 "$1: an option without its folder" bare --project
    gives 2 "$1: no such project" bare --project "$app/none" list
    gives 0 "$1: another repository" bare --project="$app" "--backup-dir=$scratch/other one" list
    check "$1: which is empty" test ! -s "$out"
}

services() { # NAME
    local name='app one.service'
    gives 2 "$1: start of no service" bs start
    said "$1: which is said" 'JBACKUP_SERVICE is not set'
    gives 2 "$1: logs of no service" bs logs
    gives 0 "$1: status without a service" bs status
    said "$1: has the backups" '^backups '
    said "$1: and says what it lacks" 'JBACKUP_SERVICE is not set'
    export JBACKUP_SERVICE=$name
    for command in start stop restart; do
        gives 0 "$1: $command" bs $command
        check "$1: $command calls systemctl" grep -qx "systemctl $command -- $name" "$out"
        FAKE_STATUS=5 gives 5 "$1: $command that fails" bs $command
        gives 2 "$1: $command of two" bs $command other
    done
    FAKE_STATUS=3 gives 3 "$1: status of a service that is down" bs status
    said "$1: status calls systemctl" "^systemctl --no-pager status -- $name\$"
    gives 0 "$1: logs" bs logs -f
    said "$1: logs calls journalctl" "^journalctl --no-pager --lines=100 --unit=$name -f\$"
    unset JBACKUP_SERVICE
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
said "it says not to deploy, either" 'not known to be good and kept: do not deploy'
check_fails "and gives no timestamp, either" grep -qxE '[0-9]{8}_[0-9]{6}' "$out"
check_fails "and pins nothing" grep -q '|pinned|' <(listed)

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

if command -v shellcheck >/dev/null; then
    check "shellcheck has nothing to say" shellcheck "$here/../../tools/backup.sh"
else
    skip "shellcheck has nothing to say" "it is not installed"
fi
done_testing
