#!/bin/bash
# SPDX-License-Identifier: MIT
# The reports of verification and of health in a browser: their text and their charts with 0, 1 and 400 backups and with
# hostile names, on a telephone and on a desk, light and dark, and printed. page.sh BUILD
#
# JB_PICTURES: a folder that keeps the pictures
. "$(dirname "$0")/../tap.sh"
build=$1
here=$(cd "$(dirname "$0")" && pwd)
chromium=$(command -v chromium || command -v chromium-browser) ||
    { echo "1..0 # SKIP no Chromium is installed"; exit 0; }
pictures=${JB_PICTURES:-$scratch}

check "the pages are made" "$build/tests/unit/test_api_verification_page" "$pictures"
check "those of health, too" "$build/tests/unit/test_api_monitor_page" "$pictures"
[[ $tap_failed -eq 0 ]] || done_testing
for name in {,health-}{none,one,many,hostile}; do
    check "$name: the elements are closed" python3 "$here/page_balance.py" "$pictures/$name.html"
done
while IFS=$'\t' read -r result name; do
    case $result in
    pass) pass "$name" ;;
    fail) fail "$name" ;;
    *) say "$result $name" ;;
    esac
done < <(python3 "$here/page.py" "$chromium" "$scratch" "$pictures" 2>&1 || echo "fail	the browser answers")
check "it was looked at to the end" test "$tap_number" -ge 170
done_testing
