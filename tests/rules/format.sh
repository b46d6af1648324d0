#!/bin/bash
# SPDX-License-Identifier: MIT
# Every C file is as clang-format leaves it.
. "$(dirname "$0")/../tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
if ! command -v clang-format >/dev/null; then
    skip "format" "clang-format is not installed"
    done_testing
fi

find libjbackup tools tests examples include -name '*.[ch]' | sort >"$scratch/files"
formatted() {
    ! tr '\n' '\0' <"$1" | xargs -0 clang-format --style=file:"$root/.clang-format" --dry-run -Werror 2>&1 |
        sed -n 's/^\([^:]*\):[0-9].*/\1: clang-format -i would change it/p' | sort -u | grep .
}
check "there are C files" test "$(wc -l <"$scratch/files")" -ge 20
check "C files are formatted" formatted "$scratch/files"

printf '/* SPDX-License-Identifier: MIT */\nint  a( int b ){return b;}\n' >"$scratch/bad.c"
echo "$scratch/bad.c" >"$scratch/bad"
check_fails "a badly formatted file is noticed" formatted "$scratch/bad"
done_testing
