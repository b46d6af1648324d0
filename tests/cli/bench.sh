#!/bin/bash
# SPDX-License-Identifier: MIT
# The benchmark on a tree of a few files: a peer that is missing or fails is said and left out, and the
# summary is printed all the same; if jbackup fails, that is its status.
. "$(dirname "$0")/lib.sh"
if ! command -v pigz >/dev/null || [[ ! -x /usr/bin/time ]]; then
    skip "the benchmark" "pigz or GNU time is not installed"
    done_testing
fi
# All programs but those that it shall not find, and a borg that fails.
mkdir bin work
find /usr/local/bin /usr/bin /bin -maxdepth 1 -xtype f -executable \
    ! -name restic ! -name borg ! -name zstd ! -name strace -exec ln -sf -t bin {} +
printf '#!/bin/sh\necho "no place left" >&2\nexit 7\n' >bin/borg
printf '#!/bin/sh\ncase $* in *verify*) echo "not verified" >&2; exit 3 ;; esac\nexec %s "$@"\n' "$jbackup" >bin/failing
chmod +x bin/borg bin/failing
bench() {
    PATH=$scratch/bin python3 "$here/../bench/run" --work "$scratch/work" --files 60 --bytes 500K --rounds 2 \
        "$@" >"$out" 2>"$err"
}
figure='[0-9.]+ m?s'

check "it runs" bench --jbackup "$jbackup" --only tree --steps verify restore file
said "a missing peer is said" '^bench: restic is left out: no restic$'
said "and another" '^bench: tar \| zstd is left out: no zstd$'
said "a failing peer is said" '^borg failed: status 7: no place left$'
for row in "full backup" verify restore "one file restored"; do
    failed=-
    [[ $row != "full backup" ]] || failed=failed
    said "the summary: $row" "^\\| tree: $row \\| $figure \\| $figure \\([0-9.]+\\) \\| - \\| - \\| $failed \\| - \\|$"
done
said "a program that tells no version is no obstacle" 'borg of unknown version'
said "in turns" 'tree: verify, round 2: tar \| pigz: '

check_fails "jbackup fails: so does it" bench --jbackup "$scratch/bin/failing" --only tree --steps verify restore
said "that is said" '^jbackup failed: status 3: not verified$'
said "the others go on" "^\\| tree: restore \\| - \\| $figure \\| - "
done_testing
