#!/bin/sh
# SPDX-License-Identifier: MIT
# The everyday commands of jbackup, and of the application's service, under short names. It calls the
# tools of jbackup that lie beside it, else those on PATH, and ends with their exit status.
set -u

usage() {
    cat <<'END'
usage: backup.sh [--project DIR] [--backup-dir DIR] COMMAND [ARGUMENT...]

Backups:
  backup [--db-only | --code-only]   make a backup now
  list [--size]                      the backups, newest first
  size [TS]                          the sizes of all backups, or all about one
  pre-deploy [--wait SECONDS]        a full backup, verified, and kept for 30
                                     days; its timestamp is the last line
                                     printed; if it fails, do not deploy
  rollback TS [--yes]                put a backup in the place of what lives,
                                     all or nothing, after one confirmation
  verify [TS]                        read all backups, or one, and compare
  stats                              how many backups there are, and their size
  cleanup [--dry-run]                remove what the retention no longer keeps
  remove TS                          remove one backup

The application's service, which "service" in jbackup.json names:
  start, stop, restart               as it says
  status                             backups, service, schedules, health
  logs [OPTION...]                   its last 100 lines; or as journalctl does

  help                               this text

Without --project, the project is what JBACKUP_PROJECT names, else the folder
that this script was called in if it has a jbackup.json or a .env, else the
working directory or the nearest folder above it that has a jbackup.json.
Other options go to jbackup, behind the command. The exit status is that of
the tools; 2: wrong usage. Where only root may do it, sudo asks.
END
}

say() { printf 'backup.sh: %s\n' "$1" >&2; }

# wrong MESSAGE: ends with status 2.
wrong() {
    say "$1"
    printf 'hint: "backup.sh help" shows the commands\n' >&2
    exit 2
}

# operands COMMAND MOST COUNT: ends if there are too many.
operands() {
    [ "$3" -le "$2" ] || wrong "\"$1\" has too many arguments"
}

# ---- Where things are ----

