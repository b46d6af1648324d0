# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for jbackup

_jbackup_options='--project --backup-dir --json --quiet --verbose --no-color --help --version'
_jbackup_commands='backup list verify stats cleanup remove restore show files find diff pin unpin service help'

# The options of one command.
_jbackup_options_of() {
    case $1 in
    backup) echo '--db-only --code-only --category --label --keep-days --reread --wait' ;;
    list) echo '--size --category' ;;
    verify) echo '--timestamp --depth --latest --sample --if-older' ;;
    cleanup) echo '--dry-run --wait' ;;
    remove) echo '--dry-run --wait' ;;
    diff) echo '--live --path --database --type' ;;
    pin | unpin) echo '--wait' ;;
    restore) echo '--timestamp --to --path --database --type' ;;
    esac
}

# The timestamps of the project that the command line names so far.
_jbackup_timestamps() {
    local i place=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir) place+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    "${COMP_WORDS[0]}" "${place[@]}" list 2>/dev/null | cut -d'|' -f1
}

# The command on the command line, if there is one before the cursor.
_jbackup_command() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir | --category | --label | --keep-days | --wait | --timestamp | --to | --path | \
            --database | --type | --depth | --sample | --if-older) ((i++)) ;;
        -*) ;;
        *)
            echo "${COMP_WORDS[i]}"
            return
            ;;
        esac
    done
}

_jbackup() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command words=
    command=$(_jbackup_command)
    case $before in
    --project | --backup-dir | --to)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    --category) words='daily weekly monthly' ;;
    --type) words='full database codebase' ;;
    --depth) words='bytes content restore' ;;
    --timestamp) words=$(_jbackup_timestamps) ;;
    --label | --keep-days | --wait | --path | --database | --sample | --if-older) ;;
    *)
        if [[ $word == -* ]]; then
            words="$_jbackup_options $(_jbackup_options_of "$command")"
        elif [[ -z $command || $command == help ]]; then
            words=$_jbackup_commands
        else
            case $command in
            verify | remove | show | files | diff | pin | unpin) words=$(_jbackup_timestamps) ;;
            service) words='status start stop restart' ;;
            esac
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _jbackup jbackup
