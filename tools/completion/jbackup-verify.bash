# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for jbackup-verify

_jbackup_verify_options='--project --backup-dir --json --quiet --verbose --no-color --help --version'
_jbackup_verify_how='--timestamp --depth --latest --all --sample --program --shell'
_jbackup_verify_commands='verify test report help'
_jbackup_verify_tests='executable database backup integrity restore cleanup stats shell systemd'

# The timestamps of the project that the command line names so far, as the jbackup beside this tool
# or on the path tells them.
_jbackup_verify_timestamps() {
    local i place=() jbackup=${COMP_WORDS[0]%-verify}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir) place+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    "$jbackup" "${place[@]}" list 2>/dev/null | cut -d'|' -f1
}

# The command on the command line, if there is one before the cursor.
_jbackup_verify_command() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir | --test | --timestamp | --depth | --sample | --program | --shell) ((i++)) ;;
        -*) ;;
        *)
            echo "${COMP_WORDS[i]}"
            return
            ;;
        esac
    done
}

_jbackup_verify() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command words=
    command=$(_jbackup_verify_command)
    case $before in
    --project | --backup-dir)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    --program | --shell)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --test) words=$_jbackup_verify_tests ;;
    --depth) words='bytes content restore' ;;
    --timestamp) words=$(_jbackup_verify_timestamps) ;;
    --sample) ;;
    *)
        if [[ $word == -* ]]; then
            words=$_jbackup_verify_options
            case $command in
            verify | report) words+=" $_jbackup_verify_how" ;;
            test) words+=" --test $_jbackup_verify_how" ;;
            esac
        elif [[ -z $command || $command == help ]]; then
            words=$_jbackup_verify_commands
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _jbackup_verify jbackup-verify
