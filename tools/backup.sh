#!/bin/sh
# SPDX-License-Identifier: MIT
# The everyday commands of jbackup, and of the application's service, under short names. It calls the
# tool jbackup that lies beside it, else the one on PATH, and ends with its exit status.
set -u

usage() {
    cat <<'END'
usage: backup.sh [--project DIR] [--backup-dir DIR] COMMAND [ARGUMENT...]

Backups:
  backup [--db-only | --code-only]   make a backup now
  list [--size]                      the backups, newest first
  size [TS]                          the sizes of all backups, or all about one
  pre-deploy [--wait SECONDS]        a full backup, verified and pinned; its
                                     timestamp is the last line printed; if it
                                     fails, do not deploy
  verify [TS]                        read all backups, or one, and compare
  stats                              how many backups there are, and their size
  cleanup [--dry-run]                remove what the retention no longer keeps
  remove TS                          remove one backup

The application's service, which JBACKUP_SERVICE names:
  start, stop, restart               through systemctl
  status                             the backups in numbers, then the service
  logs [OPTION...]                   its last 100 lines; or as journalctl does

  help                               this text

Without --project, the project is what JBACKUP_PROJECT names, else the folder
that this script was called in if it has a jbackup.json or a .env, else the
working directory or the nearest folder above it that has a jbackup.json.
Other options go to jbackup, behind the command. The exit status is that of
jbackup or systemctl; 2: wrong usage.
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
    *) if [ -f "./$self" ]; then self=./$self; else self=$(command -v -- "$self"); fi ;;
    esac
    called_in=${self%/*}
    lies_in=$(readlink -f -- "$self" 2>/dev/null) || lies_in=$self
    lies_in=${lies_in%/*}
}

find_tool() {
    for folder in "$called_in" "$lies_in"; do
        tool=$folder/jbackup
        [ -f "$tool" ] && [ -x "$tool" ] && return
    done
    tool=$(command -v jbackup) && return
    say "the tool jbackup is neither beside this script nor on PATH"
    exit 3
}

find_project() {
    [ -z "$project" ] || return 0
    project=${JBACKUP_PROJECT:-}
    if [ -z "$project" ] && { [ -e "$called_in/jbackup.json" ] || [ -e "$called_in/.env" ]; }; then
        project=$called_in
    fi
}

# jb COMMAND [ARGUMENT...]: the tool, on the project.
jb() {
    [ -z "$backup_dir" ] || set -- --backup-dir "$backup_dir" "$@"
    [ -z "$project" ] || set -- --project "$project" "$@"
    "$tool" "$@"
}

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
    said=$(jb backup --label pre-deploy "$@") || {
        status=$?
        printf '%s\n' "$said"
        say "the backup failed: do not deploy"
        return "$status"
    }
    printf '%s\n' "$said"
    timestamp=$(printf '%s\n' "$said" | tail -n 1 | cut -c 1-15)
    { jb verify --depth content "$timestamp" && jb pin "$timestamp" "$@"; } || {
        status=$?
        say "the backup $timestamp is not known to be good and kept: do not deploy"
        return "$status"
    }
    printf '%s\n' "$timestamp"
}

# ---- The service ----

need_service() {
    [ -n "${JBACKUP_SERVICE:-}" ] && return
    say "JBACKUP_SERVICE is not set, so the application's service is not known"
    printf 'hint: JBACKUP_SERVICE=NAME.service %s %s\n' "${self##*/}" "$1" >&2
    exit 2
}

service() {
    operands "$1" 1 $#
    need_service "$1"
    systemctl "$1" -- "$JBACKUP_SERVICE"
}

status() {
    operands status 0 $#
    jb stats || return
    if [ -z "${JBACKUP_SERVICE:-}" ]; then
        say "JBACKUP_SERVICE is not set, so the application's service is not shown"
        return
    fi
    systemctl --no-pager status -- "$JBACKUP_SERVICE"
}

logs() {
    need_service logs
    journalctl --no-pager --lines=100 --unit="$JBACKUP_SERVICE" "$@"
}

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

case $command in
backup | list | verify | stats | cleanup | remove | size | pre-deploy | status)
    find_tool
    find_project
    ;;
esac

case $command in
help) usage ;;
backup | list | verify | stats | cleanup | remove) jb "$command" "$@" ;;
size) size "$@" ;;
pre-deploy) pre_deploy "$@" ;;
start | stop | restart) service "$command" "$@" ;;
status) status "$@" ;;
logs) logs "$@" ;;
*) wrong "unknown command \"$command\"" ;;
esac
