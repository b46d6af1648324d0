#!/bin/bash
# SPDX-License-Identifier: MIT
# A full disk: an error, nothing half-made, and the next run works once there is room.
. "$(dirname "$0")/lib.sh"
disk=$scratch/disk
mkdir "$disk"
if ! mount -t tmpfs -o size=6m,mode=0700 tmpfs "$disk" 2>/dev/null; then
    echo "1..0 # SKIP mounting is not allowed here"
    exit 0
fi
trap 'umount "$disk"; remove_scratch' EXIT
make_app "$app" 100
repository=$disk/backups
jb_disk() { jb --backup-dir "$repository" "$@"; }
count() { jb_disk list && wc -l <"$out"; }

jb_disk backup
check "a backup that fits" test $? -eq 0
head -c 20000000 /dev/urandom >"$app/src/large.bin"
jb_disk backup
status=$?
check "one that does not: status 3" test $status -eq 3
said "the message says why" 'No space left'
said "and what to do" '[Hh]int:'
check "one backup is listed" test "$(count)" = 1
jb_disk verify
check "it is whole" test $? -eq 0
check "nothing was left on the disk" test "$(du -sm "$disk" | cut -f1)" -lt 2

# Full already, so that not even a small file can be written.
rm "$app/src/large.bin"
head -c 10000000 /dev/zero >"$disk/filler" 2>/dev/null
jb_disk backup
check "a disk that is full at once: status 3" test $? -eq 3
jb_disk verify
check "the backup is whole, also verified on a full disk or with a clear refusal" test $? -eq 0 -o $? -eq 3
rm "$disk/filler"
bad=0
for room in 0 4 8 12 16 24 32 40 64 96 128 256; do
    head -c 10000000 /dev/zero >"$disk/filler" 2>/dev/null
    truncate -s -$((room * 1024)) "$disk/filler"
    before=$(count)
    echo "$room" >"$app/src/main.py"
    jb_disk backup
    status=$?
    rm "$disk/filler"
    after=$(count)
    if [[ $status -ne 0 && ($status -ne 3 || $after -ne $before) ]] ||
        [[ $status -eq 0 && $after -ne $((before + 1)) ]]; then
        say "with $room KiB: status $status, $before backups, then $after"
        bad=$((bad + 1))
    fi
    jb_disk verify || { show_output; bad=$((bad + 1)); }
done
check "with a little room: a whole backup or none" test $bad -eq 0
before=$(count)
jb_disk backup
check "with room again it works" test $? -eq 0 -a "$(count)" -eq $((before + 1))
done_testing
