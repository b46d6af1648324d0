#!/bin/bash
# SPDX-License-Identifier: MIT
# docs/guide.md is true: each of its command lines is run, in order, in a systemd that really runs, on
# the sample journal with a PostgreSQL database beside its own; so is each command of its table.
. "$(dirname "$0")/../cli/lib.sh"
. "$here/../systemd.sh"
. "$here/../postgres.sh"
. "$here/../guide.sh"
[[ -n $pg_bin ]] || { echo "1..0 # SKIP no PostgreSQL server is installed"; exit 0; }
why=$(sd_can_start) || { echo "1..0 # SKIP $why"; exit 0; }
top=$(cd "$here/../.." && pwd) box=$scratch/box guide=$top/docs/guide.md
trap 'sd_stop "$box"; remove_scratch' EXIT
chmod 711 "$scratch"
# No leak is looked for in the sandbox, which allows no tracing.
box_env=(-u TZ LC_ALL=C.UTF-8 HOME=/root ASAN_OPTIONS=detect_leaks=0
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
in_box() { sd "$box" env "${box_env[@]}" "$@"; }

# ---- The journal, its databases, its service ----

sd_start "$box" "$build" "$scratch" "$top" || { echo "Bail out! systemd does not start"; exit 1; }
in_box systemctl set-environment ASAN_OPTIONS=detect_leaks=0
# shellcheck disable=SC2016
in_box sh -c 'ln -s "$1"/tools/jbackup* "$1"/tools/backup.sh /usr/local/bin && useradd --system journal' \
    tools "$build" || exit 1
# shellcheck disable=SC2016
in_box bash -c '. "$1/tests/postgres.sh" && PG_OWNER=1 pg_start "$2" "port = 5432"' server "$top" \
    "$scratch/server" || { echo "Bail out! no server"; exit 1; }
sql() { # DATABASE [ARGUMENT...]
    in_box env PGPASSFILE="$scratch/server/pgpass" psql -X -q -A -t -v ON_ERROR_STOP=1 -h localhost \
        -U admin -d "$@"
}
sql postgres -c "CREATE ROLE journal LOGIN CREATEDB PASSWORD 's3cret-journal'" \
    -c 'CREATE DATABASE journal_db OWNER journal' -c 'CREATE DATABASE journal_staging OWNER journal'
sql journal_db -c 'SET ROLE journal' -c 'CREATE TABLE visit (id serial PRIMARY KEY, what text)' \
    -c "INSERT INTO visit (what) SELECT 'page ' || n FROM generate_series(1, 20000) n"
# shellcheck disable=SC2016
in_box bash -c 'umask 022 && mkdir -p /srv/journal && cd /srv/journal && cp -r "$1/examples/journal/." . &&
    rm -rf .env instance uploads backups __pycache__ && mkdir -p uploads instance &&
    printf "%s\n" DATABASE_URL=sqlite:///instance/journal.db PGPASSWORD=s3cret-journal PORT=5000 >.env &&
    /usr/bin/python3 journal.py seed --entries 2000 && chown -R journal instance uploads .env &&
    chmod 600 .env && cp journal-app.service /etc/systemd/system/ && systemctl daemon-reload' \
    make "$top" >"$out" 2>&1 || show_output
guide_block json 1 | sd_put "$box" /srv/journal/jbackup.json
in_box systemctl enable --now journal-app.service >"$out" 2>&1 || show_output
check "the journal runs" in_box curl --fail --silent --retry 40 --retry-delay 0 --retry-max-time 20 \
    --retry-connrefused http://127.0.0.1:5000/health

# ---- The commands of the guide ----

newest_full() { in_box jbackup --project /srv/journal list 2>/dev/null | awk -F'|' '$3 == "full" { print $1; exit }'; }
stay='cd /srv'
# runs LINE: in a new shell, in the folder that the lines before have led to.
runs() {
    local line=${1//20240708_143022/$(newest_full)} status
    case $1 in
    "cd "*) stay=$1 ;;
    esac
    case $line in
    *'jbackup-monitor monitor'*) # runs until it is ended
        in_box timeout --preserve-status --signal=TERM 8 bash -c "$stay; exec $line" >"$out" 2>"$err" ;;
    *'backup.sh rollback'*) # asks at a terminal
        if [[ $line == *--yes ]]; then in_box bash -c "$stay; $line" >"$out" 2>"$err" </dev/null
        else { sleep 3; echo yes; sleep 20; } | in_box script -qec "bash -c '$stay; $line'" /dev/null >"$out" 2>"$err"; fi ;;
    *) in_box bash -c "$stay; $line" >"$out" 2>"$err" </dev/null ;;
    esac
    status=$?
    ran+=("$1")
    case $line in
    "cd "* | "chmod "*) [[ $status -eq 0 ]] ;;
    *) [[ $status -eq 0 && -s $out ]] ;;
    esac && return
    say "status $status: $line"
    show_output
    return 1
}
ran=()
while IFS= read -r line <&3; do
    if runs "$line"; then pass "$line"; else fail "$line"; fi
    case $line in
    'jbackup-verify verify')
        check "all nine tests have passed" test "$(grep -c '|passed|' "$out")" -eq 9 -a \
            "$(tail -n 1 "$out" | grep -c FAILED)" -eq 0 ;;
    *pre-deploy) check "its last line is the timestamp" test "$(tail -n 1 "$out")" = "$(newest_full)" ;;
    'backup.sh rollback 20240708_143022')
        check "it has asked" grep -q 'Type "yes"' "$out"
        check "and restored" in_box journalctl -q -u journal-app.service --since -30s --grep 'Stopped|Started' ;;
    esac
