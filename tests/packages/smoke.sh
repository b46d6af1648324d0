#!/bin/bash
# SPDX-License-Identifier: MIT
# The Debian packages are built, and used on a bare root: installed, a backup made and restored, removed
# and purged; the backups outlive all of that. With systemd booted, the guide's example is set up there
# and its quick start done, as they are written. Run by tests/run --packages; needs root and a network.
#
# With JB_BARE_ROOTS=FOLDER the bare root is kept there, and taken from there if it is.
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/../guide.sh"
. "$(dirname "$0")/../systemd.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
export LC_ALL=C.UTF-8
set -o pipefail
unset CFLAGS CPPFLAGS LDFLAGS CC CXX
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
if [[ $(id -u) -ne 0 ]]; then
    skip "the packages on a bare root" "only root can make one"
    done_testing
fi

# ---- The packages ----

mkdir "$scratch/made"
build() {
    mkdir "$scratch/made/source"
    tar -C "$top" --exclude='./build*' --exclude='./obj-*' --exclude=./.git -cf - . | tar -C "$scratch/made/source" -xf - &&
        cd "$scratch/made/source" && dpkg-buildpackage -us -uc -b 2>&1 | tee "$scratch/made/log"
}
check "dpkg-buildpackage" build
# It compiles with other options than our own builds.
check "the compiler warns of nothing" test -z "$(grep 'warning:' "$scratch/made/log")"
check "lintian finds no error" lintian --allow-root --fail-on error "$scratch"/made/*.changes
check "and no warning" lintian --allow-root --fail-on warning "$scratch"/made/*.changes
mkdir "$scratch/packages"
for package in jbackup libjbackup0 libjbackup-dev; do
    check "$package is made" mv "$scratch/made/${package}"[_-]*.deb "$scratch/packages"
done

# ---- The bare root ----

# make_bare FILE: what debootstrap calls minbase, as a tar archive.
make_bare() {
    local sources=() file
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        [[ ${#sources[@]} -eq 0 && -s $file ]] && sources=("$file")
    done
    if command -v mmdebstrap >/dev/null; then
        mmdebstrap --variant=apt "$release" "$1" "${sources[@]}"
    else
        debootstrap --variant=minbase "$release" "$scratch/bare" && tar -C "$scratch/bare" -cf "$1" .
    fi
}
bare=${JB_BARE_ROOTS:-$scratch}/$release.tar
if [[ -s $bare ]]; then
    say "the bare root is $bare"
else
    check "a bare root" make_bare "${bare%.tar}-new.tar"
    mv "${bare%.tar}-new.tar" "$bare"
fi
root=$scratch/root
mkdir "$root"
tar -C "$root" --exclude='./dev/*' -xf "$bare"
cp /etc/resolv.conf "$root/etc/resolv.conf"
apt-config dump Acquire | grep -v '^Acquire::\(CompressionTypes\|IndexTargets\|Changelogs\)' \
    >"$root/etc/apt/apt.conf.d/00host"
# What a person would answer, and the fewest packages that are possible.
printf '%s "%s";\n' APT::Get::Assume-Yes true APT::Install-Recommends false >>"$root/etc/apt/apt.conf.d/00host"
# As the installer of Debian leaves it; and no server is started in the root, but in the system.
[[ -s $root/etc/hosts ]] || echo 127.0.0.1 localhost >"$root/etc/hosts"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mv "$scratch/packages" "$root/packages"
mkdir "$root/srv/project"
cp "$top/debian/tests/smoke" "$root/srv/smoke"

# inside COMMAND...: in the root, with namespaces of its own for mounts and processes.
inside() {
    # shellcheck disable=SC2016
    unshare --fork --pid --kill-child --mount sh -c 'root=$1; shift
        mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"' - "$root" "$@" </dev/null
}
add() { inside apt-get -q install "$@"; }
# shellcheck disable=SC2016
in_packages() { inside sh -c 'cd /packages && exec "$@"' - "$@"; }
check "the bare root works" inside true
inside true || done_testing
check "apt-get update" inside apt-get -q update

# ---- Installed, used, removed, purged ----

gone() { inside sh -c '! command -v jbackup'; }
install() { in_packages sh -c 'exec apt install ./jbackup*.deb'; }
check "nothing of it is there" gone
check "apt install ./*.deb" install
check_fails "now it is" gone
# shellcheck disable=SC2016
check "every tool runs" inside sh -c \
    'for tool in $(dpkg -L jbackup | grep "^/usr/bin/jbackup"); do $tool --version || exit; done'
check "backup.sh, too" inside backup.sh help
check "dpkg finds nothing changed" inside dpkg --verify jbackup
# shellcheck disable=SC2016
check "without systemd it says what to do" inside sh -c \
    'said=$(jbackup-scheduler --project /srv/project install 2>&1); [ $? -eq 3 ] && echo "$said" | grep -e --cron'
check "what its test needs" add python3 sqlite3
check "it backs up, verifies and restores" inside sh /srv/smoke /srv/project

# ---- The guide's quick start, in the booted system ----

quick_start() {
    local line why
    why=$(sd_can_start) || { skip "the guide's quick start" "$why"; return; }
    trap 'sd_stop "$scratch/box"; remove_scratch' EXIT
    guide=$scratch/guide.md
    check "the package has the guide" test -n "$(zcat -f "$root"/usr/share/doc/jbackup/guide.md* | tee "$guide")"
    guide_block sh 1 >"$scratch/example"
    check "which tells how to set up its example" grep -q '^apt install ' "$scratch/example"
    check "a system to boot" add systemd systemd-sysv dbus
    check "$(sed -n 1p "$scratch/example")" inside sh -c "$(sed -n 1p "$scratch/example")"
    sd_root=$root sd_start "$scratch/box" || { fail "it boots"; return; }
    check "the database server runs" in_system systemctl start postgresql
    check "the example is set up" in_system sh -euc "$(sed 1d "$scratch/example")"
    guide_block json 1 | sd_put "$scratch/box" /srv/journal/jbackup.json
    stay=true
    while IFS= read -r line <&3; do
        [[ $line != "cd "* ]] || stay=$line
        check "$line" told in_system sh -c "$stay; $line"
        [[ $line != "jbackup-verify verify" ]] ||
            check "all nine tests have passed" test "$(grep -c '|passed|' "$scratch/told")" -eq 9
    done 3< <(guide_commands '## Quick start' '## The commands' | tee "$scratch/lines")
    check "which were all" test "$(wc -l <"$scratch/lines")" -ge 9
    check "two backups were made" test "$(in_system jbackup --project /srv/journal list | wc -l)" -eq 2
    sd_stop "$scratch/box"
}
told() { "$@" 2>&1 | tee "$scratch/told"; }
in_system() {
    sd "$scratch/box" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LC_ALL=C.UTF-8 "$@" </dev/null
}
quick_start

# ---- A program of one's own ----

# With the packages that libjbackup-dev asks for and a compiler.
check "libjbackup-dev and a compiler" in_packages sh -c \
    'exec apt install ./libjbackup*.deb gcc libc6-dev pkg-config'
# shellcheck disable=SC2016
check "a program builds with it" inside sh -c 'cd /srv && gcc -o embed \
    /usr/share/doc/libjbackup-dev/examples/embed.c $(pkg-config --cflags --libs libjbackup)'
# shellcheck disable=SC2016
check "also with the static library" inside sh -c 'cd /srv && gcc -o embed-static \
    /usr/share/doc/libjbackup-dev/examples/embed.c \
    $(pkg-config --static --cflags --libs libjbackup | sed "s/-ljbackup/-l:libjbackup.a/")'
check "and backs up" inside /srv/embed /srv/project/journal

backups=$root/srv/project/journal/backups
inside dpkg -L jbackup libjbackup0 libjbackup-dev | grep -E '/(jbackup|libjbackup|backup\.sh|_jbackup)' |
    sort -u >"$scratch/listed"
check "the packages have files" test "$(wc -l <"$scratch/listed")" -ge 20
state() { (cd "$backups" && find . -type f -exec sha256sum {} + | sort -k 2); }
state >"$scratch/before"
check "there are backups" test "$(grep -c manifest_ "$scratch/before")" -ge 2
check "apt remove" inside apt-get -q -y remove jbackup libjbackup0 libjbackup-dev
check "the tools are gone" gone
check "the backups are still there" diff "$scratch/before" <(state)
check "it is installed again" install
check "apt purge" inside apt-get -q -y purge jbackup
left() {
    local path
    while read -r path; do
        [[ -e $root$path || -L $root$path ]] && echo "$path"
    done <"$scratch/listed"
}
check "nothing of the packages is left" diff <(left) /dev/null
check "and all of the backups" diff "$scratch/before" <(state)
# shellcheck disable=SC2016
check "which anybody can check without jbackup" inside sh -c \
    'cd /srv/project/journal/backups/*ly/ && for list in checksums_*; do sha256sum -c "$list" || exit; done'
done_testing
