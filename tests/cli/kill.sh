#!/bin/bash
# SPDX-License-Identifier: MIT
# kill -9 at moments spread over a run, and failures of the calls that make a backup durable: no
# published backup is damaged, no partial one is listed, the next run works at once and clears up.
#
# JB_KILLS: how many system calls to kill at (default 180)
. "$(dirname "$0")/lib.sh"
command -v strace >/dev/null || { echo "1..0 # SKIP strace is not installed"; exit 0; }
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" # it needs ptrace for itself
strace -qq -o /dev/null true 2>/dev/null || { echo "1..0 # SKIP tracing is not allowed here"; exit 0; }
changing=openat,mkdirat,mkdir,write,pwrite64,copy_file_range,ftruncate,fallocate,fchmod,fsync,fdatasync,syncfs
changing+=,rename,renameat,renameat2,link,linkat,unlink,unlinkat,close

make_app "$app" 50
expect 0 "a backup to keep" backup --category daily
kept=$(newest)
cp -a "$app" "$scratch/start"
kept_files() { (cd "$app/backups" && find . -type f -path "*$kept*" ! -name 'proof_*' | sort |
    xargs sha256sum); }
kept_files >"$scratch/kept"
check "the kept backup has files" test "$(wc -l <"$scratch/kept")" -eq 5
echo changed >"$scratch/start/src/main.py"
reset() { rm -rf "$app" && cp -a "$scratch/start" "$app"; }
listed() { jb list && wc -l <"$out"; }
partial() { # files of a backup without a manifest, or anything but the lock in the state folder
    python3 - "$app/backups" <<'END'
import os, re, sys
top = sys.argv[1]
for category in ("daily", "weekly", "monthly"):
    folder = os.path.join(top, category)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    for name in names:
        stamp = re.search(r"\d{8}_\d{6}", name)
        if stamp is None or f"manifest_{stamp.group()}.json" not in names:
            print(f"{category}/{name}")
for folder, folders, files in os.walk(os.path.join(top, ".jbackup")):
    for name in files:
        if name != "lock":
            print(os.path.join(folder, name))
    if os.path.basename(folder) == "staging" and folders:
        print(folder)
END
}

# survived WHAT COUNT...: what must hold after an interrupted run; COUNT backups are allowed.
survived() {
    local what=$1 before after
    shift
    before=$(listed) || { say "$what: list fails"; show_output; return 1; }
    [[ " $* " == *" $before "* ]] || { say "$what: $before backups are listed"; return 1; }
    jb verify || { say "$what: verify"; show_output; return 1; }
    kept_files | cmp -s - "$scratch/kept" || { say "$what: the kept backup has changed"; return 1; }
    jb backup --category daily || { say "$what: the next run fails"; show_output; return 1; }
    after=$(listed)
    [[ $after -eq $((before + 1)) ]] || { say "$what: $before, then $after backups"; return 1; }
    [[ -z $(partial) ]] || { say "$what: left behind: $(partial)"; return 1; }
    jb verify || { say "$what: verify after the next run"; show_output; return 1; }
}

traced=("$jbackup" --project "$app" --quiet backup --category daily)
reset
strace -f -qq -e trace="$changing" -o "$scratch/trace" "${traced[@]}" >"$out" 2>"$err"
check "a traced run works" test $? -eq 0
sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$scratch/trace" | sort | uniq -c >"$scratch/calls"
# Every call that names a moment of its own is taken (rename, link, unlink, fsync, mkdir), of the
# many others (write, close, openat) an even choice.
python3 - "$scratch/calls" "${JB_KILLS:-180}" >"$scratch/moments" <<'END'
import sys
calls = {}
for line in open(sys.argv[1]):
    count, name = line.split()
    calls[name] = int(count)
limit = int(sys.argv[2])
many = {"write", "close", "openat", "pwrite64", "unlinkat"}
moments = [(name, k) for name, count in calls.items() if name not in many for k in range(1, count + 1)]
rest = [(name, k) for name in sorted(many & calls.keys()) for k in range(1, calls[name] + 1)]
room = max(limit - len(moments), 20)
step = max(len(rest) / room, 1)
moments += [rest[int(i * step)] for i in range(int(len(rest) / step))]
for name, k in moments:
    print(name, k)
END
bad=0 tried=0
while read -r name number; do
    reset
    { strace -f -qq -o /dev/null -e trace="$name" -e inject="$name:signal=KILL:when=$number" \
        "${traced[@]}" </dev/null; } >/dev/null 2>&1
    tried=$((tried + 1))
    survived "killed at $name $number" 1 2 </dev/null || bad=$((bad + 1))
done <"$scratch/moments"
check "$tried kills at system calls: all survived" test $bad -eq 0 -a $tried -ge 60

# At moments of the clock, also while threads compress.
head -c 30000000 /dev/urandom >"$scratch/start/src/random.bin"
reset
began=$(date +%s%N)
"${traced[@]}" >"$out" 2>"$err"
length=$((($(date +%s%N) - began) / 1000000))
bad=0 tried=0 killed=0
for number in $(seq 20); do
    reset
    "${traced[@]}" >/dev/null 2>&1 &
    victim=$!
    sleep "$(awk -v l=$length -v n="$number" 'BEGIN { printf "%.3f", l * n / 21000 }')"
    kill -9 $victim 2>/dev/null
    { wait $victim; } 2>/dev/null
    [[ $? -eq 137 ]] && killed=$((killed + 1))
    tried=$((tried + 1))
    survived "killed after $number/21 of $length ms" 1 2 || bad=$((bad + 1))
done
check "$tried kills by the clock: all survived" test $bad -eq 0
check "most of them hit a running program" test $killed -ge 10
rm "$scratch/start/src/random.bin"

# A failing call: an error with an exit status of 3, and nothing published; or the call did not
# matter, and the backup is whole.
bad=0 tried=0 refused=0
while read -r count name; do
    case $name in
    fsync | fdatasync) error=EIO ;;
    rename | renameat | renameat2 | link | linkat | mkdirat | mkdir) error=ENOSPC ;;
    *) continue ;;
    esac
    for number in $(seq "$count"); do
        reset
        strace -f -qq -o /dev/null -e trace="$name" -e inject="$name:error=$error:when=$number" \
            "${traced[@]}" >"$out" 2>"$err" </dev/null
        status=$?
        tried=$((tried + 1))
        if [[ $status -eq 3 ]]; then
            refused=$((refused + 1))
            grep -q . "$err" || { say "$name $number: no message"; bad=$((bad + 1)); }
            survived "$name $number fails" 1 </dev/null || bad=$((bad + 1))
        elif [[ $status -eq 0 ]]; then
            survived "$name $number fails, unnoticed" 2 </dev/null || bad=$((bad + 1))
        else
            say "$name $number fails: status $status"
            show_output
            bad=$((bad + 1))
        fi
    done
done <"$scratch/calls"
check "$tried failing calls: nothing half-made" test $bad -eq 0 -a $tried -ge 10
check "most are errors ($refused)" test $refused -ge $((tried / 2)) -a $refused -gt 5
done_testing
