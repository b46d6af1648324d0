#!/bin/bash
# SPDX-License-Identifier: MIT
# What debian/ says fits what is built. (tests/run --packages builds the packages and installs them.)
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../need.sh"
root=$(cd "$(dirname "$0")/../.." && pwd) build=${1:?build folder}
debian=$root/debian
version=$("$build/tools/jbackup" --version | cut -d' ' -f2)
check "the newest entry of the changelog is of this version" \
    test "$(sed -n '1s/^jbackup (\(.*\)) .*/\1/p' "$debian/changelog")" = "$version"

soname=$(readelf -d "$build/libjbackup/libjbackup.so" | sed -n 's/.*SONAME.*\[lib\(.*\)\.so\.\(.*\)\]/lib\1\2/p')
check "the library's package is named by the soname" grep -qx "Package: $soname" "$debian/control"
check "and has its list" test -s "$debian/$soname.install"

# field NAME FROM: the packages that a field of control names, of the paragraph that begins with FROM.
field() {
    sed -n "/^$2\$/,/^\$/p" "$debian/control" |
        sed -n "/^$1:/,/^[A-Z]/{/^$1:/s/.*: *//p;/^ /p}" | tr ',' '\n' | sed 's/^ *//; s/ .*//' |
        grep . | sort
}
lacks() { comm -23 <(printf '%s\n' "${@:2}" | sort) "$1" | grep .; }
libraries=()
for package in "${need_to_build[@]}"; do
    [[ $package == lib*-dev && $package != libc6-dev || $package == zlib* ]] && libraries+=("$package")
done
check "tests/need.sh names libraries" test "${#libraries[@]}" -ge 8
field Build-Depends 'Source: jbackup' >"$scratch/build"
field Depends 'Package: libjbackup-dev' >"$scratch/dev"
check_fails "all are build dependencies" lacks "$scratch/build" "${libraries[@]}" meson
check_fails "libjbackup-dev has what linking with it needs" lacks "$scratch/dev" "${libraries[@]}"
check "a missing one is noticed" lacks "$scratch/build" libnone-dev

meson introspect --installed "$build" | python3 -c '
import json, sys
for path in sorted(json.load(sys.stdin).values()):
    print("usr/" + path.split("/local/", 1)[1])' |
    sed 's|^usr/lib/[^/]*linux[^/]*/|usr/lib/any/|' >"$scratch/installed"
# unpackaged: what no list names, or more than one.
unpackaged() {
    python3 - "$1" "$debian"/*.install <<'END'
import fnmatch
import pathlib
import sys
patterns = [line for name in sys.argv[2:] for line in pathlib.Path(name).read_text().split()]
for path in pathlib.Path(sys.argv[1]).read_text().split():
    fits = [p for p in patterns if fnmatch.fnmatchcase(path, p) or fnmatch.fnmatchcase(path, p + "/*")]
    if len(fits) != 1:
        print(path, fits)
END
}
check "things are installed" test "$(wc -l <"$scratch/installed")" -ge 20
check "each is in one package" diff <(unpackaged "$scratch/installed") /dev/null
echo usr/share/other/file >"$scratch/more"
check_fails "one in none is noticed" diff <(unpackaged "$scratch/more") /dev/null

check "no script of the packages could touch anybody's backups" \
    test -z "$(find "$debian" -regex '.*/\(.*\.\)?\(pre\|post\)\(inst\|rm\)')"
check "the test of the packages is a script for sh" sh -n "$debian/tests/smoke"
check "and may be run" test -x "$debian/tests/smoke"
done_testing
