#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Chooses the moments of restore_kill.sh: restore_moments.py TRACE DURATION_MS KILLS. TRACE is what
strace wrote of a restore from its begin to its end. Prints one attempt per line; with many kills
every rename is among them."""
import collections
import random
import re
import sys

ERRORS = {
    "openat": ["EACCES", "EIO", "EMFILE"], "write": ["ENOSPC", "EIO"], "pwrite64": ["ENOSPC", "EIO"],
    "fsync": ["EIO", "ENOSPC"], "fdatasync": ["EIO"], "renameat2": ["EIO", "ENOSPC", "EACCES"],
    "renameat": ["EIO", "ENOSPC", "EACCES"], "rename": ["EIO", "ENOSPC", "EACCES"], "linkat": ["EIO", "ENOSPC", "EACCES"],
    "unlinkat": ["EIO", "EACCES"], "unlink": ["EIO", "EACCES"], "mkdirat": ["ENOSPC", "EIO", "EACCES"],
    "mkdir": ["ENOSPC", "EIO", "EACCES"], "ftruncate": ["ENOSPC", "EIO"], "symlinkat": ["ENOSPC", "EIO"],
    "mknodat": ["EIO"],
}
KILLS = ["renameat2", "renameat", "rename", "unlinkat", "mkdirat", "linkat", "symlinkat", "fsync", "write", "sendto",
         "openat", "clone", "vfork", "clone3", "utimensat", "fchmod"]
PHASES = ["staging", "stopping", "swapping", "starting", "done"]


def spread(calls, names, room):
    """Of rare ones all, of the others an even choice."""
    names = sorted((name for name in names if calls[name]), key=calls.get)
    left = room
    for position, name in enumerate(names):
        count = min(calls[name], max(left // (len(names) - position), 1))
        left -= count
        for i in range(count):
            yield name, 1 + calls[name] * (2 * i + 1) // (2 * count)


def main():
    duration, kills = int(sys.argv[2]), int(sys.argv[3])
    is_full = kills >= 200
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        calls = collections.Counter(re.findall(r"^([a-z0-9_]+)\(", file.read(), re.MULTILINE))
    dice = random.Random(kills)
    ways = ["recover", "restore"]
    lines = []
    for number, phase in enumerate(PHASES):
        lines += [f"phase {phase} {way}" for way in (ways if is_full else [ways[number % 2]])]
    for number in range(kills):
        lines.append(f"after {dice.randint(1, duration * 21 // 20)} {ways[number % 2]} {['--no-safety-backup', ''][number % 3 == 2]}")
    room = 100000 if is_full else kills // 2
    renames = [name for name in KILLS if name.startswith("rename")]
    for number, (name, count) in enumerate(spread(calls, renames, room)):
        lines.append(f"call-kill {name} {count} {ways[number % 2]}")
    others = [name for name in KILLS if name not in renames]
    for number, (name, count) in enumerate(spread(calls, others, kills // 2)):
        lines.append(f"call-kill {name} {count} {ways[number % 2]}")
    for number, (name, count) in enumerate(spread(calls, ERRORS, 4 * kills if is_full else kills)):
        lines.append(f"fail {name} {count} {ERRORS[name][number % len(ERRORS[name])]}")
    for number, (name, count) in enumerate(spread(calls, ["write", "fsync", "mkdirat", "renameat2", "renameat"], max(kills // 6, 3))):
        lines.append(f"fail {name} {count}+ {ERRORS[name][0]}")  # from there on: a disk that is full, or gone
    # Neither forth nor back: the service must not be started on the half of each.
    lines.append(f"fail renameat2 {1 + calls['renameat2'] // 2}+ EIO")
    for number in range(max(kills // 8, 2)):
        lines += [f"again {verb} {dice.random():.3f}" for verb in ("recover", "rollback", "discard-old")]
    for number in range(max(kills // 6, 2)):
        lines.append(f"over {dice.randint(duration // 8, duration)}")
    dice.shuffle(lines)
    print(*lines, sep="\n")


main()
