#!/bin/bash
# SPDX-License-Identifier: MIT
# What is copied from the archive before, and what not: after damage, lies, a clock set back, another
# place, another user's settings. Whatever happens, the archive is the one that reading gives.
. "$(dirname "$0")/lib.sh"
if [[ $(stat -f -c %T "$scratch") == tmpfs ]]; then
    check "nothing is ever copied on tmpfs" true
    done_testing
    exit 0
fi
settings() { printf '{"name": "copy", "root": "tree", "backup_dir": "backups", "databases": [], "jobs": 2, "compression": "%s"}\n' "$1"; }
mkdir -p "$app/tree/src" "$app/tree/zz"
settings fast >"$app/jbackup.json"
python3 - "$app/tree" <<'END'
import pathlib, random, sys
dice = random.Random(7)
for number in range(60):
    text = b" ".join(b"%d" % dice.randrange(10000) for _ in range(8000))
    pathlib.Path(sys.argv[1], "src", f"file{number:02}").write_bytes(text)
pathlib.Path(sys.argv[1], "src", "large").write_bytes(dice.randbytes(3_500_000))
pathlib.Path(sys.argv[1], "zz", "last").write_bytes(b"last")
END
newest_file() { find "$1" -name "$2" | awk -F/ '{print $NF, $0}' | sort | tail -n 1 | cut -d' ' -f2; }
archive() { newest_file "$app/backups" 'codebase_*.tar.gz'; }
copied() { grep -o '"copied_bytes": [0-9]*' "$out" | head -n 1 | cut -d' ' -f2; }
is_settled() { sleep 2.1; }

# as_read NAME STATUS [OPTION...]: backs up, and compares the archive with that of a fresh repository.
as_read() {
    local name=$1 status=$2
    shift 2
    expect "$status" "$name" --json backup --category daily "$@"
    rm -rf "$scratch/fresh"
    "$jbackup" --project "$app" --backup-dir "$scratch/fresh" --quiet backup --category daily --reread
    check "$name: the archive is that of a reading" cmp "$(archive)" "$(newest_file "$scratch/fresh" 'codebase_*.tar.gz')"
}
all_read() { check "$1: nothing was copied" test "$(copied)" -eq 0; }
some_copied() { check "$1: members were copied" test "$(copied)" -gt "${2:-0}"; }

as_read "the first backup" 0
all_read "the first backup"
as_read "one at once, before anything could settle" 0
all_read "at once"
touch -d '2090-01-01' "$app/tree/src/file20" "$app/tree/src/large"
is_settled
as_read "one that has settled" 0
as_read "unchanged" 0
some_copied "unchanged" 3500000
keep_whole

printf 'one\n' >>"$app/tree/src/file30"
as_read "a file was changed" 0
some_copied "one changed" 3500000
whole
touch -r "$app/tree/src/file10" "$scratch/time"
printf '#' | dd of="$app/tree/src/file10" bs=1 seek=500 conv=notrunc status=none
touch -r "$scratch/time" "$app/tree/src/file10"
as_read "a byte was changed, and the time put back" 0
some_copied "time put back"
whole
as_read "with --reread" 0 --reread
all_read "--reread"
expect 0 "weekly" --json backup --category weekly
some_copied "from a daily one to a weekly one"
as_read "from a weekly one to a daily one" 0
some_copied "from a weekly one"
expect 0 "monthly" --json backup --category monthly
all_read "monthly"

size=$(stat -c %s "$(archive)")
for offset in 3 17 21 4000 $((size / 3)) $((size - 700000)); do
    whole
    flip "$(archive)" "$offset"
    as_read "a flipped byte at $offset" 0
    said "offset $offset: it is said" 'it is damaged: nothing was copied'
    all_read "offset $offset"
done
whole
flip "$(archive)" 4000
expect 1 "a verification finds a flipped byte" verify --latest
flip "$(archive)" 4000
as_read "after that, though it is whole again" 0
all_read "found broken"
whole
rm "$(archive)"
as_read "the archive was removed" 0
all_read "removed"
whole
truncate -s -1 "$(archive)"
as_read "the archive was cut" 0
said "it is said" 'nothing was copied from it'
all_read "cut"
whole
flip "$(newest_file "$app/backups" '*.index.jsonl.gz')" 100
as_read "a flipped byte in the index" 0
said "it is said" 'nothing was copied from it'
all_read "index"

whole
is_settled
as_read "all has settled" 0
keep_whole
lie() {
    whole
    python3 "$here/copy_lie.py" "$app/backups" "$1" || exit 1
}
while IFS='|' read -r name statement; do
    lie "$statement"
    as_read "a lie: $name" 0
done <<'END'
length|if "row" in e: e["row"][0] += 1
raw length|if "row" in e: e["row"][1] += 512
checksum|if "row" in e: e["row"][2] ^= 1
rows of no end|if "row" in e: e["row"] = [2**62, 2**62, 5]
no rows|e.pop("row", None)
span|e["span"] += 512
span of no end|e["span"] = 2**62
no span|e.pop("span")
member|e["member"][0] += 1
member far away|e["member"][0] += 2**61
other members|e["member"][0] = entries[-1]["member"][0]
place in the member|e["member"][1] += 512
size|e["size"] += 1
order|entries.reverse() if e["path"] == "src/large" else 0
rows of others|if "row" in e: e["row"] = entries[-1].get("row", [1, 1, 1])
END
lie 'if e["path"] == "src/file15": e["sha256"] = "0" * 64'
printf 'two\n' >>"$app/tree/src/file17"
as_read "a lie: digest of what stands before a changed file" 0
said "it is said" 'it is damaged: nothing was copied'
lie 'manifest:import re; t = re.sub(r"(\"created_at\": \")20..", r"\g<1>2990", t)'
as_read "the clock was set back" 0
all_read "clock"
lie 'manifest:import re; t = re.sub(r",\s*\"recipe\": \"[^\"]*\"", "", t)'
as_read "made by a jbackup that tells no recipe" 0
all_read "no recipe"

whole
is_settled
settings best >"$app/jbackup.json"
as_read "another compression" 0
all_read "another compression"
settings fast >"$app/jbackup.json"

whole
cp -a "$app" "$scratch/elsewhere"
app=$scratch/elsewhere
as_read "tree and repository were copied to another place" 0
all_read "copied tree"
app=$scratch/app

as_read "all is settled again" 0
is_settled
as_read "once more" 0
lie 'e["sha256"] = "0" * 64 if e["path"] in ("src/file50", "src/large") else e.get("sha256")
if e["sha256"] is None: del e["sha256"]' 2>/dev/null
expect 1 "monthly, where what is there is not what was copied" backup --category monthly
said "a small file is named" 'src/file50.*its content is another than in'
said "a large file is named" 'src/large.*its content is another than in'
expect 0 "the monthly backup is right" verify --latest
done_testing
