#!/bin/bash
# SPDX-License-Identifier: MIT
# A PostgreSQL backup that is killed, or to which a system call fails, at moments spread over its
# run: no published backup is damaged, none is half-made, pg_dump and its session end, and the next
# run works.
#
# JB_KILLS: how many moments (default 90, a third of them kills)
. "$(dirname "$0")/failing.sh"
export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" # it needs ptrace for itself
strace -qq -o /dev/null true 2>/dev/null || { echo "1..0 # SKIP tracing is not allowed here"; exit 0; }
serve
sql postgres "CREATE DATABASE big"
sql big "CREATE TABLE big AS SELECT n AS id, repeat(md5(n::text), 4) AS body FROM generate_series(1, 30000) n"
mkdir -p "$app/src"
echo 'print("hello")' >"$app/src/main.py"
printf 'DATABASE_URL=%s\n' "$(url admin s3cret-pg big)" >"$app/.env"
chmod 600 "$app/.env"
expect 0 "a backup to keep" backup --category daily
kept=$(newest)
cp -a "$app" "$scratch/start"
reset() { rm -rf "$app" && cp -a "$scratch/start" "$app"; }
kept_files() { (cd "$app/backups" && find . -type f -path "*$kept*" ! -name 'proof_*' -print0 | sort -z | xargs -0 sha256sum); }
kept_files >"$scratch/kept"
check "the kept backup has files" test "$(wc -l <"$scratch/kept")" -ge 7

listed() { jb list && grep -c '|full|' "$out"; } # a backup of both, the code and the database
# What is in a category without a manifest, and what is left in the state folder.
partial() {
    local stamp
    for stamp in $(find "$app"/backups/*ly | grep -oE '[0-9]{8}_[0-9]{6}' | sort -u); do
        find "$app/backups" -name "manifest_$stamp.json" | grep -q . || echo "$stamp has no manifest"
    done
    find "$app/backups/.jbackup" -mindepth 1 ! -name lock ! -name staging
}

# survived WHAT COUNT...: what must hold after an interrupted run; COUNT backups are allowed.
survived() {
    local what=$1 before after lost
    shift
    lost=$(within 5 children; within 5 sessions)
    [[ -z $lost ]] || { say "$what: processes or sessions are left: $lost"; return 1; }
    before=$(listed) || { say "$what: list fails"; show_output; return 1; }
    [[ " $* " == *" $before "* ]] || { say "$what: $before backups are listed"; return 1; }
    kept_files | cmp -s - "$scratch/kept" || { say "$what: the kept backup has changed"; return 1; }
    jb backup --category daily || { say "$what: the next run fails"; show_output; return 1; }
    after=$(listed)
    [[ $after -eq $((before + 1)) ]] || { say "$what: $before, then $after backups"; return 1; }
    [[ -z $(partial) ]] || { say "$what: left behind: $(partial)"; return 1; }
    jb verify || { say "$what: verify"; show_output; return 1; }
}

# Of jbackup itself, not of the programs it starts.
traced=("$jbackup" --project "$app" --quiet backup --category daily)
reset
strace -qq -e trace=all -o "$scratch/trace" "${traced[@]}" >"$out" 2>"$err"
check "a traced run works" test $? -eq 0
sed -nE 's/^([a-z0-9_]+)\(.*/\1/p' "$scratch/trace" | sort | uniq -c >"$scratch/calls"
python3 - "$scratch/calls" "${JB_KILLS:-90}" >"$scratch/moments" <<'END'
import sys
calls = {name: int(count) for count, name in map(str.split, open(sys.argv[1]))}
limit = int(sys.argv[2])
errors = {
    "openat": "EMFILE", "open": "EMFILE", "write": "ENOSPC", "pwrite64": "EIO", "pread64": "EIO", "read": "EIO",
    "fsync": "EIO", "fdatasync": "EIO", "syncfs": "EIO", "ftruncate": "ENOSPC", "fchmod": "EIO",
    "rename": "EIO", "renameat": "EIO", "renameat2": "EIO", "link": "EIO", "linkat": "EIO",
    "mkdir": "ENOSPC", "mkdirat": "ENOSPC", "memfd_create": "EMFILE", "pipe2": "EMFILE",
    "socketpair": "EMFILE", "socket": "EMFILE", "connect": "ENETUNREACH", "fcntl": "EMFILE",
    "vfork": "ENOMEM", "clone": "EAGAIN", "clone3": "EAGAIN", "recvfrom": "ECONNRESET",
    "poll": "ENOMEM", "waitid": "ECHILD", "unlinkat": "EIO", "shutdown": "ENOTCONN", "fstat": "EIO",
    "newfstatat": "EIO", "statx": "EIO", "getdents64": "EIO",
}
kills = ["openat", "write", "pwrite64", "fsync", "rename", "renameat", "renameat2", "link", "linkat", "mkdirat",
         "unlinkat", "memfd_create", "pipe2", "socketpair", "vfork", "clone3", "poll", "recvfrom", "sendto",
         "ftruncate", "read", "close", "waitid", "lseek"]

def spread(names, room):
    """Of each call of a few some, of the many others an even choice."""
    names = [name for name in names if name in calls]
    share = max(room // max(len(names), 1), 1)
    chosen = []
    for name in sorted(names, key=calls.get):
        count = min(calls[name], share)
        chosen += [(name, 1 + calls[name] * (2 * i + 1) // (2 * count)) for i in range(count)]
    return chosen

for name, number in spread(kills, limit // 3):
    print("signal=KILL", name, number)
for name, number in spread(errors, limit - limit // 3):
    print(f"error={errors[name]}", name, number)
END

killed=0 kills_bad=0 failing=0 failing_bad=0 refused=0
while read -r what name number; do
    reset
    { strace -qq -o /dev/null -e trace="$name" -e inject="$name:$what:when=$number" \
        "${traced[@]}" </dev/null >"$out" 2>"$err"; } 2>/dev/null
    status=$?
    moment="$name $number, $what"
    if [[ $status -eq 127 ]] && grep -q 'loading shared libraries' "$err"; then
        continue # it never began
    elif grep -q 'Sanitizer\|runtime error' "$err"; then
        say "$moment:"
        show_output
        failing_bad=$((failing_bad + 1))
    elif [[ $what == signal=KILL ]]; then
        killed=$((killed + 1))
        survived "$moment" 1 2 </dev/null || kills_bad=$((kills_bad + 1))
    elif [[ $status -eq 3 || $status -eq 2 ]]; then # 2: not even the project could be opened
        failing=$((failing + 1)) refused=$((refused + 1))
        grep -q '^jbackup: .' "$err" || { say "$moment: no message"; failing_bad=$((failing_bad + 1)); }
        survived "$moment" 1 </dev/null || failing_bad=$((failing_bad + 1))
    elif [[ $status -eq 0 ]]; then
        failing=$((failing + 1))
        survived "$moment, which did not matter" 2 </dev/null || failing_bad=$((failing_bad + 1))
    else
        say "$moment: status $status"
        show_output
        failing=$((failing + 1)) failing_bad=$((failing_bad + 1))
    fi
done <"$scratch/moments"
check "$killed kills: all survived" test $kills_bad -eq 0 -a $killed -ge 15
check "$failing failing calls: nothing half-made" test $failing_bad -eq 0 -a $failing -ge 30
check "many of them are errors ($refused)" test $refused -ge $((failing / 3))
done_testing
