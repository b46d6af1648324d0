# SPDX-License-Identifier: MIT
# fish completion for @TOOL@. Commands, options and operands are what the tool's own help tells, so they
# are always those of the tool that is installed.

# The lines "--option<tab>help" of a help text.
function __jbackup_options
    string replace -rf '^  (--[a-z-]+)( [^ ]+)? +(.*)$' '$1\t$3' -- $argv
end

# The lines "--option ARGUMENT" of those that take one.
function __jbackup_arguments
    string replace -rf '^  (--[a-z-]+ [^ ]+) +.*$' '$1' -- $argv
end

function __jbackup_commands
    string replace -rf '^  ([a-z][a-z-]*)( \[?[A-Z]+\]?)* +(.*)$' '$1\t$3' -- $argv
end

# The timestamps of a project, as the jbackup beside the tool tells them.
function __jbackup_timestamps -a tool
    string match -q '*-*' -- (basename $tool); and set tool (string replace -r -- '-[a-z]+$' '' $tool)
    $tool $argv[2..] list 2>/dev/null </dev/null | string replace -r '\|.*' ''
end

# __jbackup_value TOOL COMMAND OPTION ARGUMENT [PLACE...]: the values that an option takes.
function __jbackup_value -a tool command option argument
    switch $option
        case --by
            printf '%s\n' timer cron hand
        case --category
            printf '%s\n' daily weekly monthly
        case --check
            printf '%s\n' freshness proof integrity size systemd disk database restore permissions clock \
                versions delivery
        case --depth
            printf '%s\n' bytes content restore
        case --environment
            printf '%s\n' production staging test
        case --run-as
            __fish_complete_users
        case --set
            $tool $argv[5..] config 2>/dev/null </dev/null | string replace -rf '^[a-z]*\.([a-z_]*)\|.*' '$1='
        case --test
            printf '%s\n' executable database backup integrity restore cleanup stats shell systemd
        case --type
            if test (basename $tool) != jbackup-scheduler
                printf '%s\n' full database codebase
            else
                printf '%s\n' daily weekly monthly verify
                test "$command" = run; and echo monitor
            end
        case '*'
            switch $argument
                case DIR
                    __fish_complete_directories
                case FILE PATH
                    __fish_complete_path
                case TS
                    __jbackup_timestamps $tool $argv[5..]
            end
    end
end

function __jbackup_complete
    set -l before (commandline -opc)
    set -l tool (string replace -r '^~(?=/)' $HOME -- $before[1])
    set -l general ($tool --help 2>/dev/null </dev/null)
    set -l special
    set -l arguments (__jbackup_arguments $general)
    set -l command
    set -l place
    set -l operand 1
    set -l option
    for word in $before[2..]
        if test -n "$option"
            contains -- $option --project --backup-dir; and set -a place $option $word
            set option
        else if string match -q -- "$word *" $arguments
            set option $word
        else if string match -q -- '-*' $word
            continue
        else if test -z "$command"
            set command $word
            set special ($tool help $command 2>/dev/null </dev/null)
            set -a arguments (__jbackup_arguments $special)
        else
            set operand (math $operand + 1)
        end
    end
    if test -n "$option"
        set -l argument (string replace -rf -- "^$option (.*)" '$1' $arguments)
        __jbackup_value $tool "$command" $option $argument[1] $place
    else if string match -q -- '-*' (commandline -ct)
        __jbackup_options $special $general
    else if test -z "$command"
        __jbackup_commands $general
    else
        set -l operands (string replace -rf '^Usage: .*\[OPTION\]\.\.\. ' '' -- $special[1] | string split ' ')
        switch "$operands[$operand]"
            case TS '[TS]'
                __jbackup_timestamps $tool $place
            case '[COMMAND]'
                __jbackup_commands $general
        end
    end
end

complete -c @TOOL@ -f -k -a '(__jbackup_complete)'
