#!/bin/bash
# SPDX-License-Identifier: MIT
# Help texts and completion know the same commands and options.
. "$(dirname "$0")/../tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
tool=$1/tools/jbackup
completion=$root/tools/completion/jbackup.bash
export LC_ALL=C.UTF-8
cd "$scratch" || exit 1

"$tool" --help >help 2>err
check "--help goes to standard output" test $? -eq 0 -a -s help -a ! -s err
sed -n '/^Commands:/,/^Options/s/^  \([a-z]\+\) .*/\1/p' help >commands
check "it names the commands" test "$(wc -l <commands)" -ge 14
cp help all
while read -r command; do
    [[ $command == help ]] && continue
    "$tool" help "$command" >"help-$command" 2>err </dev/null
    check "help $command" test $? -eq 0 -a -s "help-$command" -a ! -s err
    cmp -s "help-$command" <("$tool" "$command" --help 2>&1 </dev/null)
    check "$command --help is the same" test $? -eq 0
    cat "help-$command" >>all
done <commands
check "no line is wider than 80 columns" test -z "$(awk 'length > 80' all)"
grep -oE -- '^  --[a-z-]+' all | sort -u | tr -d ' ' >options
check "there are options" test "$(wc -l <options)" -ge 15

# all_in FILE WORDS: every word of the list stands in the file.
all_in() {
    local word bad=0
    while read -r word; do
        grep -qE -- "(^|[^a-z-])$word([^a-z-]|$)" "$1" || { echo "$1 lacks $word"; bad=1; }
    done <"$2"
    return $bad
}
check "the completion has every option" all_in "$completion" options
check "the completion has every command" all_in "$completion" commands
printf '%s\n' --surely-not-there >other
check_fails "a missing option is noticed" all_in "$completion" other
check "bash reads the completion" bash -n "$completion"
done_testing
