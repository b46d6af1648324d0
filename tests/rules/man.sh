#!/bin/bash
# SPDX-License-Identifier: MIT
# The manual pages are well formed, and name every command, option and configuration key; what they
# name as an option exists.
. "$(dirname "$0")/../tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd) build=${1:?build folder}
jbackup=$build/tools/jbackup man=$root/tools/man
cd "$scratch" || exit 1

# The text of a page as a reader sees it, one line per paragraph line, without overstriking.
text_of() {
    if command -v mandoc >/dev/null; then
        mandoc -T ascii -O width=200 "$1" | col -bx
    else
        groff -man -Tascii -rLL=200n -P-c "$1" | col -bx
    fi
}
for page in "$man"/*.[1-8]; do
    name=$(basename "$page")
    text_of "$page" >"$name.txt"
    check "$name has a text" test "$(wc -l <"$name.txt")" -gt 40
    if command -v mandoc >/dev/null; then
        check "$name is well formed" mandoc -T lint -W warning "$page"
    else
        skip "$name is well formed" "mandoc is not installed"
    fi
    check "$name is of this version" grep -q "\"jbackup $("$jbackup" --version | cut -d' ' -f2)\"" \
        "$page"
    check "$name is installed" grep -q "'man/$name'" "$root/tools/meson.build"
done

"$jbackup" --help >main
mapfile -t commands < <(sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p' main)
{
    cat main
    for command in "${commands[@]}"; do
        "$jbackup" help "$command"
    done
} | sed -n 's/^  --\([a-z][a-z-]*\).*/--\1/p' | sort -u >options
check "the tool has commands" test "${#commands[@]}" -ge 14
check "the tool has options" test "$(wc -l <options)" -ge 20

# documents PAGE FILE: every option in FILE has an entry of its own in the page.
documents() {
    local option missing=0
    while read -r option; do
        grep -qE "^ +$option( |,|\$)" "$1" || { echo "$option is not described"; missing=1; }
    done <"$2"
    return $missing
}
sed -n '/^OPTIONS/,/^OUTPUT/p' jbackup.1.txt >options.txt
check "every option is described" documents options.txt options
{ cat options; printf '%s\n' --no-such; } >more-options
check_fails "an option without description is noticed" documents options.txt more-options

sed -n '/^COMMANDS/,/^OPTIONS/p' jbackup.1.txt >commands.txt
for command in "${commands[@]}"; do
    check "$command is described" grep -qE "^ +([a-z]+ .*, )?$command( |\$)" commands.txt
done
grep -oE -- '--[a-z][a-z-]*' jbackup.1.txt | sort -u >named
check "only options that exist are named" diff <(comm -13 options named) /dev/null

# The synopsis of each command has exactly its options.
for command in "${commands[@]}"; do
    "$jbackup" help "$command" | sed -n 's/^  --\([a-z][a-z-]*\).*/--\1/p' | sort >of
    grep -E "^ +([a-z]+ .*, )?$command( |\$)" commands.txt | head -n 1 |
        grep -oE -- '--[a-z][a-z-]*' | sort -u >synopsis
    check "the synopsis of $command has its options" diff of synopsis
done

for status in 0 1 2 3 4 5 75; do
    check "exit status $status is described" grep -qE "^ +$status( |\$)" \
        <(sed -n '/^EXIT STATUS/,/^ENVIRONMENT/p' jbackup.1.txt)
done
for key in name root backup_dir databases exclude default_excludes one_file_system retention \
    daily_days weekly_weeks monthly_months keep_min compression plain_sql jobs; do
    check "key $key is described" grep -qE "^ +$key( |\$)" jbackup.json.5.txt
done
sed -n '/^EXAMPLES/,/^SEE ALSO/p' jbackup.json.5.txt | grep -E '^ ' >example.json
check "the example is JSON" python3 -m json.tool example.json
done_testing
