#!/bin/bash
# SPDX-License-Identifier: MIT
# jbackup.h compiles alone, as C11 and as C++17, without a warning.
. "$(dirname "$0")/../tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
strict=(-Wall -Wextra -pedantic -Werror -Wconversion -Wshadow)

compiles() { # COMPILER STANDARD LANGUAGE FOLDER
    printf '#include <jbackup.h>\n#include <jbackup.h>\nint used(void);\n%s\n' \
        'int used(void) { struct jb_backup_options o = JB_BACKUP_OPTIONS_INIT; return o.type; }' |
        "$1" "-std=$2" "${strict[@]}" -I"$4" -x "$3" -c -o "$scratch/out.o" -
}
for compiler in gcc clang; do
    command -v $compiler >/dev/null || { skip "C11 with $compiler" "not installed"; continue; }
    check "C11 with $compiler" compiles $compiler c11 c "$root/include"
done
for compiler in g++ clang++; do
    command -v $compiler >/dev/null || { skip "C++17 with $compiler" "not installed"; continue; }
    check "C++17 with $compiler" compiles $compiler c++17 c++ "$root/include"
done

mkdir "$scratch/bad"
sed 's/^JB_API const char \*jb_version.*/size_t jb_version(jb_unknown);/' "$root/include/jbackup.h" \
    >"$scratch/bad/jbackup.h"
check_fails "an unknown type is noticed" compiles gcc c11 c "$scratch/bad"
sed 's/#include <stddef.h>//; s/#include <stdint.h>//' "$root/include/jbackup.h" \
    >"$scratch/bad/jbackup.h"
check_fails "a missing include is noticed" compiles gcc c11 c "$scratch/bad"
done_testing
