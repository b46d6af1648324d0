# SPDX-License-Identifier: MIT
# fish completion for backup.sh. Commands, options and timestamps are what the script itself tells.

# The lines "command<tab>help", and "command argument..." of those that take some.
function __backup_sh_commands
    for line in (string replace -rf '^  ([a-z-]+(?:, [a-z-]+)*)(?: [^ ]+)*  +(.*)$' '$1\t$2' -- $argv)
        set -l parts (string split \t $line)
        printf "%s\t$parts[2]\n" (string split ', ' $parts[1])
    end
end

function __backup_sh_arguments -a command
    string replace -rf "^  $command((?: [^ ]+)+)  +.*" '$1' -- $argv[2..] | string match -ra '[^][| ]+'
end

function __backup_sh_complete
    set -l before (commandline -opc)
    set -l script (string replace -r '^~(?=/)' $HOME -- $before[1])
    set -l told ($script help 2>/dev/null </dev/null)
    set -l command
    set -l place
    set -l given 0
    set -l option
    for word in $before[2..]
        if test -n "$option"
            test $option != --wait; and set -a place $option $word
            set option
        else if contains -- $word --project --backup-dir --wait
            set option $word
        else if string match -q -- '-*' $word
            continue
        else if test -z "$command"
            set command $word
        else
            set given (math $given + 1)
        end
    end
    set -l arguments (__backup_sh_arguments "$command" $told)
    if test -n "$option"
        test $option != --wait; and __fish_complete_directories
    else if string match -q -- '-*' (commandline -ct)
        if test -z "$command"
            printf '%s\n' --project --backup-dir
        else
            string match -- '--*' $arguments
        end
    else if test -z "$command"
        __backup_sh_commands $told
    else if test $given -eq 0; and contains TS $arguments
        $script $place list 2>/dev/null </dev/null | string replace -r '\|.*' ''
    end
end

complete -c backup.sh -f -k -a '(__backup_sh_complete)'
