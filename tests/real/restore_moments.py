#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Chooses the moments of restore_kill.sh: restore_moments.py DURATION_MS KILLS TRACE... The traces are
what strace wrote of the threads of a restore from its begin to its end, a file for each. Prints one
attempt per line; with many kills every rename is among them. For KILLS I/N (as 1/1) instead of all
that each call that can fail fails once, or every N-th of them."""
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


def count_calls(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return collections.Counter(re.findall(r"^([a-z0-9_]+)\(", file.read(), re.MULTILINE))


def every_call(threads):
    """The first thread's one by one; the others' by their number in each of them."""
    first, others = threads[0], collections.Counter()
    for calls in threads[1:]:
        others |= calls
    for kind, calls in (("fail", first), ("fail-all", others)):
        for name in ERRORS:
            for number in range(1, calls[name] + 1):
                yield f"{kind} {name} {number} {ERRORS[name][number % len(ERRORS[name])]}"


def main():
    duration = int(sys.argv[1])
    # By their ids: the first thread's is the least.
    threads = [count_calls(path) for path in sorted(sys.argv[3:], key=lambda path: int(path.rsplit(".", 1)[1]))]
    if "/" in sys.argv[2]:
        part, parts = map(int, sys.argv[2].split("/"))
        print(*list(every_call(threads))[part - 1::parts], sep="\n")
    else:
        print(*moments(threads[0], duration, int(sys.argv[2])), sep="\n")


def moments(calls, duration, kills):
    is_full = kills >= 200
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
    lines.append("fail-all write 1 EIO")  # threads that tell of their end by writing
    lines.append("fail fsync 2 EIO")  # the first journal is in place then, but not for certain
    for number in range(max(kills // 8, 2)):
        lines += [f"again {verb} {dice.random():.3f}" for verb in ("recover", "rollback", "discard-old")]
    for number in range(max(kills // 6, 2)):
        lines.append(f"over {dice.randint(duration // 8, duration)}")
    dice.shuffle(lines)
    return lines


main()
