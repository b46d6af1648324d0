#!/bin/bash
# SPDX-License-Identifier: MIT
# A backup restored in place where it was not made: another host, another path, a repository that was
# moved, another user. It works, or says what is missing before it begins.
. "$(dirname "$0")/lib.sh"
restore=$build/tools/jbackup-restore

# content FOLDER: what of it a restore must bring back, whoever it then belongs to
content() {
    (cd "$1" || exit 1
        find . \( -name '.jbackup-restore-*' -o -path ./backups -o -path ./instance -o -name .env \) -prune -o \
            -printf '%y %m %p %l\n' -type f -exec sha256sum {} + | sort
        sqlite3 instance/app.db 'SELECT count(*), sum(length(body)) FROM entry')
}
# rs FOLDER STATUS NAME ARGUMENT...: jbackup-restore for the project there, as "${user[@]}"
user=()
rs() {
    local folder=$1 want=$2 name=$3 status
    shift 3
    "${user[@]}" "$restore" --project "$folder" "$@" >"$out" 2>"$err"
    status=$?
    [[ $status -eq $want ]] || { say "status $status, want $want"; show_output; }
    check "$name" test "$status" -eq "$want"
}
quiet_about_paths() { check "$1: the place of then is not touched" test ! -e "$scratch/then"; }

# ---- Made on another host, under another path ---------------------------------------------------

chmod 755 "$scratch"
app=$scratch/then/app
mkdir -p "$scratch/then"
make_app "$app" 50
ln -s src/main.py "$app/link"
chmod 640 "$app/src/deep/notes.txt"
as_other_host=()
if [[ $(id -u) -eq 0 ]] && unshare --uts hostname another.host 2>/dev/null; then
    as_other_host=(unshare --uts sh -c 'hostname another.host && exec "$@"' sh)
fi
"${as_other_host[@]}" "$jbackup" --project "$app" backup >"$out" 2>"$err" || show_output
ts=$(newest)
content "$app" >"$scratch/wanted"
if [[ ${#as_other_host[@]} -gt 0 ]]; then
    check "it was made on another host" \
        test "$("$jbackup" --project "$app" --json show "$ts" | python3 -c 'import json, sys; print(json.load(sys.stdin)["figures"]["host"])')" = another.host
fi
mv "$app/backups" "$scratch/moved"
rm -r "$scratch/then"

# ---- A moved repository, into a root that is not there -----------------------------------------

here_now="$scratch/now and here"
mkdir "$here_now"
cat >"$here_now/jbackup.json" <<END
{"root": "app", "backup_dir": "../moved", "databases": ["sqlite:///app/instance/app.db"]}
END
rs "$here_now" 0 "elsewhere: it can be restored" test "$ts"
check "elsewhere: nothing was made by asking" test ! -e "$here_now/app"
rs "$here_now" 0 "elsewhere: restored" restore "$ts" --confirm --no-safety-backup
check "elsewhere: all of it" diff -u "$scratch/wanted" <(content "$here_now/app")
quiet_about_paths "elsewhere"
rs "$here_now" 0 "elsewhere: and back" rollback
check "elsewhere: back to nothing" test ! -e "$here_now/app"

# ---- As another user ---------------------------------------------------------------------------

if [[ $(id -u) -ne 0 ]]; then
    say "only root can become another user"
    done_testing
fi
user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
place=$scratch/place
mkdir "$place"
cp -a "$scratch/moved" "$place/backups"
cat >"$place/jbackup.json" <<END
{"root": "app", "backup_dir": "backups", "databases": ["sqlite:///app/instance/app.db"]}
END
chmod 755 "$place"
rs "$place" 3 "a repository that the user can't read" restore "$ts" --confirm --no-safety-backup
said "it says which, and why" '^jbackup-restore: .*place/backups.*Permission denied'
check "nothing was made" test ! -e "$place/app"

chmod -R go+rX "$place/backups"
rs "$place" 3 "a repository that the user can't write" restore "$ts" --confirm --no-safety-backup
said "it says what" '^jbackup-restore: .*lock.*Permission denied'
said "it says where" '^hint: .*place/backups.* write'
check "nothing was made" test ! -e "$place/app"

chown -R 65534:65534 "$place/backups"
rs "$place" 3 "a folder that the user can't write" restore "$ts" --confirm --no-safety-backup
said "it says which" '^jbackup-restore: .*place/app.*Permission denied'
check "nothing is left open" test ! -e "$place/backups/.jbackup/restore.json"
check "nothing was made" test ! -e "$place/app"

mkdir -p "$place/app/src"
echo foreign >"$place/app/src/main.py"
rs "$place" 3 "code that belongs to somebody else" restore "$ts" --confirm --no-safety-backup
said "it says which" '^jbackup-restore: .*place/app'
check "it is as it was" test "$(cat "$place/app/src/main.py")" = foreign
check "nothing is left of it" test -z "$(find "$place" -name '.jbackup-restore-*')"
rm -r "$place/app"

chown 65534:65534 "$place"
rs "$place" 0 "a folder of the user's" restore "$ts" --confirm --no-safety-backup
said "owners that could not be set are told" '^WARNING .*owner'
check "all else is there" diff -u "$scratch/wanted" <(content "$place/app")
check "it belongs to the user" test -z "$(find "$place/app" ! -uid 65534)"
rs "$place" 0 "and back" rollback
check "back to nothing" test ! -e "$place/app"
done_testing
