#!/bin/bash
# SPDX-License-Identifier: MIT
# `meson dist` makes a .tar.xz that builds by itself and passes its fast tests. Of what is committed; run
# by tests/run --packages.
. "$(dirname "$0")/../tap.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
export LC_ALL=C.UTF-8
if ! git -C "$top" rev-parse --verify -q HEAD >/dev/null 2>&1; then
    skip "meson dist" "this is no clone"
    done_testing
fi
cd "$scratch" || exit 1

dist() {
    meson setup "$scratch/build" "$top" -Dtests=false &&
        meson dist -C "$scratch/build" --no-tests --formats xztar --allow-dirty
}
check "meson dist" dist
tarball=$(find build/meson-dist -name 'jbackup-*.tar.xz')
check "makes a .tar.xz" test -s "$tarball"
check "with its checksum" sh -c 'cd build/meson-dist && sha256sum -c ./*.sha256sum'
tar -xf "$tarball"
folder=$(basename "$tarball" .tar.xz)
# All that is committed, but for git's own files, is in it.
git -C "$top" ls-tree -r --name-only HEAD | grep -vE '(^|/)\.git(ignore|attributes)$' | sort >committed
check "all that is committed is in it" diff committed \
    <(cd "$folder" && find . ! -type d -printf '%P\n' | grep -vE '(^|/)\.git(ignore|attributes)$' | sort)

unset CC CFLAGS
build() { meson setup "$folder/build" "$folder" && ninja -C "$folder/build"; }
check "it builds" build
fast() { meson test -C "$folder/build" --print-errorlogs --suite unit --suite fuzz --suite rules; }
check "and passes its fast tests" fast
passed() { sed -n 's/^Ok: *//p' "$folder/build/meson-logs/testlog.txt"; }
check "which are many" test "$(passed)" -ge 60
done_testing
