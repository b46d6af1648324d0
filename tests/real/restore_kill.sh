#!/bin/bash
# SPDX-License-Identifier: MIT
# A restore of PostgreSQL, SQLite, code and service that is killed at moments spread over its run, to
# which system calls fail, and whose server goes away: what is there in the end is the old state or
# the new one, to the last byte and row, with the service up on it, and nothing of ours beside.
#
# JB_KILLS: how many random moments (default 8; with 200 or more also every rename)
# JB_JOBS:  how many projects at once (default 3)
# JB_EVERY_CALL: 1/1: instead of all that fails each open, write, fsync, rename, link, unlink, mkdir ...
#           of the first thread once, and each of the other threads' in all of them; I/N every N-th of these
# JB_MOMENTS: a file of attempts, as they are printed when they are bad: only these
# JB_KEEP:  a folder for the projects whose state was neither
. "$(dirname "$0")/restore_world.sh"
kills=${JB_KILLS:-8} jobs=${JB_JOBS:-3}
serve
sql postgres "CREATE ROLE plain LOGIN CREATEDB PASSWORD 'plain-pw'; CREATE ROLE reader"
stop_services() {
    for world in "$scratch"/w*; do
        [[ ! -f $world/setup.json ]] || service stop
    done
}
ending() {
    local child
    for child in $(jobs -p); do # what is at work when the test is ended
        kill "$child"
    done
    stop_services
} 2>/dev/null

for number in $(seq "$jobs"); do
    world_make "w$number" &
    makers+=($!)
done
for maker in "${makers[@]}"; do
    wait "$maker" || { echo "Bail out! a project could not be made"; exit 1; }
done

# ---- Undisturbed ----

world_use w1
started=$(date +%s%N)
check "a restore" tool restore "$stamp" --confirm
duration=$((($(date +%s%N) - started) / 1000000))
check "gives the new state, and keeps the old one" is_state new kept
check "a rollback" tool rollback
check "gives the old state, and nothing is left" is_state old
strace -qq -ff -b execve -o "$scratch/trace" "$restore_tool" --project "$app" restore "$stamp" --confirm --no-safety-backup \
    >"$out" 2>"$err" </dev/null
check "one with --no-safety-backup, traced" test $? -eq 0
check "discard-old" tool discard-old
check "leaves the new state alone" is_state new
world_reset

# ---- Disturbed ----

# The state after a run that was killed: by recover, or by the next restore.
settled() {
    local moment=$1 way=$2 before=old
    [[ $way == restore ]] && before=new
    if grep -Eq '"phase": ?"done"' "$journal" 2>/dev/null; then
        before=new way=recover # it stands: what another restore keeps would be the new state
    fi
    if [[ $way == recover ]]; then
        tool recover
    else
        tool restore "$stamp" --confirm --no-safety-backup
    fi || { give_up "$moment: $way fails"; return 1; }
    if [[ $before == new ]]; then
        is_state new kept || { give_up "$moment, $way"; return 1; }
        tool rollback || { give_up "$moment: rollback fails"; return 1; }
    fi
    expect_old "$moment, $way"
}

# What to see when it went wrong, and a fresh beginning.
give_up() {
    say "... $1"
    show_output
    keep_evidence
    world_reset
}

run=() # the command, of the project
watched() { python3 -B "$real/restore_watch.py" "$@" -- "${run[@]}" >"$out" 2>"$err"; }
# traced CALL ACTION [OPTION...]
traced() {
    local call=$1 action=$2
    shift 2
    timeout 90 strace -qq "$@" -o "$world/calls" -e trace="$call" -e inject="$call:$action" "${run[@]}" \
        >"$out" 2>"$err" </dev/null
}

# A call that failed: what the status promises.
failed() {
    local moment=$1 status=$2
    if grep -q 'Sanitizer\|runtime error' "$err"; then
        give_up "$moment"
        return 1
    fi
    # A status of its own: what was asked for is done, but nobody was told.
    grep -q 'cannot write to standard output' "$err" && status=0
    case $status in
    0 | 1)
        is_state new kept || { give_up "$moment, status $status"; return 1; }
        tool rollback || { give_up "$moment: rollback fails"; return 1; } ;;
    5)
        cp "$err" "$world/before"
        tool recover || { cat "$world/before" >>"$err"; give_up "$moment: recover fails"; return 1; } ;;
    2 | 3 | 4 | 127) ;; # 127: it never began
    *)
        give_up "$moment: status $status"
        return 1 ;;
    esac
    expect_old "$moment, status $status"
}

# A verb that is killed itself, at a share of its time.
again() {
    local verb=$1 share=$2 ms
    if [[ $verb == recover ]]; then
        watched phase "$journal" starting
    else
        tool restore "$stamp" --confirm --no-safety-backup || { give_up "before $verb"; return 1; }
    fi
    case $verb in
    discard-old) ms=150 ;;
    *) ms=1700 ;;
    esac
    ms=$(python3 -c "print(int($ms * $share))")
    run=("$restore_tool" --project "$app" "$verb")
    watched after "$ms"
    tool recover || { give_up "$verb, killed after $ms ms: recover fails"; return 1; }
    if grep -q '"phase": *"done"' "$journal" 2>/dev/null; then # it had not begun
        is_state new kept || { give_up "$verb, killed after $ms ms"; return 1; }
        tool rollback || { give_up "rollback after $verb"; return 1; }
    elif [[ $verb == discard-old ]]; then
        is_state new || say "... $verb, killed after $ms ms"
        local found=$?
        world_reset
        return $found
    fi
    expect_old "$verb, killed after $ms ms"
}

