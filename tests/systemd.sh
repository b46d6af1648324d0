# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A throw-away system with a real systemd as its process 1, for tests. Sourced: . tests/systemd.sh
#
#   sd_can_start              whether this machine lets us; else says why not
#   sd_start FOLDER [DIR...]  boots it; it shows the files of this machine as they are now, and in
#                             these folders lets the test and it see each other's changes
#   sd FOLDER COMMAND...      runs a command in it
#   sd_put FOLDER PATH        makes a file in it of standard input
#   sd_stop FOLDER            ends it with all in it, at once, like a power cut
#   sd_save FOLDER TO PATH... keeps these files of it; with sd_kept=TO the next sd_start puts them
#                             back before systemd starts
#
# With sd_root=FOLDER it shows the system that lies there, not this machine's.
#
# It has namespaces of its own (processes, mounts, network, ...) and a view of the root that keeps
# what is written in memory, so nothing of the machine changes. It ends with the test at the latest.
sd_cgroups=$(findmnt -t cgroup2 -n -o TARGET | head -n 1)

sd_can_start() {
    if [[ $(id -u) -ne 0 ]]; then
        echo "only root can boot a systemd of its own"
    elif [[ ! -x /lib/systemd/systemd ]]; then
        echo "systemd is not installed"
    elif [[ -z $sd_cgroups || ! -w $sd_cgroups/cgroup.procs ]]; then
        echo "no cgroup2 that can be written to is mounted"
    elif ! unshare --fork --pid --mount --uts --ipc --cgroup --net true 2>/dev/null; then
        echo "namespaces can't be made here"
    else
        return 0
    fi
    return 1
}

# sd_inside ROOT DIR...: runs in the new namespaces, makes the view of the machine and becomes
# systemd.
sd_inside() {
    local root=$1 top device shown
    shift
    top=$(dirname "$root")
    mount -t tmpfs -o mode=755 tmpfs "$top" && mkdir "$root" "$top/written" "$top/work" || return
    mount -t overlay -o "lowerdir=${sd_root:-/},upperdir=$top/written,workdir=$top/work" overlay "$root" || return
    mount -t proc proc "$root/proc"
    for shown in sys sysrq-trigger; do
        [[ -e $root/proc/$shown ]] || continue
        mount --bind "$root/proc/$shown" "$root/proc/$shown"
        mount -o remount,bind,ro "$root/proc/$shown"
    done
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
    mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
    mkdir "$root/dev/shm" "$root/dev/pts"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    for device in null zero full random urandom tty; do
        : >"$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
    done
    : >"$root/dev/console"
    for shown in "$@"; do
        mkdir -p "$root$shown" && mount --bind "$shown" "$root$shown" || return
    done
    sd_quieten "$root"
    # By a root of its own: a link there must not lead out.
    [[ -z $sd_kept ]] || tar -C "$sd_kept" -cf - . | chroot "$root" tar -C / -xpf - --no-overwrite-dir || return
    cd "$root" && pivot_root . mnt && umount -l /mnt && mount --make-rshared / || return
    exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system \
        --unit=multi-user.target
}

# Nothing is started that this machine happens to have, and nothing that would look beyond.
sd_quieten() {
    local unit
    hostname jbackup-test
    : >"$1/etc/machine-id"
    rm -rf "$1"/etc/systemd/system/*.wants "$1"/etc/systemd/system/*.requires "$1"/etc/rc?.d/*
    for unit in console-getty.service getty.target systemd-logind.service systemd-sysctl.service \
        systemd-modules-load.service dev-hugepages.mount sys-kernel-debug.mount \
        sys-kernel-tracing.mount sys-fs-fuse-connections.mount systemd-journal-flush.service \
        systemd-journald-audit.socket systemd-tmpfiles-clean.timer apt-daily.timer \
        apt-daily-upgrade.timer man-db.timer; do
        ln -sfn /dev/null "$1/etc/systemd/system/$unit"
    done
}

sd_start() {
    local folder group state begun=$SECONDS
    mkdir -p "$1/view" || return 1
    folder=$(readlink -f "$1")
    shift
    group=$sd_cgroups/jbackup-test-$$-$RANDOM
    mkdir "$group" && echo "$group" >"$folder/group"
    # It enters the group first: it is the root of those that it sees.
    # shellcheck disable=SC2016
    bash -c 'echo $$ >"$1/cgroup.procs"; shift
        exec setpriv --pdeathsig KILL unshare --fork --pid --mount --propagation private --uts --ipc \
            --cgroup --net --kill-child=SIGKILL bash -c "$@"' start "$group" \
        "sd_kept=${sd_kept:+$(printf %q "$sd_kept")} sd_root=${sd_root:+$(printf %q "$sd_root")}
            $(declare -f sd_inside sd_quieten); sd_inside \"\$@\"" inside "$folder/view/root" "$@" \
        </dev/null >"$folder/log" 2>&1 &
    echo $! >"$folder/outer"
    disown
    while [[ $((SECONDS - begun)) -lt 60 ]] && kill -0 "$(<"$folder/outer")" 2>/dev/null; do
        ps -o pid= --ppid "$(<"$folder/outer")" | tr -d ' ' >"$folder/pid"
        if [[ $(cat "/proc/$(<"$folder/pid")/comm" 2>/dev/null) == systemd ]]; then
            state=$(sd "$folder" systemctl is-system-running 2>/dev/null)
            [[ $state == running || $state == degraded ]] && return 0
        fi
        sleep 0.1
    done
    cat "$folder/log" >&2
    sd_stop "$folder"
    return 1
}

sd() {
    local folder=$1
    shift
    nsenter -t "$(<"$folder/pid")" -m -p -u -i -n -C -r -w "$@"
}

# shellcheck disable=SC2016
sd_put() { sd "$1" sh -c 'mkdir -p "$(dirname "$1")" && cat >"$1"' put "$2"; }

sd_save() {
    local folder=$1 to=$2
    shift 2
    mkdir -p "$to" && sd "$folder" tar -C / -cf - "${@#/}" | tar -C "$to" -xpf -
}

sd_stop() {
    local folder=$1 group
    [[ -e $folder/outer ]] || return 0
    kill -KILL "$(<"$folder/outer")" 2>/dev/null
    group=$(<"$folder/group")
    for _ in $(seq 100); do
        grep -q 'populated 0' "$group/cgroup.events" 2>/dev/null && break
        sleep 0.1
    done
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    rm -rf "$folder"
}
