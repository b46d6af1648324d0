#!/bin/bash
# SPDX-License-Identifier: MIT
# A sparse file of 8 GiB and a little, more than octal digits of a tar header can say.
. "$(dirname "$0")/lib.sh"
free_mb=$(df -Pm "$scratch" | awk 'NR == 2 { print $4 }')
if [[ $free_mb -lt 2000 ]]; then
    echo "1..0 # SKIP $free_mb MB free, 2000 needed"
    exit 0
fi
mkdir -p "$app"
echo '{ "name": "huge", "root": ".", "databases": [] }' >"$app/jbackup.json"
size=$((8 * 1024 * 1024 * 1024 + 13))
truncate -s $size "$app/huge.bin" || { echo "1..0 # SKIP no sparse files here"; exit 0; }
printf 'the end' | dd of="$app/huge.bin" bs=1 seek=$((size - 7)) conv=notrunc status=none
echo small >"$app/zz-after.txt"

expect 0 "backup" backup --code-only
timestamp=$(newest)
archive=$(artifact "codebase_$timestamp.tar.gz" "$timestamp")
gunzip -c "$archive" | tee >(tar -tvf - >"$scratch/gnu") >(busybox tar -tvf - >"$scratch/busybox") |
    bsdtar -tvf - >"$scratch/bsd"
for _ in $(seq 100); do # the readers behind tee end a little later
    grep -q zz-after "$scratch/gnu" && grep -q zz-after "$scratch/busybox" && break
    sleep 0.1
done
for tool in gnu bsd busybox; do
    check "$tool tar sees its size" grep -q " $size .*huge\.bin" "$scratch/$tool"
    check "$tool tar sees what follows" grep -q 'zz-after\.txt' "$scratch/$tool"
done
expect 0 "files" files "$timestamp" --json
said "files has its size" "$size"
expect 0 "restore of what follows" restore --timestamp "$timestamp" --path zz-after.txt --to "$scratch/after"
check "it is equal" cmp "$app/zz-after.txt" "$scratch/after/zz-after.txt"
done_testing