done 3< <(guide_commands)
check "the guide has that many commands" test ${#ran[@]} -ge 100

# ---- Its table ----

# Each row, without the bars that frame it: what there was, and what does it now.
sed -n 's/^| `\(.*\)` | `\(.*\)` |$/\1\t\2/p' "$guide" | sed 's/\\|/|/g' >"$scratch/table"
check "the table has all that there was" test "$(grep -cE '^(\./backup\.sh|[a-z0-9]+) ' "$scratch/table")" -eq 65
check "no row of it was overlooked" test "$(wc -l <"$scratch/table")" -eq \
    "$(awk '/^\| before \| now \|/ { inside = 1 } inside && /^\| `/' "$guide" | wc -l)"
while IFS= read -r line <&3; do
    printf '%s\n' "${ran[@]}" | grep -qxF -- "$line" && continue
    if runs "$line"; then pass "$line"; else fail "$line"; fi
done 3< <(cut -f2 "$scratch/table")

# ---- What it says of files ----

in_box sh -c "cat /srv/journal/backups/*/manifest_$(newest_full).json" >"$scratch/manifest"
in_box cat /srv/journal/backups/backup_monitor_config.json >"$scratch/config"
guide_block json 2 >"$scratch/of_manifest"
guide_block json 3 >"$scratch/of_config"
holds() { # GUIDE'S REAL: every key of the guide's is in the real one, with a value of its kind
    python3 - "$1" "$2" <<'END'
import json, sys
def hold(told, real, path):
    assert type(told) is type(real) or real is None, path
    for key in told if isinstance(told, dict) else ():
        assert key in real, f"{path}.{key}"
        hold(told[key], real[key], f"{path}.{key}")
hold(*(json.load(open(name)) for name in sys.argv[1:]), "")
END
}
check "a manifest is as the guide shows it" holds "$scratch/of_manifest" "$scratch/manifest"
check "so is the monitor's configuration" holds "$scratch/of_config" "$scratch/config"
echo '{"metadata": {"no_such": 1}}' >"$scratch/wrong"
check_fails "a key that is not there is noticed" holds "$scratch/wrong" "$scratch/manifest"
check "the journal is well in the end" in_box curl --fail --silent http://127.0.0.1:5000/health
check "its other database, too" test "$(sql journal_db -c 'SELECT count(*) FROM visit')" = 20000
done_testing
