#!/bin/bash
# SPDX-License-Identifier: MIT
# The manual pages are well formed, and name every command, option and configuration key; what they
# name as an option exists.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/tools.sh"
root=$(cd "$(dirname "$0")/../.." && pwd) build=${1:?build folder}
man=$root/tools/man
cd "$scratch" || exit 1

version=$("$build/tools/jbackup" --version | cut -d' ' -f2)
meson introspect --installed "$build" >installed
for page in "$man"/*.[1-8]; do
    name=$(basename "$page")
    text_of "$page" >"$name.txt"
    check "$name has a text" test "$(wc -l <"$name.txt")" -gt 40
    if command -v mandoc >/dev/null; then
        check "$name is well formed" mandoc -T lint -W warning "$page"
    else
        skip "$name is well formed" "mandoc is not installed"
    fi
    check "$name is of this version" grep -q "\"jbackup $version\"" "$page"
    check "$name is installed" grep -q "/tools/man/$name\"" installed
done

# synopsis COMMAND: its entry, on standard input, in the section COMMANDS.
synopsis() { grep -E "^ +([a-z]+ .*, )?$1( |\$)" | head -n 1; }

# documents PAGE FILE: every option in FILE has an entry of its own in the page.
documents() {
    local option missing=0
    while read -r option; do
        grep -qE "^ +$option( |,|\$)" "$1" || { echo "$option is not described"; missing=1; }
    done <"$2"
    return $missing
}

for name in "${tools[@]}"; do
    tool=$build/tools/$name page=$name.1.txt
    mapfile -t commands < <(commands_of "$tool")
    helps_of "$tool" | options_in >options
    check "$name has commands" test "${#commands[@]}" -ge "${least_commands[$name]}"
    check "$name has options" test "$(wc -l <options)" -ge "${least_options[$name]}"
    section "$page" OPTIONS OUTPUT >options.txt
    check "every option of $name is described" documents options.txt options
    section "$page" COMMANDS 'TESTS|OPTIONS' >commands.txt
    grep -oE -- '--[a-z][a-z-]*' "$page" | sort -u >named
    check "$name.1 names only options that exist" diff <(comm -13 options named) /dev/null
    for command in "${commands[@]}"; do
        check "$name $command is described" test -n "$(synopsis "$command" <commands.txt)"
        "$tool" help "$command" </dev/null | options_in >of
        synopsis "$command" <commands.txt | grep -oE -- '--[a-z][a-z-]*' | sort -u >given
        check "the synopsis of $name $command has its options" diff of given
    done
    for status in 0 1 2 3 75; do
        check "$name.1 describes exit status $status" grep -qE "^ +$status( |\$)" \
            <(section "$page" 'EXIT STATUS' ENVIRONMENT)
    done
done
{ cat options; printf '%s\n' --no-such; } >more-options
check_fails "an option without description is noticed" documents options.txt more-options

for page in jbackup.1 jbackup-restore.1; do
    for status in 4 5; do
        check "$page describes exit status $status" grep -qE "^ +$status( |\$)" \
            <(section "$page.txt" 'EXIT STATUS' ENVIRONMENT)
    done
done
for key in name root backup_dir databases exclude default_excludes one_file_system retention \
    daily_days weekly_weeks monthly_months keep_min compression plain_sql jobs schedule at type \
    cleanup; do
    check "key $key is described" grep -qE "^ +$key( |\$)" jbackup.json.5.txt
done
section jbackup.json.5.txt EXAMPLES 'SEE ALSO' | grep -E '^ ' >example.json
check "the example is JSON" python3 -m json.tool example.json

section jbackup-verify.1.txt TESTS OPTIONS >tests.txt
mkdir empty
echo '{"databases": []}' >empty/jbackup.json
tests=$("$build/tools/jbackup-verify" --project empty test 2>&1 |
    sed -n 's/^hint: known are //p' | tr -d ,)
for test in ${tests:-none}; do
    check "the test $test is described" grep -qE "^ +$test( |\$)" tests.txt
done

monitor=$build/tools/jbackup-monitor
section jbackup-monitor.1.txt CHECKS METRICS >checks.txt
checks=$("$monitor" --project empty check --check none 2>&1 | sed -n 's/^hint: known are //p' | tr -d ,)
for check in ${checks:-none}; do
    check "the check $check is described" grep -qE "^ +$check( |\$)" checks.txt
done
page=backup_monitor_config.json.5.txt
section "$page" KEYS EXAMPLES >keys.txt
keys=$("$monitor" --project empty config 2>/dev/null | sed -n 's/^[a-z]*\.\([a-z_]*\)|.*/\1/p')
for key in ${keys:-none}; do
    check "key $key is described" grep -qE "^ +$key( |\$)" keys.txt
    standard=$("$monitor" --project empty config | grep "^[a-z]*\.$key|" | cut -d'|' -f3)
    [[ $standard == '[]' ]] && standard=nobody
    check "with its default" grep -qF "Default: $standard." <(sed -n "/^ *$key /,/Default/p" keys.txt)
done
section "$page" EXAMPLES 'SEE ALSO' | grep -E '^ ' >example.json
check "the example is JSON" python3 -m json.tool example.json
done_testing
