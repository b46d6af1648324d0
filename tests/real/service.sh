#!/bin/bash
# SPDX-License-Identifier: MIT
# Stopping and starting services of a systemd that really runs, by the library's own functions.
. "$(dirname "$0")/../cli/lib.sh"
. "$here/../systemd.sh"
why=$(sd_can_start) || { echo "1..0 # SKIP $why"; exit 0; }
box=$scratch/box
trap 'sd_stop "$box"; remove_scratch' EXIT
sd_start "$box" "$build" || { echo "Bail out! systemd does not start"; exit 1; }

# put NAME LINE...: a unit of that name
put() {
    local name=$1
    shift
    printf '%s\n' '[Unit]' 'StartLimitIntervalSec=0' '[Service]' "$@" |
        sd_put "$box" "/etc/systemd/system/$name.service"
}
put steady 'ExecStart=/bin/sleep 1000'
put slow 'Type=notify' 'NotifyAccess=all' \
    "ExecStart=/bin/sh -c 'sleep 2; systemd-notify --ready; exec sleep 1000'"
put crashing "ExecStart=/bin/sh -c 'sleep 0.3; exit 7'"
put failing 'Type=oneshot' 'ExecStart=/bin/false'
put looping "ExecStart=/bin/sh -c 'sleep 0.2; exit 7'" 'Restart=always' 'RestartSec=1ms'
put limited "ExecStart=/bin/sh -c 'test -e /run/well || exit 7; exec sleep 1000'" 'Restart=always' \
    'RestartSec=10ms'
sd "$box" sed -i s/^StartLimit.*/StartLimitIntervalSec=600/ /etc/systemd/system/limited.service
put hanging "ExecStart=/bin/sh -c 'trap \"\" TERM; while :; do sleep 1; done'" 'TimeoutStopSec=90'
put broken 'Type=simple'
sd "$box" ln -s /dev/null /etc/systemd/system/masked.service
sd "$box" systemctl daemon-reload
sd "$box" env ASAN_OPTIONS="${ASAN_OPTIONS-}" "$build/tests/real/service_units" \
    >"$out" 2>&1
check "services do as they are told, or that they don't is told" test $? -eq 0
say "$(<"$out")"
check "all of it ran" grep -q '^1..6$' "$out"
done_testing
