#!/bin/bash
# SPDX-License-Identifier: MIT
# A restore in place of code of which little is damaged: what is unchanged is shared between the old
# and the new state, and yet the application may write into it and everything can be taken back.
. "$(dirname "$0")/lib.sh"
restore=$build/tools/jbackup-restore
backups=$scratch/backups

make_code() {
    rm -rf "$app"
    mkdir "$app"
    local folder file
    cat >"$app/jbackup.json" <<END
{ "databases": [], "backup_dir": "$backups" }
END
    for folder in 0 1 2 3 4 5; do
        mkdir -p "$app/f$folder/deep"
        for file in 0 1 2 3 4 5 6 7 8 9; do
            seq "$folder$file"000 "$folder$file"9999 | head -c 60000 >"$app/f$folder/$file.txt"
            seq "$folder$file"000 7 "$folder$file"9999 | head -c 60000 >"$app/f$folder/deep/$file.txt"
        done
        ln -s 0.txt "$app/f$folder/link"
    done
    chmod 600 "$app/f1/3.txt"
    chmod 555 "$app/f4/deep"
    find "$app" -exec touch -h -d '2024-01-02 03:04:05.678' {} +
}

rs() { "$restore" --project "$app" "$@" >"$out" 2>"$err"; }
does() { # STATUS NAME ARGUMENT...
    local want=$1 name=$2 status
    shift 2
    rs "$@"
    status=$?
    [[ $status -eq $want ]] || { say "jbackup-restore $*: status $status, want $want"; show_output; }
    check "$name" test $status -eq "$want"
}
same() { check "$1" diff "$2" "$3"; }
# All that is to come back: types, modes, times, links, contents.
state() {
    (cd "$app" && find . -path './.jbackup-restore-*' -prune -o -printf '%y %m %s %T@ %p %l\n' \
        -type f -exec sha256sum {} + | sort)
}
private() { find "$backups/.jbackup" -name 'restore_2*'; }
tidy() { # NAME
    check "$1: nothing lies beside the code" test -z "$(find "$app" -maxdepth 1 -name '.jbackup-restore-*')"
    check "$1: nor is an archive kept" test -z "$(private)"
    check "$1: nor has a file two names" test -z "$(find "$app" -type f -links +1)"
}
newest_code() { find "$backups" -path '*/.jbackup' -prune -o -name 'manifest_*.json' -print | sed 's/.*manifest_\(.*\)\.json/\1/' | sort | tail -n 1; }
is_shared() { [[ $(stat -c %i "$app/$1") == "$(stat -c %i "$app"/.jbackup-restore-*/tree/"$1")" ]]; }

# Good code that nobody has touched for a while, and its backup; then the damage.
back_up() { # NAME
    sleep 2.1
    expect 0 "$1" backup
    good=$(newest_code)
    state >"$scratch/good"
}
damage() {
    echo damaged >"$app/f2/4.txt"
    rm -f "$app/f2/5.txt"
    echo new >"$app/f2/new.txt"
    state >"$scratch/bad"
}
# What an application may do to its files: in place, with the time set back, by others, and so on.
use() {
    local time
    echo more >>"$app/f0/0.txt"
    time=$(stat -c %y "$app/f0/1.txt")
    printf X | dd of="$app/f0/1.txt" bs=1 conv=notrunc status=none
    touch -d "$time" "$app/f0/1.txt"
    chmod 640 "$app/f1/3.txt"
    rm "$app/f1/4.txt"
    mv "$app/f1/5.txt" "$app/f1/renamed.txt"
    echo other >"$app/f1/6.new" && mv "$app/f1/6.new" "$app/f1/6.txt"
    : >"$app/f4/deep/7.txt"
    echo mine >"$app/f3/mine.txt"
    state >"$scratch/used"
}
restored() { # NAME
    does 0 "$1" restore "$good" --type codebase --confirm --no-safety-backup
    same "$1: the backup's state" "$scratch/good" <(state)
}

# ---- Shared, and taken back -------------------------------------------------------------------

make_code
back_up "a backup"
damage
restored "restore"
check "what is unchanged is shared" is_shared f0/0.txt
check "also in a folder that was damaged" is_shared f2/3.txt
check "also in one that is closed" is_shared f4/deep/7.txt
check_fails "what was damaged is not" is_shared f2/4.txt
check_fails "nor are entries of the root" is_shared jbackup.json
check "archive and index are kept" test "$(private | wc -l)" -eq 2
does 0 "rollback" rollback
same "rollback: the old state" "$scratch/bad" <(state)
tidy "rollback"

