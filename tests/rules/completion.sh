#!/bin/bash
# SPDX-License-Identifier: MIT
# The completions of zsh and fish offer each tool's commands and options as its help lists them, the
# project's timestamps, and the words that options take. (Those of bash: help.sh.)
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/tools.sh"
build=${1:?build folder}
export LC_ALL=C.UTF-8 HOME=$scratch
# So that neither shell looks for more: what it has of the machine is not under test.
export XDG_CONFIG_HOME=$scratch XDG_DATA_HOME=$scratch
PATH=$(cd "$build/tools" && pwd):$PATH
cd "$scratch" || exit 1
mkdir project
echo '{"databases": []}' >project/jbackup.json
jbackup --project project --quiet backup
jbackup --project project --quiet backup
jbackup --project project list | cut -d'|' -f1 >timestamps
check "there are two backups" test "$(wc -l <timestamps)" -eq 2
mapfile -t stamps <timestamps

# fish WORD...: what it offers for the last word.
offered_by_fish() {
    local line
    printf -v line '%q ' "${@:1:$#-1}"
    # shellcheck disable=SC2016
    fish --no-config -c 'for file in $argv[2..]; source $file; end; complete -C $argv[1]' \
        "$line${*: -1}" "$build"/tools/*.fish | cut -f1
}

# So for zsh. What would put the words into its command line prints them.
cat >zsh.stub <<'END'
compadd() {
    while [[ $1 == -* ]]; do
        [[ $1 == -- ]] && { shift; break }
        [[ $1 == -[VS] ]] && shift
        shift
    done
    print -rl -- "$@"
}
_describe() { [[ $1 == -o ]] && shift; print -rl -- "${(@)${(@P)2}%%:*}" }
_files() { print -r -- "files $*" }
_message() { }
_users() { print users }
file=$1
shift
words=("$@") CURRENT=$#
. $file
END
offered_by_zsh() { zsh -f zsh.stub "$build/tools/_jbackup" "$@"; }

# offers SHELL FILE WORD...: exactly the lines of the file, in any order.
offers() {
    local shell=$1 file=$2
    shift 2
    diff <(sort "$file") <("offered_by_$shell" "$@" 2>&1 | sort)
}

"jbackup-verify" --project project test 2>&1 | sed -n 's/^hint: known are //p' | tr -d , | tr ' ' '\n' >tests
check "jbackup-verify names its tests" test "$(wc -l <tests)" -eq 9
: >nothing
for shell in fish zsh; do
    if ! command -v $shell >/dev/null; then
        skip "the completion of $shell" "$shell is not installed"
        continue
    fi
    for name in "${tools[@]}"; do
        commands_of "$name" >commands
        check "$shell: the commands of $name" offers $shell commands "$name" ''
        check "$shell: also after help" offers $shell commands "$name" --quiet help ''
        "$name" --help </dev/null | options_in >common
        check "$shell: the options before a command" offers $shell common "$name" --
        while read -r command; do
            "$name" help "$command" </dev/null | options_in | sort -u - common >options
            check "$shell: the options of $name $command" offers $shell options "$name" \
                --project project "$command" --
            "$name" help "$command" </dev/null >help
            if grep -q '^  --timestamp TS ' help; then
                check "$shell: its timestamps" offers $shell timestamps "$name" --project project \
                    "$command" --timestamp ''
            fi
            if sed -n 1p help | grep -qE '[.]{3} \[?TS'; then
                check "$shell: timestamps for $name $command" offers $shell timestamps "$name" \
                    --project project "$command" --quiet ''
            fi
        done <commands
    done
    check "$shell: an option's argument is no operand" offers $shell timestamps jbackup \
        --project project pin --wait 3 ''
    check "$shell: the second timestamp" offers $shell timestamps jbackup --project project diff \
        "${stamps[0]}" ''
    check "$shell: no third one" offers $shell nothing jbackup --project project diff "${stamps[@]}" ''
    check "$shell: the tests" offers $shell tests jbackup-verify test --test ''
    if [[ " ${tools[*]} " == *" jbackup-monitor "* ]]; then
        jbackup-monitor --project project check --check none 2>&1 |
            sed -n 's/^hint: known are //p' | tr -d , | tr ' ' '\n' >checks
        check "$shell: the checks" offers $shell checks jbackup-monitor check --check ''
    fi
    printf '%s\n' bytes content restore >words
    check "$shell: the depths" offers $shell words jbackup verify --depth ''
    printf '%s\n' full database codebase >words
    check "$shell: the types" offers $shell words jbackup-restore restore --type ''
    check "$shell: nothing for a text" offers $shell nothing jbackup backup --label ''
    check_fails "$shell: a word too many is noticed" offers $shell words jbackup verify --depth ''
done
done_testing
