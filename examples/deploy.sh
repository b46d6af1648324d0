#!/bin/sh
# SPDX-License-Identifier: MIT
# Deploys a new version of an application with the way back prepared: a backup that was read and is kept,
# the deployment, a look at its health; and if one of these two goes wrong the state before, code and
# databases, with the service up on it.
#
#   deploy.sh PROJECT [STEPS]
#
# What is to be done stands in the four functions below, here for the sample journal as a unit of systemd.
# Change them, or define your own in STEPS, a file of shell. They run in the project's folder.
#
# Ends with 0: the new version runs. 1: it was taken back, the old one runs. 2: wrong usage. 3: nothing was
# begun, for there is no good backup. 5: neither runs, a person is needed.
set -u

# Brings the new version. It ends at its first command that fails.
deploy() {
    git pull --ff-only
}

# Lets the new version run; what is told of it here is not believed yet.
restart() {
    systemctl restart journal-app.service
}

# The old version is back. It has been started, if the new one ran; a service that had crashed has not.
start() {
    systemctl start journal-app.service
}

# Is the application well? Asked every second, for health_wait_s seconds.
healthy() {
    curl --fail --silent --show-error --max-time 5 --output /dev/null http://127.0.0.1:5000/health
}
health_wait_s=30

say() { printf 'deploy.sh: %s\n' "$1" >&2; }

wait_until_healthy() {
    waited=0
    until healthy; do
        waited=$((waited + 1))
        [ "$waited" -lt "$health_wait_s" ] && [ -z "$interrupted" ] || return 1
        sleep 1
    done
    [ -z "$interrupted" ]
}


needs_person() {
    say "$1: see \"jbackup-restore --project $project status\""
    exit 5
}

# The backup leaves .env and jbackup.json as the deployment has left them: they say how things are here.
take_back() {
    trap '' INT TERM HUP
    say "taking it back: restoring $timestamp"
    jbackup-restore --project "$project" restore "$timestamp" --confirm ||
        needs_person "the state before could not be restored"
    interrupted=
    start || needs_person "the old version does not start"
    wait_until_healthy || needs_person "the old version is not well either"
    say "the old version runs; what the new one left is kept until the next backup"
    exit 1
}

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: deploy.sh PROJECT [STEPS]" >&2
    exit 2
fi
steps=
if [ $# -eq 2 ]; then
    steps=$(readlink -f -- "$2")
    [ -f "$steps" ] || { say "there is no file \"$2\""; exit 2; }
fi
cd -- "$1" || exit 2
project=$(pwd)
# shellcheck source=/dev/null
[ -z "$steps" ] || . "$steps"

said=$(backup.sh --project "$project" pre-deploy) || {
    printf '%s\n' "$said"
    say "nothing was deployed"
    exit 3
}
timestamp=$(printf '%s\n' "$said" | tail -n 1)
say "the way back is backup $timestamp"

interrupted=
trap 'interrupted=1' INT TERM HUP
# Not in a condition, nor in a function called in one: there "set -e" is ignored.
(
    set -e
    deploy
    restart
)
status=$?
if [ "$status" -ne 0 ]; then
    say "the deployment failed with status $status"
    take_back
fi
wait_until_healthy || take_back
trap - INT TERM HUP
say "the new version runs; the backup $timestamp is kept for 30 days"