back_up "a backup of that"
damage
echo worse >"$app/f2/4.txt"
state >"$scratch/bad"
restored "restore, to be used"
use
expect 0 "stats meanwhile" stats
expect 0 "list --size meanwhile" list --size
expect 0 "cleanup --dry-run meanwhile" cleanup --dry-run
expect 0 "verify meanwhile" verify
expect 0 "the backup is removed" remove "$good"
check "archive and index are still kept" test "$(private | wc -l)" -eq 2
same "the new state as it is used" "$scratch/used" <(state)
does 0 "rollback of what was used" rollback
same "rollback of what was used: the old state" "$scratch/bad" <(state)
tidy "rollback of what was used"

back_up "another backup"
damage
echo worse >"$app/f2/4.txt"
restored "restore, to stay"
use
does 0 "discard-old" discard-old
same "discard-old: the new state as it is used" "$scratch/used" <(state)
tidy "discard-old"

back_up "a backup of what was used"
damage
restored "restore before a backup"
expect 0 "the next backup lets go of the old state" backup
same "the next backup: the new state" "$scratch/good" <(state)
tidy "the next backup"

back_up "one more backup"
damage
if strace -qq -f -o /dev/null true 2>/dev/null; then
    # The safety backup comes before files are linked: it has to read but what shares a part of the
    # archive with what changed.
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -y -o "$scratch/opened" -e trace=openat \
        "$restore" --project "$app" restore "$good" --type codebase --confirm >"$out" 2>"$err"
    check "with a safety backup" test $? -eq 0
    same "with a safety backup: the backup's state" "$scratch/good" <(state)
    check "with a safety backup: unchanged files are shared" is_shared f0/0.txt
    check "with a safety backup: what changed was read" grep -q '/f2>, "4.txt"' "$scratch/opened"
    check_fails "with a safety backup: what did not was not" grep -E '/f4>, "[0-9].txt"' "$scratch/opened"
    does 0 "with a safety backup: rollback" rollback
    same "with a safety backup: the old state" "$scratch/bad" <(state)
    tidy "with a safety backup"

    # A file system without hard links: all is extracted.
    back_up "a backup once more"
    damage
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -e trace=linkat -e inject=linkat:error=EPERM \
        "$restore" --project "$app" restore "$good" --type codebase --confirm --no-safety-backup >"$out" 2>"$err"
    check "without hard links" test $? -eq 0
    same "without hard links: the backup's state" "$scratch/good" <(state)
    check "without hard links: nothing is kept" test -z "$(private)"
    check_fails "without hard links: nothing is shared" is_shared f0/0.txt
    does 0 "without hard links: rollback" rollback
    same "without hard links: the old state" "$scratch/bad" <(state)
    tidy "without hard links"
else
    echo "# tracing is not allowed here"
    done_testing
fi

# ---- Killed -----------------------------------------------------------------------------------

# killed_at CALL NUMBER ARGUMENT...: jbackup-restore, killed at that call.
killed_at() {
    local call=$1 number=$2
    shift 2
    { ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -e "trace=$call" \
        -e "inject=$call:signal=KILL:when=$number" "$restore" --project "$app" "$@" >"$out" 2>"$err"; } 2>/dev/null
}
for moment in linkat:1 linkat:2 linkat:40 linkat:110 syncfs:1 renameat2:1 renameat2:3 renameat:4 fsync:5 fsync:9; do
    back_up "killed at $moment: a backup"
    damage
    echo "$moment" >"$app/f2/4.txt"
    state >"$scratch/bad"
    killed_at "${moment%:*}" "${moment#*:}" restore "$good" --type codebase --confirm --no-safety-backup
    [[ $? -ne 0 ]] || { say "killed at $moment: it was not"; does 0 "back" rollback; }
    does 0 "killed at $moment: recover" recover
    same "killed at $moment: the old state" "$scratch/bad" <(state)
    tidy "killed at $moment"
done
for moment in mkdirat:1 syncfs:1 syncfs:2 renameat:2 renameat:4 renameat:7 renameat2:1 renameat2:3 unlinkat:1 unlinkat:60; do
    make_code
    back_up "rollback killed at $moment: a backup"
    damage
    echo "back $moment" >"$app/f2/4.txt"
    state >"$scratch/bad"
    restored "rollback killed at $moment: restore"
    check "rollback killed at $moment: files are shared" is_shared f0/0.txt
    use
    killed_at "${moment%:*}" "${moment#*:}" rollback
    check "rollback killed at $moment" test $? -eq 137
    does 0 "rollback killed at $moment: recover" recover
    same "rollback killed at $moment: the old state" "$scratch/bad" <(state)
    tidy "rollback killed at $moment"
done
done_testing
