#!/bin/bash
# SPDX-License-Identifier: MIT
# The completions of zsh and fish offer each tool's commands and options as its help lists them, the
# project's timestamps, and the words that options take. (Those of bash: help.sh.) So do all three of
# backup.sh.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/tools.sh"
top=$(cd "$(dirname "$0")/../.." && pwd) build=${1:?build folder}
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
    (($#)) && print -rl -- "$@"
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
offered_by_zsh() {
    local name=_jbackup
    [[ $1 != backup.sh ]] || name=_backup.sh
    zsh -f zsh.stub "$build/tools/$name" "$@"
}

# So for bash, of backup.sh.
offered_by_bash() {
    # shellcheck disable=SC2016
    bash -c 'compopt() { :; }
        . "$1" && shift && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _backup_sh
        [[ ${#COMPREPLY[@]} -eq 0 ]] || printf "%s\n" "${COMPREPLY[@]}"' - "$top/tools/completion/backup.sh.bash" "$@"
}

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

# backup.sh, by its help: "  COMMAND[, COMMAND...] ARGUMENT...   what it does". Of each line a command and
# its arguments.
backup.sh help | sed -En 's/^  ([a-z-]+(, [a-z-]+)*)(( [^ ]+)*)  .*/\1|\3/p' |
    awk -F'|' '{ text = $0; sub(/^[^|]*\|/, "", text); n = split($1, names, ", ")
        for (i = 1; i <= n; i++) print names[i] " " text }' >lines
cut -d' ' -f1 lines >commands
check "backup.sh names its commands" test "$(wc -l <commands)" -ge 15
check "four of them take a timestamp" test "$(grep -cE '[^A-Z]TS' lines)" -eq 4
check "they have six options" test "$(grep -oE -- '--[a-z-]+' lines | wc -l)" -eq 6
printf '%s\n' --project --backup-dir >common
for shell in bash fish zsh; do
    if ! command -v $shell >/dev/null; then
        skip "the completion of backup.sh for $shell" "$shell is not installed"
        continue
    fi
    check "$shell: the commands of backup.sh" offers $shell commands backup.sh ''
    check "$shell: also behind an option" offers $shell commands backup.sh --project project ''
    check "$shell: its options" offers $shell common backup.sh --
    while read -r command arguments <&3; do
        grep -oE -- '--[a-z-]+' <<<"$arguments" >options
        check "$shell: the options of backup.sh $command" offers $shell options backup.sh \
            --project project "$command" --
        file=nothing
        [[ ! $arguments =~ (^|[^A-Z])TS ]] || file=timestamps
        check "$shell: timestamps for backup.sh $command, or none" offers $shell $file backup.sh \
            --project project "$command" ''
    done 3<lines
    check "$shell: no second timestamp" offers $shell nothing backup.sh --project project rollback \
        "${stamps[0]}" ''
    check "$shell: one behind --yes" offers $shell timestamps backup.sh --project project rollback --yes ''
    check "$shell: nothing for seconds" offers $shell nothing backup.sh pre-deploy --wait ''
    check_fails "$shell: a command too many is noticed" offers $shell timestamps backup.sh ''
done
done_testing
