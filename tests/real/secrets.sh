#!/bin/bash
# SPDX-License-Identifier: MIT
# A password is taken from wherever PostgreSQL's own programs would take it, and from .env, and is
# seen nowhere else: not in arguments, environments, system calls, messages, logs or backups.
. "$(dirname "$0")/failing.sh"
serve
mark=Xy7core9Zq # what is searched for, as tracers print other characters in their own ways
password="$mark@:/?#%&=+ '\"\\\$ä"
printf '%s\n' "$mark" >"$scratch/mark"
quoted=${password//\'/\'\'}
(pg_env "$pg"; PGHOST=$pg/run psql -XqAt -v ON_ERROR_STOP=1 -d postgres) <<END
SET log_statement = 'none';
CREATE ROLE odd LOGIN PASSWORD '$quoted' IN ROLE pg_read_all_data;
CREATE DATABASE big;
ALTER DATABASE big SET app.secret = 'setting5Vw';
END
sql big "CREATE TABLE big AS SELECT n AS id, md5(n::text) || md5((-n)::text) AS body
    FROM generate_series(1, 600000) n"
check "a database is made" test $? -eq 0
encoded=$(printf %s "$password" |
    python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.stdin.read(), safe=""))')
bare=postgresql://odd@localhost:$port/big
full=postgresql://odd:$encoded@localhost:$port/big

# seen FILE...: names the files that hold the password.
seen() { grep -rlaFf "$scratch/mark" "$@" 2>/dev/null; }

export ASAN_OPTIONS="${ASAN_OPTIONS-}:detect_leaks=0" # it needs ptrace for itself
strace -qq -o /dev/null true 2>/dev/null || { echo "1..0 # SKIP tracing is not allowed here"; exit 0; }

# ---- Places ----

colons=${password//\\/\\\\}
pgpass_line="localhost:$port:*:odd:${colons//:/\\:}"
forget() { unset PGPASSWORD PGPASSFILE PGSERVICEFILE DATABASE_URL; }
place() { # NAME: a project whose password is there
    rm -rf "$app" "$HOME/.pgpass"
    mkdir "$app"
    forget
    source_file=$app/.env
    printf 'DATABASE_URL=%s\n' "$bare" >"$app/.env"
    case $1 in
    "the URL in .env") printf 'DATABASE_URL=%s\n' "$full" >"$app/.env" ;;
    "the URL in jbackup.json")
        rm "$app/.env"
        use "$full"
        source_file=$app/jbackup.json
        ;;
    "the URL in .env for jbackup.json")
        printf 'DATABASE_URL=%s\n' "$full" >"$app/.env"
        use "$bare"
        ;;
    "PGPASSWORD in .env") printf 'PGPASSWORD=%s\n' "$password" >>"$app/.env" ;;
    "PGPASSWORD in the environment")
        export PGPASSWORD=$password DATABASE_URL=$full # as where .env was read by a shell
        source_file=/none
        ;;
    ".pgpass at home")
        printf '%s\n' "$pgpass_line" >"$HOME/.pgpass"
        chmod 600 "$HOME/.pgpass"
        source_file=$HOME/.pgpass
        ;;
    "PGPASSFILE")
        printf '%s\n' "$pgpass_line" >"$scratch/passfile"
        chmod 600 "$scratch/passfile"
        export PGPASSFILE=$scratch/passfile
        source_file=$PGPASSFILE
        ;;
    "a service file")
        printf '[odd]\nhost=localhost\nport=%s\ndbname=big\nuser=odd\npassword=%s\n' "$port" "$password" \
            >"$scratch/services"
        export PGSERVICEFILE=$scratch/services
        printf 'DATABASE_URL=postgresql:///?service=odd\n' >"$app/.env"
        source_file=$PGSERVICEFILE
        ;;
    esac
    chmod 600 "$app"/.env "$app"/jbackup.json 2>/dev/null
}

# others_see: what a user without rights finds about all processes
if [[ $(id -u) -eq 0 ]]; then
    other=(setpriv --reuid 65533 --regid 65533 --clear-groups)
