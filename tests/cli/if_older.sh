#!/bin/bash
# SPDX-License-Identifier: MIT
# What verify remembers of each artifact, and skips when it was read of late: told as skipped, never
# taken for a proof, and not where something is the matter.
. "$(dirname "$0")/lib.sh"
mkdir -p "$app/tree"
printf '{"name": "older", "root": "tree", "backup_dir": "backups", "databases": []}\n' >"$app/jbackup.json"
printf 'content\n' >"$app/tree/file"
figure() { grep -o "\"$1\": [0-9]*" "$out" | head -n 1 | cut -d' ' -f2; }
is_figure() { check "$1: $2 is $3" test "$(figure "$2")" = "$3"; }
proof() { ls "$app"/backups/daily/proof_*.json; }
older() { expect "$1" "$2" --json verify --depth bytes --if-older "${3:-3}"; }
# aged DAYS [NAME]: makes what is remembered (of artifacts named so) so many days old.
aged() {
    python3 - "$(proof)" "$1" "${2:-}" <<'END'
import datetime, json, sys
path, days, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
told = json.load(open(path))
then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days, minutes=5)
reads = [read for read in told["reads"] if name in read["path"]]
assert reads
for read in reads:
    read["at"] = then.isoformat()
json.dump(told, open(path, "w"))
END
}

expect 0 "a backup" backup --category daily
older 0 "nothing was read before"
is_figure "the first" skipped 0
is_figure "the first" artifacts 2
check "two readings are remembered" test "$(grep -c '"path"' "$(proof)")" -eq 2
check "and one proof" test "$(grep -c '"depth"' "$(proof)")" -eq 1
older 0 "both were read just now"
is_figure "just now" skipped 2
is_figure "just now" artifacts 0
is_figure "just now" bytes_read 0
said "it is said" 'not read now: it was read 0 days ago by jbackup '
check "the row says so" grep -q '"result": "skipped"' "$out"
check "no proof was added" test "$(grep -c '"depth"' "$(proof)")" -eq 1
expect 0 "for people" verify --depth bytes --if-older 3
said "skipped is not good" 'skipped, being read of late: 2 artifacts'
expect 0 "without --if-older" --json verify --depth bytes
is_figure "without it" artifacts 2
aged 2
older 0 "two days ago"
is_figure "two days ago" skipped 2
aged 4 .tar.gz
older 0 "one was read too long ago"
is_figure "one" skipped 1
is_figure "one" artifacts 1
older 0 "now that one is remembered, too"
is_figure "both again" skipped 2
aged -1
older 0 "read in the future: the clock was set back"
is_figure "future" skipped 0

archive=$(ls "$app"/backups/daily/codebase_*.tar.gz)
cp "$archive" "$scratch/whole"
truncate -s -1 "$archive"
older 1 "another size is not skipped"
is_figure "another size" skipped 1
cp "$scratch/whole" "$archive"
older 0 "of a broken backup all is read again"
is_figure "broken" skipped 0
older 0 "then it is whole"
is_figure "whole" skipped 2
rm "$archive"
older 1 "what is gone is not skipped"
cp "$scratch/whole" "$archive"
expect 0 "at depth content" verify
older 0 "content was read in full, too"
is_figure "content" skipped 2
expect 2 "only with --depth bytes" verify --if-older 3
expect 2 "no days" verify --depth bytes --if-older soon
done_testing
