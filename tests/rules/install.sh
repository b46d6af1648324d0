#!/bin/bash
# SPDX-License-Identifier: MIT
# meson install puts everything in its place, and a program builds against what was installed,
# shared and static, with nothing but pkg-config.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/tools.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
# meson test points at the library of its own build, which would stand before the installed one.
unset LD_LIBRARY_PATH
dest=$scratch/dest
usr=$dest/usr

build() {
    meson setup "$scratch/build" "$root" --prefix=/usr --libdir=lib -Dbuildtype=release \
        -Dtests=false && ninja -C "$scratch/build"
}
check "a release build without tests" build
check "meson install" env DESTDIR="$dest" meson install -C "$scratch/build" --no-rebuild

for file in include/jbackup.h lib/libjbackup.so lib/libjbackup.so.0 lib/libjbackup.a \
    lib/pkgconfig/libjbackup.pc share/man/man5/jbackup.json.5 share/man/man5/backup_monitor_config.json.5 \
    bin/backup.sh share/man/man1/backup.sh.1; do
    check "installs $file" test -s "$usr/$file"
    echo "./usr/$file" >>"$scratch/expected"
done
for name in "${tools[@]}"; do
    for file in "bin/$name" "share/man/man1/$name.1" "share/bash-completion/completions/$name" \
        "share/fish/vendor_completions.d/$name.fish"; do
        check "installs $file" test -s "$usr/$file"
        echo "./usr/$file" >>"$scratch/expected"
    done
    LD_LIBRARY_PATH=$usr/lib "$usr/bin/$name" --version >"$scratch/version"
    check "what was installed as $name runs" grep -q "^$name [0-9]" "$scratch/version"
done
for file in share/man/man3/libjbackup.3 share/man/man5/jbackup-formats.5 \
    share/zsh/site-functions/_jbackup share/zsh/site-functions/_backup.sh \
    share/bash-completion/completions/backup.sh share/fish/vendor_completions.d/backup.sh.fish; do
    check "installs $file" test -s "$usr/$file"
    echo "./usr/$file" >>"$scratch/expected"
done
check "zsh completes every tool" grep -qx "#compdef ${tools[*]}" "$usr/share/zsh/site-functions/_jbackup"
check "backup.sh may be run" "$usr/bin/backup.sh" help
strays() {
    (cd "$dest" && find . ! -type d) | grep -vxFf "$scratch/expected" |
        grep -v '^\./usr/lib/libjbackup\.so[.0-9]*$'
}
check "installs nothing else" test -z "$(strays)"
check "the package file names no build folder" \
    test -z "$(grep -F "$scratch" "$usr/lib/pkgconfig/libjbackup.pc")"

export PKG_CONFIG_PATH=$usr/lib/pkgconfig
unset CFLAGS LDFLAGS
compile() { # OUTPUT PREFIX PKG-CONFIG-OPTION... -- GCC-OPTION...
    local output=$1 prefix=$2 options=() flags
    shift 2
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    read -ra flags < <(pkg-config --define-variable=prefix="$prefix" "${options[@]}" \
        --cflags --libs libjbackup)
    gcc -std=c11 -Wall -Wextra -Werror "$@" -o "$output" "$root/examples/embed.c" "${flags[@]}"
}
mkdir -p "$scratch/app/instance"
echo 'DATABASE_URL=sqlite:///instance/app.db' >"$scratch/app/.env"
chmod 600 "$scratch/app/.env"
sqlite3 "$scratch/app/instance/app.db" 'create table t(a); insert into t values (1), (2);'

check "the example builds with the shared library" compile "$scratch/shared" "$usr" -- \
    -Wl,-rpath,"$usr/lib"
needs() { readelf -d "$1" | grep -q "NEEDED.*$2"; }
check "it is linked to libjbackup.so.0" needs "$scratch/shared" 'libjbackup\.so\.0'
check "it makes a backup" "$scratch/shared" "$scratch/app"

# Where there is only the static library, pkg-config --static names what it stands on.
cp -r "$usr" "$scratch/static-usr"
rm "$scratch"/static-usr/lib/libjbackup.so*
check "the example builds with the static library" compile "$scratch/static" "$scratch/static-usr" \
    --static --
check_fails "it needs no libjbackup.so" needs "$scratch/static" libjbackup
check "it makes a backup, too" "$scratch/static" "$scratch/app"
check "two backups are there" test "$(find "$scratch/app/backups" -name 'manifest_*.json' |
    wc -l)" -eq 2
check "jbackup needs libjbackup.so" needs "$usr/bin/jbackup" libjbackup

# Only linked anew, so all else is as above.
static_tools() { meson configure "$scratch/build" -Dstatic_tools=true && ninja -C "$scratch/build"; }
check "the tools link with libjbackup.a" static_tools
for name in "${tools[@]}"; do
    cp "$scratch/build/tools/$name" "$scratch/alone"
    check_fails "$name needs no libjbackup.so then" needs "$scratch/alone" libjbackup
    check "and runs" "$scratch/alone" --version
done
check_fails "without pkg-config's list it does not link" gcc -I"$usr/include" \
    -o "$scratch/broken" "$root/examples/embed.c" -L"$scratch/static-usr/lib" -ljbackup
done_testing
