# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for jbackup-monitor

_jbackup_monitor_options='--project --backup-dir --json --quiet --verbose --no-color --help --version'
_jbackup_monitor_commands='check report monitor config history test-mail help'
_jbackup_monitor_checks='freshness proof integrity size systemd disk database restore permissions clock
    versions delivery'

# The options of one command.
_jbackup_monitor_options_of() {
    case $1 in
    check) echo '--check --brief --alert --nagios --prometheus' ;;
    monitor) echo '--interval' ;;
    config) echo '--set' ;;
    history) echo '--days' ;;
    esac
}

# The keys of the configuration of the project that the command line names so far.
_jbackup_monitor_keys() {
    local i place=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir) place+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    "${COMP_WORDS[0]}" "${place[@]}" config 2>/dev/null | sed -n 's/^[a-z]*\.\([a-z_]*\)|.*/\1=/p'
}

# The command on the command line, if there is one before the cursor.
_jbackup_monitor_command() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir | --check | --prometheus | --interval | --set | --days) ((i++)) ;;
        -*) ;;
        *)
            echo "${COMP_WORDS[i]}"
            return
            ;;
        esac
    done
}

_jbackup_monitor() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command words=
    command=$(_jbackup_monitor_command)
    case $before in
    --project | --backup-dir)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    --prometheus)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --check) words=$_jbackup_monitor_checks ;;
    --set)
        compopt -o nospace
        words=$(_jbackup_monitor_keys)
        ;;
    --interval | --days) ;;
    *)
        if [[ $word == -* ]]; then
            words="$_jbackup_monitor_options $(_jbackup_monitor_options_of "$command")"
        elif [[ -z $command || $command == help ]]; then
            words=$_jbackup_monitor_commands
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _jbackup_monitor jbackup-monitor
