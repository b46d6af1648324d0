#!/bin/bash
# SPDX-License-Identifier: MIT
# diff --live tells what a restore in place would change, a restore does just that, and then nothing
# differs. It writes nothing. PostgreSQL is in tests/real/inplace_live.sh.
. "$(dirname "$0")/lib.sh"
restore=$build/tools/jbackup-restore
make_app "$app"
cat >"$app/jbackup.json" <<'END'
{ "databases": ["sqlite:///instance/app.db"], "backup_dir": "var/backups",
  "exclude": ["/uploads/", "*.log"] }
END
mkdir -p "$app/uploads" "$app/static/deep" "$app/gone" "$app/kind" "$app/closed" "$app/var/cache"
echo one >"$app/uploads/one.jpg"
for name in same content mode time size; do echo "$name" >"$app/static/$name.txt"; done
echo first >"$app/static/deep/first"
ln "$app/static/deep/first" "$app/static/deep/second"
ln "$app/static/deep/first" "$app/static/deep/third"
ln -s first "$app/static/deep/link"
echo gone >"$app/gone/file"
echo x >"$app/kind/within"
mkfifo "$app/static/fifo"
printf 'odd\n' >"$app/static/"$'odd\n\e[31m name'
expect 0 "a backup" backup --category daily
ts=$(newest)

# Whole state, times of access included: comparing must leave no trace.
state() {
    find "$app" -path "$app/instance" -printf '%y %m %p\n' -o -name 'app.db-*' -o \
        -printf '%y %m %U %G %s %i %T@ %p %l\n' | sort
    find "$app" -type f -not -path '*/var/backups/*' -not -name 'app.db*' -printf '%A@ %p\n' | sort
    sha256sum "$app/instance/app.db"
}
differs() { # STATUS NAME ARGUMENT...: of --live, leaving no trace
    local want=$1 name=$2
    shift 2
    state >"$scratch/before"
    expect "$want" "$name" diff "$ts" --live "$@"
    cp "$out" "$scratch/kept"
    state >"$scratch/after"
    check "$name: nothing was written" cmp "$scratch/before" "$scratch/after"
}
has() { # NAME LINE: the list has just that line
    if grep -Fxq -- "$2" "$out"; then pass "$1"; else say "no line $2"; show_output; fail "$1"; fi
}
lines() { check "$1" test "$(wc -l <"$out")" -eq "$2"; }

differs 0 "right after a backup"
said "nothing differs" "^nothing differs from $ts: [0-9]+ files, 2 tables compared$"
lines "and no more is said" 1
expect 0 "in JSON" diff "$ts" --live --json
check "it is equal" grep -Eq '"result": ?"equal"' "$out"

# ---- Changes of every kind ----
printf 'CONTENT\n' >"$app/static/content.txt"
touch -d '2001-01-01' "$app/static/content.txt"
echo longer >"$app/static/size.txt"
chmod 600 "$app/static/mode.txt"
touch -d '2001-01-01' "$app/static/time.txt"
ln -snf second "$app/static/deep/link"
rm "$app/static/deep/third"
cp -p "$app/static/deep/first" "$app/static/deep/third"
rm -r "$app/gone" "$app/kind"
echo "now a file" >"$app/kind"
mkdir -p "$app/new/sub" "$app/stays/deep"
echo new >"$app/new/sub/file"
echo log >"$app/stays/deep/some.log"
echo other >"$app/stays/other"
echo two >"$app/uploads/two.jpg"
echo three >"$app/var/three"
printf 'evil\n' >"$app/"$'evil\e[2J\nname'
echo DATABASE_URL=sqlite:///instance/app.db >"$app/.env"
echo '# today' >>"$app/.env"
sqlite3 "$app/instance/app.db" "DELETE FROM entry WHERE id <= 17; UPDATE tag SET weight = 1 WHERE name = 'tag3';
    CREATE TABLE fresh (a); CREATE INDEX by_title ON entry (title)"
