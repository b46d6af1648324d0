# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Installs Debian packages that are missing. Sourced by tests/run and examples/quickstart.

# need WHY PACKAGE...: with root installs what is missing; without prints the one command, status 2.
need() {
    local why=$1 package missing=()
    shift
    if ! command -v dpkg-query >/dev/null; then
        echo "$why: this is no Debian, so please see to these yourself: $*"
        return 0
    fi
    for package in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
            missing+=("$package")
    done
    [[ ${#missing[@]} -eq 0 ]] && return 0
    if [[ $(id -u) -ne 0 ]]; then
        echo "$why: some packages are missing. This installs them:"
        echo
        echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
        echo
        return 2
    fi
    echo "$why: installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log"
        echo "$why: cannot install ${missing[*]}"
        rm -f "$log"
        return 2
    fi
    rm -f "$log"
}

need_to_build=(gcc libc6-dev meson ninja-build pkg-config zlib1g-dev libisal-dev libjansson-dev
    libpq-dev libtar-dev libmbedtls-dev libsqlite3-dev libssl-dev
    libcurl4-openssl-dev libesmtp-dev)
