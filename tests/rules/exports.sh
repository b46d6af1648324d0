#!/bin/bash
# SPDX-License-Identifier: MIT
# What libjbackup.so exports is what libjbackup.map lists and what jbackup.h declares with JB_API.
. "$(dirname "$0")/../tap.sh"
root=$(cd "$(dirname "$0")/../.." && pwd) build=${1:?build folder}
export LC_ALL=C

exported() { nm -D --defined-only "$1" | awk '$2 ~ /[TDBR]/ { sub(/@.*/, "", $3); print $3 }' | sort; }
mapped() { sed -n '/global:/,/local:/s/^ *\([a-z]\w*\);.*/\1/p' "$1" | sort; }
declared() {
    sed -e '/# *define JB_/d' -e 's/JB_MUST_USE//' "$1" | tr '\n' ' ' |
        grep -oP '\bJB_API\b[^(;]*?\K\w+(?=\s*\()' | sort
}

exported "$build/libjbackup/libjbackup.so" >"$scratch/exported"
mapped "$root/libjbackup/libjbackup.map" >"$scratch/mapped"
declared "$root/include/jbackup.h" >"$scratch/declared"
check "the map lists names" test "$(wc -l <"$scratch/mapped")" -ge 20
check "exports are those of the map" diff "$scratch/mapped" "$scratch/exported"
check "declarations are those of the map" diff "$scratch/mapped" "$scratch/declared"

check "the soname is libjbackup.so.0" grep -q 'SONAME.*\[libjbackup.so.0\]' \
    <(readelf -d "$build/libjbackup/libjbackup.so")

grep -v jb_version "$root/libjbackup/libjbackup.map" >"$scratch/short.map"
mapped "$scratch/short.map" >"$scratch/short"
check_fails "a name missing from the map is noticed" diff "$scratch/short" "$scratch/exported"
sed 's/^JB_API const char \*jb_version/JB_API int jb_other(int);\n&/' "$root/include/jbackup.h" \
    >"$scratch/more.h"
declared "$scratch/more.h" >"$scratch/more"
check_fails "a new declaration is noticed" diff "$scratch/mapped" "$scratch/more"
done_testing
