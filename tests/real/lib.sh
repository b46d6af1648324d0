# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the tests against a real server. Sourced first: . "$(dirname "$0")/lib.sh"
#
#   start_server [LINE...]      a server of the test's own, gone at its end; exports PGHOST ...
#   sql DATABASE [ARGUMENT...]  psql there, as a superuser; stops at an error
#   make_zoo                    the database of zoo.sql, with its roles, and without its subscription
#   url DATABASE [USER [PASSWORD]]
#   make_project FOLDER KEYS URL...   a project; KEYS: lines of jbackup.json, each with its comma
#   manifest TS                 the manifest of a backup of $app
#   compare ARGUMENT...         compare.py
real=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$real/../cli/lib.sh"
. "$real/../postgres.sh"
[[ -n $pg_bin ]] || { echo "1..0 # SKIP no PostgreSQL server is installed"; exit 0; }
export PSQL=$pg_bin/psql
unset PGCLIENTENCODING PGOPTIONS PGTZ

stop_server() {
    [[ -d $scratch/server/data ]] && pg_crash "$scratch/server"
    remove_scratch
}

start_server() {
    trap stop_server EXIT
    pg_start "$scratch/server" "$@" || { echo "Bail out! no server"; exit 1; }
    pg_env "$scratch/server"
    [[ -w $PGPASSFILE ]] || { echo "Bail out! no password file"; exit 1; }
}

sql() {
    local database=$1
    shift
    PGDATABASE=$database "$PSQL" -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

make_zoo() {
    sql postgres -c "CREATE ROLE zoo_owner" -c "CREATE ROLE zoo_reader" -c 'CREATE ROLE "odd ""role"" ä"'
    "$pg_bin/createdb" -T template0 zoo
    sql zoo -f "$real/zoo.sql" 2>/dev/null
    check "the zoo is made" test $? -eq 0
    sql zoo -c 'DROP SUBSCRIPTION nothing'
}

url() {
    python3 - "$@" <<'END_PYTHON'
import os, sys
from urllib.parse import quote_from_bytes
words = [quote_from_bytes(os.fsencode(word), safe="") for word in sys.argv[1:]] + [None, None]
login = (words[1] or "admin") + (":" + words[2] if words[2] else "")
print(f"postgresql://{login}@localhost:{os.environ['PGPORT']}/{words[0]}")
END_PYTHON
}

make_project() {
    local folder=$1 keys=$2
    shift 2
    mkdir -p "$folder"
    python3 -c 'import json, sys
print("{" + sys.argv[1] + "\"databases\": " + json.dumps(sys.argv[2:]) + "}")' "$keys" "$@" \
        >"$folder/jbackup.json"
    chmod 600 "$folder/jbackup.json"
}

manifest() { find "$app/backups" -name "manifest_$1.json" | head -n 1; }
compare() { python3 "$real/compare.py" "$@"; }
