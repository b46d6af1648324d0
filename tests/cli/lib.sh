# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# For the tests of the tool. Sourced first: . "$(dirname "$0")/lib.sh"
#
#   make_app FOLDER [ROWS]     a project with a code tree and a SQLite database
#   jb ARGUMENT...             the tool, on the project $app; output in $out, $err; returns its status
#   expect STATUS NAME ...     runs jb and checks its exit status
#   keep_whole, whole          keeps the backups of $app aside; puts them back
#   flip FILE OFFSET           damages one byte
#   newest                     the timestamp of the newest backup
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../tap.sh"
build=$(cd "${1:?usage: $0 BUILD_DIR}" && pwd) || exit 1
jbackup=$build/tools/jbackup
[[ -x $jbackup ]] || { echo "# no $jbackup"; exit 1; }
export LC_ALL=C.UTF-8 TZ=Europe/Berlin PYTHONDONTWRITEBYTECODE=1
unset JBACKUP_PROJECT DATABASE_URL DEBUG
app=$scratch/app
out=$scratch/out err=$scratch/err
cd "$scratch" || exit 1

make_app() {
    mkdir -p "$1/src/deep" "$1/instance"
    printf 'DATABASE_URL=sqlite:///instance/app.db\n' >"$1/.env"
    chmod 600 "$1/.env"
    printf 'print("hello")\n' >"$1/src/main.py"
    printf 'notes\n' >"$1/src/deep/notes.txt"
    seq 60000 >"$1/src/big.txt"
    python3 - "$1/instance/app.db" "${2:-200}" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, title TEXT, body TEXT)")
db.execute("CREATE TABLE tag (name TEXT PRIMARY KEY, weight REAL) WITHOUT ROWID")
db.executemany("INSERT INTO entry (title, body) VALUES (?, ?)",
               [(f"title {n}", f"text of entry {n} " * 20) for n in range(int(sys.argv[2]))])
db.executemany("INSERT INTO tag VALUES (?, ?)", [(f"tag{n}", n / 7) for n in range(20)])
db.commit()
END
}

jb() { "$jbackup" --project "$app" "$@" >"$out" 2>"$err"; }

show_output() {
    say "out: $(head -c 1500 "$out")"
    say "err: $(head -c 1500 "$err")"
}

# expect STATUS NAME ARGUMENT...
expect() {
    local want=$1 name=$2 status
    shift 2
    jb "$@"
    status=$?
    if [[ $status -eq $want ]]; then
        pass "$name"
    else
        say "jbackup $*: status $status, want $want"
        show_output
        fail "$name"
    fi
}

# said NAME PATTERN: the last output or error output has a line that matches.
said() {
    if cat "$out" "$err" | grep -Eq -- "$2"; then
        pass "$1"
    else
        say "nothing matches $2"
        show_output
        fail "$1"
    fi
}

# keep_whole: the backups as they are now; whole puts them back.
keep_whole() { rm -rf "$scratch/whole" && cp -a "$app/backups" "$scratch/whole"; }
whole() { rm -rf "$app/backups" && cp -a "$scratch/whole" "$app/backups"; }

# flip FILE OFFSET: another bit in that byte; links to the file keep the old content.
flip() {
    cp -p "$1" "$scratch/flipped"
    python3 - "$scratch/flipped" "$2" <<'END'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)[0]
    file.seek(int(sys.argv[2]))
    file.write(bytes([byte ^ 1]))
END
    mv "$scratch/flipped" "$1"
}

newest() { "$jbackup" --project "$app" list 2>/dev/null | head -n 1 | cut -d'|' -f1; }

# The files of a backup: artifact KIND TS, e.g. artifact 'codebase_*.tar.gz' TS
artifact() { find "$app/backups" -path '*/.jbackup' -prune -o -path "*$2*" -name "$1" -print | head -n 1; }

# Everything in a folder by name, kind, mode, content and link; the lock, the log and what
# verifications keep with a backup left out.
fingerprint() {
    (cd "$1" 2>/dev/null && find . \( -path ./backups/.jbackup -o -name 'backup.log*' -o \
        -name 'proof_*.json' \) -prune -o -printf '%y %m %s %p %l\n' -type f -exec sha256sum {} + 2>/dev/null | sort)
}