differs 0 "after changes of every kind"
says="^a restore of $ts would replace 3 entries, add 3, remove 6, set mode, owner, time or link of [0-9]+; table \
entry differs: 183 rows here, 200 in the backup; databases: 3 differences more\$"
said "a sentence" "$says"
check "first" sh -c 'head -n 1 "$1" | grep -Eq "$2"' sh "$out" "$says"
has "content, though size and time may be the same" 'changed|content,time|8 B|8 B|static/content.txt'
has "another size" 'changed|content,time|7 B|5 B|static/size.txt'
has "a mode" 'changed|mode|5 B|5 B|static/mode.txt'
has "a time" 'changed|time|5 B|5 B|static/time.txt'
has "where a link leads" 'changed|link,time|0 B|0 B|static/deep/link'
has "names that are one file no longer" 'changed|link|6 B|6 B|static/deep/third'
has "a folder that is gone" 'added|||0 B|gone'
has "with what was in it" 'added|||5 B|gone/file'
has "another type" 'changed|type|11 B|0 B|kind'
has "below it" 'added|||2 B|kind/within'
has "what is new goes" 'removed||4 B||new/sub/file'
has "with its folders" 'removed||0 B||new'
has "beside what stays" 'removed||6 B||stays/other'
has "also beside the repository" 'removed||6 B||var/three'
has "an odd name is escaped" 'removed||5 B||evil\x1b[2J\x0aname'
check_fails "no control character comes through" grep -q $'\e' "$out"
check_fails "what is excluded, and its folders, stays" grep -E 'uploads|\|stays$|stays/deep' "$out"
check_fails "the folder of the repository stays as it is" grep -E '\|var$' "$out"
check_fails "the rest is not named" grep -E 'same\.txt|fifo|first|second|instance/app|\.env$' "$out"
has "rows of a table" 'changed|rows|183 rows|200 rows|table entry in app'
has "content of a table" 'changed|content|20 rows|20 rows|table tag in app'
has "a table that a restore drops" 'removed||0 rows||table fresh in app'
said "what of the schema" '^changed\|schema\|.*database app: index by_title, table fresh$'
said "that .env stays is said" 'INFO.*\.env.*stays as it is'
expect 0 "in JSON" diff "$ts" --live --json
check "all of it" python3 - "$out" "$ts" <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
figures, rows = report["figures"], report["rows"]
assert figures["from"] == "live" and figures["to"] == sys.argv[2] and figures["result"] == "different", figures
assert figures["added"] + figures["removed"] + figures["changed"] == len(rows)
assert figures["in_databases"] == 4 and figures["not_compared"] == 0 and figures["tables"] == 3
assert [row for row in rows if row.get("path") == "static/size.txt"] == [
    {"change": "changed", "what": "content,time", "path": "static/size.txt", "from_size": 7, "to_size": 5}]
END

# ---- Parts ----
differs 0 "one folder" --path static/deep
lines "three lines and the sentence" 4
differs 0 "one file" --path static/same.txt
said "does not differ" '^nothing differs .* 1 file, 0 tables'
differs 0 "one that is gone, with its folder" --path gone/file
has "would be added" 'added|||5 B|gone/file'
differs 0 "one that stays in a restore of all" --path .env
said "differs" '^changed\|content,time\|.*\.env$'
differs 0 "the database alone" --database app
check_fails "without files" grep -E 'static|kind' "$out"
differs 0 "the code alone" --type codebase
check_fails "without tables" grep -E 'table ' "$out"
differs 0 "databases alone" --type database
lines "four lines and the sentence" 5
expect 2 "a path that the backup does not have" diff "$ts" --live --path none
said "is said" 'there is no "none" in the backup'
expect 2 "nor a database" diff "$ts" --live --database none
for wrong in "$ts" "$ts $ts --path static" "--live" "$ts $ts --live" "$ts --live --type wrong" \
    "$ts --live --path .. " "$ts --live --path static --database app"; do
    # shellcheck disable=SC2086
    expect 2 "refused: diff $(sed "s/$ts/TS/g" <<<"$wrong")" diff $wrong
done

# ---- A restore does what was said ----
"$restore" --project "$app" restore "$ts" --confirm --discard-old >"$scratch/restored" 2>&1
check "a restore in place" test $? -eq 0 || say "$(cat "$scratch/restored")"
differs 0 "after it"
said "nothing differs" "^nothing differs from $ts"
lines "in nothing" 1
check "what stays is there" test -e "$app/stays/deep/some.log" -a -e "$app/uploads/two.jpg"

# ---- What can't be compared ----
echo "no database" >"$app/instance/app.db"
rm -f "$app"/instance/app.db-*
expect 1 "a database that can't be read" diff "$ts" --live
said "is an error" 'ERROR.*app.*not compared'
said "and never equal" '^NOT COMPARED in full \(1 failure\); as far as known: '
expect 1 "in JSON" diff "$ts" --live --json
check "it is incomplete" grep -Eq '"result": ?"incomplete"' "$out"
rm "$app/instance/app.db"
expect 0 "a database that is gone" diff "$ts" --live
has "would be added" 'added|database||0 B|database app'
powerless=() # root reads everything, unless it has no capabilities
[[ $EUID -ne 0 ]] || powerless=(setpriv --inh-caps=-all --bounding-set=-all)
chmod 000 "$app/static/same.txt" "$app/closed"
"${powerless[@]}" "$jbackup" --project "$app" diff "$ts" --live --type codebase >"$out" 2>"$err"
check "what this user may not read" test $? -eq 1
said "is an error" 'ERROR.*static/same\.txt.*not compared: Permission denied'
said "a folder, too" 'ERROR.*closed.*not compared: Permission denied'
chmod 755 "$app/closed"
mkdir "$app/moved"
mv "$app"/{src,static} "$app/moved"
expect 0 "much is moved" diff "$ts" --live --type codebase
has "it would be added" 'added|||0 B|static'

# ---- At random ----
app=$scratch/random
make_app "$app"
mkdir -p "$app"/{c,src/c/c} "$app/static/x"
ln -s main.py "$app/src/link"
for name in one two three; do echo "$name" | tee "$app/static/$name" "$app/src/c/$name" >"$app/c/$name"; done
ln "$app/c/one" "$app/c/same"
echo '{ "databases": ["sqlite:///instance/app.db"], "exclude": ["*.log"] }' >"$app/jbackup.json"
expect 0 "a backup" backup --category daily
check "a restore does what was said" python3 "$here/diff_live_random.py" "$build/tools" "$app" "$(newest)" 10 "${SEED:-7}"
done_testing
