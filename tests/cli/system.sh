#!/bin/bash
# SPDX-License-Identifier: MIT
# jbackup-verify: on a healthy installation each test passes that can pass without systemd; with one
# thing broken exactly its test fails, for its own reason. PostgreSQL's part is tests/real/system.sh.
. "$(dirname "$0")/lib.sh"
. "$here/system_lib.sh"
make_app "$app" 300
make_shell "$app"
printf '{"databases": ["sqlite:///instance/app.db"]}\n' >"$app/jbackup.json"
expect 0 "a first backup" backup
expect 0 "a second one" backup
first=$("$jbackup" --project "$app" list 2>/dev/null | tail -n 1 | cut -d'|' -f1)

# No timers are installed for this project, whether systemd runs here or not.
always=systemd

# ---- A healthy installation ------------------------------------------------------------------------
fingerprint "$app" >"$scratch/before"
ls -A "$app/backups/.jbackup" >"$scratch/state-before"
expect_failed "all is well, but for the timers" "$always"
because "systemd" 'systemd is not running|timer'
check "the verdict is an error: status 1" test "$status" -eq 1
check "nothing was changed" diff "$scratch/before" <(fingerprint "$app")
check "nothing was left in the repository's state" \
    diff "$scratch/state-before" <(ls -A "$app/backups/.jbackup")
expect_verify 1 "for a person" verify
said "each test has its line" '^database\|passed\|[0-9.]+ s\|.'
said "a failed one, too" '^systemd\|FAILED\|'
said "the verdict" '^1 of 9 tests failed: systemd$'
said "what is proved" '^proved +[0-9]{8}_[0-9]{6}, [0-9]+ seconds? ago$'
check "the lines are in the order of the tests" diff <(all_tests) <(grep '|' "$out" | cut -d'|' -f1)
check "no escape sequence in a pipe" test -z "$(grep -l $'\033' "$out" "$err")"
expect_verify 1 "--quiet" verify --quiet
check "--quiet: nothing on standard output" test ! -s "$out"
check "--quiet: no progress, no good news" test -z "$(grep -E 'INFO|%' "$err")"

all_tests >"$scratch/tests"
while read -r test; do
    want=0
    [[ " $always " == *" $test "* ]] && want=1
    expect_verify $want "test --test $test alone" test --test "$test"
    check "it is the only one" test "$(grep -c "^$test|" "$out")" -eq 1 -a "$(grep -c '|' "$out")" -eq 1
done <"$scratch/tests"
expect_verify 0 "integrity of one backup" test --test integrity --timestamp "$first"
said "it says so" 'content of 1 backup'
expect_verify 0 "integrity of the latest, its bytes" test --test integrity --latest --depth bytes
said "it says so, too" 'bytes of 1 backup'
expect_verify 0 "integrity of a sample" test --test integrity --sample 50%
said "it says that it was a sample" 'sample of 50 ?%'
expect_verify 0 "restore of every backup" test --test restore --all
said "it was every one" 'restored 2 backups'

# ---- Mistakes --------------------------------------------------------------------------------------
fingerprint "$app" >"$scratch/before"
mistake() { # NAME PATTERN ARGUMENT...
    local name=$1 pattern=$2
    shift 2
    expect_verify 2 "$name" "$@"
    said "$name: the message" "$pattern"
    check "$name: nothing on standard output" test ! -s "$out"
    check "$name: nothing has changed" diff "$scratch/before" <(fingerprint "$app")
}
nine='executable.*database.*backup.*integrity.*restore.*cleanup.*stats.*shell.*systemd'
mistake "no test named" "$nine" test
mistake "an unknown test" "$nine" test --test everything
mistake "a misspelt test" 'did you mean "database"' test --test databse
mistake "a misspelt test: all are named" "$nine" test --test databse
mistake "no command" 'no command' --quiet
mistake "an option of another command" 'has no option "--test"' verify --test database
mistake "an unknown depth" 'content.*bytes.*restore' verify --depth deep
mistake "a sample that is none" '1 to 100' verify --sample half
mistake "one backup and the latest" 'not several' verify --latest --timestamp "$first"
mistake "a backup that does not exist" '20200101_000000' verify --timestamp 20200101_000000
mistake "no such project" 'nowhere' verify --project "$scratch/nowhere"

# ---- The report ------------------------------------------------------------------------------------
expect_verify 1 "report" report
json=$(sed -n 's/^report  *//p' "$out") page=$(sed -n 's/^page  *//p' "$out")
check "the JSON file is there" python3 -m json.tool "$json"
check "the page is there" grep -qi '<!doctype html' "$page"
check "both are for their owner alone" test "$(stat -c %a "$json" "$page" | sort -u)" = 600
failed_in() { python3 "$here/system_failed.py" "$1" tests; }
check "the file says what the tool said" test "$(failed_in "$json")" = "$always"

