#!/bin/bash
# SPDX-License-Identifier: MIT
# Help texts and completion of each tool know the same commands and options.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/tools.sh"
root=$(cd "$(dirname "$0")/../.." && pwd) build=$1
export LC_ALL=C.UTF-8
cd "$scratch" || exit 1

# all_in FILE WORDS: every word of the list stands in the file.
all_in() {
    local word bad=0
    while read -r word; do
        grep -qE -- "(^|[^a-z-])$word([^a-z-]|$)" "$1" || { echo "$1 lacks $word"; bad=1; }
    done <"$2"
    return $bad
}

# completes FILE TOOL COMMAND: after the command, the completion offers exactly its options.
completes() {
    # shellcheck disable=SC2016
    bash -c '. "$1"
        COMP_WORDS=("$2" "$3" --) COMP_CWORD=2
        "_${2//-/_}"
        printf "%s\n" "${COMPREPLY[@]}" | sort -u' - "$1" "$2" "$3"
}

for name in "${tools[@]}"; do
    tool=$build/tools/$name completion=$root/tools/completion/$name.bash
    "$tool" --help >help 2>err
    check "$name --help goes to standard output" test $? -eq 0 -a -s help -a ! -s err
    options_in <help >common
    commands_of "$tool" >commands
    check "$name --help names the commands" \
        test "$(wc -l <commands)" -ge "${least_commands[$name]}"
    while read -r command; do
        [[ $command == help ]] && continue
        "$tool" help "$command" >"help-$command" 2>err </dev/null
        check "$name help $command" test $? -eq 0 -a -s "help-$command" -a ! -s err
        cmp -s "help-$command" <("$tool" "$command" --help 2>&1 </dev/null)
        check "$name $command --help is the same" test $? -eq 0
        options_in <"help-$command" | sort -u - common >wanted
        completes "$completion" "$name" "$command" >offered 2>&1
        check "the completion of $name $command has its options" diff wanted offered
    done <commands
    helps_of "$tool" >all
    check "$name: no line is wider than 80 columns" test -z "$(awk 'length > 80' all)"
    options_in <all >options
    check "$name has options" test "$(wc -l <options)" -ge "${least_options[$name]}"
    check "the completion of $name has every option" all_in "$completion" options
    check "the completion of $name has every command" all_in "$completion" commands
    check "bash reads the completion of $name" bash -n "$completion"
done
check "there are as many tools as are built" diff <(printf '%s\n' "${tools[@]}" | sort) \
    <(find "$build/tools" -maxdepth 1 -type f -perm -100 ! -name '*.sh' -printf '%f\n' | sort)
printf '%s\n' --surely-not-there >other
check_fails "a missing option is noticed" all_in "$completion" other
sed -n '/--test NAME/!p' "help-verify" | options_in | sed '1d' >fewer
check_fails "an option too many is noticed" diff fewer <(completes "$completion" "$name" verify)

# The words that the completion offers after --test are the names of the tests.
verify=$build/tools/jbackup-verify
mkdir empty
echo '{"databases": []}' >empty/jbackup.json
"$verify" --project empty test 2>&1 | sed -n 's/^hint: known are //p' | tr -d , | tr ' ' '\n' |
    sort >tests
check "jbackup-verify names its tests" test "$(wc -l <tests)" -eq 9
# shellcheck disable=SC2016
check "the completion has exactly these" diff tests <(bash -c '. "$1"
    COMP_WORDS=(jbackup-verify test --test "") COMP_CWORD=3
    _jbackup_verify
    printf "%s\n" "${COMPREPLY[@]}" | sort' - "$root/tools/completion/jbackup-verify.bash")

# So it is with --check and the checks.
"$build/tools/jbackup-monitor" --project empty check --check none 2>&1 |
    sed -n 's/^hint: known are //p' | tr -d , | tr ' ' '\n' | sort >checks
check "jbackup-monitor names its checks" test "$(wc -l <checks)" -eq 12
# shellcheck disable=SC2016
check "the completion has exactly these" diff checks <(bash -c '. "$1"
    COMP_WORDS=(jbackup-monitor check --check "") COMP_CWORD=3
    _jbackup_monitor
    printf "%s\n" "${COMPREPLY[@]}" | sort' - "$root/tools/completion/jbackup-monitor.bash")
done_testing
