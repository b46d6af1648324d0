# SPDX-License-Identifier: MIT
"""Edits a project at random, asks "diff --live", restores in place, and compares what was said with what
the restore did: diff_live_random.py TOOLS PROJECT TIMESTAMP ROUNDS SEED"""
import hashlib
import json
import os
import pathlib
import random
import shutil
import stat
import subprocess
import sys

tools, app, timestamp, rounds, seed = sys.argv[1], pathlib.Path(sys.argv[2]), *sys.argv[3:]
pick = random.Random(int(seed))
LEFT_OUT = ("backups", "instance", "jbackup.json", ".env")


def run(tool, *arguments):
    done = subprocess.run([f"{tools}/{tool}", "--project", app, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{tool} {arguments}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def look():
    """All of the code by path: type, mode, owner, time, content or link, and how many names it has."""
    seen = {}
    for folder, folders, files in os.walk(app):
        if pathlib.Path(folder) == app:
            folders[:] = [name for name in folders if name not in LEFT_OUT]
            files = [name for name in files if name not in LEFT_OUT]
        for name in folders + files:
            path = pathlib.Path(folder, name)
            st = path.lstat()
            kind = stat.S_IFMT(st.st_mode)
            content = hashlib.sha256(path.read_bytes()).hexdigest() if kind == stat.S_IFREG else ""
            seen[str(path.relative_to(app))] = {
                "type": kind, "content": content, "mode": stat.S_IMODE(st.st_mode), "time": st.st_mtime_ns,
                "link": os.readlink(path) if kind == stat.S_IFLNK else "", "owner": (st.st_uid, st.st_gid),
                "names": st.st_nlink if kind == stat.S_IFREG else 1}
    return seen


def all_paths(kind=None):
    paths = [app / path for path in look()]
    return sorted(path for path in paths if kind is None or kind(path) and not path.is_symlink())


def a_folder():
    return pick.choice([app] + all_paths(pathlib.Path.is_dir))


def edit():
    what = pick.randrange(9)
    files = all_paths(pathlib.Path.is_file)
    new = a_folder() / pick.choice(["a", "b.log", "c", "c-d", "z", "odd\nname"])
    one = pick.choice(files) if files else None
    if what == 0 and not new.exists() and not new.is_symlink():
        new.write_text(str(pick.random()))
    elif what == 1 and not new.exists() and not new.is_symlink():
        new.mkdir()
    elif what == 2 and not new.exists() and not new.is_symlink():
        new.symlink_to(pick.choice(["a", "b"]))
    elif what == 3:
        path = pick.choice(all_paths())
        if path.is_dir() and not path.is_symlink():
            # With something in it that stays, a file of the backup in its place is refused.
            shutil.rmtree(path)
        else:
            path.unlink()
    elif what == 4 and one:
        before = one.stat()
        one.write_text(one.read_text()[::-1] + pick.choice(["", "x"]))
        if pick.randrange(2):
            os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif what == 5 and one:
        one.chmod(pick.choice([0o600, 0o644, 0o755]))
    elif what == 6:
        os.utime(pick.choice(all_paths()), (5, pick.randrange(1000)), follow_symlinks=False)
    elif what == 7 and one and not new.exists() and not new.is_symlink():
        os.rename(one, new)
    elif what == 8 and one and not new.exists() and not new.is_symlink():
        os.link(one, new)


def is_told_rightly(said, before, after):
    wrong = []
    for path in sorted(before.keys() | after.keys() | said.keys()):
        old, new, row = before.get(path), after.get(path), said.get(path)
        change = "removed" if new is None else "added" if old is None else "changed"
        keys = {key for key in ("content", "mode", "time", "link", "owner") if old and new and old[key] != new[key]}
        if change == "changed" and old["type"] != new["type"]:
            keys = {"type"}
        told = set((row["what"] or "").split(",")) - {""} if row else set()
        if change == "changed" and max(old["names"], new["names"]) > 1:
            # Of several names one stands for the file; which are one file is "link".
            if row and row["change"] == "changed" and (told - {"link"}) <= keys:
                continue
            if row is None:
                continue
        if (row is None) != (change == "changed" and not keys) or (row and (row["change"], told) != (change, keys)):
            wrong.append(f"{path!r}: {row}, but it was {change} {keys}")
    return wrong


for number in range(int(rounds)):
    for _ in range(pick.randrange(1, 15)):
        edit()
    report = json.loads(run("jbackup", "diff", timestamp, "--live", "--json"))
    said = {row["path"].replace("\\x0a", "\n"): row for row in report["rows"] if row.get("path") != "."}
    before = look()
    run("jbackup-restore", "restore", timestamp, "--confirm", "--discard-old", "--type", "codebase")
    wrong = is_told_rightly(said, before, look())
    again = json.loads(run("jbackup", "diff", timestamp, "--live", "--json"))
    if wrong or again["rows"] or again["figures"]["result"] != "equal":
        sys.exit("\n".join([f"round {number} of seed {seed}", *wrong, str(again["rows"])]))
print(f"{rounds} rounds")
