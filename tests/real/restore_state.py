#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""In which state a project is: the files of its code, the rows of its databases, what its service
answers, and what a restore has left lying about.

    restore_state.py take FILE SETUP        remembers the state
    restore_state.py new FILE OLD NEW       what a restore of NEW over OLD must give
    restore_state.py which SETUP OLD NEW [kept]
                                            prints old or new (kept: with the other one beside), and
                                            status 0; else what differs from both, status 1
"""
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile

from restore_service import health

OURS = (".jbackup-restore-", "_jbackup_")
LEFT_OUT = (".git", ".env", "uploads", "__pycache__", "backups")


def is_left_out(path):
    return any(part in LEFT_OUT or part.endswith(".log") for part in path.split("/"))


def look(root, path, first_of):
    status = os.lstat(os.path.join(root, path))
    one = {"type": stat.S_IFMT(status.st_mode), "mode": stat.S_IMODE(status.st_mode), "inode": status.st_ino,
           "owner": [status.st_uid, status.st_gid], "mtime": status.st_mtime_ns}
    if stat.S_ISLNK(status.st_mode):
        one["link"] = os.readlink(os.path.join(root, path))
    elif stat.S_ISREG(status.st_mode):
        with open(os.path.join(root, path), "rb") as file:
            one["sha256"] = hashlib.sha256(file.read()).hexdigest()
        if status.st_nlink > 1:
            one["link"] = first_of.setdefault(status.st_ino, path)
    return one


def files(root):
    """All but the databases and the repository; and the names that are ours."""
    found, ours, first_of = {}, [], {}
    for folder, folders, names in os.walk(root):
        folders.sort()
        below = os.path.relpath(folder, root)
        for name in sorted(folders + names):
            path = os.path.normpath(os.path.join(below, name))
            if any(mark in name for mark in OURS):
                ours.append(path)
            elif not path.startswith(("backups/", "instance/", "backups")):
                found[path] = look(root, path, first_of)
        folders[:] = [name for name in folders if not any(mark in name for mark in OURS)
                      and os.path.normpath(os.path.join(below, name)) != "backups"]
    found["."] = look(root, ".", first_of)
    del found["instance"]["mtime"]
    return found, ours


def sqlite_rows(name):
    """Of a copy: to open it may change it."""
    status = os.stat(name)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal", "-journal"):
            if os.path.exists(name + suffix):
                shutil.copy(name + suffix, os.path.join(folder, "db" + suffix))
        db = sqlite3.connect(os.path.join(folder, "db"))
        rows = [db.execute("PRAGMA integrity_check").fetchall(), list(db.iterdump())]
        db.close()
    digest = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return {"inode": status.st_ino, "mode": stat.S_IMODE(status.st_mode), "owner": [status.st_uid, status.st_gid],
            "rows": digest}


def postgresql(setup):
    name = setup["database"]
    ask = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", setup["admin"]]
    query = ("SELECT datname, oid, datdba::regrole, datallowconn, datconnlimit FROM pg_database "
             f"WHERE datname ~ '^{name}' ORDER BY 1")
    rows = subprocess.run(ask + ["-c", query], check=True, capture_output=True, text=True).stdout.splitlines()
    text = subprocess.run(["pg_dump", "--create", setup["dumped"]], check=True, capture_output=True, text=True).stdout
    lines = [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
    found, ours = {"dump": lines}, []
    for row in rows:
        datname, oid, rest = row.split("|", 2)
        if datname == name:
            found |= {"inode": oid, "properties": rest}
        else:
            ours.append("database " + datname)
    return found, ours


def take(setup):
    found, ours = files(setup["root"])
    state = {"files": found, "sqlite": sqlite_rows(setup["sqlite"]), "health": health(setup)}
    state["postgresql"], databases = postgresql(setup)
    state["ours"] = ours + databases
    journal = os.path.join(setup["root"], "backups/.jbackup/restore.json")
    if os.path.exists(journal):
        with open(journal, encoding="utf-8") as file:
            phase = json.load(file)["phase"]
        state["journal"] = phase
    if os.path.exists(journal.replace("restore.json", "restore_earlier.json")):
        state["ours"].append("the journal of an earlier restore")
    return state


def expected_new(old, new):
    """What the backup leaves out stays, and the repository."""
    found = {path: one for path, one in new["files"].items() if not is_left_out(path)}
    found |= {path: one for path, one in old["files"].items() if is_left_out(path)}
    # The folders in which they lie, if the backup does not have them.
    for path in list(found):
        folder = os.path.dirname(path)
        while folder and folder not in found:
            found[folder] = {"type": old["files"][folder]["type"]}
            folder = os.path.dirname(folder)
    for path, one in found.items():
        if not is_left_out(path):
            one.pop("inode", None)
    found["."] = {**found["."], "inode": old["files"]["."]["inode"]}
    state = {**new, "files": found, "sqlite": {**new["sqlite"]}, "postgresql": {**new["postgresql"]}}
    del state["sqlite"]["inode"], state["postgresql"]["inode"]
    return state


def differences(want, found, where=""):
    if isinstance(want, dict) and isinstance(found, dict):
        wanted = set(want) if where.count("/") > 1 or where in ("/sqlite", "/postgresql") else set(want) | set(found)
        for key in sorted(wanted):
            if key not in want or key not in found:
                yield f"{where}/{key!r}: {'too much' if key in found else 'is not there'}"
            else:
                yield from differences(want[key], found[key], f"{where}/{key}")
    elif isinstance(want, list) and isinstance(found, list) and want != found:
        yield f"{where}: missing {[x for x in want if x not in found][:5]}, added {[x for x in found if x not in want][:5]}"
    elif want != found:
        yield f"{where}: {found!r}, not {want!r}"


def load(name):
    with open(name, encoding="utf-8") as file:
        return json.load(file)


def which(setup, old, new, is_kept):
    found = take(setup)
    ours, phase = found.pop("ours"), found.pop("journal", None)
    for want in (old, new):
        want.pop("ours")
    told = {name: list(differences(want, found)) for name, want in (("old", old), ("new", new))}
    state = next((name for name, different in told.items() if not different), None)
    left = [] if is_kept else ours
    if phase != ("done" if is_kept else None):
        left.append(f"a journal: {phase}")
    if is_kept and len(ours) < 3:
        left.append(f"only {ours} are kept")
    if state and not left:
        print(state)
        return 0
    for name, different in told.items():
        print(f"not {name} ({len(different)}):", *different[:12], sep="\n  ") if not state else None
    print(f"{state or 'neither old nor new'}; left: {left}")
    return 1


def main():
    what = sys.argv[1]
    if what == "which":
        return which(load(sys.argv[2]), load(sys.argv[3]), load(sys.argv[4]), sys.argv[5:] == ["kept"])
    state = take(load(sys.argv[3])) if what == "take" else expected_new(load(sys.argv[3]), load(sys.argv[4]))
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(state, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