# A restore over one that stands, killed: the way back to before the first one is there until the
# second one exchanges.
over() {
    local ms=$1 first
    tool restore "$stamp" --confirm --no-safety-backup || { give_up "before another"; return 1; }
    first=$(journal_id)
    watched after "$ms"
    tool recover || { give_up "over another, killed after $ms ms: recover fails"; return 1; }
    if [[ ! -e $journal ]]; then
        is_state new || { give_up "over another, killed after $ms ms"; return 1; }
    elif [[ $(journal_id) == "$first" ]]; then
        is_state new kept || { give_up "over another, killed after $ms ms"; return 1; }
        tool rollback || { give_up "rollback of the first"; return 1; }
        expect_old "over another, killed after $ms ms"
        return
    else
        is_state new kept || { give_up "over another that ended"; return 1; }
    fi
    world_reset
}
journal_id() { sed -n 's/^ *"id": "\(.*\)",$/\1/p' "$journal"; }

attempt() {
    local kind=$1 one=$2 two=${3-} three=${4-}
    run=("$restore_tool" --project "$app" restore "$stamp" --confirm --no-safety-backup)
    case $kind in
    phase)
        watched phase "$journal" "$one"
        settled "kill at phase $one" "$two" ;;
    after)
        [[ -n $three ]] || unset "run[-1]"
        watched after "$one"
        settled "kill after $one ms $three" "$two" ;;
    call-kill)
        { traced "$one" "signal=KILL:when=$two"; } 2>/dev/null
        settled "kill at $one $two" "$three" ;;
    fail)
        traced "$one" "error=$three:when=$two"
        failed "$three of $one $two" $? ;;
    fail-all)
        traced "$one" "error=$three:when=$two" -f -b execve
        failed "$three of $one $two in all threads" $? ;;
    again) again "$one" "$two" ;;
    over) over "$one" ;;
    esac
}

work() {
    local line number=0
    world_use "w$1"
    while read -r line; do
        number=$((number + 1))
        [[ $((number % jobs + 1)) -eq $1 ]] || continue
        rm -f "$world/calls"
        # shellcheck disable=SC2086
        attempt $line </dev/null && echo "good $line" || echo "bad $line"
        [[ $line != fail* ]] || grep -qs INJECTED "$world/calls" || echo "missed $line"
    done <"$scratch/moments" >"$scratch/done$1.all"
    grep -E '^(good|bad|missed) ' "$scratch/done$1.all" >"$scratch/done$1"
    grep -Ev '^(good|bad|missed) ' "$scratch/done$1.all"
}

python3 -B "$real/restore_moments.py" "$duration" "${JB_EVERY_CALL:-$kills}" "$scratch"/trace.* >"$scratch/moments"
[[ -z ${JB_MOMENTS-} ]] || cp "$JB_MOMENTS" "$scratch/moments"
workers=()
for number in $(seq "$jobs"); do
    work "$number" &
    workers+=($!)
done
wait "${workers[@]}"

# judge KIND NAME LEAST
judge() {
    local good bad
    good=$(cat "$scratch"/done[0-9] | grep -c "^good $1 ")
    bad=$(cat "$scratch"/done[0-9] | grep "^bad $1 ")
    [[ -z $bad ]] || say "$bad"
    check "$2: $good" test -z "$bad" -a "$good" -ge "$3"
}
if [[ -n ${JB_EVERY_CALL-} ]]; then
    count=$(wc -l <"$scratch/moments") missed=$(cat "$scratch"/done[0-9] | grep -c '^missed ')
    judge fail "with each call of the first thread failing" 1
    judge fail-all "with each call of the other threads failing" 1
    # Not every run makes as many calls.
    check "of $count calls $missed did not come" test $((missed * 20)) -le "$count"
elif [[ -z ${JB_MOMENTS-} ]]; then
    judge phase "killed at a phase" 5
    judge after "killed at a random moment" "$kills"
    judge call-kill "killed at a system call" $((kills / 2))
    judge fail "with a failing system call" $((kills / 2))
    judge fail-all "with the first write of each thread failing" 1
    judge over "over a restore that stands, killed" 2
    judge again "recover, rollback and discard-old killed" 6
else
    cat "$scratch"/done[0-9]
fi

# ---- Without the server ----

world_use w1
export -f pg_crash pg_end pg_as
export pg pg_bin
bad=0 statuses=
for phase in staging stopping swapping starting; do
    run=("$restore_tool" --project "$app" restore "$stamp" --confirm --no-safety-backup)
    # shellcheck disable=SC2016
    watched halt "$journal" "$phase" 'pg_crash "$pg"'
    status=$?
    pg_crash "$pg" # it may not have come that far
    pg_start "$pg" || { say "the server does not start"; bad=1; break; }
    failed "no server from phase $phase" $status || bad=1
    statuses+=" $status"
done
check "the server gone at each phase: status$statuses" test $bad -eq 0
tool restore "$stamp" --confirm
check "a last restore" is_state new kept
check "no backup is half-made" test -z "$(find "$app/backups/.jbackup/staging" -mindepth 1 2>/dev/null)"
done_testing
