# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for jbackup-scheduler

_jbackup_scheduler_options='--project --backup-dir --json --quiet --verbose --no-color --help --version'
_jbackup_scheduler_commands='install uninstall status run perform alert monitor help'

# The options of one command.
_jbackup_scheduler_options_of() {
    case $1 in
    install) echo '--user --dry-run --force --cron --tools --run-as' ;;
    uninstall) echo '--user --dry-run' ;;
    status) echo '--user' ;;
    run) echo '--type --user --no-wait --wait' ;;
    perform) echo '--type --if-due --by --wait' ;;
    monitor) echo '--to --tools' ;;
    esac
}

# The command on the command line, if there is one before the cursor.
_jbackup_scheduler_command() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir | --tools | --run-as | --type | --wait | --by | --to) ((i++)) ;;
        -*) ;;
        *)
            echo "${COMP_WORDS[i]}"
            return
            ;;
        esac
    done
}

_jbackup_scheduler() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command words=
    command=$(_jbackup_scheduler_command)
    case $before in
    --project | --backup-dir | --tools)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    --to)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --run-as)
        mapfile -t COMPREPLY < <(compgen -u -- "$word")
        return
        ;;
    --type)
        words='daily weekly monthly verify'
        [[ $command == run ]] && words="$words monitor"
        ;;
    --by) words='timer cron hand' ;;
    --wait) ;;
    *)
        if [[ $word == -* ]]; then
            words="$_jbackup_scheduler_options $(_jbackup_scheduler_options_of "$command")"
        elif [[ -z $command || $command == help ]]; then
            words=$_jbackup_scheduler_commands
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _jbackup_scheduler jbackup-scheduler
