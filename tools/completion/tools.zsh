#compdef @TOOLS@
# SPDX-License-Identifier: MIT
# zsh completion for all tools of jbackup. Commands, options and operands are what the tool's own help
# tells, so they are always those of the tool that is installed.

# _jbackup_help [COMMAND]: fills the arrays of _jbackup from the help text.
_jbackup_help() {
    local line
    local -a match
    options=() argument_of=() operands=()
    for line in ${(f)"$($tool ${1:+help} ${1:---help} 2>/dev/null </dev/null)"}; do
        if [[ $line =~ '^  (--[a-z-]+)( [^ ]+)? +(.*)$' ]]; then
            options+=("$match[1]:$match[3]")
            [[ -n $match[2] ]] && argument_of[$match[1]]=${match[2]# }
        elif [[ -z $1 && $line =~ '^  ([a-z-]+)(( \[?[A-Z]+\]?)*) +(.*)$' ]]; then
            commands+=("$match[1]:$match[4]")
        elif [[ -n $1 && $line =~ '^Usage: .*\[OPTION\]\.\.\. (.*)$' ]]; then
            operands=(${=match[1]})
        fi
    done
}

# The timestamps of the project that the command line names, as the jbackup beside the tool tells them.
_jbackup_timestamps() {
    local lister=$tool
    [[ ${tool:t} == *-* ]] && lister=${tool%-*}
    compadd -V timestamps -- ${${(f)"$($lister $place list 2>/dev/null </dev/null)"}%%\|*}
}

# _jbackup_value OPTION: the values that an option takes.
_jbackup_value() {
    case $1 in
    --by) compadd timer cron hand ;;
    --category) compadd daily weekly monthly ;;
    --check) compadd freshness proof integrity size systemd disk database restore permissions clock \
        versions delivery ;;
    --depth) compadd bytes content restore ;;
    --environment) compadd production staging test ;;
    --run-as) _users ;;
    --set) compadd -S '' -- ${(f)"$($tool $place config 2>/dev/null </dev/null |
        sed -n 's/^[a-z]*\.\([a-z_]*\)|.*/\1=/p')"} ;;
    --test) compadd executable database backup integrity restore cleanup stats shell systemd ;;
    --type)
        if [[ ${tool:t} != jbackup-scheduler ]]; then
            compadd full database codebase
        else
            compadd daily weekly monthly verify ${(M)command:#run:+monitor}
        fi
        ;;
    *)
        case $argument_of[$1] in
        DIR) _files -/ ;;
        FILE | PATH) _files ;;
        TS) _jbackup_timestamps ;;
        *) _message "$argument_of[$1]" ;;
        esac
        ;;
    esac
}

_jbackup() {
    local tool=${~${(Q)words[1]}} command= i
    local -a commands options operands place own
    local -A argument_of taken
    integer given=0
    _jbackup_help
    for ((i = 2; i < CURRENT; i++)); do
        if [[ -n $argument_of[$words[i]] ]]; then
            [[ $words[i] == --(project|backup-dir) ]] && place+=($words[i] ${(Q)words[i+1]})
            ((++i == CURRENT)) && break
        elif [[ $words[i] == -* ]]; then
            continue
        elif [[ -z $command ]]; then
            command=$words[i]
            own=($options)
            taken=("${(@kv)argument_of}")
            _jbackup_help $command
            options+=($own)
            argument_of+=("${(@kv)taken}")
        else
            ((given++))
        fi
    done
    if ((i == CURRENT)) && [[ -n $argument_of[$words[CURRENT-1]] ]]; then
        _jbackup_value $words[CURRENT-1]
    elif [[ $words[CURRENT] == -* ]]; then
        _describe -o option options
    elif [[ -z $command ]]; then
        _describe command commands
    else
        i=$((given + 1))
        case $operands[i] in
        TS | \[TS\]) _jbackup_timestamps ;;
        \[COMMAND\]) _describe command commands ;;
        esac
    fi
}

_jbackup "$@"