# The folder that the script was called in, then the one that it really lies in.
find_self() {
    self=$0
    case $self in
    */*) ;;
    *) if [ -f "./$self" ]; then self=./$self; else self=$(command -v "$self"); fi ;;
    esac
    called_in=${self%/*}
    lies_in=$(readlink -f -- "$self" 2>/dev/null) || lies_in=$self
    lies_in=${lies_in%/*}
}

# find_tool NAME: beside the script, else on PATH.
find_tool() {
    for folder in "$called_in" "$lies_in"; do
        tool=$folder/$1
        [ -f "$tool" ] && [ -x "$tool" ] && return
    done
    tool=$(command -v "$1") && return
    say "the tool $1 is neither beside this script nor on PATH"
    exit 3
}

find_project() {
    [ -z "$project" ] || return 0
    project=${JBACKUP_PROJECT:-}
    if [ -z "$project" ] && { [ -e "$called_in/jbackup.json" ] || [ -e "$called_in/.env" ]; }; then
        project=$called_in
    fi
}

# call TOOL COMMAND [ARGUMENT...]: a tool, on the project.
call() {
    find_tool "$1"
    shift
    [ -z "$backup_dir" ] || set -- --backup-dir "$backup_dir" "$@"
    [ -z "$project" ] || set -- --project "$project" "$@"
    "$tool" "$@"
}
jb() { call jbackup "$@"; }

# ---- Commands that are more than one call ----

size() {
    operands size 1 $#
    if [ $# -eq 0 ]; then
        jb list --size
    else
        jb show "$1"
    fi
}

pre_deploy() {
    if [ $# -ne 0 ] && { [ $# -ne 2 ] || [ "$1" != --wait ]; }; then
        wrong "\"pre-deploy\" knows no other option than --wait SECONDS"
    fi
    said=$(jb backup --label pre-deploy --keep-days 30 "$@") || {
        status=$?
        printf '%s\n' "$said"
        say "the backup failed: do not deploy"
        return "$status"
    }
    printf '%s\n' "$said"
    timestamp=$(printf '%s\n' "$said" | tail -n 1 | cut -c 1-15)
    jb verify --depth content "$timestamp" || {
        status=$?
        say "the backup $timestamp is not known to be good: do not deploy"
        return "$status"
    }
    printf '%s\n' "$timestamp"
}

# confirmed TS: whether the person at the terminal says yes.
confirmed() {
    if [ ! -t 0 ]; then
        say "nobody can be asked here, so nothing was done"
        printf 'hint: "backup.sh rollback %s --yes" does not ask\n' "$1" >&2
        return 1
    fi
    printf 'Replace all this by the backup %s? Type "yes": ' "$1" >&2
    read -r answer && [ "$answer" = yes ] && return
    say "nothing was done"
    return 1
}

rollback() {
    timestamp='' yes=''
    for argument in "$@"; do
        case $argument in
        --yes) yes=1 ;;
        -*) wrong '"rollback" knows no other option than --yes' ;;
        *)
            [ -z "$timestamp" ] || wrong '"rollback" has too many arguments'
            timestamp=$argument
            ;;
        esac
    done
    [ -n "$timestamp" ] || wrong '"rollback" needs the timestamp of a backup'
    find_service || return
    call jbackup-restore plan "$timestamp" || return
    [ -n "$yes" ] || confirmed "$timestamp" || return 2
    if needs_sudo && [ "$state" = active ]; then
        rollback_with_sudo
    else
        call jbackup-restore restore "$timestamp" --confirm
    fi
}

# Root would own what it writes among somebody's backups, so nothing but the service is left to root.
# Interrupted, the restore ends by itself, and what was running runs again.
rollback_with_sudo() {
    trap : INT TERM HUP
    as_root systemctl stop -- "$service" || return 3
    call jbackup-restore restore "$timestamp" --confirm
    status=$?
    if ! call jbackup-restore status >/dev/null; then
        say "$service stays stopped: old and new may be mixed"
        return 5
    fi
    as_root systemctl start -- "$service" && return "$status"
    say "$service does not start"
    return 5
}

# ---- The service ----

as_root() {
    if ! command -v sudo >/dev/null; then
        say "only root may do this: $*"
        return 3
    fi
    sudo -- "$@"
}

# Sets service, manager ("system", "user", "commands") and state, all empty if there is no service.
find_service() {
    service='' manager='' state=''
    found=$(jb service) || return
    [ "$found" != none ] || return 0
    state=${found##*|}
    found=${found%|*}
    manager=${found##*|}
    service=${found%|*}
}

needs_sudo() { [ "$manager" = system ] && [ "$(id -u)" -ne 0 ]; }

need_service() {
    find_service || exit
    [ -z "$service" ] || return 0
    say "jbackup.json names no service"
    printf 'hint: {"service": "journal-app.service"} in it would\n' >&2
    exit 2
}

change_service() {
    operands "$1" 1 $#
    need_service
    if ! needs_sudo; then
        jb service "$1"
        return
    fi
    [ "$1" = stop ] || call jbackup-restore status >/dev/null || return
    as_root systemctl "$1" -- "$service"
}

# Those of the system are shown to root and to these groups.
logs() {
    need_service
    case $manager in
    user) set -- journalctl --no-pager --lines=100 --user-unit="$service" "$@" ;;
    system) set -- journalctl --no-pager --lines=100 --unit="$service" "$@" ;;
    *)
        say "the service is run by commands, and where these write is not known"
        exit 2
        ;;
    esac
    if needs_sudo && ! id -nG | tr ' ' '\n' | grep -qx -e adm -e systemd-journal; then
        as_root "$@"
    else
        "$@"
    fi
}

# Each part says by its status whether it is well; the first that is not gives that of all.
status() {
    operands status 0 $#
    worst=0
    jb stats || note $?
    find_service || note $?
    if [ -n "$service" ]; then
        printf 'service      %s is %s\n' "$service" "$state"
        [ "$state" = active ] || note 1
    fi
    printf '\n'
    call jbackup-scheduler status || note $?
    printf '\n'
    call jbackup-monitor check --brief || note $?
    return "$worst"
}
note() { [ "$worst" -ne 0 ] || worst=$1; }

# ---- The command line ----

project='' backup_dir=''
find_self
while [ $# -gt 0 ]; do
    case $1 in
    --project | --backup-dir)
        if [ $# -lt 2 ] || [ -z "$2" ]; then wrong "option \"$1\" needs a folder"; fi
        if [ "$1" = --project ]; then project=$2; else backup_dir=$2; fi
        shift 2
        ;;
    --project=?*) project=${1#*=} && shift ;;
    --backup-dir=?*) backup_dir=${1#*=} && shift ;;
    -h | --help) usage && exit ;;
    -*) wrong "unknown option \"$1\" before the command" ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || wrong "no command"
command=$1
shift
find_project

case $command in
help) usage ;;
backup | list | verify | stats | cleanup | remove) jb "$command" "$@" ;;
size) size "$@" ;;
pre-deploy) pre_deploy "$@" ;;
rollback) rollback "$@" ;;
start | stop | restart) change_service "$command" "$@" ;;
status) status "$@" ;;
logs) logs "$@" ;;
*) wrong "unknown command \"$command\"" ;;
esac
