# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Throw-away PostgreSQL servers for tests. Sourced: . tests/postgres.sh
#
#   pg_start FOLDER [LINE...]   makes a server in FOLDER with these lines in its postgresql.conf, or
#                               starts again the one that is there
#   pg_stop FOLDER              stops it, as a shutdown does
#   pg_crash FOLDER             ends it at once: the next start recovers from its log
#   pg_env FOLDER               exports PGHOST, PGPORT, PGUSER, PGPASSFILE ... for it
#
# It listens on 127.0.0.1 (only TLS, see FOLDER/ca.crt) and on a socket in FOLDER/run; user admin,
# scram everywhere. FOLDER has port, password, pgpass, log and data. Root's servers run as nobody,
# for PostgreSQL refuses root. A server ends with the process PG_OWNER (default: the script) at the
# latest, so none outlives its test.
pg_bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -n 1)
[[ -n $pg_bin ]] || pg_bin=$(pg_config --bindir 2>/dev/null)

pg_as() {
    local folder=$1
    shift
    if [[ $(id -u) -eq 0 ]]; then
        (cd "$folder" && exec setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups \
            env HOME="$folder" "$@")
    else
        (cd "$folder" && exec "$@")
    fi
}

pg_free_port() {
    python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# pg_make FOLDER LINE...: an empty cluster.
pg_make() {
    local folder=$1 data=$1/data
    shift
    mkdir -p "$folder/run" || return 1
    printf 's3cret-pg\n' >"$folder/password"
    pg_free_port >"$folder/port"
    printf '*:*:*:admin:s3cret-pg\n' >"$folder/pgpass"
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$folder/server.key" \
        -out "$folder/ca.crt" 2>/dev/null || return 1
    chmod 600 "$folder/pgpass" "$folder/server.key" "$folder/password"
    if [[ $(id -u) -eq 0 ]]; then
        chmod a+x "$(dirname "$folder")"
        chown -R nobody "$folder"
        chown root "$folder/pgpass"
    fi
    pg_as "$folder" "$pg_bin/initdb" -D "$data" -U admin --pwfile="$folder/password" \
        -A scram-sha-256 -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/initdb.log" 2>&1 || {
        cat "$folder/initdb.log" >&2
        return 1
    }
    cat >>"$data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $(<"$folder/port")
unix_socket_directories = '$folder/run'
ssl = on
ssl_cert_file = '$folder/ca.crt'
ssl_key_file = '$folder/server.key'
fsync = off
shared_buffers = 32MB
max_connections = 40
END
    printf '%s\n' "$@" >>"$data/postgresql.conf"
    printf '%s\n' 'local all all scram-sha-256' 'hostssl all all 127.0.0.1/32 scram-sha-256' \
        >"$data/pg_hba.conf"
}

# pg_guard FOLDER: ends the server, which is process $2 now, when the process $3 is gone.
# shellcheck disable=SC2016
pg_guard() {
    setsid bash -c '
        while kill -0 "$3" 2>/dev/null && kill -0 "$2" 2>/dev/null; do sleep 0.5; done
        tr "\0" " " <"/proc/$2/cmdline" 2>/dev/null | grep -qF -- "$1/data" && kill -QUIT "$2"
    ' guard "$1" "$2" "$3" </dev/null >/dev/null 2>&1 &
    disown
}

pg_start() {
    local folder pid
    mkdir -p "$1" || return 1
    folder=$(readlink -f "$1")
    shift
    [[ -d $folder/data ]] || pg_make "$folder" "$@" || return 1
    pg_as "$folder" "$pg_bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 start \
        </dev/null >"$folder/start.log" 2>&1 || {
        cat "$folder/start.log" "$folder/log" >&2
        return 1
    }
    pid=$(head -n 1 "$folder/data/postmaster.pid")
    pg_guard "$folder" "$pid" "${PG_OWNER:-$$}"
}

pg_end() {
    local folder
    folder=$(readlink -f "$1")
    pg_as "$folder" "$pg_bin/pg_ctl" -D "$folder/data" -m "$2" -w -t 60 stop >/dev/null 2>&1
}
pg_stop() { pg_end "$1" fast; }
pg_crash() { pg_end "$1" immediate; }

pg_env() {
    local folder
    folder=$(readlink -f "$1")
    PGPORT=$(<"$folder/port")
    export PGPORT PGHOST=localhost PGUSER=admin PGDATABASE=postgres PGPASSFILE=$folder/pgpass
    export PGSSLMODE=verify-full PGSSLROOTCERT=$folder/ca.crt
}
