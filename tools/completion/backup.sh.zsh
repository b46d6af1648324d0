#compdef backup.sh
# SPDX-License-Identifier: MIT
# zsh completion for backup.sh. Commands, options and timestamps are what the script itself tells.

_backup_sh() {
    local script=${~${(Q)words[1]}} command= line word i
    local -a commands place operands match mbegin mend
    local -A arguments_of
    integer given=0
    for line in ${(f)"$($script help 2>/dev/null </dev/null)"}; do
        [[ $line =~ '^  ([a-z-]+(, [a-z-]+)*)(( [^ ]+)*)  +(.*)$' ]] || continue
        for word in ${(s:, :)match[1]}; do
            commands+=("$word:$match[5]")
            arguments_of[$word]=${match[3]//[][|]/ }
        done
    done
    for ((i = 2; i < CURRENT; i++)); do
        case $words[i] in
        --project | --backup-dir) place+=($words[i] ${(Q)words[++i]}) ;;
        --wait) ((++i)) ;;
        -*) ;;
        *) if [[ -z $command ]]; then command=$words[i]; else ((++given)); fi ;;
        esac
    done
    operands=(${=arguments_of[$command]})
    case $words[CURRENT-1] in
    --project | --backup-dir) _files -/ ;;
    --wait) _message SECONDS ;;
    *)
        if [[ -z $command && $words[CURRENT] == -* ]]; then
            compadd -- --project --backup-dir
        elif [[ -z $command ]]; then
            _describe command commands
        elif [[ $words[CURRENT] == -* ]]; then
            compadd -- ${(M)operands:#--*}
        elif ((given == 0 && ${operands[(Ie)TS]})); then
            compadd -V timestamps -- ${${(f)"$($script $place list 2>/dev/null </dev/null)"}%%\|*}
        fi
        ;;
    esac
}

_backup_sh "$@"