# ---- A terminal ------------------------------------------------------------------------------------
head -c 150000000 /dev/urandom >"$app/src/large.bin"
expect 0 "a large backup" backup
on_terminal() { # [--slowly] COLUMNS ARGUMENT...
    local slowly=()
    [[ $1 == --slowly ]] && { slowly=("$1"); shift; }
    local columns=$1
    shift
    python3 "$here/terminal.py" "${slowly[@]}" "$columns" "$verify" --project "$app" "$@" >"$scratch/terminal"
    status=$?
}
narrower() { python3 "$here/terminal.py" --widths "$1" "$scratch/terminal"; }
on_terminal 80 test --test integrity --depth restore
check "on a terminal: status 0" test $status -eq 0
check "the progress is erased at the end" grep -q $'\r\033\[K' "$scratch/terminal"
check "the table has a header" grep -q 'TEST .*| RESULT .*WHAT WAS DONE' "$scratch/terminal"
check "passed is green" grep -q $'\033\[32mpassed' "$scratch/terminal"
for columns in 80 120; do
    on_terminal --slowly $columns test --test integrity --depth bytes
    check "$columns columns: a bar, how fast and how long still" grep -Eq \
        $'\r[a-z ]+ [ 0-9]{3}% \\[[# ]+\\] [0-9.]+ .?B of [0-9.]+ MB  [0-9.]+ .B/s  [0-9]+:[0-9]{2} left\033' \
        "$scratch/terminal"
    check "$columns columns: none is as wide as the terminal" narrower $columns
done
on_terminal --slowly 30 test --test integrity --depth bytes
check "30 columns: no bar" test -z "$(grep -l '\[#' "$scratch/terminal")"
check "30 columns: nor is that as wide as the terminal" narrower 30
NO_COLOR=1 on_terminal 80 test --test systemd
check "NO_COLOR" test -z "$(grep -l $'\033''\[3' "$scratch/terminal")"
on_terminal 80 test --test systemd
check "FAILED is red" grep -q $'\033''\[31mFAILED' "$scratch/terminal"

# ---- Ctrl-C ----------------------------------------------------------------------------------------
slow=0 slowest=0 leftovers=0 canceled=0 strange=0
for delay in 0.05 0.1 0.2 0.3 0.5 0.7 0.9 1.2 1.5 2 2.5 3 4; do
    interrupt $delay verify --depth restore
    [[ $status -eq 3 ]] && canceled=$((canceled + 1))
    [[ $status -eq 3 || $status -eq 1 ]] || { strange=1; say "after $delay s: status $status"; show_output; }
    if [[ $status -eq 3 && $took_ms -gt 3000 ]]; then
        slow=1
        say "after $delay s it took $took_ms ms"
    fi
    [[ $took_ms -gt $slowest ]] && slowest=$took_ms
    [[ $left -eq 0 ]] || { leftovers=1; say "after $delay s: $left processes"; }
    diff "$scratch/state-before" <(ls -A "$app/backups/.jbackup") >"$scratch/diff" ||
        { leftovers=1; say "after $delay s: $(cat "$scratch/diff")"; }
done
say "$canceled of 13 runs were interrupted; the slowest ended in $slowest ms"
check "SIGINT came while tests ran" test $canceled -ge 3
check "the status is 3, or 1 where it came too late" test $strange -eq 0
check "SIGINT ends the tests at once" test $slow -eq 0
check "and leaves nothing" test $leftovers -eq 0
rm "$app/src/large.bin"
"$jbackup" --project "$app" --quiet remove "$(newest)"
expect_failed "afterwards all is well" "$always"

# The same where it waits for others: a program that hangs, a server that says nothing.
waits() { # NAME ARGUMENT...
    local name=$1
    shift
    interrupt 1 "$@"
    say "$name: status $status after $took_ms ms, $left processes"
    check "SIGINT while $name" test "$status" -eq 3 -a "$took_ms" -le 3000 -a "$left" -eq 0
}
printf '#!/bin/sh\nexec sleep 8\n' >"$scratch/hanging"
chmod 755 "$scratch/hanging"
waits "jbackup hangs" test --test executable --program "$scratch/hanging"
waits "backup.sh hangs" test --test shell --shell "$scratch/hanging"
python3 -c 'import socket, sys, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
time.sleep(60)' >"$scratch/port" &
silent=$!
for _ in $(seq 100); do
    [[ -s $scratch/port ]] && break
    sleep 0.1
done
mv "$app/jbackup.json" "$scratch/jbackup.json"
printf '{"databases": ["postgresql://a:b@127.0.0.1:%s/x?sslmode=disable&connect_timeout=8"]}\n' \
    "$(<"$scratch/port")" >"$app/jbackup.json"
chmod 600 "$app/jbackup.json"
for test in executable database backup; do
    waits "the server of \"$test\" is silent" test --test $test
done
kill $silent
{ wait $silent; } 2>/dev/null
mv "$scratch/jbackup.json" "$app/jbackup.json"

