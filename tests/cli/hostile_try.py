#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Everything that reads a backup, tried on one hostile archive after the other.

    hostile_try.py TOOLS APP TIMESTAMP SCRATCH [CASE]...

Prints "ok CASE" or "not ok CASE" and what was wrong. For each: what is refused leaves everything as
it was, what is restored stays within its target; outputs hold no control characters; time and memory
are bounded.
"""
import concurrent.futures
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading

SECONDS_MAX = 60
MEMORY_MAX = 256 << 10  # KiB
CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
CRASH = re.compile(rb"Sanitizer|runtime error|Assertion")
generator = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hostile_archive.py")


def look(folder, without=()):
    """Everything below a folder: kind, mode, owner, size, time, content."""
    seen = {}
    stack = [os.fsencode(folder)]
    while stack:
        path = stack.pop()
        st = os.lstat(path)
        content = b""
        if stat.S_ISREG(st.st_mode):
            with open(path, "rb") as source:
                content = source.read()
        elif stat.S_ISLNK(st.st_mode):
            content = os.readlink(path)
        elif stat.S_ISDIR(st.st_mode):
            stack += [path + b"/" + name for name in os.listdir(path) if os.fsdecode(name) not in without]
        changes = not stat.S_ISDIR(st.st_mode) or not without
        seen[path] = (st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_mtime_ns if changes else 0, content)
    return seen


def difference(before, after):
    return [os.fsdecode(path) for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path)]


class Trial:
    def __init__(self, tools, app, timestamp, scratch, name, expected):
        self.tools, self.timestamp, self.name, self.expected = tools, timestamp, name, expected
        self.room = f"{scratch}/{name}"
        self.app, self.canary, self.target = (f"{self.room}/{one}" for one in ("app", "canary", "beside/target"))
        self.wrong, self.slowest, self.largest = [], 0.0, 0
        os.makedirs(f"{self.room}/beside")
        os.makedirs(f"{self.canary}/folder")
        for path in (f"{self.canary}/file", f"{self.canary}/folder/file", f"{self.room}/beside/other"):
            with open(path, "w", encoding="ascii") as out:
                out.write("canary\n")
        shutil.copytree(app, self.app, symlinks=True)

    def complain(self, what):
        self.wrong.append(what)

    def run(self, tool, *arguments):
        """The exit status and what was said; complains of crashes, control characters, and cost."""
        label = " ".join((tool, *arguments[:2]))
        with open(f"{self.room}/said", "w+b") as said:
            began = os.times().elapsed
            child = subprocess.Popen([f"{self.tools}/{tool}", "--project", self.app, *arguments],
                                     stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=self.room)
            alarm = threading.Timer(SECONDS_MAX, child.kill)
            alarm.start()
            _, status, usage = os.wait4(child.pid, 0)
            alarm.cancel()
            child.returncode = os.waitstatus_to_exitcode(status)
            seconds = os.times().elapsed - began
            said.seek(0)
            text = said.read()
        self.slowest, self.largest = max(self.slowest, seconds), max(self.largest, usage.ru_maxrss)
        if child.returncode < 0 or child.returncode > 5 or CRASH.search(text):
            self.complain(f"{label}: status {child.returncode}: {text[:3000]!r}")
        if seconds >= SECONDS_MAX or usage.ru_maxrss > MEMORY_MAX:
            self.complain(f"{label}: {seconds:.1f} s, {usage.ru_maxrss // 1024} MiB")
        found = CONTROL.search(text)
        if found or not is_utf8(text):
            around = text[max(found.start() - 60, 0):found.end() + 20] if found else b"not UTF-8"
            self.complain(f"{label}: control characters in {around!r}")
        if child.returncode != 0 and "--json" not in arguments:
            self.check_words(label, text)
        return child.returncode, text

    def check_words(self, label, text):
        lines = text.decode(errors="replace").splitlines()
        told = [line for line in lines if re.match(r"(jbackup\S*: |ERROR|CRITICAL)", line)]
        if not told or any(len(line) > 20_000 for line in lines):
            self.complain(f"{label}: it says too little or too much: {text[:600]!r}")

    def look_at_it(self):
        verbs = [["files", self.timestamp], ["diff", self.timestamp, "--live"]]
        if "control" in self.name or "texts" in self.name:
            verbs += [["list"], ["show", self.timestamp], ["find", "*"], ["cleanup", "--dry-run"],
                      ["diff", self.timestamp, self.timestamp]]
        for verb in verbs:
            self.run("jbackup", *verb)
            text = self.run("jbackup", *verb, "--json")[1]
            start = text.find(b"{")
            try:
                json.JSONDecoder().raw_decode(text[start:].decode()) if start >= 0 else None
            except ValueError as error:
                self.complain(f"{verb[0]} --json is no JSON: {error}")

    def attempt(self, is_refused, outside, *command):
        """A restore; what is not its target must be as it was in any case."""
        before = outside()
        status = self.run(*command)[0]
        changed = difference(before, outside())
        if status == 0:  # its own folder is there now
            changed = [path for path in changed if path != f"{self.room}/beside"]
        label = " ".join(command[:2])
        if changed:
            self.complain(f"{label}: status {status}, changed {changed[:8]}")
        if is_refused is not None and (status != 0) != is_refused:
            self.complain(f"{label}: status {status}")
        return status

    def try_restores(self, is_refused):
        room = lambda: look(self.room, ("app", "target", "said"))
        status = self.attempt(is_refused, room, "jbackup", "restore", "--timestamp", self.timestamp,
                              "--to", self.target)
        if status != 0 and os.path.lexists(self.target):
            self.complain("restore --to: it left its folder")
        live = lambda: room() | look(self.app, ("backups",))
        self.attempt(True, live, "jbackup", "restore", "--timestamp", self.timestamp, "--path", "src/absent", "--to",
                     self.target + "2")
        is_live_same = status != 0
        self.attempt(is_refused, live if is_live_same else room, "jbackup-restore", "restore",
                     self.timestamp, "--confirm")
        left = [name for name in os.listdir(self.app) if name.startswith(".jbackup-restore-")]
        if is_live_same and left:
            self.complain(f"restore in place left {left}")

    def all(self):
        made = subprocess.run([sys.executable, generator, self.name, f"{self.app}/backups", self.timestamp,
                               self.canary], check=False, capture_output=True)
        if made.returncode != 0:
            self.complain(f"cannot be made: {made.stderr[-800:]!r}")
            return
        is_refused = {"refused": True, "restored": False, "either": None}[self.expected]
        self.look_at_it()
        for command in (["jbackup", "verify", "--timestamp", self.timestamp], ["jbackup-restore", "test", self.timestamp]):
            status, text = self.run(*command)
            if is_refused is not None and (status != 0) != is_refused:
                self.complain(f"{' '.join(command[:2])}: status {status}: {text[-300:]!r}")
            self.run(*command, "--json")
        self.try_restores(is_refused)
        with open(f"{self.app}/backups/backup.log", "rb") as log:
            if CONTROL.search(log.read()):
                self.complain("control characters in backup.log")


def is_utf8(text):
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def try_one(arguments):
    trial = Trial(*arguments)
    try:
        trial.all()
    except Exception as error:  # so that one case does not hide the others
        trial.complain(f"{type(error).__name__}: {error}")
    if not os.environ.get("KEEP"):
        subprocess.run(["chmod", "-R", "u+rwX", trial.room], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", trial.room], check=False)
    return trial


def main():
    tools, app, timestamp, scratch, *wanted = sys.argv[1:]
    listed = subprocess.run([sys.executable, generator, "list"], check=True, capture_output=True, text=True)
    cases = [line.split() for line in listed.stdout.splitlines()]
    work = [(tools, app, timestamp, scratch, *one) for one in cases if not wanted or one[0] in wanted]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for trial in pool.map(try_one, work):
            print("not ok" if trial.wrong else "ok", trial.name)
            print(f"# {trial.slowest:.2f} s, {trial.largest // 1024} MiB at most")
            for what in trial.wrong:
                print("#", what)


main()