else
    other=()
fi
others_see() {
    "${other[@]}" grep -laFf - /proc/[0-9]*/cmdline /proc/[0-9]*/environ <"$scratch/mark" 2>/dev/null |
        grep -vE "^/proc/($$|$tool)/"
}
children_have() {
    local number
    for number in $(children); do
        [[ $number == "$tool" ]] || grep -laFf "$scratch/mark" "/proc/$number/environ" "/proc/$number/cmdline"
    done
}

# Of a trace: the calls that hold the password, but for reading the file it came from and the file
# in memory that is made for libpq in the child. The first line is the start of the tool itself, and
# its sanitizer reads its own environment.
traced_calls() {
    local files="$source_file|/memfd:passfile[^>]*|/proc/[0-9]+/environ"
    # What was interrupted by another process' call is put together again.
    LC_ALL=C awk 'NR == 1 { next }
        sub(/ <unfinished \.\.\.>$/, "") { begun[$1] = $0; next }
        match($0, /<\.\.\. [a-z0-9_]+ resumed>/) { $0 = begun[$1] substr($0, RSTART + RLENGTH) }
        { print }' "$scratch/trace" | grep -aFf "$scratch/mark" |
        grep -avE "^[0-9]+ +(read|pread64)\([0-9]+<($files)>"
}

places=("the URL in .env" "the URL in jbackup.json" "the URL in .env for jbackup.json" "PGPASSWORD in .env"
    "PGPASSWORD in the environment" ".pgpass at home" "PGPASSFILE" "a service file")
for name in "${places[@]}"; do
    place "$name"
    middle --verbose
    forget # so that nothing but the tool has it
    found=$(others_see; children_have)
    [[ -z $found ]] || say "$found"
    check "$name: no process shows it" test -z "$found" -a "$(children | wc -l)" -eq 3
    resume
    [[ $status -eq 0 ]] || show_output
    check "$name: a backup" test $status -eq 0
    found=$(seen "$out" "$err" "$app/backups")
    [[ -z $found ]] || say "$found"
    check "$name: not in the messages, the log and the backup" test -z "$found"
    found=$(find "$app/backups" -type f ! -perm 600 -o -type d ! -perm 700)
    [[ -z $found ]] || say "$found"
    check "$name: nobody else may read it" test -z "$found"

    place "$name"
    strace -f -y -v -qq -s 4096 -o "$scratch/trace" "$jbackup" --json --project "$app" backup --db-only \
        >"$out" 2>"$err"
    check "$name: a backup, traced" test $? -eq 0
    forget
    check "$name: not in the answer as JSON" test -z "$(seen "$out" "$err")"
    found=$(traced_calls)
    [[ -z $found ]] || say "$(cut -c 1-200 <<<"$found")"
    check "$name: no system call shows it" test -z "$found"
    [[ $name == "PGPASSWORD in the environment" ]] ||
        check "$name: the one that reads it was traced" grep -aqFf "$scratch/mark" "$scratch/trace"
done

# ---- What a backup holds ----

globals=$(find "$app/backups" -name postgresql_globals.sql | head -n 1)
check "the roles are in the backup" grep -q 'CREATE ROLE odd' "$globals"
check_fails "their passwords are not" grep -qE 'PASSWORD|SCRAM-SHA-256|md5[0-9a-f]{32}' "$globals"
manifest=$(find "$app/backups" -name 'manifest_*.json' | head -n 1)
check "the manifest names the database's own setting" grep -q 'app\.secret' "$manifest"
check_fails "its value is not there" grep -q setting5Vw "$manifest"

# ---- Errors ----

sql postgres "ALTER ROLE odd NOLOGIN"
for name in "the URL in .env" "PGPASSWORD in .env" "PGPASSWORD in the environment" "a service file"; do
    place "$name"
    for option in --verbose --json; do
        expect 3 "$name, refused, $option" "$option" backup --db-only
        check "$name, refused, $option: not in the error" test -z "$(seen "$out" "$err" "$app/backups")"
    done
    forget
done
done_testing
