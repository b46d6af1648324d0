# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for jbackup-restore

_jbackup_restore_options='--project --backup-dir --json --quiet --verbose --no-color --help --version'
_jbackup_restore_commands='list plan test restore status recover rollback discard-old help'

# The options of one command.
_jbackup_restore_options_of() {
    local what='--type --database --path --environment --wait'
    case $1 in
    plan | test) echo "$what" ;;
    restore) echo "$what --to --confirm --no-safety-backup --discard-old" ;;
    recover | rollback | discard-old) echo '--wait' ;;
    esac
}

# The timestamps of the project that the command line names so far.
_jbackup_restore_timestamps() {
    local i place=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir) place+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    "${COMP_WORDS[0]}" "${place[@]}" list 2>/dev/null | cut -d'|' -f1
}

# The command on the command line, if there is one before the cursor.
_jbackup_restore_command() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir | --type | --database | --path | --environment | --to | --wait) ((i++)) ;;
        -*) ;;
        *)
            echo "${COMP_WORDS[i]}"
            return
            ;;
        esac
    done
}

_jbackup_restore() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command words=
    command=$(_jbackup_restore_command)
    case $before in
    --project | --backup-dir | --to)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    --type) words='full database codebase' ;;
    --environment) words='production staging test' ;;
    --database | --path | --wait) ;;
    *)
        if [[ $word == -* ]]; then
            words="$_jbackup_restore_options $(_jbackup_restore_options_of "$command")"
        elif [[ -z $command || $command == help ]]; then
            words=$_jbackup_restore_commands
        else
            case $command in
            plan | test | restore) words=$(_jbackup_restore_timestamps) ;;
            esac
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _jbackup_restore jbackup-restore
