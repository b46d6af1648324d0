#!/bin/bash
# SPDX-License-Identifier: MIT
# The admin page of the sample journal (examples/python/admin.py): whom it answers, and in a browser on a
# telephone and on a desk, light and dark, with its buttons. admin.sh BUILD
#
# JB_PICTURES: a folder that keeps the pictures
. "$(dirname "$0")/../cli/lib.sh"
. "$here/../sanitized.sh"
examples=$here/../../examples
real=$here/../real
mkdir "$app"
cp -r "$examples/journal/." "$app"
rm -rf "$app/.env" "$app/instance" "$app/uploads" "$app/backups"
python3 "$app/journal.py" seed --entries 300 >"$out" 2>"$err" || exit 1
head -c 30000000 /dev/urandom >"$app/uploads/film.bin"

server=
end_servers() {
    [[ -z $server ]] || kill "$server" 2>/dev/null
    [[ -z $journal ]] || kill "$journal" 2>/dev/null
    remove_scratch
}
trap end_servers EXIT
wait_for_line() { # FILE
    for _ in $(seq 200); do
        [[ -s $1 ]] && return
        sleep 0.05
    done
}
python3 "$app/journal.py" serve --port 0 >"$scratch/journal.url" 2>"$scratch/journal.log" &
journal=$!
wait_for_line "$scratch/journal.url"
sed -i "s,http://127.0.0.1:5000/,$(<"$scratch/journal.url")," "$app/jbackup.json"
expect 0 "a first backup, with a label of somebody hostile" backup --label '<img src=x onerror=evil=1>'
"${with_library[@]}" python3 "$examples/python/admin.py" "$app" --port 0 >"$scratch/url" 2>"$scratch/admin.log" &
server=$!
wait_for_line "$scratch/url"
url=$(<"$scratch/url")
root=${url%/*/}
port=${root##*:}

# ---- Whom it answers --------------------------------------------------------------------------

answers() { # STATUS NAME CURL-ARGUMENT...
    local status
    status=$(curl -s -o "$out" --max-time 20 -w '%{http_code}' "${@:3}")
    [[ $status == "$1" ]] || { say "status $status"; show_output; }
    check "$2: $1" test "$status" = "$1"
}
listeners() { python3 - "$port" <<'END_PYTHON'
import sys
port = f":{int(sys.argv[1]):04X}"
for name in ("tcp", "tcp6"):
    for line in open(f"/proc/net/{name}"):
        words = line.split()
        if words[1].endswith(port) and words[3] == "0A":
            print(words[1])
END_PYTHON
}
check "it listens on the loopback address alone" test "$(listeners)" = "0100007F:$(printf %04X "$port")"
answers 200 "its page" "$url"
answers 404 "without the secret" "$root/"
answers 404 "with another one" "$root/${url:0:20}/"
answers 403 "under another name" -H 'Host: evil.example' "$url"
answers 404 "no such page" "${url}static/../admin.py" --path-as-is
answers 405 "no such method" -X PUT "$url"
answers 413 "too much" -X POST --data-binary "@$app/uploads/film.bin" "${url}verify"
answers 403 "a POST of another site" -X POST -H 'Origin: http://evil.example' "${url}backup"
answers 403 "a POST of another port here" -X POST -H 'Sec-Fetch-Site: same-site' "${url}backup"
answers 403 "a POST of a page without an origin" -X POST -H 'Origin: null' "${url}backup"
check "these have begun nothing" test "$("$jbackup" --project "$app" list 2>/dev/null | wc -l)" -eq 1
answers 200 "health" "${url}health"
said "the application is well" '"INFO", "subject": "application"'
kill "$journal"
wait "$journal"
ended=$?
journal=
check "the application ends on SIGTERM with status 0" test $ended -eq 0
answers 503 "health of an application that is down" "${url}health"
said "it says which" '"ERROR", "subject": "application"'

# ---- In a browser -----------------------------------------------------------------------------

if chromium=$(command -v chromium || command -v chromium-browser); then
    before=$tap_number
    while IFS=$'\t' read -r result name; do
        case $result in
        pass) pass "$name" ;;
        fail) fail "$name" ;;
        *) say "$result $name" ;;
        esac
    done < <(PYTHONPATH=$real python3 "$real/admin_look.py" "$chromium" "${JB_PICTURES:-$scratch}" "$url" 2>&1 ||
        echo "fail	the browser answers")
    check "it was looked at to the end" test $((tap_number - before)) -ge 50
else
    skip "the page in a browser" "no Chromium is installed"
fi

# ---- The end ----------------------------------------------------------------------------------

kill "$server"
wait "$server"
ended=$?
server=
check "it ends on SIGTERM with status 0" test $ended -eq 0
check "it has said nothing but its address" test "$(wc -l <"$scratch/url")" -eq 1 -a ! -s "$scratch/admin.log"
[[ ! -s $scratch/admin.log ]] || say "$(head -n 40 "$scratch/admin.log")"
done_testing