# ---- One thing broken after the other --------------------------------------------------------------
# executable: another version, one that crashes, none.
printf '#!/bin/sh\necho jbackup 0.0.9\n' >"$scratch/old-jbackup"
printf '#!/bin/sh\necho broken >&2\nexit 7\n' >"$scratch/broken-jbackup"
chmod 755 "$scratch"/*-jbackup
expect_failed "executable of another version" "executable $always" --program "$scratch/old-jbackup"
because executable '0\.0\.9.*this is jbackup'
expect_failed "executable that fails" "executable $always" --program "$scratch/broken-jbackup"
because executable 'status 7'
expect_failed "executable that is not there" "executable $always" --program "$scratch/no-jbackup"
because executable 'no-jbackup|no program'

# database: the file is gone. A backup can't be made without it either; those that are there are
# good, and restoring needs no database.
mv "$app/instance/app.db" "$scratch/saved.db"
expect_failed "database that is gone" "database backup $always"
because database 'app\.db'
check "it was not created" test ! -e "$app/instance/app.db"
mv "$scratch/saved.db" "$app/instance/app.db"

# integrity: one byte of a stored archive is another. Of the older backup, for what is not the newest
# is not restored; then of the newest, which fails to be restored for the same reason.
flip_middle() { flip "$archive" $(($(stat -c %s "$archive") / 2)); }
echo 'print("changed")' >"$app/src/main.py"
seq 50000 >"$app/src/big.txt"
expect 0 "a backup of a changed tree" backup
archive=$(artifact 'codebase_*.tar.gz' "$first")
flip_middle
expect_failed "a byte of a stored backup" "integrity $always"
because integrity "$(basename "$archive")|$first"
expect_failed "it is not the latest" "$always" --latest
flip_middle
archive=$(artifact 'codebase_*.tar.gz' "$(newest)")
flip_middle
expect_failed "a byte of the newest backup" "integrity restore $always"
because restore "$(basename "$archive")|$(newest)"
flip_middle

# cleanup: a retention with which no older backup stays.
printf '{"databases": ["sqlite:///instance/app.db"], "retention": {"daily_days": 1, "keep_min": 1}}\n' \
    >"$app/jbackup.json"
expect_failed "a retention that keeps one backup" "cleanup $always"
because cleanup 'daily_days 1'
printf '{"databases": ["sqlite:///instance/app.db"]}\n' >"$app/jbackup.json"

# stats: a manifest is damaged. What it names can't be verified either; the newest backup is another.
manifest=$(artifact "manifest_$first.json" "$first")
cp -p "$manifest" "$scratch/manifest"
truncate -s 100 "$manifest"
expect_failed "a damaged manifest" "integrity stats $always"
because stats "$first"
cp -p "$scratch/manifest" "$manifest"

# shell: no backup.sh, or one that may not be run.
chmod 644 "$app/backup.sh"
expect_failed "backup.sh may not be run" "shell $always"
because shell 'may not be executed.*chmod'
rm "$app/backup.sh"
expect_failed "the one beside jbackup does as well" "$always"
mkdir "$scratch/alone"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$jbackup" >"$scratch/alone/jbackup"
chmod 755 "$scratch/alone/jbackup"
PATH=$path_of_others expect_failed "no backup.sh" "shell $always" --program "$scratch/alone/jbackup"
because shell 'backup\.sh.*neither'
printf '#!/bin/sh\necho "usage: another tool"\n' >"$scratch/other.sh"
chmod 755 "$scratch/other.sh"
expect_failed "another backup.sh" "shell $always" --shell "$scratch/other.sh"
because shell 'does not name backup'
make_shell "$app"

# backup and restore: no room. The repository lies on a disk where there is none for a second backup;
# the scratch places are there, too.
disk=$scratch/disk
mkdir "$disk"
if mount -t tmpfs -o size=6m,mode=0700 tmpfs "$disk" 2>/dev/null; then
    trap 'umount "$disk"; remove_scratch' EXIT
    head -c 2500000 /dev/urandom >"$app/src/large.bin"
    jb --backup-dir "$disk/backups" backup
    check "a backup on a small disk" test $? -eq 0
    head -c 2500000 /dev/urandom >>"$app/src/large.bin"
    expect_failed "no room for another backup" "backup $always" --backup-dir "$disk/backups"
    because backup 'No space left'
    # Restored is the backup with the large file, made anew is one without it.
    rm "$app/src/large.bin"
    head -c 10000000 /dev/zero >"$disk/filler" 2>/dev/null
    truncate -s -2000000 "$disk/filler"
    expect_failed "no room for what is restored" "restore $always" --backup-dir "$disk/backups"
    because restore 'No space left'
    # With no room at all nothing works that needs a scratch place; SQLite's copies are opened there.
    head -c 10000000 /dev/zero >"$disk/filler" 2>/dev/null
    expect_failed "no room at all" "database backup integrity restore cleanup $always" \
        --backup-dir "$disk/backups"
    because backup 'the disk is full|No space left'
    because restore 'No space left'
    because cleanup 'No space left'
    rm "$disk/filler"
    expect_failed "with room again" "$always" --backup-dir "$disk/backups"
else
    skip "no room" "mounting is not allowed here"
fi

# Nothing at all: no backup yet. Nothing to verify and nothing to restore are no passes.
rm -r "$app/backups"
expect_failed "no backup yet" "integrity restore $always"
because integrity 'no backup'
because restore 'no backup'
check "no repository was made" test ! -e "$app/backups"
done_testing
