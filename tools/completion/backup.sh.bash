# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for backup.sh

_backup_sh() {
    local i word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
    local command='' given=0 place=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --project | --backup-dir) place+=("${COMP_WORDS[i]}" "${COMP_WORDS[++i]}") ;;
        --wait) ((++i)) ;;
        -*) ;;
        *) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; else ((++given)); fi ;;
        esac
    done
    case $before in
    --project | --backup-dir)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$word")
        return
        ;;
    --wait) ;;
    *)
        case $command/$word in
        /-*) words='--project --backup-dir' ;;
        /*) words='backup list size pre-deploy rollback verify stats cleanup remove start stop restart
            status logs help' ;;
        backup/-*) words='--db-only --code-only' ;;
        list/-*) words=--size ;;
        pre-deploy/-*) words=--wait ;;
        rollback/-*) words=--yes ;;
        cleanup/-*) words=--dry-run ;;
        size/* | rollback/* | verify/* | remove/*)
            [[ $given -ne 0 ]] || words=$("${COMP_WORDS[0]}" "${place[@]}" list 2>/dev/null </dev/null | cut -d'|' -f1)
            ;;
        esac
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _backup_sh backup.sh
