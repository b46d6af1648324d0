#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""history.py JBACKUP FOLDER COUNT SEED: replays COUNT random histories of a small tree. After each step it is backed up with
members copied from the archive before, and with --reread into another repository: archives and indexes must have the same bytes."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

STEPS = 3
BATCH = 60
SETTLED_S = 2.1  # what was changed later is read again by the backup after the next


class History:
    def __init__(self, jbackup, folder, seed):
        self.jbackup, self.folder, self.random = jbackup, folder, random.Random(seed)
        self.tree, self.copies, self.reads = folder / "tree", folder / "copies", folder / "reads"
        shutil.rmtree(folder, ignore_errors=True)
        self.tree.mkdir(parents=True)
        settings = {"name": "history", "root": str(self.tree), "databases": [], "default_excludes": False, "jobs": 2}
        (folder / "jbackup.json").write_text(json.dumps(settings))
        self.number = 0
        self.done = []
        for _ in range(self.random.randint(5, 40)):
            self.add()

    def content(self):
        size = self.random.choice([0, 1, 100, 511, 512, 5000, 40000, 200000, 1048576 - 512, 1048576, 1048577, 2500000])
        if self.random.random() < 0.7:
            size = self.random.randint(0, 20000)
        seed = self.random.randbytes(4096)
        return (seed * (size // 4096 + 1))[:size]

    def name(self):
        self.number += 1
        return f"{self.random.choice('abcxyz')}{self.number}" + self.random.choice(["", ".py", "é", "-" * 120])

    def below(self, kind):
        found = [path for path in sorted(self.tree.rglob("*")) if kind(path)]
        return self.random.choice(found) if found else None

    def a_folder(self):
        folders = [self.tree] + [p for p in sorted(self.tree.rglob("*")) if p.is_dir() and not p.is_symlink()]
        return self.random.choice(folders)

    def a_file(self):
        return self.below(lambda path: path.is_file() and not path.is_symlink())

    def add(self):
        place = self.a_folder() / self.name()
        kind = self.random.random()
        if kind < 0.15:
            place.mkdir()
        elif kind < 0.2:
            place.symlink_to(self.random.choice(["nowhere", "a1", "../up"]))
        elif kind < 0.22:
            os.mkfifo(place)
        else:
            place.write_bytes(self.content())

    def edit(self):
        if file := self.a_file():
            file.write_bytes(self.content())

    def append(self):
        if file := self.a_file():
            with open(file, "ab") as out:
                out.write(b"more")

    def flip(self):
        """Other bytes, the same size; half the time with the old mtime."""
        file = self.a_file()
        if file and file.stat().st_size:
            before = file.stat()
            with open(file, "r+b") as out:
                out.seek(self.random.randrange(before.st_size))
                out.write(self.random.randbytes(1))
            if self.random.random() < 0.7:
                os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    def replace(self):
        """Another file of the same size and mtime in its place."""
        if file := self.a_file():
            before, other = file.stat(), file.with_name(self.name())
            other.write_bytes(self.random.randbytes(before.st_size))
            os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
            other.chmod(before.st_mode & 0o7777)
            other.rename(file)

    def swap(self):
        one, two = self.a_file(), self.a_file()
        if one and two and one != two:
            between = one.with_name("between")
            one.rename(between), two.rename(one), between.rename(two)

    def rename(self):
        path = self.below(lambda _: True)
        if path:
            path.rename(path.with_name(self.name()))

    def move(self):
        path, place = self.below(lambda _: True), self.a_folder()
        if path and path != place and path not in place.parents:
            path.rename(place / self.name())

    def remove(self):
        path = self.below(lambda _: True)
        if path and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path:
            path.unlink()

    def link(self):
        if file := self.a_file():
            os.link(file, self.a_folder() / self.name())

    def touch(self):
        path = self.below(lambda path: not path.is_symlink())
        if path:
            os.utime(path, ns=(0, self.random.choice([0, 1700000000 * 10**9 + 7, 4000000000 * 10**9])))

    def mode(self):
        path = self.below(lambda path: not path.is_symlink())
        if path:
            path.chmod(self.random.choice([0o755, 0o700, 0o775] if path.is_dir() else [0o644, 0o600, 0o4755, 0o444]))

    def nothing(self):
        pass

    def attribute(self):
        if file := self.a_file():
            os.setxattr(file, "user.history", self.random.randbytes(self.random.randint(1, 600)))

    def step(self):
        ways = [self.add, self.add, self.edit, self.append, self.flip, self.flip, self.replace, self.swap, self.rename, self.move,
                self.remove, self.remove, self.link, self.touch, self.mode, self.nothing]
        if hasattr(os, "setxattr"):
            ways.append(self.attribute)
        for _ in range(self.random.choice([1, 1, 1, 2, 5, 12])):
            way = self.random.choice(ways)
            self.done.append(way.__name__)
            try:
                way()
            except OSError as why:  # a name too long, a file system without attributes
                self.done.append(str(why))

    def backup(self, repository, *options):
        command = [self.jbackup, "--project", self.folder, "--backup-dir", repository, "--json", "backup",
                   "--category", "daily", *options]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"status {done.returncode}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def newest(self, repository, pattern):
        return max((repository / "daily").glob(pattern), key=lambda path: path.name)

    def compare(self):
        """Copies what it can; then reads all, from a repository that knows nothing of the tree."""
        copied = self.backup(self.copies)["figures"]["copied_bytes"]
        shutil.rmtree(self.reads, ignore_errors=True)
        self.backup(self.reads, "--reread")
        for pattern in ("codebase_*.tar.gz", "codebase_*.index.jsonl.gz"):
            one, two = self.newest(self.copies, pattern), self.newest(self.reads, pattern)
            if one.read_bytes() != two.read_bytes():
                raise SystemExit(f"{one} and {two} differ after {self.done}")
        return copied

    def verify(self):
        command = [self.jbackup, "--project", self.folder, "--backup-dir", self.copies, "verify", "--latest"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{self.folder}: status {done.returncode}: {done.stdout}{done.stderr}")


def replay(jbackup, folder, seeds):
    """Several histories side by side, so that all settle while one waits."""
    histories = [History(jbackup, folder / str(seed), seed) for seed in seeds]
    copied = 0
    for number in range(STEPS + 1):
        time.sleep(SETTLED_S)
        for history in histories:
            if number and history.random.random() < 0.2:
                history.step()  # and not settled
            copied += history.compare()
            history.step()
    for history in histories:
        history.verify()
        shutil.rmtree(history.folder)
    return copied


def main():
    jbackup, folder, count, first = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    copied = 0
    for begin in range(first, first + count, BATCH):
        copied += replay(jbackup, folder, range(begin, min(begin + BATCH, first + count)))
        print(f"histories {begin} to {min(begin + BATCH, first + count) - 1} replayed", file=sys.stderr)
    print(f"{count} histories of {STEPS} steps, of which {copied} bytes were copied")


main()
